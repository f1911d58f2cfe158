package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

// Writer is everything a controller may do. Each of its writing transactions first makes sure that
// the database still belongs to its cluster.
type Writer struct {
	store   *Store
	cluster string
	// refused is why nothing may be written; it points to nil once ClaimDatabase succeeded.
	refused atomic.Pointer[error]
}

// Writer writes for a cluster, named by the UID of its kube-system namespace. Until ClaimDatabase succeeded once,
// whatever it does is refused.
func (s *Store) Writer(clusterUID string) *Writer {
	w := &Writer{store: s, cluster: clusterUID}
	w.refused.Store(&errNotClaimed)
	return w
}

// ClaimDatabase makes an unclaimed database the cluster's. The error is a *store.ForeignClusterError when another
// cluster was first, and from then on that of every write: the database is there, and waiting cures nothing.
func (w *Writer) ClaimDatabase(ctx context.Context) error {
	err := w.claimUnowned(ctx)
	if _, isForeign := errors.AsType[*store.ForeignClusterError](err); err == nil || isForeign {
		w.refused.Store(&err)
	}
	return err
}

func (w *Writer) claimUnowned(ctx context.Context) error {
	ctx, cancel := w.store.withTimeout(ctx)
	defer cancel()
	owner, err := w.store.queries.ClaimInstallation(ctx, w.cluster)
	if err == nil && owner == "" {
		// Another claim was first and our snapshot is older than it.
		owner, err = w.store.queries.ClaimInstallation(ctx, w.cluster)
	}
	return w.requireOwner(owner, err)
}

// CheckCluster asks whether the database is the cluster's, and claims nothing: after `migrate --adopt-cluster` a
// controller that still runs must not take the database back.
func (w *Writer) CheckCluster(ctx context.Context) error {
	ctx, cancel := w.store.withTimeout(ctx)
	defer cancel()
	owner, err := w.store.queries.InstallationOwner(ctx)
	return w.requireOwner(owner, err)
}

func (w *Writer) requireOwner(owner string, err error) error {
	if err != nil {
		return fmt.Errorf("read whose database it is: %w", translateError(err))
	}
	if owner != w.cluster {
		return &store.ForeignClusterError{Owner: owner, Asked: w.cluster}
	}
	return nil
}

// errNotClaimed keeps a program from writing before it knows that the schema and the database are its own.
var errNotClaimed = fmt.Errorf("%w: it is not prepared yet", store.ErrUnavailable)

// A transaction that lost against another one runs again, a little later each time. Locks are taken
// in one order everywhere, so that even a second attempt is rare.
const (
	attempts     = 5
	attemptPause = 20 * time.Millisecond
)

// inTransaction runs f in a transaction, again when it collided with another one. So f starts from nothing each time.
func (w *Writer) inTransaction(ctx context.Context, f func(ctx context.Context, q *sqlcgen.Queries) error) error {
	if refused := *w.refused.Load(); refused != nil {
		return refused
	}
	ctx, cancel := w.store.withTimeout(ctx)
	defer cancel()
	for attempt := 1; ; attempt++ {
		err := w.tryTransaction(ctx, f)
		if err == nil || !isSerializationFailure(err) || attempt == attempts {
			return translateError(err)
		}
		pause := time.NewTimer(time.Duration(attempt) * rand.N(attemptPause)) //nolint:gosec // jitter
		select {
		case <-ctx.Done():
			pause.Stop()
			return translateError(ctx.Err())
		case <-pause.C:
		}
	}
}

// tryTransaction asks for read committed whatever the database's default is: what is read after a lock must be
// newer than the lock.
func (w *Writer) tryTransaction(ctx context.Context, f func(ctx context.Context, q *sqlcgen.Queries) error) error {
	return pgx.BeginTxFunc(ctx, w.store.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		q := sqlcgen.New(tx)
		if err := w.requireOwner(q.LockInstallation(ctx)); err != nil {
			return err
		}
		return f(ctx, q)
	})
}

// Remove leaves a tombstone where the row is still of that uid, and also where there is none: a reconcile
// of the object that is still under way would otherwise publish what is deleted. Another owner's row or a
// tombstone already is success too, and writes nothing. With retain the texts are never purged. What agents
// asked of the object is settled with it.
func (w *Writer) Remove(ctx context.Context, key store.Key, uid string, retain bool) error {
	return w.removeOwned(ctx, key, uid, deletionPolicy(retain))
}

// RemoveKeepingPolicy is Remove for an object that is gone already, without a word of ours: the row's own policy stays.
func (w *Writer) RemoveKeepingPolicy(ctx context.Context, key store.Key, uid string) error {
	return w.removeOwned(ctx, key, uid, "")
}

func (w *Writer) removeOwned(ctx context.Context, key store.Key, uid, policy string) error {
	err := w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error {
		_, err := q.InsertPrompt(ctx, sqlcgen.InsertPromptParams{Namespace: key.Namespace, Name: key.Name, OwnerUid: uid})
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("insert the row: %w", err)
		}
		buried, err := writeTombstone(ctx, q, key, policy, func(f store.Fence) bool { return f.UID == uid })
		if err != nil || buried {
			return err
		}
		return finalizeChangesOfDeleted(ctx, q, key, uid)
	})
	if err != nil {
		return fmt.Errorf("remove %s: %w", key, err)
	}
	return nil
}

// RemoveIfUnchanged leaves a tombstone while the row still says fence, and says whether it did.
func (w *Writer) RemoveIfUnchanged(ctx context.Context, key store.Key, fence store.Fence) (buried bool, err error) {
	err = w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) (err error) {
		buried, err = writeTombstone(ctx, q, key, "", func(f store.Fence) bool { return f == fence })
		return err
	})
	if err != nil {
		return false, fmt.Errorf("sweep %s: %w", key, err)
	}
	return buried, nil
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

// writeTombstone leaves a tombstone where there is a live row of which may is true, and settles what was asked of its
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

// ListRows are the live rows after a key, in order of key. A row is settled when it was last written longer ago than
// that, by the database's clock.
func (w *Writer) ListRows(ctx context.Context, after store.Key, limit int, settled time.Duration) ([]store.ComparedRow, error) {
	ctx, cancel := w.store.withTimeout(ctx)
	defer cancel()
	found, err := w.store.queries.ListRows(ctx, sqlcgen.ListRowsParams{
		Namespace: after.Namespace, Name: after.Name, MaxRows: rowLimit(limit), SettledSeconds: settled.Seconds(),
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
			Quiescent: r.Settled,
		}
	}
	return rows, nil
}

// PurgeTombstones erases versions and texts of at most limit tombstones older than that, but not of retained ones,
// and says how many it erased. The row stays, with its highest number.
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

// purgeOne is a transaction of its own, so that the feed is held for one erasure only.
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
