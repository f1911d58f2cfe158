// Package authtest has authorizers for tests.
//
// It knows nothing of what is served.
package authtest

import (
	"context"
	"fmt"
	"slices"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
)

// OnlyNamespace lets every caller do everything in one namespace.
type OnlyNamespace struct{ Namespace string }

// Authorize implements auth.Authorizer.
func (o OnlyNamespace) Authorize(_ context.Context, _ auth.Identity, _ auth.Verb, key store.Key) error {
	if key.Namespace != o.Namespace {
		return fmt.Errorf("%s: %w", key, auth.ErrDenied)
	}
	return nil
}

// VisibleNamespaces implements auth.Authorizer.
func (o OnlyNamespace) VisibleNamespaces(ctx context.Context, _ auth.Identity, candidates auth.Candidates) (auth.Visible, error) {
	namespaces, err := candidates(ctx)
	if err != nil || !slices.Contains(namespaces, o.Namespace) {
		return auth.Visible{}, err
	}
	return auth.Visible{Scope: store.Scope{Namespaces: []string{o.Namespace}}}, nil
}
