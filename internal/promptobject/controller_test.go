package promptobject

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lectern-dev/lectern/api/v1alpha1"
)

func TestControllerOf(t *testing.T) {
	t.Parallel()
	const finalizer, spec = `{"f:metadata":{"f:finalizers":{".":{},"v:\"lectern.dev/prompt\"":{}}}}`, `{"f:spec":{"f:text":{}}}`
	entry := func(manager, fields string) metav1.ManagedFieldsEntry {
		return metav1.ManagedFieldsEntry{Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate, FieldsV1: metav1.NewFieldsV1(fields)}
	}
	for name, tc := range map[string]struct {
		status  string
		entries []metav1.ManagedFieldsEntry
		want    string
	}{
		"a new object":                        {entries: []metav1.ManagedFieldsEntry{entry("kubectl", spec)}},
		"its status says":                     {status: "a/lease", want: "a/lease"},
		"whoever set the finalizer, until so": {entries: []metav1.ManagedFieldsEntry{entry("kubectl", spec), entry("a/lease", finalizer)}, want: "a/lease"},
		"the status counts for more":          {status: "b/lease", entries: []metav1.ManagedFieldsEntry{entry("a/lease", finalizer)}, want: "b/lease"},
		"a controller of an earlier release":  {entries: []metav1.ManagedFieldsEntry{entry("lectern", finalizer)}},
		"a manifest with the finalizer":       {entries: []metav1.ManagedFieldsEntry{entry("kubectl-client-side-apply", finalizer)}},
		"a manager of other fields":           {entries: []metav1.ManagedFieldsEntry{entry("a/lease", spec)}},
		"what cannot be read":                 {entries: []metav1.ManagedFieldsEntry{entry("a/lease", `[]`)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &v1alpha1.Prompt{ObjectMeta: metav1.ObjectMeta{ManagedFields: tc.entries}, Status: v1alpha1.PromptStatus{Controller: tc.status}}
			if got := ControllerOf(p); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
