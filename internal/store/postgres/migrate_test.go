package postgres_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

func TestMigrate(t *testing.T) {
	t.Parallel()
	blank := pgtest.NewBlank(t)
	s := openStore(t, blank)
	if err := s.VerifySchema(t.Context()); !errors.Is(err, store.ErrSchemaBehind) {
		t.Errorf("verify without a schema: %v, want that it is behind", err)
	}

	const runners = 4
	newest := newestMigration(t)
	results := migrateConcurrently(t, blank, runners)
	want := map[postgres.MigrateResult]int{{From: 0, To: newest}: 1, {From: newest, To: newest}: runners - 1}
	if diff := cmp.Diff(want, results); diff != "" {
		t.Errorf("results of %d runners (-want +got):\n%s", runners, diff)
	}
	require.NoError(t, s.VerifySchema(t.Context()))
	require.NoError(t, openStore(t, pgtest.AsServerRole(t, blank)).VerifySchema(t.Context()))

	conn := pgtest.Connect(t, blank)
	_, err := conn.Exec(t.Context(), "insert into goose_db_version (version_id, is_applied) values (99, true)")
	require.NoError(t, err)
	require.NoError(t, s.VerifySchema(t.Context())) // ahead is fine
	_, err = conn.Exec(t.Context(), "delete from goose_db_version where version_id > 0")
	require.NoError(t, err)
	if err := s.VerifySchema(t.Context()); !errors.Is(err, store.ErrSchemaBehind) {
		t.Errorf("verify of an older schema: %v, want that it is behind", err)
	}
}

// migrateConcurrently counts the results of so many runners at once.
func migrateConcurrently(t *testing.T, o postgres.Options, runners int) map[postgres.MigrateResult]int {
	t.Helper()
	var mu sync.Mutex
	results := map[postgres.MigrateResult]int{}
	var wg sync.WaitGroup
	for range runners {
		wg.Go(func() {
			r, err := postgres.Migrate(t.Context(), o, postgres.MigrateOptions{ServerRole: pgtest.Server})
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			results[r]++
		})
	}
	wg.Wait()
	return results
}

// TestEnsureVersionTable_AtOnce: who finds that another one has just made the table goes on. Which of three errors the database
// gives them is a matter of microseconds: the rounds meet each.
func TestEnsureVersionTable_AtOnce(t *testing.T) {
	t.Parallel()
	blank := pgtest.NewBlank(t)
	conn := pgtest.Connect(t, blank)
	for range 100 {
		var makers sync.WaitGroup
		for range 8 {
			makers.Go(func() {
				if err := postgres.EnsureVersionTable(t.Context(), blank); err != nil {
					t.Error(err)
				}
			})
		}
		makers.Wait()
		_, err := conn.Exec(t.Context(), "drop table goose_db_version")
		require.NoError(t, err)
	}
}

func TestMigrate_WithoutRole(t *testing.T) {
	t.Parallel()
	_, err := postgres.Migrate(t.Context(), pgtest.New(t), postgres.MigrateOptions{ServerRole: "no such role"})
	if err == nil || !strings.Contains(err.Error(), `role "no such role" does not exist`) {
		t.Errorf("got %v, want that the role does not exist", err)
	}
}

func TestMigrate_DatabaseAway(t *testing.T) {
	t.Parallel()
	_, err := postgres.Migrate(t.Context(), postgres.Options{URL: "postgres://nobody@127.0.0.1:1/nowhere"}, postgres.MigrateOptions{})
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v, want that the database is away", err)
	}
}

// TestMigrate_NewEpoch is what an operator does after a restore: readers must see another epoch, and keep their place in
// an untouched one.
func TestMigrate_NewEpoch(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	reader := openStore(t, pgtest.AsServerRole(t, owner))
	before, err := reader.Feed(t.Context())
	require.NoError(t, err)
	last := before
	for range 2 {
		_, err = postgres.Migrate(t.Context(), owner, postgres.MigrateOptions{NewEpoch: true})
		require.NoError(t, err)
		now, err := reader.Feed(t.Context())
		require.NoError(t, err)
		if now.Epoch <= last.Epoch || now.Revision != before.Revision {
			t.Errorf("feed was %+v and is %+v, want a higher epoch at the same revision", last, now)
		}
		last = now
	}
}

// granted is the decision for every table there is. A table that is not here fails the test: whoever
// adds one decides, here and in grants.sql, what servers may do with it.
var granted = map[string]string{
	"api_audit_log":        "SELECT INSERT", // without reading what was said
	"audit_anchors":        "",
	"audit_batches":        "INSERT",
	"audit_chain":          "",
	"audit_erasures":       "",
	"cursor_key":           "SELECT",
	"feed":                 "SELECT",
	"field_lookups":        "SELECT",
	"field_mappings":       "SELECT",
	"goose_db_version":     "SELECT",
	"installation":         "SELECT",        // of its id alone
	"mcp_tool_usage":       "SELECT INSERT", // without reading what was said
	"oauth_tokens":         "SELECT",        // of what is sealed, and not of which refresh token it is
	"project_cache":        "SELECT",
	"project_cache_reads":  "SELECT",
	"project_title_claims": "", // by functions alone
	"prompt_channel_moves": "SELECT",
	"prompt_change_queue":  "",
	"prompt_change_locks":  "",
	"prompt_changes":       "SELECT INSERT",
	"prompt_channels":      "SELECT",
	"prompt_search":        "SELECT",
	"prompt_similarity":    "SELECT",
	"prompt_tags":          "SELECT",
	"prompt_variables":     "SELECT",
	"prompt_versions":      "SELECT",
	"prompts":              "SELECT",
	"sdp_connections":      "SELECT",
	"sdp_observations":     "INSERT",
	"sdp_rate_limits":      "",
	"sdp_windows":          "",
	"sdp_writes":           "",
	"tags":                 "SELECT",
	"task_history":         "SELECT",
	"token_budget_locks":   "",
	"token_refusals":       "SELECT INSERT", // of which token alone
	"token_requests":       "",
}

func TestMigrate_Grants(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	tables := tableNames(t, pgtest.Connect(t, owner))
	if diff := cmp.Diff(slices.Sorted(maps.Keys(granted)), tables); diff != "" {
		t.Fatalf("tables with a decision and tables there are (-want +got):\n%s", diff)
	}
	conn := pgtest.Connect(t, pgtest.AsServerRole(t, owner))
	for _, table := range tables {
		for privilege, sql := range map[string]string{
			"SELECT":   "select from " + table + " limit 0",
			"INSERT":   "insert into " + table + " default values",
			"UPDATE":   "update " + table + " set " + firstColumn(t, owner, table) + " = default where false",
			"DELETE":   "delete from " + table + " where false",
			"TRUNCATE": "truncate " + table,
			"DDL":      "alter table " + table + " add column x int",
		} {
			allowed := strings.Contains(granted[table], privilege)
			if got := isPermitted(t, conn, sql); got != allowed {
				t.Errorf("%s on %s: permitted %t, want %t", privilege, table, got, allowed)
			}
		}
	}
	for _, column := range []string{"state", "reason", "message", "version", "attempt", "begun_at", "settled_at", "seq", "asked_as", "replica", "requested_at", "proven_at", "proof_tried_at", "counted_as"} {
		if isPermitted(t, conn, "insert into prompt_changes (id, "+column+") values (gen_random_uuid(), default)") {
			t.Errorf("the server's role may say the %s of a change request", column)
		}
	}
	for column, is := range map[string]bool{
		"sealed from prompt_changes": false, "token_fingerprint from prompt_changes": false, "* from prompt_changes": false,
		"counted_as from prompt_changes": true, "id from installation": true, "cluster_uid from installation": false,
	} {
		if got := isPermitted(t, conn, "select "+column); got != is {
			t.Errorf("select %s: permitted %t, want %t", column, got, is)
		}
	}
	for _, sql := range []string{"create table x ()", "create schema x", "create function f() returns int language sql as 'select 1'"} {
		if isPermitted(t, conn, sql) {
			t.Errorf("the server's role may %s", sql)
		}
	}
}

// isPermitted says whether a statement fails for want of a right, and leaves no trace of one that does not.
func isPermitted(t *testing.T, conn *pgx.Conn, sql string) bool {
	t.Helper()
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback(context.Background())) }()
	_, err = tx.Exec(t.Context(), sql)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && slices.Contains([]string{"42501", "23502", "23514", "55000", "42809"}, pg.Code) {
		return strings.HasPrefix(pg.Code, "23") // a right, but not these values; else no right, or nobody has it: it is a view
	}
	require.NoError(t, err)
	return true
}

func tableNames(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), "select c.relname::text from pg_class c where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition and c.relnamespace = 'public'::regnamespace order by 1")
	require.NoError(t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return names
}

func firstColumn(t *testing.T, o postgres.Options, table string) string {
	t.Helper()
	var name string
	require.NoError(t, pgtest.Connect(t, o).QueryRow(t.Context(), "select attname::text from pg_attribute where attrelid = $1::regclass and attnum = 1", table).Scan(&name))
	return name
}

// newestMigration returns the highest number of the files.
func newestMigration(t *testing.T) (number int64) {
	t.Helper()
	files, err := os.ReadDir("migrations")
	require.NoError(t, err)
	for _, file := range files {
		digits, _, _ := strings.Cut(file.Name(), "_")
		n, err := strconv.ParseInt(digits, 10, 64)
		require.NoError(t, err)
		number = max(number, n)
	}
	return number
}

// TestMigrate_TimesHaveZones: no column has a time that means another moment where another zone is set.
func TestMigrate_TimesHaveZones(t *testing.T) {
	t.Parallel()
	catalog := pgtest.Connect(t, pgtest.New(t))
	columns := func(kind string) []string {
		return queryStrings(t, catalog, `select attrelid::regclass || '.' || attname from pg_attribute join pg_class on pg_class.oid = attrelid
			where atttypid = $1::regtype and attnum > 0 and not attisdropped and relkind in ('r', 'p') and relnamespace = 'public'::regnamespace
			  and relname <> 'goose_db_version'`, kind) // that is the library's own
	}
	for _, kind := range []string{"timestamp without time zone", "time without time zone"} {
		if found := columns(kind); len(found) > 0 {
			t.Errorf("%s: %v", kind, found)
		}
	}
	if found := columns("timestamp with time zone"); len(found) < 20 {
		t.Errorf("only %v have times", found)
	}
}
