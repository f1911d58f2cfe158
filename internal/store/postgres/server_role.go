package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

// reportServerRole logs what the servers' role may do that no server needs and the owner's role cannot take from it.
func reportServerRole(ctx context.Context, tx pgx.Tx, role string, log *slog.Logger) error {
	described, err := sqlcgen.New(tx).DescribeServerRole(ctx, role)
	if err != nil {
		return fmt.Errorf("read what role %q may do: %w", role, err)
	}
	if may := excessOf(described); len(may) > 0 {
		log.Warn("The servers' role may do what no server needs; docs/database.md has the statements that take it away, docs/security.md what it can cause",
			"role", role, "may", may)
	}
	return nil
}

// longTransaction is how long a transaction of the servers' role may be open. What servers do takes callTimeout at most.
const longTransaction = time.Minute

// EndLongTransactions ends the sessions of the servers' role whose transaction is open for longer than a minute, and returns how
// many: vacuum and the queue of notifications wait for the oldest transaction, and no setting binds a role that may change it. It
// ends none where the controller's role is no member of the servers'.
func (w *Writer) EndLongTransactions(ctx context.Context, role string) (ended int, err error) {
	ctx, cancel := w.store.withTimeout(ctx)
	defer cancel()
	found, err := w.store.queries.EndLongTransactions(ctx, sqlcgen.EndLongTransactionsParams{Role: role, OlderThanSeconds: w.store.longTransaction.Seconds()})
	if err != nil {
		return 0, fmt.Errorf("end long transactions of role %q: %w", role, translateError(err))
	}
	for _, session := range found {
		if session.Ended {
			ended++
			w.store.opts.Log.Warn("Ended a session of the servers' role whose transaction was open for too long; no server does that",
				"pid", session.Pid, "role", session.Role, "open", time.Duration(session.Seconds*float64(time.Second)).Round(time.Second))
		}
	}
	return ended, nil
}

// excessOf returns what a role may do beside what grants.sql gives it, in the words of docs/security.md.
func excessOf(r sqlcgen.DescribeServerRoleRow) (may []string) {
	for _, excess := range []struct {
		is   bool
		what string
	}{
		{r.IsSuperuser, "do anything (superuser)"},
		{r.CreatesRoles, "make roles"},
		{r.CreatesDatabases, "make databases"},
		{r.Replicates, "replicate the server"},
		{r.MemberOf != "", "do what other roles may: " + r.MemberOf},
		{r.CreatesSchemas, "make schemas"},
		{r.CreatesTables, "make tables"},
		{r.CreatesTemporaryTables, "make temporary tables"},
		{r.CreatesLargeObjects, "store large objects"},
		{r.TakesAdvisoryLocks, "take advisory locks"},
		{r.WritesMessages, "write messages into the log of transactions"},
		{r.WritesCode, "run code in plpgsql"},
		{r.TakesConnections, "take every connection of the server"},
		{!r.IsOurs, "keep a transaction open: the controller's role is no member of it, or of one that logs in as its member, and may not end its sessions"},
	} {
		if excess.is {
			may = append(may, excess.what)
		}
	}
	return may
}
