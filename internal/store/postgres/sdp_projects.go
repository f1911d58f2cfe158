package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

// goneProjectAge is after how long a project is taken for gone that the controller does not meet among the newest.
const goneProjectAge = 30 * 24 * time.Hour

// ReplaceProjects stores the projects of a connection as they were read. Those of another ServiceDesk Plus go, and the history of their
// tasks. It returns store.ErrConnectionGone where the connection is gone, or another's.
func (w *Writer) ReplaceProjects(ctx context.Context, key store.Key, uid string, read store.ProjectRead) error {
	err := w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error {
		connection, err := lockConnectionOfOwner(ctx, q, key, uid)
		if err != nil {
			return err
		}
		before, err := q.LockProjectCache(ctx, connection)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("lock the cache: %w", err)
		}
		if err == nil && before != read.Source {
			if err := q.ClearProjectCache(ctx, connection); err != nil {
				return fmt.Errorf("clear the cache: %w", err)
			}
		}
		return mergeProjects(ctx, q, connection, &read)
	})
	if err != nil {
		return fmt.Errorf("replace the projects of connection %s: %w", key, err)
	}
	return nil
}

func mergeProjects(ctx context.Context, q *sqlcgen.Queries, connection int64, read *store.ProjectRead) error {
	merge := sqlcgen.MergeProjectsParams{
		ConnectionID: connection, ExternalIds: []string{}, Numbers: []string{}, Titles: []string{}, Statuses: []string{}, ReadAt: secondsSince1970(read.ReadAt),
	}
	for _, p := range read.Projects {
		merge.ExternalIds, merge.Numbers = append(merge.ExternalIds, p.ID), append(merge.Numbers, p.Number)
		merge.Titles, merge.Statuses = append(merge.Titles, p.Title), append(merge.Statuses, p.Status)
	}
	if err := q.MergeProjects(ctx, merge); err != nil {
		return fmt.Errorf("merge the projects: %w", err)
	}
	gone := sqlcgen.DeleteGoneProjectsParams{ConnectionID: connection, ExternalIds: merge.ExternalIds, SeenBefore: merge.ReadAt}
	if !read.IsWhole {
		gone.SeenBefore = secondsSince1970(read.ReadAt.Add(-goneProjectAge))
	}
	if err := q.DeleteGoneProjects(ctx, gone); err != nil {
		return fmt.Errorf("delete those that are gone: %w", err)
	}
	written := sqlcgen.WriteProjectCacheReadParams{
		ConnectionID: connection, Source: read.Source, Projects: rowLimit(len(read.Projects)), ReadAt: merge.ReadAt,
	}
	if err := q.WriteProjectCacheRead(ctx, written); err != nil {
		return fmt.Errorf("write when they were read: %w", err)
	}
	return nil
}

// ReadProjectCache returns how the projects of a connection stand.
func (s *Store) ReadProjectCache(ctx context.Context, connection int64) (store.ProjectCacheState, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	row, err := s.queries.ProjectCacheRead(ctx, connection)
	if errors.Is(err, pgx.ErrNoRows) {
		return store.ProjectCacheState{}, nil
	}
	if err != nil {
		return store.ProjectCacheState{}, fmt.Errorf("read how the projects stand: %w", translateError(err))
	}
	return store.ProjectCacheState{Source: row.Source, Projects: int(row.Projects), ReadAt: timeOf(row.ReadAt)}, nil
}

// CachedProjects returns the projects of a connection that are known, those that were seen last first.
func (s *Store) CachedProjects(ctx context.Context, connection int64) ([]store.CachedProject, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	rows, err := s.queries.ListCachedProjects(ctx, sqlcgen.ListCachedProjectsParams{ConnectionID: connection, MaxRows: store.MaxCachedProjects})
	if err != nil {
		return nil, fmt.Errorf("read the projects: %w", translateError(err))
	}
	found := make([]store.CachedProject, len(rows))
	for i, r := range rows {
		found[i] = store.CachedProject{ID: r.ExternalID, Number: r.Number, Title: r.Title, Status: r.Status, Observed: r.Observed}
	}
	return found, nil
}

// TaskHistory returns what became of the tasks of a project, the newest first.
func (s *Store) TaskHistory(ctx context.Context, connection int64, project string, limit int) ([]store.TaskChange, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	rows, err := s.queries.ListTaskHistory(ctx, sqlcgen.ListTaskHistoryParams{ConnectionID: connection, ProjectID: project, MaxRows: rowLimit(limit)})
	if err != nil {
		return nil, fmt.Errorf("read the history of tasks: %w", translateError(err))
	}
	found := make([]store.TaskChange, len(rows))
	for i, r := range rows {
		found[i] = store.TaskChange{
			TaskID: r.TaskID, Title: r.Title, Field: r.Field, Before: r.OldValue, After: r.NewValue, Actor: r.Actor, At: timeOf(r.ChangedAt),
		}
	}
	return found, nil
}

// ClaimProjectTitle reports whether a title, by its SHA-256, is the caller's to make a project of. It is for two minutes, or until it is
// released; who has the claim may claim it again.
func (s *Store) ClaimProjectTitle(ctx context.Context, connection int64, digest [32]byte, claim uuid.UUID) (bool, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	claimed, err := s.queries.ClaimProjectTitle(ctx, sqlcgen.ClaimProjectTitleParams{ConnectionID: connection, Digest: digest[:], ClaimID: claim.String()})
	if err != nil {
		return false, fmt.Errorf("claim the title of a project: %w", translateError(err))
	}
	return claimed, nil
}

// ReleaseProjectTitle ends a claim before its time.
func (s *Store) ReleaseProjectTitle(ctx context.Context, connection int64, digest [32]byte, claim uuid.UUID) error {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	if err := s.queries.ReleaseProjectTitle(ctx, sqlcgen.ReleaseProjectTitleParams{ConnectionID: connection, Digest: digest[:], ClaimID: claim.String()}); err != nil {
		return fmt.Errorf("release the title of a project: %w", translateError(err))
	}
	return nil
}

// FoldProjectObservations takes over at most limit projects, and as many tasks, that servers met, and returns the larger of both counts:
// projects that the controller did not read itself, and of tasks what differs from what was known.
func (w *Writer) FoldProjectObservations(ctx context.Context, limit int) (taken int, err error) {
	err = w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error {
		projects, err := q.FoldProjects(ctx, sqlcgen.FoldProjectsParams{Most: store.MaxCachedProjects, MaxRows: rowLimit(limit)})
		if err != nil {
			return fmt.Errorf("projects: %w", err)
		}
		tasks, err := q.FoldTasks(ctx, rowLimit(limit))
		if err != nil {
			return fmt.Errorf("tasks: %w", err)
		}
		taken = int(max(projects, tasks))
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("fold what was observed of projects: %w", err)
	}
	return taken, nil
}

// DeleteOldProjectRows deletes at most limit rows each: history that is older, projects that were last seen before, and claims that
// ended. It returns the most it deleted of one kind.
func (w *Writer) DeleteOldProjectRows(ctx context.Context, olderThan time.Duration, limit int) (deleted int, err error) {
	err = w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error {
		seconds, rows := olderThan.Seconds(), rowLimit(limit)
		history, err := q.DeleteOldTaskHistory(ctx, sqlcgen.DeleteOldTaskHistoryParams{OlderThanSeconds: seconds, MaxRows: rows})
		if err != nil {
			return fmt.Errorf("history: %w", err)
		}
		projects, err := q.DeleteUnseenProjects(ctx, sqlcgen.DeleteUnseenProjectsParams{OlderThanSeconds: seconds, MaxRows: rows})
		if err != nil {
			return fmt.Errorf("projects: %w", err)
		}
		claims, err := q.DeleteExpiredTitleClaims(ctx, rows)
		if err != nil {
			return fmt.Errorf("claims: %w", err)
		}
		deleted = int(max(history, projects, claims))
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("delete old rows of projects: %w", err)
	}
	return deleted, nil
}
