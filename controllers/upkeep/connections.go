package upkeep

import (
	"context"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
)

const (
	// connectionRetention is how long it is remembered which tokens there were, what was asked of accounts servers, and that a
	// connection was deleted. What servers met is kept until it is folded, and refusals until they are proven or disproved.
	connectionRetention = 30 * 24 * time.Hour
	connectionBatch     = 1000
	// projectRetention is how long it is known what became of a task, and of a project that nobody has met since.
	projectRetention = 180 * 24 * time.Hour
	// projectsInterval is how long it takes at most until what was done to a task is in its history.
	projectsInterval = 30 * time.Second
)

// cleanConnections makes entries of lists of what servers met, writes down which tokens are in use, and deletes what was kept for
// long enough.
func (r *Runner) cleanConnections(ctx context.Context) error {
	if err := repeatWhileFull(ctx, connectionBatch, r.Store.FoldObservations); err != nil {
		return err
	}
	if err := r.Store.RecordTokenUse(ctx); err != nil {
		return err
	}
	err := repeatWhileFull(ctx, connectionBatch, func(ctx context.Context, limit int) (int, error) {
		return r.Store.DeleteOldWrites(ctx, store.WriteKeyLifetime, limit)
	})
	if err != nil {
		return err
	}
	return repeatWhileFull(ctx, connectionBatch, func(ctx context.Context, limit int) (int, error) {
		return r.Store.DeleteOldConnectionRows(ctx, connectionRetention, limit)
	})
}

// foldProjects takes over what servers met of projects and tasks, and deletes what was kept for long enough.
func (r *Runner) foldProjects(ctx context.Context) error {
	if err := repeatWhileFull(ctx, connectionBatch, r.Store.FoldProjectObservations); err != nil {
		return err
	}
	return repeatWhileFull(ctx, connectionBatch, func(ctx context.Context, limit int) (int, error) {
		return r.Store.DeleteOldProjectRows(ctx, projectRetention, limit)
	})
}
