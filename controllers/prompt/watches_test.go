package prompt

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/lectern-dev/lectern/api/v1alpha1"
)

func TestNeedsReconcile(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(p *v1alpha1.Prompt)
		want   bool
	}{
		"nothing":            {func(*v1alpha1.Prompt) {}, false},
		"its own status":     {func(p *v1alpha1.Prompt) { p.Status.ObservedGeneration, p.Status.Version = 4, 2 }, false},
		"another annotation": {func(p *v1alpha1.Prompt) { p.Annotations = map[string]string{"a": "b"} }, false},
		"a request":          {func(p *v1alpha1.Prompt) { p.Annotations = map[string]string{v1alpha1.RequestedAtAnnotation: "now"} }, true},
		"a deletion":         {func(p *v1alpha1.Prompt) { p.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} }, true},
		"another object":     {func(p *v1alpha1.Prompt) { p.UID = "b" }, true},
		"a status gone back": {func(p *v1alpha1.Prompt) { p.Status.ObservedGeneration = 2 }, true},
		"its finalizer lost": {func(p *v1alpha1.Prompt) { p.Finalizers = []string{"example.org/hold"} }, true},
		"another finalizer":  {func(p *v1alpha1.Prompt) { p.Finalizers = append(p.Finalizers, "example.org/hold") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			before := &v1alpha1.Prompt{}
			before.UID, before.Generation, before.Status.ObservedGeneration = "a", 4, 3
			before.Finalizers = []string{v1alpha1.PromptFinalizer}
			after := before.DeepCopy()
			tc.change(after)
			if got := needsReconcile(event.UpdateEvent{ObjectOld: before, ObjectNew: after}); got != tc.want {
				t.Errorf("needsReconcile is %t, want %t", got, tc.want)
			}
		})
	}
}
