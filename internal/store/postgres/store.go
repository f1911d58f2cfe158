package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

// Store reads prompts. It works with a role that may do nothing but SELECT, and opens the way to a
// Writer for one that may write.
//
// Each method that reads is one statement, hence one snapshot, unless its comment says otherwise. Two calls see two
// snapshots: whoever needs them to agree follows the feed.
type Store struct {
	pool    *pgxpool.Pool
	queries *sqlcgen.Queries
	// feedPool is one connection beside the pool, which feed reads by: what changed is learned however busy the pool is.
	feedPool *pgxpool.Pool
	feed     *sqlcgen.Queries
	// replanned has each query planned for its arguments.
	replanned *sqlcgen.Queries
	opts      Options
	settings  startSettings
	listener  *listener
	// queryMetrics are of all its statements.
	queryMetrics *queryMetrics
	// encoding is the database's, known from the first connection on.
	encoding atomic.Pointer[string]
	// foundPooler logs that a pooler is between, once.
	foundPooler sync.Once
	// dropping guards when the listener was dropped last.
	dropping sync.Mutex
	dropped  time.Time

	callTimeout time.Duration
	// longTransaction is how long a transaction of the servers' role may be open.
	longTransaction time.Duration
	searches        searchBudget
	rankLimit       int
}

// Open prepares a pool and connects to nothing: a database that is away is an error of the calls, never of
// Open. Options that cannot be read are.
func Open(ctx context.Context, opts Options) (*Store, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	s := &Store{opts: opts, callTimeout: callTimeout, longTransaction: longTransaction, rankLimit: rankLimit}
	s.encoding.Store(new(string))
	s.searches = newSearchBudget(orDefault(opts.PoolSize, defaultPoolSize))
	s.opts.Log = orDefault(opts.Log, slog.New(slog.DiscardHandler))
	_, err := s.opts.listenConfig(ctx)
	if err != nil {
		return nil, err
	}
	if s.queryMetrics, err = newQueryMetrics(); err != nil {
		return nil, fmt.Errorf("name the queries: %w", err)
	}
	s.opts.tracer = newQueryTracer(s.queryMetrics)
	if s.pool, err = s.openPool(ctx, orDefault(opts.PoolSize, defaultPoolSize), orDefault(opts.IdleTimeout, defaultIdleTimeout)); err != nil {
		return nil, err
	}
	if s.feedPool, err = s.openPool(ctx, 1, feedIdleTimeout); err != nil {
		s.pool.Close()
		return nil, err
	}
	s.queries = sqlcgen.New(&statements{pool: s.pool, movedOn: s.dropConnections})
	s.replanned = sqlcgen.New(&statements{pool: s.pool, movedOn: s.dropConnections, replan: true})
	s.feed = sqlcgen.New(&statements{pool: s.feedPool, movedOn: s.dropConnections})
	s.listener = newListener(s, s.opts.Log)
	return s, nil
}

// feedIdleTimeout outlasts the pauses between reads of the feed.
const feedIdleTimeout = 5 * time.Minute

func (s *Store) openPool(ctx context.Context, size int, idleTimeout time.Duration) (*pgxpool.Pool, error) {
	cfg, err := s.opts.poolConfig(ctx, size, idleTimeout, &s.settings)
	if err != nil {
		return nil, err
	}
	cfg.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		encoding := conn.PgConn().ParameterStatus("server_encoding")
		s.encoding.Store(&encoding)
		return s.opts.describeConnection(ctx, conn, func() { s.foundPooler.Do(s.logPooler) })
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open the pool: %w", err)
	}
	return pool, nil
}

func (s *Store) logPooler() {
	s.opts.Log.Info("The database is behind a pooler: statements are not prepared. --database-prepared-statements=always prepares them, which a pooler in session mode allows")
}

// listenerDropInterval is the least time between two times that the listener is dropped: it wakes those who read the feed when
// it is back, and a server that is still read-only would have it dropped again.
const listenerDropInterval = 2 * time.Second

// dropConnections has every connection made anew, since another server may have taken the place of one that is read-only:
// those in use when they are given back.
func (s *Store) dropConnections() {
	s.pool.Reset()
	s.feedPool.Reset()
	s.dropping.Lock()
	defer s.dropping.Unlock()
	if time.Since(s.dropped) >= listenerDropInterval {
		s.dropped = time.Now()
		s.listener.dropConnection(store.ErrReadOnly)
	}
}

// callTimeout bounds what one call may wait for the database: for a connection, for a lock another holds, and
// for a server that fell silent without closing its connections.
const callTimeout = 15 * time.Second

// withTimeout bounds a call, unless its caller bounds it by less already: a second timer would never fire.
func (s *Store) withTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	if deadline, bounded := ctx.Deadline(); bounded && time.Until(deadline) <= s.callTimeout {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, s.callTimeout)
}

// Close waits for the calls in flight and closes all connections but the listener's, which is there while somebody listens.
func (s *Store) Close() {
	s.pool.Close()
	s.feedPool.Close()
}

// Ping waits for an answer of the database.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	return translateError(s.pool.Ping(ctx))
}

// VerifySchema returns store.ErrSchemaBehind when the schema is older than this program needs, or not there at all. A
// newer one is fine: releases expand the schema before they contract it.
func (s *Store) VerifySchema(ctx context.Context) error {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	version, err := s.feed.SchemaVersion(ctx)
	if err != nil {
		err = translateError(err)
		if errors.Is(err, store.ErrSchemaBehind) { // what is migrated later is looked for in the schema where it is then
			s.feedPool.Reset()
			s.pool.Reset()
		}
		return fmt.Errorf("read the schema version: %w", err)
	}
	needed, err := newestMigration()
	if err != nil {
		return err
	}
	if version < needed {
		return fmt.Errorf("%w: it is at version %d, needed is %d; run `lectern migrate`", store.ErrSchemaBehind, version, needed)
	}
	return nil
}
