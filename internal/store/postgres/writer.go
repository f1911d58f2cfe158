package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

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
	// provenOnly hides the requests that are not proven.
	provenOnly bool
}

// Writer returns a writer for a cluster, named by the UID of its kube-system namespace. Until ClaimDatabase succeeded once,
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

// CheckCluster returns a *store.ForeignClusterError when the database is another cluster's, and claims nothing: after
// `migrate --adopt-cluster` a controller that still runs must not take the database back.
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

// inTransaction runs f in a transaction, again when it lost against another one or its connection is stale. So f starts from nothing each time.
func (w *Writer) inTransaction(ctx context.Context, f func(ctx context.Context, q *sqlcgen.Queries) error) error {
	if refused := *w.refused.Load(); refused != nil {
		return refused
	}
	ctx, cancel := w.store.withTimeout(ctx)
	defer cancel()
	replan, refused := false, false
	for attempt := 1; ; attempt++ {
		err := w.tryTransaction(ctx, replan, f)
		if err == nil && refused {
			w.store.dropConnections()
		}
		if err == nil || !isSerializationFailure(err) && !isStaleConnection(err) || attempt == attempts {
			return translateError(err)
		}
		replan, refused = replan || isStaleConnection(err), refused || isReadOnly(err)
		pause := time.NewTimer(time.Duration(attempt) * rand.N(attemptPause)) //nolint:gosec // jitter
		select {
		case <-ctx.Done():
			pause.Stop()
			return translateError(ctx.Err())
		case <-pause.C:
		}
	}
}

// tryTransaction runs f once, at read committed whatever the database's default is: what is read after a lock must be
// newer than the lock.
func (w *Writer) tryTransaction(ctx context.Context, replan bool, f func(ctx context.Context, q *sqlcgen.Queries) error) error {
	conn, err := w.store.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	traits := traitsOf(conn.Conn())
	if replan {
		traits.mode = pgx.QueryExecModeCacheDescribe
	}
	err = pgx.BeginTxFunc(ctx, conn, traits.txOptions(), func(tx pgx.Tx) error {
		q := sqlcgen.New(transaction{tx, traits})
		if err := w.requireOwner(q.LockInstallation(ctx)); err != nil {
			return err
		}
		return f(ctx, q)
	})
	if isStaleConnection(err) {
		closeWithin(ctx, conn.Conn())
	}
	return err
}
