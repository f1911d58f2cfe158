package postgres

import (
	"context"
	"fmt"

	"github.com/lectern-dev/lectern/internal/store"
)

// maxMeasuredTables bounds what MeasureTables returns: the schema may be shared with other programs of one owner.
const maxMeasuredTables = 100

// MeasureTables returns how large each of the tables is. Any role may ask; the counts of rows are the server's own estimates.
func (w *Writer) MeasureTables(ctx context.Context) ([]store.TableSize, error) {
	ctx, cancel := w.store.withTimeout(ctx)
	defer cancel()
	rows, err := w.store.queries.MeasureTables(ctx, maxMeasuredTables)
	if err != nil {
		return nil, fmt.Errorf("measure the tables: %w", translateError(err))
	}
	tables := make([]store.TableSize, len(rows))
	for i, r := range rows {
		tables[i] = store.TableSize{Name: r.Name, Bytes: r.Bytes, LiveTuples: r.LiveTuples, DeadTuples: r.DeadTuples}
	}
	return tables, nil
}

// MeasureOpenChanges returns how many change requests are open, and how long the oldest waits.
func (w *Writer) MeasureOpenChanges(ctx context.Context) (store.OpenChanges, error) {
	ctx, cancel := w.store.withTimeout(ctx)
	defer cancel()
	row, err := w.store.queries.MeasureOpenChanges(ctx)
	if err != nil {
		return store.OpenChanges{}, fmt.Errorf("measure the open changes: %w", translateError(err))
	}
	return store.OpenChanges{Count: row.Open, Oldest: secondsOf(row.OldestSeconds)}, nil
}
