package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

// Remove leaves a tombstone where the row is still of that uid, and also where there is none: a reconcile
// of the object that is still under way would otherwise publish what is deleted. Another owner's row or a
// tombstone already is success too, and writes nothing. With retain the texts are never purged. What agents
// asked of the object becomes final with it.
func (w *Writer) Remove(ctx context.Context, key store.Key, uid string, retain bool) error {
	return w.removeOwned(ctx, key, uid, deletionPolicy(retain))
}

// RemoveKeepingPolicy does what Remove does for an object that is gone already, and so cannot say whether its texts are
// retained: the row's own policy stays.
func (w *Writer) RemoveKeepingPolicy(ctx context.Context, key store.Key, uid string) error {
	return w.removeOwned(ctx, key, uid, "")
}

func (w *Writer) removeOwned(ctx context.Context, key store.Key, uid, policy string) error {
	err := w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error {
		_, err := q.InsertPrompt(ctx, sqlcgen.InsertPromptParams{Namespace: key.Namespace, Name: key.Name, OwnerUid: uid})
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("insert the row: %w", err)
		}
		removed, err := writeTombstone(ctx, q, key, policy, func(f store.Fence) bool { return f.UID == uid })
		if err != nil || removed {
			return err
		}
		return finalizeChangesOfDeleted(ctx, q, key, uid)
	})
	if err != nil {
		return fmt.Errorf("remove %s: %w", key, err)
	}
	return nil
}

// RemoveIfUnchanged leaves a tombstone while the row still has the fence, and reports whether it did.
func (w *Writer) RemoveIfUnchanged(ctx context.Context, key store.Key, fence store.Fence) (removed bool, err error) {
	err = w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) (err error) {
		removed, err = writeTombstone(ctx, q, key, "", func(f store.Fence) bool { return f == fence })
		return err
	})
	if err != nil {
		return false, fmt.Errorf("sweep %s: %w", key, err)
	}
	return removed, nil
}

const (
	policyDelete = "Delete"
	policyRetain = "Retain"
)

func deletionPolicy(retain bool) string {
	if retain {
		return policyRetain
	}
	return policyDelete
}

// writeTombstone leaves a tombstone where there is a live row of which may is true, and ends what was asked of its
// object. An empty policy leaves the row's.
func writeTombstone(ctx context.Context, q *sqlcgen.Queries, key store.Key, policy string, may func(store.Fence) bool) (bool, error) {
	row, err := q.LockPrompt(ctx, sqlcgen.LockPromptParams{Namespace: key.Namespace, Name: key.Name})
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("lock the row: %w", err)
	}
	fence := store.Fence{Owner: store.Owner{UID: row.OwnerUid, Generation: row.Generation}, Revision: row.Revision}
	if row.Deleted || !may(fence) {
		return false, nil
	}
	if err := finalizeChangesOfDeleted(ctx, q, key, fence.UID); err != nil { // before the feed is held
		return false, err
	}
	if _, err := q.WriteTombstone(ctx, sqlcgen.WriteTombstoneParams{ID: row.ID, DeletionPolicy: policy}); err != nil {
		return false, fmt.Errorf("write the tombstone: %w", err)
	}
	return true, nil
}

// ListRows returns the live rows after a key, in order of key. A row is quiescent when it was last written longer ago than
// that, by the database's clock. Each page is a statement of its own.
func (w *Writer) ListRows(ctx context.Context, after store.Key, limit int, quiescent time.Duration) ([]store.ComparedRow, error) {
	ctx, cancel := w.store.withTimeout(ctx)
	defer cancel()
	found, err := w.store.queries.ListRows(ctx, sqlcgen.ListRowsParams{
		Namespace: after.Namespace, Name: after.Name, MaxRows: rowLimit(limit), QuiescentSeconds: quiescent.Seconds(),
	})
	if err != nil {
		return nil, fmt.Errorf("read the rows: %w", translateError(err))
	}
	rows := make([]store.ComparedRow, len(found))
	for i, r := range found {
		rows[i] = store.ComparedRow{
			Key:       store.Key{Namespace: r.Namespace, Name: r.Name},
			Fence:     store.Fence{Owner: store.Owner{UID: r.OwnerUid, Generation: r.Generation}, Revision: r.Revision},
			Digest:    prompt.Digest(r.Digest),
			Quiescent: r.Quiescent,
		}
	}
	return rows, nil
}

// PurgeTombstones erases versions and texts of at most limit tombstones older than that, but not of retained ones,
// and returns how many it erased. The row stays, with its highest number.
func (w *Writer) PurgeTombstones(ctx context.Context, olderThan time.Duration, limit int) (int, error) {
	for purged := range limit {
		found, err := w.purgeOne(ctx, olderThan)
		if err != nil {
			return purged, fmt.Errorf("purge: %w", err)
		}
		if !found {
			return purged, nil
		}
	}
	return limit, nil
}

// purgeOne erases one tombstone in a transaction of its own, so that the feed is locked for one erasure only.
func (w *Writer) purgeOne(ctx context.Context, olderThan time.Duration) (found bool, err error) {
	err = w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error {
		found = false
		id, err := q.LockTombstone(ctx, olderThan.Seconds())
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		found = true
		if err := q.EraseVersions(ctx, id); err != nil {
			return err
		}
		_, err = q.PurgePrompt(ctx, id)
		return err
	})
	return found, err
}
