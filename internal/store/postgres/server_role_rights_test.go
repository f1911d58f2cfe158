package postgres_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/golden"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// securityDoc shows what these tests find.
const securityDoc = "../../../docs/security.md"

// columnVerbs are what a role may be given on a column, as statements that change nothing.
var columnVerbs = []struct{ name, sql string }{
	{"SELECT", "select %[2]s from %[1]s limit 0"},
	{"INSERT", "insert into %[1]s (%[2]s) values (default)"},
	{"UPDATE", "update %[1]s set %[2]s = default where false"},
}

// tableVerbs are what else a role may do with a table. None is a server's.
var tableVerbs = []string{
	"delete from %[1]s where false", "truncate %[1]s", "drop table %[1]s", "alter table %[1]s add column x int", "alter table %[1]s owner to current_user",
	"create index on %[1]s (%[2]s)", "create trigger x before insert on %[1]s for each row execute function suppress_redundant_updates_trigger()",
	"create rule x as on insert to %[1]s do nothing", "create policy x on %[1]s", "comment on table %[1]s is 'x'", "comment on column %[1]s.%[2]s is 'x'",
	"cluster %[1]s", "reindex table %[1]s", "select from %[1]s for update", "select from %[1]s for share", "select from %[1]s for key share",
	"lock table %[1]s in row share mode", "lock table %[1]s in share update exclusive mode", "lock table %[1]s in share mode",
	"lock table %[1]s in share row exclusive mode", "lock table %[1]s in exclusive mode", "lock table %[1]s in access exclusive mode",
	"alter table %[1]s disable trigger all", "alter table %[1]s set (autovacuum_enabled = off)",
}

// TestServerRole_Tables tries every verb on every table and column there is, as the role of a server, and holds docs/security.md
// to what is found.
func TestServerRole_Tables(t *testing.T) {
	t.Parallel()
	owner := newMigrated(t)
	catalog := pgtest.Connect(t, pgtest.AsSuperuser(t, owner))
	thief := pgtest.Connect(t, pgtest.AsServerRole(t, owner))
	var table strings.Builder
	table.WriteString("| table | read | written |\n|---|---|---|\n")
	for _, name := range tableNames(t, catalog) {
		columns := queryStrings(t, catalog, "select quote_ident(attname) from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attnum", name)
		may := map[string][]string{}
		for _, verb := range columnVerbs {
			for _, column := range columns {
				tried := isPermitted(t, thief, fmt.Sprintf(verb.sql, name, column))
				if granted := hasRight(t, catalog, "has_column_privilege($1, $2::text, $3::text, $4)", pgtest.Server, name, strings.Trim(column, `"`), verb.name); tried != granted {
					t.Errorf("%s of %s.%s: the catalog says %t, the attempt %t", verb.name, name, column, granted, tried)
				}
				if tried {
					may[verb.name] = append(may[verb.name], column)
				}
			}
		}
		for _, right := range []string{"REFERENCES", "TRIGGER", "DELETE", "TRUNCATE"} {
			if hasRight(t, catalog, "has_table_privilege($1, $2::text, $3)", pgtest.Server, name, right) {
				t.Errorf("the servers' role has %s on %s", right, name)
			}
		}
		for _, verb := range tableVerbs {
			if sql := fmt.Sprintf(verb, name, columns[0]); isPermitted(t, thief, sql) {
				t.Errorf("the servers' role may %s", sql)
			}
		}
		if len(may["UPDATE"]) > 0 {
			t.Errorf("the servers' role may update %s of %s", may["UPDATE"], name)
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", name, describeColumns(may["SELECT"], columns), describeColumns(may["INSERT"], columns))
	}
	golden.CompareSection(t, securityDoc, "tables", table.String())
}

// describeColumns says which of all columns are meant.
func describeColumns(some, all []string) string {
	switch without := slices.DeleteFunc(slices.Clone(all), func(c string) bool { return slices.Contains(some, c) }); {
	case len(some) == 0:
		return "nothing"
	case len(without) == 0:
		return "all"
	case len(without) < len(some) && len(without) <= 3:
		return "all but `" + strings.Join(without, "`, `") + "`"
	}
	return "`" + strings.Join(some, "`, `") + "`"
}

// TestServerRole_Catalog: nothing else that the database has is a server's: sequences, functions, schemas, databases, roles; and of
// what belongs to Postgres itself, just what any role of it has.
func TestServerRole_Catalog(t *testing.T) {
	t.Parallel()
	owner := newMigrated(t)
	catalog := pgtest.Connect(t, pgtest.AsSuperuser(t, owner))
	thief := pgtest.Connect(t, pgtest.AsServerRole(t, owner))
	nobody := newRole(t, owner)

	for _, sequence := range queryStrings(t, catalog, "select oid::regclass::text from pg_class where relkind = 'S' and relnamespace = 'public'::regnamespace") {
		for _, sql := range []string{"select nextval('%s')", "select setval('%s', 1)", "select last_value from %s", "alter sequence %s restart"} {
			if sql = fmt.Sprintf(sql, sequence); isPermitted(t, thief, sql) {
				t.Errorf("the servers' role may %s", sql)
			}
		}
	}
	var functions strings.Builder
	functions.WriteString("| function | runs as | called by servers |\n|---|---|---|\n")
	for _, line := range queryStrings(t, catalog, `select format('| `+"`%s`"+` | %s | %s |', p.oid::regprocedure, case when p.prosecdef then 'its owner' else 'who calls it' end,
			case when p.prorettype = 'trigger'::regtype then 'by a trigger' when has_function_privilege('lectern_test_server', p.oid, 'EXECUTE') then 'yes' else 'no' end)
		from pg_proc p where p.proowner = 'lectern_test_owner'::regrole order by p.proname`) {
		functions.WriteString(line + "\n")
	}
	golden.CompareSection(t, securityDoc, "functions", functions.String())
	for what, query := range map[string]string{
		"functions that run as their owner and let the caller choose what names mean": `select oid::regprocedure::text from pg_proc
			where prosecdef and pronamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
			  and not coalesce(array_to_string(proconfig, ' ') like '%search_path=pg_catalog%', false)`,
		"extensions": "select extname::text from pg_extension where extname not in ('plpgsql', 'pg_trgm')",
		"foreign data, publications, large objects, event triggers": `select fdwname::text from pg_foreign_data_wrapper union select srvname from pg_foreign_server
			union select pubname from pg_publication union select oid::text from pg_largeobject_metadata union select evtname from pg_event_trigger`,
		"roles it is a member of":                    "select roleid::regrole::text from pg_auth_members where member = 'lectern_test_server'::regrole",
		"attributes of the role":                     "select rolname::text from pg_roles where rolname = 'lectern_test_server' and (rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls)",
		"objects it owns":                            "select classid::regclass::text from pg_shdepend where refobjid = 'lectern_test_server'::regrole and deptype = 'o'",
		"schemas it may make things in":              "select nspname::text from pg_namespace where has_schema_privilege('lectern_test_server', oid, 'CREATE')",
		"tablespaces":                                "select spcname::text from pg_tablespace where has_tablespace_privilege('lectern_test_server', oid, 'CREATE')",
		"what it may do in its database but connect": `select p from unnest(array['CREATE', 'TEMPORARY']) p where has_database_privilege('lectern_test_server', current_database(), p)`,
		"what it may grant to others":                `select c.oid::regclass::text from pg_class c, aclexplode(c.relacl) a where a.grantee = 'lectern_test_server'::regrole and a.is_grantable`,
		"rights in pg_catalog that a role without any does not have": fmt.Sprintf(`select c.oid::regclass::text from pg_class c, unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) p
			where c.relnamespace <> 'public'::regnamespace and c.relkind in ('r', 'v', 'm', 'p') and has_table_privilege('lectern_test_server', c.oid, p) <> has_table_privilege('%[1]s', c.oid, p)
			union select f.oid::regprocedure::text from pg_proc f where f.proowner <> 'lectern_test_owner'::regrole and has_function_privilege('lectern_test_server', f.oid, 'EXECUTE') <> has_function_privilege('%[1]s', f.oid, 'EXECUTE')`, nobody),
		"system tables that can be written": `select c.oid::regclass::text from pg_class c, unnest(array['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']) p
			where c.relnamespace <> 'public'::regnamespace and c.relname <> 'pg_settings' and c.relkind in ('r', 'v', 'm', 'p') and has_table_privilege('lectern_test_server', c.oid, p)`,
	} {
		if found := queryStrings(t, catalog, query); len(found) > 0 {
			t.Errorf("%s: %q, want none", what, found)
		}
	}
}

// newMigrated makes a database as `lectern migrate` leaves it: what is granted on a database is not in its template.
func newMigrated(t *testing.T) postgres.Options {
	t.Helper()
	owner := pgtest.New(t)
	_, err := postgres.Migrate(t.Context(), owner, postgres.MigrateOptions{ServerRole: pgtest.Server})
	require.NoError(t, err)
	return owner
}

func hasRight(t *testing.T, conn *pgx.Conn, call string, args ...any) (is bool) {
	t.Helper()
	require.NoError(t, conn.QueryRow(t.Context(), "select "+call, args...).Scan(&is))
	return is
}

func queryStrings(t *testing.T, conn *pgx.Conn, sql string, args ...any) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), sql, args...)
	require.NoError(t, err)
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return found
}
