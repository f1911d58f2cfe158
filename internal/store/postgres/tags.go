package postgres

import (
	"context"
	"fmt"

	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

// DeleteUnusedTags erases the names of tags that no prompt has any more: one may have been withdrawn for what it says.
func (w *Writer) DeleteUnusedTags(ctx context.Context) error {
	err := w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error {
		unused, err := q.HasUnusedTags(ctx)
		if err != nil || !unused {
			return err // publishes wait for the lock: not for nothing
		}
		if err := q.LockTags(ctx); err != nil {
			return err
		}
		return q.DeleteUnusedTags(ctx)
	})
	if err != nil {
		return fmt.Errorf("forget unused tags: %w", err)
	}
	return nil
}
