package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/golden"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// ability is something that a role may do, or may not, without any grant.
type ability struct {
	// does says what, in the words of docs/security.md.
	does string
	// attempts are statements, each tried by itself. A single false is a refusal, too.
	attempts []string
	// causes is what comes of it and what bounds that. It is shown where an attempt succeeded.
	causes string
}

const endedByController = "The controller ends its transactions after a minute."

// abilities are grouped as an operator thinks of them. {self} is the role, {owner} the schema's, {own} and {others} are sessions
// of both.
var abilities = []ability{
	{"become another role", []string{"set role {owner}", "set session authorization {owner}", "alter role current_user superuser", "alter role current_user createrole", "alter role current_user connection limit -1", "grant {owner} to current_user", "create role x", "alter role {owner} password 'x'"}, ""},
	{"change its own password", []string{"alter role current_user password 'x'"},
		"Servers that connect anew are refused until an administrator sets it back, or the controller has them use the other of two roles; connections that exist stay. Certificates or a cloud's identities in place of passwords shut it."},
	{"change its own settings", []string{"alter role current_user set statement_timeout = 1"},
		"Later sessions of servers begin with them. What a server relies on it states itself when it connects (database.md); the rest makes it slower. Seen in `pg_db_role_setting`."},
	{"lift what an administrator set for it", []string{"alter role current_user set temp_file_limit = -1", "set temp_file_limit = -1", "set log_statement = 'none'", "set session_replication_role = replica", "set log_min_messages = panic", "alter system set work_mem = '1GB'"}, ""},
	{"make tables, functions, schemas, extensions", []string{"create table x ()", "create unlogged table x ()", "create view x as select 1", "create sequence x", "create type x as enum ()", "create function x() returns int language sql as 'select 1'", "create schema x", "create extension pgcrypto", "create extension dblink", "create extension file_fdw", "create publication x", "create event trigger x on ddl_command_end execute function f()", "alter default privileges for role {owner} grant all on tables to current_user", "create database x"}, ""},
	{"make temporary tables", []string{"create temporary table x ()", "create temporary sequence x", "create temporary view x as select 1"},
		"Fills the disk, and hides names from functions."},
	{"read and write files, run programs", []string{"copy (select 1) to '/tmp/x'", "copy (select 1) to program 'true'", "select pg_read_file('postgresql.conf')", "select pg_ls_dir('.')", "select lo_import('/etc/passwd')", "select lo_export(1, '/tmp/x')", "load '$libdir/auto_explain'", "select * from pg_hba_file_rules", "select pg_current_logfile()"}, ""},
	{"read passwords, and what other roles do", []string{"select * from pg_authid", "select * from pg_shadow", "select * from pg_statistic", "select * from pg_largeobject", "select exists (select from pg_stat_activity where pid = {others} and query not like '<insufficient%')", "select exists (select from pg_settings where name in ('data_directory', 'hba_file'))"}, ""},
	{"read what sessions of its own role do, names of roles and databases, most settings", []string{"select exists (select from pg_stat_activity where pid = {own} and query <> '')", "select exists (select from pg_roles where rolname = '{owner}')", "select exists (select from pg_database where datname = 'postgres')", "select exists (select from pg_settings where name = 'max_connections')"},
		"Statements of other servers are seen, the values in them are not: those travel apart."},
	{"administer the server", []string{"checkpoint", "select pg_reload_conf()", "select pg_switch_wal()", "select pg_create_restore_point('x')", "select pg_stat_reset()", "select pg_rotate_logfile()", "select pg_create_physical_replication_slot('x')", "select pg_create_logical_replication_slot('x', 'pgoutput')", "select pg_replication_origin_create('x')", "select pg_promote()", "select pg_log_backend_memory_contexts(pg_backend_pid())"}, ""},
	{"prepare transactions that outlive their session", []string{"prepare transaction 'x'"},
		"Keeps what an open transaction keeps, for ever. Off unless `max_prepared_transactions` is set; leave it 0."},
	{"end or cancel sessions of other roles", []string{"select pg_terminate_backend({others})", "select pg_cancel_backend({others})"}, ""},
	{"end or cancel sessions of its own role", []string{"select pg_cancel_backend({own})", "select pg_terminate_backend({own})"},
		"Servers lose connections and make new ones; calls under way fail and say to try again. A role for each installation keeps it among its own."},
	{"open connections", []string{"select rolconnlimit < 0 from pg_roles where rolname = current_user"},
		"Takes all connections of Postgres, the controller's too. With a limit, the servers' own at most."},
	{"connect to other databases", []string{"select has_database_privilege('postgres', 'CONNECT')"},
		"Nothing of Lectern is there; TEMPORARY may be. `revoke connect on database … from public`, or a line for this role in `pg_hba.conf`, shuts it."},
	{"keep a transaction open, sleep, compute", []string{"select pg_sleep(0)", "set transaction isolation level serializable", "set statement_timeout = 0", "set idle_in_transaction_session_timeout = 0", "select count(*) from generate_series(1, 1000)", "declare c cursor for select from prompts", "select pg_current_xact_id()"},
		"Vacuum keeps dead rows meanwhile, and tables grow; a CPU is busy for each session. No setting binds a role that may set it back. " + endedByController},
	{"lock tables as its reads do", []string{"lock table prompts in access share mode", "lock table prompt_versions in access share mode"},
		"Keeps a migration from the table: it gives way, ends the session, or says whose it is (`lectern migrate --lock-timeout`). Nothing else of Lectern waits."},
	{"lock tables against others, or rows", []string{"lock table prompts in share mode", "lock table prompt_changes in row exclusive mode", "select from prompts for update", "select from prompt_changes for key share", "lock table feed in access exclusive mode"}, ""},
	{"take advisory locks", []string{"select pg_advisory_lock(1)", "select pg_try_advisory_xact_lock(1)", "select pg_advisory_lock(i) from generate_series(1, 100) i"},
		"Nothing of Lectern waits for one. About `max_locks_per_transaction` times `max_connections` of them fill the table of locks, and then any statement on the server may fail with `out of shared memory`."},
	{"send notifications, and hear them", []string{"notify lectern", "notify lectern_changes, 'x'", "notify lectern_refusals", "select pg_notify('lectern_probe', repeat('x', 7999))", "listen lectern_changes"},
		"Servers and controller read the database at most 70 times a second for each channel, whatever is sent. What is heard are revisions and ids of requests. An open transaction that listens keeps the queue (8 GB) from being emptied; full, publishing fails. " + endedByController},
	{"write messages into the write-ahead log", []string{"select pg_logical_emit_message(false, 'x', repeat('x', 1000))"},
		"Fills the disk of the log and of its archive."},
	{"store large objects", []string{"select lo_create(0)", "select lo_creat(-1)", "select lo_from_bytea(0, 'x')"},
		"Fills the disk."},
	{"run code in plpgsql", []string{"do $$ begin perform 1; end $$", "do $$ begin raise log 'x'; end $$"},
		"Writes what it likes into the log of the server, and computes."},
	{"spill to disk", []string{"select current_setting('temp_file_limit') = '-1'", "select exists (select from generate_series(1, 10) i order by i)"},
		"A sort or a cursor takes disk for as long as it is open; with `temp_file_limit` so much for each session."},
	{"fill the log with errors", []string{"select true"},
		"A line for each refused statement. `log_min_error_statement` and rotation of the log bound it."},
	{"change what others wrote", []string{"update prompt_changes set state = 'Published'", "delete from prompt_changes", "truncate prompt_changes", "comment on table prompts is 'x'"}, ""},
	{"have old seals scrubbed", []string{"select scrub_old_seals()"},
		"What is due is scrubbed. In a transaction left open it keeps requests older than 14 minutes, which are not applied any more, from being scrubbed by others. " + endedByController},
	{"take of the rate of ServiceDesk Plus, and pause it", []string{"select has_function_privilege('take_rate(bigint, text, integer)', 'execute')", "select has_function_privilege('pause_rate(bigint, integer)', 'execute')"},
		"Other servers get less of it, or nothing for 15 minutes, again and again; ServiceDesk Plus is never called more often than the connection allows. In a transaction left open it keeps them waiting, and another rate from coming into force. " + endedByController},
	{"grant itself more of the rate than there is", []string{"select take_rate_at(1, 'interactive', 1000, 'x', now() - interval '1 year')", "insert into sdp_windows (connection_id, granted_at, calls, lane) values (1, now(), 1, 'lookup')", "delete from sdp_windows", "update sdp_rate_limits set requests_per_minute = 1000"}, ""},
	{"store intents of writes to ServiceDesk Plus, and end its own", []string{"select has_function_privilege('begin_write(bigint, uuid, text, text, text, bytea, text, text, boolean, boolean, integer, text)', 'execute')", "select has_function_privilege('end_write(uuid, text, text, text)', 'execute')"},
		"Under any caller's name: what it claims that they do counts against their hour and takes their keys, and who then calls with such a key, or makes an equal call, is told what it claims. Nobody looks such an intent up in ServiceDesk Plus: where one is looked up is sealed by the keys of tokens, for this intent, and the role does not have them; the controller leaves it indeterminate, and counts it as `forged`. Of a connection there are as many an hour as its rate allows calls, and ten times as many that were not sent. An intent is ended only by who was told its id. In a transaction left open it keeps writes, and turns to call, of the connection waiting. " + endedByController},
	{"write more often than the manifest says, through what is read only, or end what others began", []string{"insert into sdp_writes (connection_id, call_id, caller, tool, step, digest, weight, mark, begun_at, deadline) values (1, gen_random_uuid(), 'a', 'b', 'c', sha256('x'), 0, 'aaaaaa', now(), now())", "update sdp_writes set outcome = 'not_done'", "delete from sdp_writes", "select id from sdp_writes", "select begin_write_at(1, gen_random_uuid(), 'a', 'b', 'c', sha256('x'), null, null, false, false, 1, 'aaaaaa', now() - interval '1 year')"}, ""},
	{"say that ServiceDesk Plus refused a token", []string{"select has_column_privilege('token_refusals', 'token_id', 'insert')"},
		"The controller tries the token before it gets another, and for refused ones it gets 6 in ten minutes at most, of 8."},
	{"say what entries lists of ServiceDesk Plus have", []string{"select has_column_privilege('sdp_observations', 'name', 'insert')"},
		"Names of entries that no list has. What the controller read itself is never replaced. At most 20,000 wait at a time."},
	{"read refresh tokens, client secrets, and what tokens are of", []string{"select fingerprint from oauth_tokens", "select from token_requests"}, ""},
	{"write rows of the audit", []string{"select has_column_privilege('mcp_tool_usage', 'subject', 'insert')", "select has_column_privilege('api_audit_log', 'subject', 'insert')", "insert into audit_batches (batch, writer, rows, damaged) values (gen_random_uuid(), gen_random_uuid(), 0, 0)"},
		"Rows that say what it likes, in chains of its own, each with the role and the application that wrote it. With the id of another writer it can begin a chain for a connection of which that writer has none, which nothing tells from a true one; in a chain that is there each of its rows is found by `lectern audit verify`, whatever its number and its time, as how that chain ends it can neither read nor compute. Each is a problem to print, which `--problems` bounds. Who knows the id of a segment that is not loaded can claim it: its rows are missing in their chain then. Nothing but the disk bounds how many rows there are."},
	{"write rows of the audit that cannot be verified", []string{
		"insert into mcp_tool_usage (logged_at, clamped, writer, connection_uid, seq, call_id, started_at, took_us, method, tool, is_write, subject, proof, oidc_client, client_name, client_version, connection_namespace, connection_name, traceparent, target, prompt_namespace, prompt_name, prompt_version, prompt_digest, outcome, error_kind, hash) select now(), false, gen_random_uuid(), '', -9223372036854775808, gen_random_uuid(), now(), 0, '', '', false, '', '', '', '', '', '', '', '', '', '', '', 0, '', '', '', sha256('')",
		"select salt from mcp_tool_usage", "select salt from api_audit_log"}, ""},
	{"change or delete rows of the audit, read what was said or how chains end, and write anchors", []string{"update mcp_tool_usage set subject = 'x'", "delete from api_audit_log", "truncate mcp_tool_usage", "select payload from mcp_tool_usage", "select sealed_payload from api_audit_log", "select hash from mcp_tool_usage", "select hash from api_audit_log", "select from audit_chain", "insert into audit_anchors select from audit_chain", "insert into audit_erasures values (gen_random_uuid(), '', 1, 1, '')", "delete from audit_batches"}, ""},
	{"ask for changes", []string{"insert into prompt_changes (id, namespace, name, action, subject) values (gen_random_uuid(), 'a', 'b', 'Add', 'anybody')"},
		"Rows are claims: without a caller's proof the controller refuses them. At most 10,000 wait at a time, with edits of 256 MiB together; who is refused meanwhile is told to try again."},
	{"ask for changes of any size", []string{"insert into prompt_changes (id, namespace, name, action, subject) values (gen_random_uuid(), 'a', repeat('x', 10000), 'Add', 'anybody')",
		"insert into prompt_changes (id, namespace, name, action, subject) values (gen_random_uuid(), 'a', 'b', 'Add', repeat('x', 10000))",
		"insert into prompt_changes (id, namespace, name, action, subject, idempotency_key) values (gen_random_uuid(), 'a', 'b', 'Add', 'a', repeat('x', 10000))",
		"insert into prompt_changes (id, namespace, name, action, subject, edit) values (gen_random_uuid(), 'a', 'b', 'Add', 'a', jsonb_build_object('x', repeat('x', 10000000)))"}, ""},
}

// TestServerRole_Abilities tries what a role may do without a grant: one that an administrator made with no more than a password, as
// `lectern migrate` leaves it, and one that the script of --print-roles made. docs/security.md shows what is left, and what that can
// cause.
func TestServerRole_Abilities(t *testing.T) {
	t.Parallel()
	plain := pgtest.New(t)
	role := newRole(t, plain)
	_, err := postgres.Migrate(t.Context(), plain, postgres.MigrateOptions{ServerRole: role})
	require.NoError(t, err)
	migrated := tryAbilities(t, plain, role, asRole(t, plain, role))
	owner := pgtest.New(t)
	roles := pgtest.NewRoles(t, owner)
	hardened := tryAbilities(t, owner, roles.Logins[0], roles.As(t, owner, 0))

	var table strings.Builder
	table.WriteString("| what it may try | after `lectern migrate` | as `lectern migrate --print-roles` makes it | what it can cause, and what bounds it |\n|---|---|---|---|\n")
	for i, a := range abilities {
		causes := a.causes
		if migrated[i] == refused && hardened[i] == refused {
			causes = ""
		} else if causes == "" {
			t.Errorf("%s: it is possible, and nothing says what it can cause", a.does)
		}
		fmt.Fprintf(&table, "| %s | %s | %s | %s |\n", a.does, migrated[i], hardened[i], causes)
	}
	golden.CompareSection(t, securityDoc, "abilities", table.String())
}

// The results of an ability's attempts.
const (
	refused  = "refused"
	possible = "**possible**"
)

// tryAbilities returns for each whether every attempt was refused.
func tryAbilities(t *testing.T, owner postgres.Options, role string, asThief postgres.Options) []string {
	t.Helper()
	thief, others := pgtest.Connect(t, asThief), pgtest.Connect(t, owner)
	results := make([]string, len(abilities))
	for i, a := range abilities {
		results[i] = refused
		for _, attempt := range a.attempts {
			own, err := pgx.Connect(t.Context(), asThief.URL)
			require.NoError(t, err)
			_, err = own.Exec(t.Context(), "select 1")
			require.NoError(t, err)
			sql := strings.NewReplacer("{self}", role, "{owner}", pgtest.Owner, "{own}", fmt.Sprint(own.PgConn().PID()), "{others}", fmt.Sprint(others.PgConn().PID())).Replace(attempt)
			succeeded := succeeds(t, thief, sql)
			require.NoError(t, own.Close(t.Context())) // which may have been ended
			if succeeded {
				results[i] = possible
			} else if results[i] == possible {
				t.Errorf("%s: %s is refused, others of it are not: name it apart", a.does, sql)
			}
		}
	}
	return results
}

// succeeds says whether a statement is carried out, and leaves no trace of it.
func succeeds(t *testing.T, conn *pgx.Conn, sql string) bool {
	t.Helper()
	if !strings.HasPrefix(sql, "create database") && !strings.HasPrefix(sql, "alter system") { // they are refused in a transaction, whoever asks
		_, err := conn.Exec(t.Context(), "begin")
		require.NoError(t, err)
		defer conn.Exec(t.Context(), "rollback") //nolint:errcheck // or it was prepared
	}
	rows, err := conn.Query(t.Context(), sql, pgx.QueryExecModeSimpleProtocol)
	answer := true
	if err == nil {
		for rows.Next() {
			if values, err := rows.Values(); err == nil && len(values) == 1 {
				if said, is := values[0].(bool); is {
					answer = said
				}
			}
		}
		err = rows.Err()
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		if !slices.Contains(refusals, pg.Code) {
			t.Errorf("%s fails with %s (%s), which is no refusal", sql, pg.Message, pg.Code)
		}
		return false
	}
	require.NoError(t, err)
	return answer
}

// refusals are the SQLSTATEs of what a role may not: no right, what is switched off, a limit, a value that breaks a rule.
var refusals = []string{"42501", "55000", "53400", "23514", "22023"}
