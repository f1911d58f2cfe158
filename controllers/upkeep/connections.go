package upkeep

import (
	"context"
	"time"
)

const (
	// connectionRetention is how long it is remembered which tokens there were, what was asked of accounts servers, and that a
	// connection was deleted. What servers met is kept until it is folded, and refusals until they are proven or disproved.
	connectionRetention = 30 * 24 * time.Hour
	connectionBatch     = 1000
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
	return repeatWhileFull(ctx, connectionBatch, func(ctx context.Context, limit int) (int, error) {
		return r.Store.DeleteOldConnectionRows(ctx, connectionRetention, limit)
	})
}
