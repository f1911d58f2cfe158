package promptobject

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"

	"github.com/lectern-dev/lectern/api/v1alpha1"
)

// ControllerOf returns the controller that reconciles an object, as NAMESPACE/LEASE; nothing where none does yet. Its status names
// it. Before it has one, that is whoever set the finalizer, as the field manager of that write: a controller's has a slash. What an
// admission policy set is managed by nobody, and what a manifest states by its client.
func ControllerOf(p *v1alpha1.Prompt) string {
	if p.Status.Controller != "" {
		return p.Status.Controller
	}
	return FinalizerManager(p.ManagedFields, v1alpha1.PromptFinalizer)
}

// FinalizerManager returns the controller that set a finalizer, by the managed fields of an object; nothing where none did.
func FinalizerManager(managed []metav1.ManagedFieldsEntry, finalizer string) string {
	at := fieldpath.MakePathOrDie("metadata", "finalizers", value.NewValueInterface(finalizer))
	for _, e := range managed {
		if strings.Contains(e.Manager, "/") && e.Operation == metav1.ManagedFieldsOperationUpdate && e.Subresource == "" && e.FieldsV1 != nil {
			if fields, err := readFields(e.FieldsV1); err == nil && ownsPath(fields, at) {
				return e.Manager
			}
		}
	}
	return ""
}

// IsOfAnotherController reports whether another controller than the one named reconciles an object. Then all of it is that
// controller's: the status, the finalizer, and the rows of its database.
func IsOfAnotherController(p *v1alpha1.Prompt, controller string) bool {
	other := ControllerOf(p)
	return other != "" && other != controller
}
