package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/faultpoint"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

// auditTables are the tables of audit.Rows, with the columns its tuples have, in their order.
var auditTables = [...]struct{ name, columns string }{
	audit.ToolUsageTable: {"mcp_tool_usage", "logged_at, clamped, writer, connection_uid, seq, call_id, started_at, took_us, method, tool, is_write, subject, proof, oidc_client, " +
		"client_name, client_version, connection_namespace, connection_name, traceparent, target, prompt_namespace, prompt_name, prompt_version, prompt_digest, " +
		"outcome, error_kind, payload, sealed_payload, salt, hash"},
	audit.APICallTable: {"api_audit_log", "logged_at, clamped, writer, connection_uid, seq, id, call_id, started_at, took_us, operation, method, template, is_write, subject, proof, " +
		"oidc_client, connection_namespace, connection_name, traceparent, target, attempt, status, codes, outcome, error_kind, payload, sealed_payload, salt, hash"},
}

// AuditColumns returns the columns that rows of the audit have as they are loaded, in their order.
func AuditColumns(table audit.Table) string { return auditTables[table].columns }

// LoadAudit loads a batch in one transaction: the batch, which a second time is there already, and its rows by COPY. It implements
// audit.Loader for servers and controllers. Rows of months that are not there are loaded as of now; without the month of now it returns
// store.ErrUnavailable.
func (s *Store) LoadAudit(ctx context.Context, batch audit.Batch) (isNew bool, err error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return false, translateError(err)
	}
	defer conn.Release()
	traits := traitsOf(conn.Conn())
	err = pgx.BeginTxFunc(ctx, conn, traits.txOptions(), func(tx pgx.Tx) error {
		isNew, err = loadAuditIn(ctx, tx, traits, batch)
		return err
	})
	if isStaleConnection(err) {
		closeWithin(ctx, conn.Conn())
		if isReadOnly(err) {
			s.dropConnections()
		}
	}
	if err != nil {
		return false, translateAuditError(err)
	}
	return isNew, nil
}

func loadAuditIn(ctx context.Context, tx pgx.Tx, traits connectionTraits, batch audit.Batch) (bool, error) {
	q := sqlcgen.New(transaction{tx, traits})
	claimed, err := q.ClaimAuditBatch(ctx, sqlcgen.ClaimAuditBatchParams{
		Batch: batch.ID.String(), Writer: batch.Writer.String(), RowCount: int32(min(batch.Rows.Count(), math.MaxInt32)), Damaged: int32(min(batch.Damaged, math.MaxInt32)), //nolint:gosec // bounded
	})
	if err != nil || claimed == 0 {
		return false, err
	}
	faultpoint.Hit(faultpoint.AuditClaimed)
	months, err := q.AuditMonths(ctx)
	if err != nil {
		return false, fmt.Errorf("read the months: %w", err)
	}
	now := timeOf(months.Now)
	first, last, err := monthsAround(months.Attached, now)
	if err != nil {
		return false, err
	}
	for table := range batch.Rows {
		rows := &batch.Rows[table]
		if len(rows.Starts) == 0 {
			continue
		}
		rows.ClampTimes(first, last, now)
		target := auditTables[table]
		statement := fmt.Sprintf("copy %s (%s) from stdin (format binary)", tableIdentifier(traits.home, target.name), target.columns)
		copied, err := tx.Conn().PgConn().CopyFrom(ctx, binaryCopy(rows.Bytes), statement)
		if err != nil {
			return false, fmt.Errorf("copy into %s: %w", target.name, err)
		}
		if copied.RowsAffected() != int64(len(rows.Starts)) {
			return false, fmt.Errorf("copied %d rows of %d into %s", copied.RowsAffected(), len(rows.Starts), target.name)
		}
	}
	faultpoint.Hit(faultpoint.AuditCopied)
	return true, nil
}

// tableIdentifier names a table in the schema where ours are.
func tableIdentifier(home, table string) string {
	if home == "" {
		return pgx.Identifier{table}.Sanitize()
	}
	return pgx.Identifier{home, table}.Sanitize()
}

// binaryCopy is what a binary COPY reads: a header, the tuples, and the end.
func binaryCopy(tuples []byte) io.Reader {
	const header, end = "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00", "\xff\xff"
	return io.MultiReader(bytes.NewReader([]byte(header)), bytes.NewReader(tuples), bytes.NewReader([]byte(end)))
}

// monthLayout is how names of the tables of months end.
const monthLayout = "2006_01"

// monthsAround returns from when to when there are months without a gap, the one of now among them.
func monthsAround(attached []string, now time.Time) (first, last time.Time, err error) {
	known := map[string]bool{}
	for _, month := range attached {
		known[month] = true
	}
	first = monthOf(now)
	if !known[first.Format(monthLayout)] {
		return first, last, fmt.Errorf("%w: %w", store.ErrUnavailable, errMonthMissing(first))
	}
	for last = first; known[last.Format(monthLayout)]; last = last.AddDate(0, 1, 0) {
		continue
	}
	for known[first.AddDate(0, -1, 0).Format(monthLayout)] {
		first = first.AddDate(0, -1, 0)
	}
	return first, last, nil
}

func errMonthMissing(month time.Time) error {
	return fmt.Errorf("the audit has no partition for %s: a controller makes it within an hour, and `lectern migrate` at once", month.Format("2006-01"))
}

// monthOf returns when the UTC month of a time begins.
func monthOf(at time.Time) time.Time {
	at = at.UTC()
	return time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// translateAuditError is translateError for rows that one batch has: a month that went away between two statements is tried again.
func translateAuditError(err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return translateError(err)
	}
	switch {
	case pg.Code == stateCheck && pg.ConstraintName == "": // no partition for a row
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	case len(pg.Code) == 5 && pg.Code[:2] == classIntegrity:
		return &store.UnstorableValueError{Reason: fmt.Sprintf("%s (SQLSTATE %s)", pg.Message, pg.Code)}
	}
	return translateError(err)
}
