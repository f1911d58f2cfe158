package postgres_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/store/storetest"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// strangeSettings are what an administrator may have given a role, or another client of a pooler left in a session.
var strangeSettings = map[string]string{
	"client_encoding": "LATIN1", "standard_conforming_strings": "off", "backslash_quote": "off", "bytea_output": "escape",
	"datestyle": "German, DMY", "intervalstyle": "sql_standard", "timezone": "Asia/Kathmandu", "extra_float_digits": "-15",
	"search_path": "elsewhere", "default_transaction_read_only": "on", "default_transaction_deferrable": "on",
	"default_text_search_config": "pg_catalog.german", "array_nulls": "off", "transform_null_equals": "on",
	"quote_all_identifiers": "on", "row_security": "off", "xmloption": "document", "enable_indexscan": "off",
}

// giveStrangeSettings gives both roles the settings in a database, and makes a schema that hides ours from whoever takes names
// as they come.
func giveStrangeSettings(t *testing.T, owner postgres.Options) {
	t.Helper()
	conn := pgtest.Connect(t, pgtest.AsSuperuser(t, owner))
	statements := []string{
		"create schema elsewhere", "grant usage on schema elsewhere to public",
		"create table elsewhere.feed (epoch bigint, revision bigint)", "create table elsewhere.prompts (id bigint)",
		"create table elsewhere.goose_db_version (version_id bigint, is_applied boolean)",
		"grant all on all tables in schema elsewhere to public",
	}
	at, err := url.Parse(owner.URL)
	require.NoError(t, err)
	for _, role := range []string{pgtest.Owner, pgtest.Server} {
		for name, value := range strangeSettings {
			statements = append(statements, fmt.Sprintf("alter role %s in database %s set %s to %s", role, strings.TrimPrefix(at.Path, "/"), name, quoteSetting(name, value)))
		}
	}
	for _, statement := range statements {
		_, err := conn.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
}

func quoteSetting(name, value string) string {
	if name == "search_path" || name == "datestyle" { // a list
		return value
	}
	return "'" + value + "'"
}

// TestContract_StrangeSettings: what a role's settings are does not change what is stored and read.
func TestContract_StrangeSettings(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Subject {
		owner := pgtest.New(t)
		giveStrangeSettings(t, owner)
		return storetest.Subject{Writer: claimWriter(t, openStore(t, owner), cluster), Reader: openStore(t, pgtest.AsServerRole(t, owner))}
	})
	storetest.RunLibrary(t, func(t *testing.T) (storetest.Subject, storetest.Library) {
		owner := pgtest.New(t)
		giveStrangeSettings(t, owner)
		reader := openStore(t, pgtest.AsServerRole(t, owner))
		return storetest.Subject{Writer: claimWriter(t, openStore(t, owner), cluster), Reader: reader}, reader
	})
}

// TestChanges_StrangeSettings takes a change request through its states, which a role that is read-only by default asks for.
func TestChanges_StrangeSettings(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	giveStrangeSettings(t, owner)
	writer, server := claimWriter(t, openStore(t, owner), cluster), openStore(t, pgtest.AsServerRole(t, owner))
	request := store.ChangeRequest{
		ID: uuid.NewString(), Key: handover, Action: store.ActionAdd, Edit: store.Edit{Content: new("Grüße")}, Subject: "sam", IdempotencyKey: "k",
	}
	for range 2 { // the second is a repeat
		_, err := server.RequestChange(t.Context(), request)
		require.NoError(t, err)
	}
	open, err := writer.NextChange(t.Context(), handover)
	require.NoError(t, err)
	if *open.Edit.Content != "Grüße" {
		t.Errorf("the edit is %q", *open.Edit.Content)
	}
	require.NoError(t, writer.BeginChange(t.Context(), open, store.Intent{Generation: 1}))
	require.NoError(t, writer.MarkChangeApplied(t.Context(), open.ID, "u1", 1))
	require.NoError(t, writer.ExpireChanges(t.Context()))
	require.NoError(t, writer.FinalizeAppliedChange(t.Context(), store.AppliedChange{ID: request.ID, Generation: 1, Intact: true}, "X", "words"))
	outcomes, err := server.ChangeOutcomes(t.Context(), "sam", []string{request.ID})
	require.NoError(t, err)
	if len(outcomes) != 1 || !outcomes[0].State.IsFinal() {
		t.Errorf("outcomes: %+v", outcomes)
	}
}

// TestPooler_StrangeSession: nor does what another client of a pooler left in the sessions.
func TestPooler_StrangeSession(t *testing.T) {
	t.Parallel()
	p := newPooled(t, testenv.PoolTransactions, pgtest.New(t))
	writer, reader := claimWriter(t, openStore(t, p.owner), cluster), openStore(t, p.server)
	_, err := writer.Publish(t.Context(), newPublication(t, handover, "u1", 1, "Grüße"))
	require.NoError(t, err)
	var neighbours []pgx.Tx
	for range sessionsOfPooler { // one in each session, all at once
		for _, options := range []postgres.Options{p.owner, p.server} {
			tx, err := pgtest.Connect(t, options).Begin(t.Context())
			require.NoError(t, err)
			neighbours = append(neighbours, tx)
		}
	}
	for _, tx := range neighbours {
		for _, name := range []string{"search_path", "bytea_output", "extra_float_digits", "array_nulls"} {
			_, err := tx.Exec(t.Context(), fmt.Sprintf("set %s to %s", name, quoteSetting(name, strangeSettings[name])))
			require.NoError(t, err)
		}
		require.NoError(t, tx.Commit(t.Context()))
	}
	for range 4 * sessionsOfPooler {
		got, err := reader.Get(t.Context(), handover, prompt.Selector{})
		require.NoError(t, err)
		if got.Document.Messages[0].Text != "Grüße" {
			t.Errorf("read %q", got.Document.Messages[0].Text)
		}
	}
	_, err = writer.Publish(t.Context(), newPublication(t, handover, "u1", 2, "Grüße zurück"))
	require.NoError(t, err)
}

// TestQualifyTables knows every table and every function that a statement may call, and leaves columns alone.
func TestQualifyTables(t *testing.T) {
	t.Parallel()
	conn := pgtest.Connect(t, pgtest.New(t))
	for _, table := range tableNames(t, conn) {
		for before, after := range map[string]string{
			"select from " + table + " t": `select from "a b".` + table + " t", "insert into " + table + " (x)": `insert into "a b".` + table + " (x)",
			"is distinct from " + table + ".x": "is distinct from " + table + ".x", "with " + table + "s as": "with " + table + "s as",
		} {
			if got := postgres.QualifyTables("a b", before); got != after {
				t.Errorf("%q becomes %q, want %q", before, got, after)
			}
		}
	}
	rows, err := conn.Query(t.Context(), `select proname from pg_proc p where pronamespace = 'public'::regnamespace and prorettype <> 'trigger'::regtype
		and not exists(select from pg_depend where objid = p.oid and deptype = 'e')`)
	require.NoError(t, err)
	functions, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	if len(functions) == 0 {
		t.Error("no function is known")
	}
	for _, function := range functions {
		if got, want := postgres.QualifyTables("s", "select "+function+"(x)"), `select "s".`+function+"(x)"; got != want {
			t.Errorf("%s: %q, want %q", function, got, want)
		}
	}
}
