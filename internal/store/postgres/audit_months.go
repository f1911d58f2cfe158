package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

const (
	// auditMonthsAhead are made beside that of now.
	auditMonthsAhead = 3
	// monthLockTimeout is how long a change of a month waits for a lock: whoever comes after it waits behind it.
	monthLockTimeout = 2 * time.Second
	// detachTimeout is how long a month that is detached waits for transactions that were open before; the rest is done the next time.
	detachTimeout = 10 * time.Second
)

// AddAuditMonths makes the tables of this month and the three after it, where they are not there. It waits for no reader.
func (w *Writer) AddAuditMonths(ctx context.Context) error {
	if refused := *w.refused.Load(); refused != nil {
		return refused
	}
	ctx, cancel := w.store.withTimeout(ctx)
	defer cancel()
	conn, err := w.store.pool.Acquire(ctx)
	if err != nil {
		return translateError(err)
	}
	defer conn.Release()
	traits := traitsOf(conn.Conn())
	err = pgx.BeginTxFunc(ctx, conn, traits.txOptions(), func(tx pgx.Tx) error {
		if err := sqlcgen.New(transaction{tx, traits}).LimitLockWait(ctx, monthLockTimeout.Milliseconds()); err != nil {
			return err
		}
		return makeMonths(ctx, tx, traits)
	})
	if err != nil {
		return fmt.Errorf("make months of the audit: %w", translateError(err))
	}
	return nil
}

// makeMonths makes tables like the one they are attached to, which keeps nobody who reads or writes it waiting; a table that is made
// as a partition would.
func makeMonths(ctx context.Context, tx pgx.Tx, traits connectionTraits) error {
	q := sqlcgen.New(transaction{tx, traits})
	months, err := q.AuditMonths(ctx)
	if err != nil {
		return fmt.Errorf("read the months: %w", err)
	}
	month := monthOf(timeOf(months.Now))
	for range auditMonthsAhead + 1 {
		next := month.AddDate(0, 1, 0)
		for _, table := range auditTables {
			name := table.name + "_" + month.Format(monthLayout)
			if slices.Contains(months.AttachedTables, name) {
				continue
			}
			parent, part := tableIdentifier(traits.home, table.name), tableIdentifier(traits.home, name)
			for _, statement := range []string{
				fmt.Sprintf("create table if not exists %s (like %s including all)", part, parent),
				fmt.Sprintf("alter table %s attach partition %s for values from ('%s') to ('%s')", parent, part, month.Format(time.RFC3339), next.Format(time.RFC3339)),
			} {
				if _, err := tx.Exec(ctx, statement); err != nil {
					return fmt.Errorf("month %s: %w", name, err)
				}
			}
		}
		month = next
	}
	return nil
}

// RemoveAuditMonths detaches and drops months all of whose rows are older than any connection keeps them, and than so many days. It
// returns the tables that are gone. A reader that is open keeps a month from going, and nobody else from anything; the next call goes on.
func (w *Writer) RemoveAuditMonths(ctx context.Context, atLeastDays int) (removed []string, err error) {
	if refused := *w.refused.Load(); refused != nil {
		return nil, refused
	}
	conn, err := w.store.pool.Acquire(ctx)
	if err != nil {
		return nil, translateError(err)
	}
	defer conn.Release()
	traits := traitsOf(conn.Conn())
	q := sqlcgen.New(ownStatements{conn, traits})
	months, err := q.AuditMonths(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the months of the audit: %w", translateError(err))
	}
	days, err := q.LongestAuditRetention(ctx, int32(atLeastDays)) //nolint:gosec // ten years at most
	if err != nil {
		return nil, fmt.Errorf("read how long the audit is kept: %w", translateError(err))
	}
	keptSince := timeOf(months.Now).AddDate(0, 0, -int(days))
	isOver := func(table string) bool {
		month, err := time.Parse(monthLayout, table[len(table)-len(monthLayout):])
		return err == nil && !month.AddDate(0, 1, 0).After(keptSince)
	}
	pending, err := q.PendingAuditMonths(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the months of the audit: %w", translateError(err))
	}
	for _, p := range pending {
		if err := detachMonth(ctx, conn, traits, p.MonthTable, "finalize"); err != nil {
			return removed, err
		}
	}
	for _, table := range months.AttachedTables {
		if !isOver(table) {
			continue
		}
		// What is being detached nobody sees any more: which numbers of its chains are gone is there before.
		if err := noteErasures(ctx, conn, traits, table, months.AttachedTables); err != nil {
			return removed, err
		}
		if err := detachMonth(ctx, conn, traits, table, "concurrently"); err != nil {
			return removed, err
		}
		months.DetachedTables = append(months.DetachedTables, table)
	}
	for _, table := range months.DetachedTables {
		if !isOver(table) {
			continue
		}
		if err := dropMonth(ctx, conn, traits, table); err != nil {
			return removed, err
		}
		removed = append(removed, table)
	}
	return removed, nil
}

// ownStatements runs statements one by one on a connection.
type ownStatements struct {
	*pgxpool.Conn
	traits connectionTraits
}

func (o ownStatements) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	adapted, withMode := o.traits.adapt(sql, args)
	return o.Conn.QueryRow(ctx, adapted, withMode...)
}

func (o ownStatements) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	adapted, withMode := o.traits.adapt(sql, args)
	return o.Conn.Query(ctx, adapted, withMode...)
}

// detachMonth takes a month from its table: concurrently, which is no statement of a transaction and waits for those that are open, or
// what is left of that when it was cancelled. Nobody who reads or writes waits behind it, so it needs no lock_timeout; that would be one of
// the session, which a pooler may give to others.
func detachMonth(ctx context.Context, conn *pgxpool.Conn, traits connectionTraits, table, how string) error {
	ctx, cancel := context.WithTimeout(ctx, detachTimeout)
	defer cancel()
	parent := table[:len(table)-len(monthLayout)-1]
	statement := fmt.Sprintf("alter table %s detach partition %s %s", tableIdentifier(traits.home, parent), tableIdentifier(traits.home, table), how)
	if _, err := conn.Exec(ctx, statement, pgx.QueryExecModeSimpleProtocol); err != nil {
		return fmt.Errorf("detach %s: %w", table, translateError(err))
	}
	return nil
}

// dropMonth drops a month that is detached. Rows that were loaded into it after its erasures were noted are noted with it.
func dropMonth(ctx context.Context, conn *pgxpool.Conn, traits connectionTraits, table string) error {
	err := pgx.BeginTxFunc(ctx, conn, traits.txOptions(), func(tx pgx.Tx) error {
		part := tableIdentifier(traits.home, table)
		if _, err := tx.Exec(ctx, fmt.Sprintf("lock table %s in access exclusive mode nowait", part)); err != nil {
			return err
		}
		if err := noteErasuresIn(ctx, tx, traits, []string{table}); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "drop table "+part)
		return err
	})
	if err != nil {
		return fmt.Errorf("drop %s: %w", table, translateError(err))
	}
	return nil
}
