package postgres

import (
	"context"
	"fmt"
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
	// unprepared has each query planned for its arguments.
	unprepared *sqlcgen.Queries
	opts       Options

	callTimeout time.Duration
	rankLimit   int
}

// Open prepares a pool and connects to nothing: a database that is away is an error of the calls, never of
// Open. Options that cannot be read are.
func Open(ctx context.Context, opts Options) (*Store, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	cfg, err := opts.poolConfig()
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open the pool: %w", err)
	}
	return &Store{
		pool: pool, queries: sqlcgen.New(pool), unprepared: sqlcgen.New(unprepared{pool}), opts: opts,
		callTimeout: callTimeout, rankLimit: rankLimit,
	}, nil
}

// unprepared keeps Postgres from choosing one plan for all arguments, as it does for a prepared statement.
type unprepared struct{ *pgxpool.Pool }

func (p unprepared) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return p.Pool.Query(ctx, sql, append([]any{pgx.QueryExecModeCacheDescribe}, args...)...)
}

func (p unprepared) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return p.Pool.QueryRow(ctx, sql, append([]any{pgx.QueryExecModeCacheDescribe}, args...)...)
}

// callTimeout bounds what one call may wait for the database: for a connection, for a lock another holds, and
// for a server that fell silent without closing its connections.
const callTimeout = 15 * time.Second

func (s *Store) withTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.callTimeout)
}

// Close waits for the calls in flight and closes all connections.
func (s *Store) Close() { s.pool.Close() }

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
	version, err := s.queries.SchemaVersion(ctx)
	if err != nil {
		return fmt.Errorf("read the schema version: %w", translateError(err))
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
