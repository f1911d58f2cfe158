package connectionobject

import (
	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/promptobject"
)

// ControllerOf returns the controller that reconciles a connection, as NAMESPACE/LEASE; nothing where none does yet. It is found as
// that of a prompt is.
func ControllerOf(c *v1alpha1.SDPConnection) string {
	if c.Status.Controller != "" {
		return c.Status.Controller
	}
	return promptobject.FinalizerManager(c.ManagedFields, v1alpha1.SDPConnectionFinalizer)
}

// IsOfAnotherController reports whether another controller than the one named reconciles a connection.
func IsOfAnotherController(c *v1alpha1.SDPConnection, controller string) bool {
	other := ControllerOf(c)
	return other != "" && other != controller
}
