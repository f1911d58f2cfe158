package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

const (
	// auditBatchDays are longer than a spool keeps a segment.
	auditBatchDays = 60
	// auditProofDays are how much longer than any row what proves chains is kept: months go as wholes.
	auditProofDays = 62
)

// DeleteExpiredAudit deletes at most limit rows of each table that are older than their connection keeps them, and those without one that
// are older than so many days. It returns the most it deleted of one table.
func (w *Writer) DeleteExpiredAudit(ctx context.Context, defaultDays, limit int) (deleted int, err error) {
	err = w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error {
		days, rows := int32(defaultDays), rowLimit(limit) //nolint:gosec // ten years at most
		usage, err := q.DeleteExpiredUsage(ctx, sqlcgen.DeleteExpiredUsageParams{DefaultDays: days, MaxRows: rows})
		if err != nil {
			return fmt.Errorf("calls of agents: %w", err)
		}
		calls, err := q.DeleteExpiredAPICalls(ctx, sqlcgen.DeleteExpiredAPICallsParams{DefaultDays: days, MaxRows: rows})
		if err != nil {
			return fmt.Errorf("calls of ServiceDesk Plus: %w", err)
		}
		if err := q.MergeAuditErasures(ctx); err != nil {
			return fmt.Errorf("what is erased: %w", err)
		}
		batches, err := q.DeleteOldAuditBatches(ctx, sqlcgen.DeleteOldAuditBatchesParams{Days: auditBatchDays, MaxRows: rows})
		if err != nil {
			return fmt.Errorf("batches: %w", err)
		}
		longest, err := q.LongestAuditRetention(ctx, days)
		if err != nil {
			return fmt.Errorf("how long rows are kept: %w", err)
		}
		anchors, err := q.DeleteOldAuditAnchors(ctx, sqlcgen.DeleteOldAuditAnchorsParams{Days: longest + auditProofDays, MaxRows: rows})
		if err != nil {
			return fmt.Errorf("anchors: %w", err)
		}
		erasures, err := q.DeleteOldAuditErasures(ctx, sqlcgen.DeleteOldAuditErasuresParams{Days: longest + auditProofDays, MaxRows: rows})
		if err != nil {
			return fmt.Errorf("erasures: %w", err)
		}
		deleted = int(max(usage, calls, batches, anchors, erasures))
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("delete old rows of the audit: %w", err)
	}
	return deleted, nil
}

// anchorTimeout is what anchors may take: an hour of rows is sorted.
const anchorTimeout = 10 * time.Minute

// AnchorAudit writes down the last row of each chain that grew since the last time, where servers cannot write.
func (w *Writer) AnchorAudit(ctx context.Context) (anchors []store.AuditAnchor, err error) {
	if refused := *w.refused.Load(); refused != nil {
		return nil, refused
	}
	ctx, cancel := context.WithTimeout(ctx, anchorTimeout)
	defer cancel()
	err = w.tryTransaction(ctx, false, func(ctx context.Context, q *sqlcgen.Queries) error {
		if err := q.LiftTimeouts(ctx); err != nil {
			return err
		}
		rows, err := q.AnchorAudit(ctx)
		anchors = make([]store.AuditAnchor, len(rows))
		for i, r := range rows {
			anchors[i] = store.AuditAnchor{Writer: r.Writer, ConnectionUID: r.ConnectionUid, Seq: r.Seq, Hash: r.Hash}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("anchor the audit: %w", translateError(err))
	}
	return anchors, nil
}
