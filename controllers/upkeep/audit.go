package upkeep

import (
	"context"
	"errors"
	"time"
)

const (
	// DefaultAuditRetention is how long rows of the audit are kept that are of no connection.
	DefaultAuditRetention = 90 * 24 * time.Hour
	auditBatch            = 1000
	// anchorInterval is the time between two anchors of a chain.
	anchorInterval = time.Hour

	day = 24 * time.Hour
)

// keepAudit makes the months of the audit that come, and takes away what was kept for long enough: rows, and months of which no
// connection keeps any. What fails keeps nothing else from being done.
func (r *Runner) keepAudit(ctx context.Context) error {
	days := int((r.AuditRetention + day - 1) / day)
	added := r.Store.AddAuditMonths(ctx)
	removed, notRemoved := r.Store.RemoveAuditMonths(ctx, days)
	for _, table := range removed {
		r.Log.Info("Removed a month of the audit", "table", table)
	}
	deleted := repeatWhileFull(ctx, auditBatch, func(ctx context.Context, limit int) (int, error) {
		return r.Store.DeleteExpiredAudit(ctx, days, limit)
	})
	return errors.Join(added, notRemoved, deleted)
}

// anchorAudit writes down how far the chains of the audit are, hourly. The log has it too, where whoever changes the database does not
// reach it.
func (r *Runner) anchorAudit(ctx context.Context) error {
	if time.Since(r.anchored) < anchorInterval {
		return nil
	}
	anchors, err := r.Store.AnchorAudit(ctx)
	if err != nil {
		return err
	}
	r.anchored = time.Now()
	for _, a := range anchors {
		r.Log.Info("Anchored a chain of the audit", "writer", a.Writer, "connectionUID", a.ConnectionUID, "seq", a.Seq, "hash", a.Hash)
	}
	return nil
}
