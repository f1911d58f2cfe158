package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

// The values of --database-prepared-statements.
const (
	// PrepareAuto prepares statements where no pooler is found.
	PrepareAuto = "auto"
	// PrepareAlways and PrepareNever do not ask.
	PrepareAlways = "always"
	PrepareNever  = "never"
)

// traitsKey is where a connection keeps its traits.
const traitsKey = "lectern"

// connectionTraits are what was found out about a connection when it was made.
type connectionTraits struct {
	// mode is how statements run on it.
	mode pgx.QueryExecMode
	// readOnlyByRole says that the role's transactions are read-only unless they say otherwise, which ours do then. A server
	// that is read-only as a whole stays so.
	readOnlyByRole bool
	// home is the schema with our tables; empty when they are not there yet.
	home string
}

// adapt returns a statement and its arguments as pgx takes them on the connection.
func (c connectionTraits) adapt(sql string, args []any) (adapted string, withMode []any) {
	return qualifyTables(c.home, sql), prependMode(c.mode, args)
}

// traitsOf returns the traits of a connection of a pool. Where nothing else is known statements are prepared, which costs
// Postgres a sixth of what planning each time does.
func traitsOf(conn *pgx.Conn) connectionTraits {
	if traits, ok := conn.PgConn().CustomData()[traitsKey].(connectionTraits); ok {
		return traits
	}
	return connectionTraits{mode: pgx.QueryExecModeCacheStatement}
}

// txOptions are those of a transaction that writes: at read committed whatever the database's default is.
func (c connectionTraits) txOptions() pgx.TxOptions {
	options := pgx.TxOptions{IsoLevel: pgx.ReadCommitted}
	if c.readOnlyByRole {
		options.AccessMode = pgx.ReadWrite
	}
	return options
}

// describeConnection finds out the traits of a new connection. Behind a pooler, which may give each transaction another
// session, statements are not prepared: the pooler announces itself in the place of the server's process.
func (o *Options) describeConnection(ctx context.Context, conn *pgx.Conn, foundPooler func()) error {
	session, err := sqlcgen.New(inOneTrip{conn}).DescribeSession(ctx)
	if err != nil {
		return fmt.Errorf("ask for the server's process: %w", err)
	}
	traits := connectionTraits{mode: conn.Config().DefaultQueryExecMode, readOnlyByRole: session.ReadOnlyByRole, home: session.Home} // the connection string may say another mode
	isPooled := uint32(session.Pid) != conn.PgConn().PID()                                                                           //nolint:gosec // process ids are positive
	switch {
	case o.PreparedStatements == PrepareAlways:
		traits.mode = pgx.QueryExecModeCacheStatement
	case o.PreparedStatements == PrepareNever:
		traits.mode = pgx.QueryExecModeCacheDescribe
	case traits.mode == pgx.QueryExecModeCacheStatement && isPooled:
		traits.mode = pgx.QueryExecModeCacheDescribe
		foundPooler()
	}
	conn.PgConn().CustomData()[traitsKey] = traits
	return nil
}

// inOneTrip runs statements without describing them first, which takes no session of its own.
type inOneTrip struct{ *pgx.Conn }

func (c inOneTrip) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return c.Conn.QueryRow(ctx, sql, prependMode(pgx.QueryExecModeExec, args)...)
}

// ignoreNotification is for connections that listen to nothing: a pooler may hand them what another's session listens to.
func ignoreNotification(*pgconn.PgConn, *pgconn.Notification) {}
