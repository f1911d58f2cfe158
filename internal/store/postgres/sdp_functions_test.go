package postgres_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestRateFunctions_RefuseArguments calls them as a server with what no server sends.
func TestRateFunctions_RefuseArguments(t *testing.T) {
	f := newConnectionFixture(t)
	removed := newConnection("u2", 1)
	removed.Key.Name = "removed"
	gone := f.mustStore(removed).ID
	require.NoError(t, f.writer.RemoveConnection(t.Context(), removed.Key, "u2"))
	thief := pgtest.Connect(t, pgtest.AsServerRole(t, f.owner))
	ids := strings.NewReplacer("{id}", fmt.Sprint(f.id), "{gone}", fmt.Sprint(gone))
	arguments := []string{
		"take_rate({id}, 'other', 1)", "take_rate({id}, '', 1)", "take_rate({id}, null, 1)", "take_rate({id}, 'lookup''; select 1; --', 1)",
		"take_rate({id}, 'lookup', 0)", "take_rate({id}, 'lookup', -1)", "take_rate({id}, 'lookup', -2147483648)",
		"take_rate({id}, 'lookup', 1001)", "take_rate({id}, 'lookup', 2147483647)", "take_rate({id}, 'lookup', null)",
		"take_rate({gone}, 'lookup', 1)", "take_rate(0, 'lookup', 1)", "take_rate(-1, 'lookup', 1)", "take_rate(9223372036854775807, 'lookup', 1)", "take_rate(null, 'lookup', 1)",
		"pause_rate({id}, 0)", "pause_rate({id}, -1)", "pause_rate({id}, 900001)", "pause_rate({id}, 2147483647)", "pause_rate({id}, null)",
		"pause_rate({gone}, 1)", "pause_rate(0, 1)", "pause_rate(null, 1)",
	}
	for _, call := range arguments {
		sql := ids.Replace("select * from " + call)
		_, err := thief.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol)
		if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != "22023" {
			t.Errorf("%s: got %v, want an argument refused", sql, err)
		}
	}
	for _, level := range []string{"repeatable read", "serializable"} { // at which it is not seen what others took
		_, err := thief.Exec(t.Context(), ids.Replace("begin isolation level "+level+"; select * from take_rate({id}, 'lookup', 1)"), pgx.QueryExecModeSimpleProtocol)
		if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != "22023" {
			t.Errorf("at isolation level %s: got %v, want it refused", level, err)
		}
		_, err = thief.Exec(t.Context(), "rollback")
		require.NoError(t, err)
	}
	forbidden := []string{
		"select * from take_rate_at({id}, 'interactive', 10, 'x', now() - interval '1 hour')", "select * from rate_room({id}, array['lookup'], 62, 1000, now())",
		"select refuse_argument('x')", "select * from count_observations('x')",
		"insert into sdp_windows (connection_id, granted_at, calls, lane) values ({id}, now(), 1, 'lookup')", "delete from sdp_windows",
		"update sdp_rate_limits set requests_per_minute = 1000", "select from sdp_rate_limits for update", "select from sdp_connections for update",
		"select from token_budget_locks for update", "select fingerprint from oauth_tokens", "select from token_requests", "delete from token_refusals",
		"insert into token_requests (namespace, name, owner_uid, kind, cause, fingerprint, started_at) values ('a', 'b', 'c', 'Refresh', 'Scheduled', '\\x00', now())",
		"insert into sdp_observations (connection_id, type, external_id, name, replica) values ({id}, 'groups', '1', 'x', 'another')",
		"update oauth_tokens set sealed = '\\x00'", "delete from field_mappings", "update sdp_connections set settings = '{}'",
	}
	for _, sql := range forbidden {
		_, err := thief.Exec(t.Context(), ids.Replace(sql), pgx.QueryExecModeSimpleProtocol)
		if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != "42501" {
			t.Errorf("%s: got %v, want no right", sql, err)
		}
	}
	t.Logf("%d calls with arguments that no server sends are refused, and %d statements past the functions", len(arguments), len(forbidden))
}

// TestRateFunctions_RunNothingOfTheirCaller gives the servers' role what an administrator may have left it, temporary tables and a
// schema of its own, and has it put tables, triggers, functions and operators in the way of the functions.
func TestRateFunctions_RunNothingOfTheirCaller(t *testing.T) {
	f := newConnectionFixture(t)
	admin := pgtest.Connect(t, pgtest.AsSuperuser(t, f.owner))
	_, err := admin.Exec(t.Context(), "do $$ begin execute format('grant temporary, create on database %I to "+pgtest.Server+"', current_database()); end $$")
	require.NoError(t, err)
	thief := pgtest.Connect(t, pgtest.AsServerRole(t, f.owner))
	for _, sql := range []string{
		"create schema theirs",
		"create table theirs.ran (as_role text)",
		"grant usage on schema theirs to public",
		"grant insert, select on theirs.ran to public",
		"create function theirs.run() returns trigger language plpgsql as $$ begin insert into theirs.ran values (current_user); return new; end $$",
		"create temporary table sdp_windows (id bigint, connection_id bigint, granted_at timestamptz, calls integer, lane text, granted_to text, replica text)",
		"create temporary table sdp_rate_limits (connection_id bigint, requests_per_minute integer, burst integer, paused_until timestamptz)",
		"create temporary table sdp_observations (id bigint, replica text, observed_at timestamptz)",
		"insert into pg_temp.sdp_rate_limits values (" + fmt.Sprint(f.id) + ", 1000, 1000, null)",
		"create trigger run before insert or update or delete on pg_temp.sdp_windows for each row execute function theirs.run()",
		"create trigger run before insert or update or delete on pg_temp.sdp_rate_limits for each row execute function theirs.run()",
		"create function theirs.rate_room(bigint, text[], integer, integer, timestamptz, out room integer, out wait_ms integer) language plpgsql as $$ begin insert into theirs.ran values (current_user); room := 1000; end $$",
		"create function theirs.clock_timestamp() returns timestamptz language plpgsql as $$ begin insert into theirs.ran values (current_user); return '2000-01-01'; end $$",
		"create function theirs.less(timestamptz, timestamptz) returns boolean language plpgsql as $$ begin insert into theirs.ran values (current_user); return false; end $$",
		"create operator theirs.< (leftarg = timestamptz, rightarg = timestamptz, function = theirs.less)",
		"create operator theirs.>= (leftarg = timestamptz, rightarg = timestamptz, function = theirs.less)",
		"set search_path = pg_temp, theirs, public, pg_catalog",
	} {
		_, err := thief.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	// What is to run as the owner when something of the caller's is written is not the caller's to choose.
	_, err = thief.Exec(t.Context(), "create trigger run before insert on pg_temp.sdp_observations for each row execute function public.refuse_unbounded_observations()")
	if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != "42501" {
		t.Errorf("a trigger of the owner's on a table of the caller's: got %v, want no right", err)
	}
	var granted int
	require.NoError(t, thief.QueryRow(t.Context(), "select granted from public.take_rate($1, 'interactive', 1000)", f.id).Scan(&granted))
	_, err = thief.Exec(t.Context(), "select public.pause_rate($1, 1)", f.id)
	require.NoError(t, err)
	_, err = thief.Exec(t.Context(), "insert into public.sdp_observations (connection_id, type, external_id, name) values ($1, 'groups', '1', 'x')", f.id)
	require.NoError(t, err)
	var ran, logged, inTheirs int
	require.NoError(t, thief.QueryRow(t.Context(), "select (select count(*) from theirs.ran), (select count(*) from pg_temp.sdp_windows)").Scan(&ran, &inTheirs))
	require.NoError(t, admin.QueryRow(t.Context(), "select sum(calls) from public.sdp_windows").Scan(&logged))
	t.Logf("%d calls are granted and %d in the log; %d times something of the caller's ran, and %d rows are in the caller's table", granted, logged, ran, inTheirs)
	if granted != 10 || ran != 0 || inTheirs != 0 || logged != 10 {
		t.Errorf("%d calls are granted, %d are in the log, %d in the caller's table, and %d times something of the caller's ran; want 10, 10, 0 and 0", granted, logged, inTheirs, ran)
	}
}
