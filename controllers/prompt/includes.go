package prompt

import (
	"context"

	"k8s.io/apimachinery/pkg/types"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/promptobject"
)

// cachedIncludes returns a function that reads from the cache which names a prompt of the namespace includes.
func (r *Reconciler) cachedIncludes(ctx context.Context, namespace string) func(name string) []string {
	return func(name string) []string {
		var p v1alpha1.Prompt
		// The cache answers at once or the prompt is not there; either way there are no edges.
		if err := r.Client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, &p); err != nil {
			return nil
		}
		return promptobject.IncludedNames(&p)
	}
}
