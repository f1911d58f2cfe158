package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// Store reads prompts. It works with a role that may do nothing but SELECT.
type Store struct {
	pool *pgxpool.Pool
	opts Options
}

// Open prepares a pool and connects to nothing: a database that is away is an error of the calls, not of Open.
func Open(_ context.Context, opts Options) (*Store, error) {
	return nil, fmt.Errorf("open: %w", store.ErrUnavailable)
}

// Close gives all connections back.
func (s *Store) Close() { s.pool.Close() }

// Verify returns store.ErrBehind when the schema is older than this program; a newer one is fine.
func (s *Store) Verify(ctx context.Context) error { return store.ErrUnavailable }

// Ping asks the database for an answer.
func (s *Store) Ping(ctx context.Context) error { return store.ErrUnavailable }

// Claim makes the database the cluster's and returns its Writer.
func (s *Store) Claim(ctx context.Context, clusterUID string) (*Writer, error) {
	return nil, store.ErrUnavailable
}

// Feed is how far the database has come.
func (s *Store) Feed(ctx context.Context) (store.Feed, error) { return store.Feed{}, store.ErrUnavailable }

// Changes are the prompts changed after a revision, in order of revision, tombstones included.
func (s *Store) Changes(ctx context.Context, after int64, limit int) ([]store.Change, error) {
	return nil, store.ErrUnavailable
}

// Get is one version of a live prompt.
func (s *Store) Get(ctx context.Context, key store.Key, sel prompt.Selector) (store.Version, error) {
	return store.Version{}, store.ErrUnavailable
}

// List is a page of listed prompts.
func (s *Store) List(ctx context.Context, q store.ListQuery) (store.ListPage, error) {
	return store.ListPage{}, store.ErrUnavailable
}

// Count is how many prompts List would give in all.
func (s *Store) Count(ctx context.Context, scope store.Scope) (int64, error) {
	return 0, store.ErrUnavailable
}

// Versions is a prompt's history below a version, newest first; before 0 starts at the newest.
func (s *Store) Versions(ctx context.Context, key store.Key, before int64, limit int) ([]store.VersionInfo, error) {
	return nil, store.ErrUnavailable
}

// Listen calls wake after every connect and on every notification until ctx ends.
func (s *Store) Listen(ctx context.Context, wake func()) error { return store.ErrUnavailable }
