package catalog

import (
	"context"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// Source is where prompts come from. An error that trying again may cure wraps
// store.ErrUnavailable.
type Source interface {
	// VerifySchema returns nil when the schema is new enough to be read, store.ErrSchemaBehind when not.
	VerifySchema(ctx context.Context) error
	// Feed returns the last revision there is.
	Feed(ctx context.Context) (store.Feed, error)
	// CursorKey returns the key that places in lists are sealed with, 32 bytes: the same for every server of the source.
	CursorKey(ctx context.Context) ([]byte, error)
	// ChangedSince returns the keys changed after a revision, by revision, tombstones included.
	ChangedSince(ctx context.Context, after int64, limit int) ([]store.ChangedKey, error)
	// Listen calls wake at once, on every notification of a change, and whenever one may have been missed, until ctx ends.
	Listen(ctx context.Context, wake func())
	// ListenChanges calls changed with the id of each change request that was made or became final, and with an empty one
	// when any may have been, until ctx ends.
	ListenChanges(ctx context.Context, changed func(id string))

	// Get returns store.ErrNotFound or store.ErrUnresolved when there is nothing to serve.
	Get(ctx context.Context, key store.Key, selector prompt.Selector) (store.Version, error)
	List(ctx context.Context, query store.ListQuery) (store.ListPage, error)
	// Count counts the listed prompts of a scope.
	Count(ctx context.Context, scope store.Scope) (int64, error)
	// ListNamespaces returns the namespaces with listed prompts, in order.
	ListNamespaces(ctx context.Context) ([]string, error)
}
