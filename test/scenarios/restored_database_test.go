package scenarios

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// testDatabaseRestore puts the database back to an older state under running servers: they must
// serve what it has, not what they hold, and the controller then brings it up to date again.
func testDatabaseRestore(t *testing.T) {
	for name, newEpoch := range map[string]bool{"and servers notice": false, "and a new epoch": true} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			s := startScenario(t, releasedStack(t))
			require.NoError(t, s.createPrompts(ctx, s.newPrompt("kept", "Before the backup")))
			require.NoError(t, s.waitUntilPublished(ctx))
			restore := s.backUpDatabase(t)
			require.NoError(t, s.editText(ctx, "kept", "After the backup"))
			require.NoError(t, s.createPrompts(ctx, s.newPrompt("lost", "Made after the backup")))
			require.NoError(t, s.waitUntilPublished(ctx))
			require.NoError(t, s.waitUntilServed(ctx, "kept", nil, "After the backup"))
			require.NoError(t, s.waitUntilServed(ctx, "lost", nil, "Made after the backup"))
			require.NoError(t, s.waitUntilListed(ctx, "kept", "lost"))

			s.Terminate(testenv.Controller)
			restore()
			if newEpoch {
				s.runLectern(t, "migrate", "--new-epoch")
			}
			require.NoError(t, s.waitUntilServed(ctx, "kept", nil, "Before the backup"))
			require.NoError(t, s.waitUntilRefused(ctx, "lost", nil, -32602, "no such prompt"))
			require.NoError(t, s.waitUntilRefused(ctx, "kept@2", nil, -32602, "no such prompt"))
			require.NoError(t, s.waitUntilListed(ctx, "kept"))

			require.NoError(t, s.Restart(ctx, testenv.Controller))
			require.NoError(t, s.waitUntilServed(ctx, "kept", nil, "After the backup"))
			require.NoError(t, s.waitUntilServed(ctx, "kept@2", nil, "After the backup"))
			require.NoError(t, s.waitUntilServed(ctx, "lost", nil, "Made after the backup"))
			require.NoError(t, s.waitUntilPublished(ctx))
			var versions string
			require.NoError(t, s.queryRow(ctx, []any{&versions}, `
				select string_agg(name || ' ' || highest_version, ', ' order by name) from prompts where namespace = $1`, s.namespace))
			if diff := cmp.Diff("kept 2, lost 1", versions); diff != "" {
				t.Errorf("versions (-want +got):\n%s", diff)
			}
		})
	}
}

// backUpDatabase copies all tables and returns what puts them back. Restoring ends every session, as
// dropping the database for pg_restore would.
func (s *scenario) backUpDatabase(t *testing.T) (restore func()) {
	t.Helper()
	var tables []string // rows of a partition are copied with its table
	require.NoError(t, s.queryRow(t.Context(), []any{&tables}, `
		select array_agg(relname::text order by relname) from pg_class
		 where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition and relname <> 'goose_db_version'`))
	if len(tables) < 15 {
		t.Fatalf("the database has only the tables %q", tables)
	}
	const schema = "backup"
	copies := []string{"drop schema if exists " + schema + " cascade", "create schema " + schema}
	puts := []string{
		"set local session_replication_role = replica", // no triggers, no foreign keys: as pg_restore
		"truncate " + strings.Join(tables, ", "),
	}
	for _, table := range tables {
		var columns string // those that are not computed
		require.NoError(t, s.queryRow(t.Context(), []any{&columns}, `
			select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
			 where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = ''`, table))
		copies = append(copies, fmt.Sprintf("create table %s.%s as select %s from %[2]s", schema, table, columns))
		puts = append(puts, fmt.Sprintf("insert into %s (%s) overriding system value table %s.%[1]s", table, columns, schema))
	}
	puts = append(puts, "drop schema "+schema+" cascade") // another scenario dumps this database as its owner
	puts = append(puts, "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
	s.execAsSuperuser(t, copies)
	return func() { s.execAsSuperuser(t, puts) }
}

// execAsSuperuser runs statements on the stack's database in one transaction.
func (s *scenario) execAsSuperuser(t *testing.T, statements []string) {
	t.Helper()
	ctx := t.Context()
	owner, err := url.Parse(s.OwnerURL)
	require.NoError(t, err)
	at, err := url.Parse(s.Postgres.URL)
	require.NoError(t, err)
	at.Path = owner.Path
	conn, err := pgx.Connect(ctx, at.String())
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	require.NoError(t, pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, statement := range statements {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		return nil
	}))
}

// testEmptyDatabase starts a controller that may not migrate on a database nobody migrated. It says
// what to run, and goes on by itself once that was done.
func testEmptyDatabase(t *testing.T) {
	ctx := t.Context()
	s := startScenario(t, releasedStack(t))
	const name = "lectern_empty"
	owner, err := url.Parse(s.OwnerURL)
	require.NoError(t, err)
	for _, statement := range []string{"drop database if exists " + name, "create database " + name + " owner " + owner.User.Username()} {
		require.NoError(t, s.Postgres.Exec(ctx, statement))
	}
	empty := *owner
	empty.Path = "/" + name
	// The stack's own controller holds the Lease: this one only prepares its database.
	second := s.startSecondController(t, s.ControlPlane, empty.String(), "--migrate=verify")
	require.NoError(t, wait.Until(ctx, second.explainsByLog("lectern migrate")))

	migrate := s.Command(ctx, "migrate")
	migrate.Env = append(migrate.Env, "LECTERN_DATABASE_URL="+empty.String())
	if out, err := migrate.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "The schema went from version 0 to ") {
		t.Errorf("lectern migrate: %v\n%s", err, out)
	}
	require.NoError(t, wait.Until(ctx, second.checkReady))
}
