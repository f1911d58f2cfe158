//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
)

// checkPublished returns what an object lacks to be published as it is.
func checkPublished(p *v1alpha1.Prompt) error {
	ready := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Status != metav1.ConditionTrue || p.Status.ObservedGeneration != p.Generation {
		return fmt.Errorf("%s/%s is not published: %+v", p.Namespace, p.Name, ready)
	}
	return nil
}

func (w *world) waitUntilPublished(t *testing.T, namespace string, names ...string) {
	t.Helper()
	for _, name := range names {
		eventually(t, "prompt "+name, func(ctx context.Context) error {
			var p v1alpha1.Prompt
			if err := w.objects.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &p); err != nil {
				return err
			}
			return checkPublished(&p)
		})
	}
}
