package postgres

import (
	"context"
	"time"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// Writer is everything a controller may do.
type Writer struct {
	store   *Store
	cluster string
}

// Fragments reads what includes need; a fragment that is not there is not in the answer.
func (w *Writer) Fragments(ctx context.Context, namespace string, refs []prompt.Ref) (map[prompt.Ref]prompt.Fragment, error) {
	return nil, store.ErrUnavailable
}

// Publish stores what an object says.
func (w *Writer) Publish(ctx context.Context, p store.Publication) (store.Published, error) {
	return store.Published{}, store.ErrUnavailable
}

// Remove leaves a tombstone where the row is still the object's own.
func (w *Writer) Remove(ctx context.Context, key store.Key, uid string, retain bool) error {
	return store.ErrUnavailable
}

// Rows are the live rows after a key.
func (w *Writer) Rows(ctx context.Context, after store.Key, limit int, settled time.Duration) ([]store.Row, error) {
	return nil, store.ErrUnavailable
}

// Sweep leaves a tombstone while the row still says fence.
func (w *Writer) Sweep(ctx context.Context, key store.Key, fence store.Fence) (bool, error) {
	return false, store.ErrUnavailable
}

// Purge erases the texts of old tombstones.
func (w *Writer) Purge(ctx context.Context, olderThan time.Duration, limit int) (int, error) {
	return 0, store.ErrUnavailable
}
