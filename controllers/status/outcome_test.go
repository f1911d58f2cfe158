package status

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lectern-dev/lectern/api/v1alpha1"
)

// TestKindOf: what an outcome writes is read as that outcome.
func TestKindOf(t *testing.T) {
	for name, tc := range map[string]struct {
		conditions []metav1.Condition
		want       Kind
	}{
		"never reconciled": {nil, KindNone},
		"ready":            {conditionsOf(Ready("R", "")), KindReady},
		"waiting":          {conditionsOf(Waiting("R", "")), KindWaiting},
		"blocked":          {conditionsOf(Blocked("R", "")), KindBlocked},
		"retried":          {conditionsOf(Retry("R", "", nil)), KindRetry},
	} {
		t.Run(name, func(t *testing.T) {
			if got := KindOf(tc.conditions); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func conditionsOf(o Outcome) []metav1.Condition {
	conditions := []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: o.ready}}
	if o.abnormal != "" {
		conditions = append(conditions, metav1.Condition{Type: o.abnormal, Status: metav1.ConditionTrue})
	}
	return conditions
}
