package controllers

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
)

// TestUnreadDropper: what goes from a cached object is what no reconcile reads, so who changed it last stays known.
func TestUnreadDropper(t *testing.T) {
	t.Parallel()
	owning := func(manager, subresource, fields string) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{
			Manager: manager, Subresource: subresource, Operation: metav1.ManagedFieldsOperationUpdate,
			Time: &metav1.Time{}, FieldsV1: metav1.NewFieldsV1(fields),
		}
	}
	agents := owning(promptobject.AgentFieldManager, "", `{"f:spec":{"f:text":{}}}`)
	kubectl := owning("kubectl-client-side-apply", "", `{"f:metadata":{"f:annotations":{}},"f:spec":{"f:title":{}}}`)
	full := func() *v1alpha1.Prompt {
		return &v1alpha1.Prompt{
			ObjectMeta: metav1.ObjectMeta{
				Name: "a", Annotations: map[string]string{corev1.LastAppliedConfigAnnotation: "{long}", v1alpha1.LastChangeAnnotation: "id"},
				ManagedFields: []metav1.ManagedFieldsEntry{
					kubectl, owning("lectern", "", `{"f:metadata":{"f:finalizers":{}}}`), agents,
					owning("lectern", "status", `{"f:status":{"f:conditions":{}}}`), {Manager: "none"},
				},
			},
			Spec:   v1alpha1.PromptSpec{Text: "hello"},
			Status: v1alpha1.PromptStatus{Controller: "lectern-system/lectern-controller"},
		}
	}
	want := full()
	want.Annotations = map[string]string{v1alpha1.LastChangeAnnotation: "id"}
	want.ManagedFields = []metav1.ManagedFieldsEntry{
		{Manager: kubectl.Manager, Operation: kubectl.Operation, Time: kubectl.Time, FieldsV1: kubectl.FieldsV1},
		{Manager: agents.Manager, Operation: agents.Operation, Time: agents.Time, FieldsV1: agents.FieldsV1},
	}
	var dropper unreadDropper
	got := full()
	for range 2 { // an object may come again
		if _, err := dropper.transform(got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("cached (-want +got):\n%s", diff)
		}
	}
	text := "hello"
	change := &store.AppliedChange{Subject: "agent", Action: store.ActionUpdate, Edit: store.Edit{Content: &text}}
	for name, object := range map[string]*v1alpha1.Prompt{"as it was": full(), "as it is cached": got} {
		if author := promptobject.AuthorOf(object, change); author != "agent" {
			t.Errorf("%s: the edit is by %q", name, author)
		}
	}
}

// TestUnreadDropperKeepsController: of an object whose status does not name a controller yet, who set the finalizer stays known, or
// another controller would take it from the cache for nobody's.
func TestUnreadDropperKeepsController(t *testing.T) {
	t.Parallel()
	const controller = "team/lectern-controller"
	object := func(status string) *v1alpha1.Prompt {
		return &v1alpha1.Prompt{
			ObjectMeta: metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{{
				Manager: controller, Operation: metav1.ManagedFieldsOperationUpdate, Time: &metav1.Time{},
				FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:finalizers":{".":{},"v:\"` + v1alpha1.PromptFinalizer + `\"":{}}}}`),
			}}},
			Status: v1alpha1.PromptStatus{Controller: status},
		}
	}
	var dropper unreadDropper
	for name, tc := range map[string]struct {
		status  string
		entries int
	}{
		"the status names nobody yet": {entries: 1},
		"the status names it":         {status: controller},
	} {
		p := object(tc.status)
		for range 2 { // an object may come again
			if _, err := dropper.transform(p); err != nil {
				t.Fatal(err)
			}
			if got := promptobject.ControllerOf(p); got != controller {
				t.Errorf("%s: as it is cached it is of %q", name, got)
			}
			if len(p.ManagedFields) != tc.entries {
				t.Errorf("%s: %d managers are cached", name, len(p.ManagedFields))
			}
		}
	}
}
