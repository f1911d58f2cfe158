package access

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ListNamespaces returns the names of at most limit namespaces, in order, for people who ask about all of them; truncated
// says that there are more. No server asks that.
func (a *Access) ListNamespaces(ctx context.Context, limit int64) (names []string, truncated bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, reviewAllTimeout)
	defer cancel()
	list, err := a.server.namespaces.List(ctx, metav1.ListOptions{Limit: limit})
	switch {
	case apierrors.IsForbidden(err):
		return nil, false, fmt.Errorf("list namespaces: %w: this kubeconfig may not", ErrDenied)
	case err != nil:
		return nil, false, fmt.Errorf("list namespaces: %w: %w", ErrUnavailable, err)
	}
	for i := range list.Items {
		names = append(names, list.Items[i].Name)
	}
	return names, list.Continue != "", nil
}
