package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

// statements runs each statement on a connection of a pool, in the way that suits the connection. A connection that turns
// out to be of no use is closed and the statement runs on another one: nothing of it was carried out.
type statements struct {
	pool *pgxpool.Pool
	// replan has each statement planned for its arguments; Postgres may choose one plan for all of a prepared one.
	replan bool
	// movedOn is called when a statement that one connection refused as read-only went through on another.
	movedOn func()
}

// connectionAttempts is how many connections one statement is tried on.
const connectionAttempts = 3

func (s *statements) Exec(ctx context.Context, sql string, args ...any) (tag pgconn.CommandTag, err error) {
	err = s.onConnection(ctx, true, func(at sqlcgen.DBTX, traits connectionTraits) (err error) {
		adapted, withMode := traits.adapt(sql, args)
		tag, err = at.Exec(ctx, adapted, withMode...)
		return err
	})
	return tag, err
}

// Query has read the first row when it returns: only then it is known that the statement runs on this connection.
func (s *statements) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	var found *firstReadRows
	err := s.onConnection(ctx, false, func(at sqlcgen.DBTX, traits connectionTraits) (err error) {
		adapted, withMode := traits.adapt(sql, args)
		rows, err := at.Query(ctx, adapted, withMode...)
		if err != nil {
			return err
		}
		found = &firstReadRows{Rows: rows, isFirst: true}
		found.conn, _ = at.(*pgxpool.Conn)
		if found.hasFirst = rows.Next(); !found.hasFirst {
			return rows.Err()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

func (s *statements) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return &lateRow{ctx: ctx, statements: s, sql: sql, args: args}
}

// prependMode puts a mode in front of arguments, where pgx takes it.
func prependMode(mode pgx.QueryExecMode, args []any) []any { return append([]any{mode}, args...) }

// onConnection uses a connection, and another one when the first is stale. It gives the connection back when use failed, and
// else when release is true.
func (s *statements) onConnection(ctx context.Context, release bool, use func(sqlcgen.DBTX, connectionTraits) error) error {
	replan, refused := s.replan, false
	for attempt := 1; ; attempt++ {
		conn, err := s.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		traits := traitsOf(conn.Conn())
		if replan {
			traits.mode = pgx.QueryExecModeCacheDescribe
		}
		err = use(conn, traits)
		if release && traits.readOnlyByRole && isReadOnly(err) {
			err = pgx.BeginTxFunc(ctx, conn, traits.txOptions(), func(tx pgx.Tx) error { return use(tx, traits) })
		}
		isStale := isStaleConnection(err)
		if isStale {
			closeWithin(ctx, conn.Conn())
		}
		if release || err != nil {
			conn.Release()
		}
		if refused && err == nil {
			s.movedOn()
		}
		if !isStale || attempt == connectionAttempts {
			return err
		}
		replan = true // what is not prepared is mixed up by nobody
		refused = refused || isReadOnly(err)
	}
}

// transaction runs the statements of a transaction in the way that suits its connection.
type transaction struct {
	pgx.Tx
	traits connectionTraits
}

func (t transaction) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	adapted, withMode := t.traits.adapt(sql, args)
	return t.Tx.Exec(ctx, adapted, withMode...)
}

func (t transaction) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	adapted, withMode := t.traits.adapt(sql, args)
	return t.Tx.Query(ctx, adapted, withMode...)
}

func (t transaction) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	adapted, withMode := t.traits.adapt(sql, args)
	return t.Tx.QueryRow(ctx, adapted, withMode...)
}

// lateRow runs its statement when it is scanned.
type lateRow struct {
	ctx        context.Context //nolint:containedctx // pgx.Row has no other place for it
	statements *statements
	sql        string
	args       []any
}

func (r *lateRow) Scan(dest ...any) error {
	return r.statements.onConnection(r.ctx, true, func(at sqlcgen.DBTX, traits connectionTraits) error {
		adapted, withMode := traits.adapt(r.sql, r.args)
		return at.QueryRow(r.ctx, adapted, withMode...).Scan(dest...)
	})
}

// firstReadRows are rows of which the first was read already. They give their connection back when they are closed.
type firstReadRows struct {
	pgx.Rows
	conn              *pgxpool.Conn
	isFirst, hasFirst bool
}

func (r *firstReadRows) Next() bool {
	if r.isFirst {
		r.isFirst = false
		if r.hasFirst {
			return true
		}
	} else if r.Rows.Next() {
		return true
	}
	r.Close()
	return false
}

func (r *firstReadRows) Close() {
	r.Rows.Close()
	if r.conn != nil {
		r.conn.Release()
		r.conn = nil
	}
}

// isStaleConnection reports whether a statement was refused for what its connection is, and may run on another: it is of a
// pooler that mixes up prepared statements, or of a server that became read-only.
func isStaleConnection(err error) bool {
	return hasState(err, stateDuplicateStatement, stateUnknownStatement, stateReadOnly)
}

func isReadOnly(err error) bool { return hasState(err, stateReadOnly) }
