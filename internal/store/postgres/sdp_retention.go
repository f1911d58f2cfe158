package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

// DeleteOldConnectionRows deletes at most limit rows each of what is kept for a time only: token requests, tokens that were replaced,
// tombstones of connections and, after store.MaxRatePause, their rates; and refusals of tokens that were replaced. It waits for no
// server, and returns the most it deleted of one kind.
func (w *Writer) DeleteOldConnectionRows(ctx context.Context, olderThan time.Duration, limit int) (deleted int, err error) {
	err = w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error {
		seconds, rows := olderThan.Seconds(), rowLimit(limit)
		requests, err := q.DeleteOldTokenRequests(ctx, sqlcgen.DeleteOldTokenRequestsParams{OlderThanSeconds: seconds, MaxRows: rows})
		if err != nil {
			return fmt.Errorf("token requests: %w", err)
		}
		tokens, err := q.DeleteReplacedTokens(ctx, sqlcgen.DeleteReplacedTokensParams{OlderThanSeconds: seconds, MaxRows: rows})
		if err != nil {
			return fmt.Errorf("replaced tokens: %w", err)
		}
		rates, err := q.DeleteTombstoneRates(ctx, sqlcgen.DeleteTombstoneRatesParams{OlderThanSeconds: store.MaxRatePause.Seconds(), MaxRows: rows})
		if err != nil {
			return fmt.Errorf("rates of tombstones: %w", err)
		}
		tombstones, err := q.DeleteConnectionTombstones(ctx, sqlcgen.DeleteConnectionTombstonesParams{OlderThanSeconds: seconds, MaxRows: rows})
		if err != nil {
			return fmt.Errorf("tombstones: %w", err)
		}
		refusals, err := q.DeleteRefusalsOfReplacedTokens(ctx, rows)
		if err != nil {
			return fmt.Errorf("refusals: %w", err)
		}
		deleted = int(max(requests, tokens, rates, tombstones, refusals))
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("delete old rows of connections: %w", err)
	}
	return deleted, nil
}
