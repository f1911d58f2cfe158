package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

// noteErasures writes down which numbers of chains go with a month, of both tables where both have it still: a chain has rows in both, and
// one table alone has gaps.
func noteErasures(ctx context.Context, conn *pgxpool.Conn, traits connectionTraits, month string, attached []string) error {
	tables := []string{month}
	for _, parent := range auditTables {
		other := parent.name + "_" + month[len(month)-len(monthLayout):]
		if other != month && slices.Contains(attached, other) {
			tables = append(tables, other)
		}
	}
	err := pgx.BeginTxFunc(ctx, conn, traits.txOptions(), func(tx pgx.Tx) error { return noteErasuresIn(ctx, tx, traits, tables) })
	if err != nil {
		return fmt.Errorf("note what goes with %s: %w", month, translateError(err))
	}
	return nil
}

// noteErasuresIn notes the numbers of tables of one month that are not noted yet, as runs without a gap.
func noteErasuresIn(ctx context.Context, tx pgx.Tx, traits connectionTraits, tables []string) error {
	const of = `select writer, connection_uid, seq, hash from {table}`
	const statement = `insert into {erasures} as e (writer, connection_uid, first_seq, through_seq, through_hash, logged_before)
		select r.writer, r.connection_uid, min(r.seq), max(r.seq), (array_agg(r.hash order by r.seq desc))[1], '{end}'
		  from (select m.writer, m.connection_uid, m.seq, m.hash, m.seq - dense_rank() over (partition by m.writer, m.connection_uid order by m.seq) as run
		          from ({rows}) m
		         where not exists (select from {erasures} known
		                            where known.writer = m.writer and known.connection_uid = m.connection_uid
		                              and m.seq between known.first_seq and known.through_seq)) r
		 group by r.writer, r.connection_uid, r.run
		on conflict do nothing`
	month, err := time.Parse(monthLayout, tables[0][len(tables[0])-len(monthLayout):])
	if err != nil {
		return fmt.Errorf("read the month of %s: %w", tables[0], err)
	}
	rows := make([]string, len(tables))
	for i, table := range tables {
		rows[i] = strings.ReplaceAll(of, "{table}", tableIdentifier(traits.home, table))
	}
	noted := strings.NewReplacer("{erasures}", tableIdentifier(traits.home, "audit_erasures"), "{rows}", strings.Join(rows, " union all "),
		"{end}", month.AddDate(0, 1, 0).Format(time.RFC3339)).Replace(statement)
	if _, err := tx.Exec(ctx, noted); err != nil {
		return err
	}
	return sqlcgen.New(transaction{tx, traits}).MergeAuditErasures(ctx)
}
