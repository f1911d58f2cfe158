package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/plan"
	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

// Feed returns the last revision, and the epoch it belongs to. Like all that follows the feed it waits for no connection of
// the pool. Of a server that is read-only it reads nothing: it drops all connections, which the next call makes anew.
func (s *Store) Feed(ctx context.Context) (store.Feed, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	row, err := s.feed.ReadFeed(ctx)
	if err != nil {
		return store.Feed{}, fmt.Errorf("read the feed: %w", translateError(err))
	}
	if row.ReadOnly {
		s.dropConnections()
		return store.Feed{}, fmt.Errorf("read the feed: %w: %w", store.ErrUnavailable, store.ErrReadOnly)
	}
	return store.Feed{Epoch: row.Epoch, Revision: row.Revision, Server: row.Server}, nil
}

// CursorKey returns the key that all servers of the database seal places in lists with, 32 bytes.
func (s *Store) CursorKey(ctx context.Context) ([]byte, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	key, err := s.feed.ReadCursorKey(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the key of cursors: %w", translateError(err))
	}
	return key, nil
}

// ChangedSince returns the prompts changed after a revision, in order of revision, tombstones included. A
// prompt changed more than once stands at its last revision only. It is one statement: revisions become visible in
// order, so nothing lower appears later.
func (s *Store) ChangedSince(ctx context.Context, after int64, limit int) ([]store.ChangedKey, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	rows, err := s.feed.ChangedSince(ctx, sqlcgen.ChangedSinceParams{After: after, MaxRows: rowLimit(limit)})
	if err != nil {
		return nil, fmt.Errorf("read the changes: %w", translateError(err))
	}
	changes := make([]store.ChangedKey, len(rows))
	for i, r := range rows {
		changes[i] = store.ChangedKey{Revision: r.Revision, Key: store.Key{Namespace: r.Namespace, Name: r.Name}}
	}
	return changes, nil
}

// Get returns one version of a live prompt, whatever its exposure, by one statement. It returns store.ErrNotFound when the prompt,
// the version or the channel is not there, and store.ErrUnresolved when the channel, or production for the bare
// name, is stated and never pointed to a stored version. Of a fragment that is store.ErrNotFound, too: those it is
// hidden from would learn of it by the difference.
func (s *Store) Get(ctx context.Context, key store.Key, sel prompt.Selector) (store.Version, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	row, err := s.queries.ReadVersion(ctx, sqlcgen.ReadVersionParams{
		Namespace: key.Namespace, Name: key.Name, Version: sel.Version, Channel: sel.Channel,
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return store.Version{}, store.ErrNotFound
	case err != nil:
		return store.Version{}, fmt.Errorf("read %s: %w", key, translateError(err))
	case row.Version == nil:
		return store.Version{}, plan.NotServedError(store.Exposure(row.Exposure), sel, row.ChannelKnown)
	}
	v := store.Version{
		Key: key, Version: *row.Version, Digest: prompt.Digest(*row.Digest),
		Exposure: store.Exposure(row.Exposure), Revision: row.Revision, Latest: row.Latest, Production: row.Production,
	}
	if err := v.Document.UnmarshalJSON(row.Document); err != nil {
		return store.Version{}, fmt.Errorf("read the document of %s version %d: %w", key, v.Version, err)
	}
	if err := json.Unmarshal(row.Includes, &v.Includes); err != nil {
		return store.Version{}, fmt.Errorf("read the includes of %s version %d: %w", key, v.Version, err)
	}
	return v, nil
}

// List returns a page of the prompts of exposure Listed, in order of (namespace, name). Each page is a statement of its own:
// what is published between two pages may be missing.
func (s *Store) List(ctx context.Context, q store.ListQuery) (store.ListPage, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	rows, err := s.listSummaries(ctx, q)
	if err != nil {
		return store.ListPage{}, fmt.Errorf("list prompts: %w", translateError(err))
	}
	page := store.ListPage{More: len(rows) > q.Limit}
	rows = rows[:min(len(rows), q.Limit)]
	page.Prompts = make([]store.Summary, len(rows))
	for i, r := range rows {
		if page.Prompts[i], err = toSummary(r); err != nil {
			return store.ListPage{}, err
		}
	}
	return page, nil
}

// listSummaries reads one row more than the page has, to know whether there are more.
func (s *Store) listSummaries(ctx context.Context, q store.ListQuery) ([]sqlcgen.ListAllRow, error) {
	if q.Scope.All {
		return s.queries.ListAll(ctx, sqlcgen.ListAllParams{
			AfterNamespace: q.After.Namespace, AfterName: q.After.Name, MaxRows: rowLimit(q.Limit + 1),
		})
	}
	rows, err := s.queries.ListInNamespaces(ctx, sqlcgen.ListInNamespacesParams{
		Namespaces:     q.Scope.Namespaces,
		AfterNamespace: q.After.Namespace, AfterName: q.After.Name, MaxRows: rowLimit(q.Limit + 1),
	})
	if err != nil {
		return nil, err
	}
	same := make([]sqlcgen.ListAllRow, len(rows))
	for i, r := range rows {
		same[i] = sqlcgen.ListAllRow(r)
	}
	return same, nil
}

func toSummary(r sqlcgen.ListAllRow) (store.Summary, error) {
	s := store.Summary{
		Key: store.Key{Namespace: r.Namespace, Name: r.Name}, Version: r.Version,
		Title: r.Title, Description: r.Description,
	}
	if err := json.Unmarshal(r.Arguments, &s.Arguments); err != nil {
		return store.Summary{}, fmt.Errorf("read the arguments of %s: %w", s.Key, err)
	}
	return s, nil
}

// Count returns how many prompts all pages of List have together; it is one statement.
func (s *Store) Count(ctx context.Context, scope store.Scope) (int64, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	var n int64
	var err error
	if scope.All {
		n, err = s.queries.CountAll(ctx)
	} else {
		n, err = s.queries.CountInNamespaces(ctx, scope.Namespaces)
	}
	if err != nil {
		return 0, fmt.Errorf("count prompts: %w", translateError(err))
	}
	return n, nil
}

// ListNamespaces returns the namespaces with prompts of exposure Listed, in order; it is one statement.
func (s *Store) ListNamespaces(ctx context.Context) ([]string, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	namespaces, err := s.queries.ListNamespaces(ctx)
	if err != nil {
		return nil, fmt.Errorf("list namespaces: %w", translateError(err))
	}
	return namespaces, nil
}

// ListVersions returns a prompt's history below version before, newest first; before 0 starts at the newest. It is one
// statement; only an empty page takes a second one, to tell the end of a history from a prompt that is not there.
func (s *Store) ListVersions(ctx context.Context, key store.Key, before int64, limit int) ([]store.VersionInfo, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	if before <= 0 {
		before = math.MaxInt64
	}
	rows, err := s.queries.ListVersions(ctx, sqlcgen.ListVersionsParams{
		Namespace: key.Namespace, Name: key.Name, Before: before, MaxRows: rowLimit(limit),
	})
	if err != nil {
		return nil, fmt.Errorf("read the versions of %s: %w", key, translateError(err))
	}
	if len(rows) == 0 {
		return nil, s.requireLive(ctx, key)
	}
	versions := make([]store.VersionInfo, len(rows))
	for i, r := range rows {
		versions[i] = store.VersionInfo{
			Version: r.Version, Digest: prompt.Digest(r.Digest), PublishedAt: r.PublishedAt,
			Channels: r.Channels, Withdrawn: r.Withdrawn,
		}
		if err := json.Unmarshal(r.Provenance, &versions[i].Provenance); err != nil {
			return nil, fmt.Errorf("read the provenance of %s version %d: %w", key, r.Version, err)
		}
	}
	return versions, nil
}

// requireLive returns store.ErrNotFound for a prompt that is not there.
func (s *Store) requireLive(ctx context.Context, key store.Key) error {
	is, err := s.queries.PromptExists(ctx, sqlcgen.PromptExistsParams{Namespace: key.Namespace, Name: key.Name})
	if err != nil {
		return fmt.Errorf("read %s: %w", key, translateError(err))
	}
	if !is {
		return store.ErrNotFound
	}
	return nil
}

// rowLimit returns a limit of at least one row as Postgres takes it.
func rowLimit(limit int) int32 { return plan.ClampInt32(max(1, limit)) }
