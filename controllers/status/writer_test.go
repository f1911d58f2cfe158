package status

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lectern-dev/lectern/api/v1alpha1"
)

func TestSetConditions(t *testing.T) {
	condition := func(kind string, status metav1.ConditionStatus, reason string) metav1.Condition {
		return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: "text", ObservedGeneration: 4}
	}
	for name, tc := range map[string]struct {
		before  []metav1.Condition
		outcome Outcome
		want    []metav1.Condition
	}{
		"ready takes away both abnormal conditions": {
			before: []metav1.Condition{
				condition(v1alpha1.ConditionReady, metav1.ConditionFalse, "Old"),
				condition(v1alpha1.ConditionReconciling, metav1.ConditionTrue, "Old"),
				condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, "Old"),
			},
			outcome: Ready("Published", "text"),
			want:    []metav1.Condition{condition(v1alpha1.ConditionReady, metav1.ConditionTrue, "Published")},
		},
		"waiting is false and reconciling": {
			outcome: Waiting("IncludeMissing", "text"),
			want: []metav1.Condition{
				condition(v1alpha1.ConditionReady, metav1.ConditionFalse, "IncludeMissing"),
				condition(v1alpha1.ConditionReconciling, metav1.ConditionTrue, "IncludeMissing"),
			},
		},
		"blocked is false and stalled, and no longer reconciling": {
			before:  []metav1.Condition{condition(v1alpha1.ConditionReconciling, metav1.ConditionTrue, "Old")},
			outcome: Blocked("InvalidTemplate", "text"),
			want: []metav1.Condition{
				condition(v1alpha1.ConditionReady, metav1.ConditionFalse, "InvalidTemplate"),
				condition(v1alpha1.ConditionStalled, metav1.ConditionTrue, "InvalidTemplate"),
			},
		},
		"retry is unknown and reconciling": {
			outcome: Retry("StoreUnavailable", "text", errors.New("inner")),
			want: []metav1.Condition{
				condition(v1alpha1.ConditionReady, metav1.ConditionUnknown, "StoreUnavailable"),
				condition(v1alpha1.ConditionReconciling, metav1.ConditionTrue, "StoreUnavailable"),
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := &v1alpha1.Prompt{}
			p.Generation = 4
			p.Status.ObservedGeneration = -1
			p.Status.Conditions = tc.before
			SetConditions(p, tc.outcome)
			for i := range p.Status.Conditions {
				p.Status.Conditions[i].LastTransitionTime = metav1.Time{}
			}
			want := v1alpha1.PromptStatus{ObservedGeneration: 4, Conditions: tc.want}
			if diff := cmp.Diff(want, p.Status); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAddJitter(t *testing.T) {
	for range 1000 {
		if d := addJitter(time.Minute); d < 54*time.Second || d > 66*time.Second {
			t.Fatalf("jitter(1m) = %s", d)
		}
	}
	if d := addJitter(0); d != 0 {
		t.Errorf("jitter(0) = %s", d)
	}
}
