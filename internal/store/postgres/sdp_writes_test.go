package postgres_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/store/storetest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// openWrites returns a connection that may be written through.
func openWrites(t *testing.T) (connectionFixture, storetest.WriteFixture) {
	t.Helper()
	owner := pgtest.New(t)
	owner.ConnectTimeout = time.Minute
	f := connectionFixture{T: t, owner: owner, server: openStore(t, pgtest.AsServerRole(t, owner)), controller: openStore(t, owner)}
	f.server.SetCallTimeout(time.Minute)
	f.writer = claimWriter(t, f.controller, cluster)
	p := newConnection(helpdeskUID, 1)
	p.Settings.Access.Mode = "ReadWrite"
	f.id = f.mustStore(p).ID
	conn := pgtest.Connect(t, owner)
	return f, storetest.WriteFixture{Store: f.server, Connection: f.id, Age: func(d time.Duration) {
		_, err := conn.Exec(t.Context(), "update sdp_writes set begun_at = begun_at - $1::interval, deadline = deadline - $1::interval, ended_at = ended_at - $1::interval, looked_up_at = looked_up_at - $1::interval", d)
		require.NoError(t, err)
	}}
}

// TestWrites holds the functions that servers call to what memory does.
func TestWrites(t *testing.T) {
	t.Parallel()
	storetest.RunWrites(t, func(t *testing.T) storetest.WriteFixture {
		_, f := openWrites(t)
		return f
	})
}

// TestWriteFunctions_RefuseArguments calls them as a server with what no server sends.
func TestWriteFunctions_RefuseArguments(t *testing.T) {
	t.Parallel()
	f, _ := openWrites(t)
	thief := pgtest.Connect(t, pgtest.AsServerRole(t, f.owner))
	begin := func(change ...string) string {
		arguments := map[string]string{
			"connection": fmt.Sprint(f.id), "call": "gen_random_uuid()", "caller": "'a'", "tool": "'add_note'", "step": "'note'", "digest": "sha256('x')",
			"key": "null", "nonce": "null", "continues": "false", "merges": "false", "weight": "1", "mark": "'aaaaaa'",
		}
		for i := 0; i < len(change); i += 2 {
			arguments[change[i]] = change[i+1]
		}
		return fmt.Sprintf("select * from begin_write(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)", arguments["connection"], arguments["call"], arguments["caller"],
			arguments["tool"], arguments["step"], arguments["digest"], arguments["key"], arguments["nonce"], arguments["continues"], arguments["merges"], arguments["weight"], arguments["mark"])
	}
	refused := []string{
		begin("connection", "0"), begin("connection", "null"), begin("call", "null"), begin("caller", "''"), begin("caller", "null"), begin("caller", "repeat('x', 1001)"),
		begin("tool", "'Add Note'"), begin("tool", "null"), begin("step", "''"), begin("step", "repeat('x', 201)"), begin("digest", "'x'"), begin("digest", "null"),
		begin("key", "''"), begin("key", "repeat('x', 801)"), begin("nonce", "'short'"), begin("nonce", "repeat('x', 65)"), begin("continues", "null"), begin("merges", "null"),
		begin("weight", "-1"), begin("weight", "101"), begin("weight", "null"), begin("weight", "0"), begin("mark", "'x'"), begin("mark", "'[aaaaa'"), begin("mark", "null"),
		"select end_write(gen_random_uuid(), 'gone', '', '')", "select end_write(gen_random_uuid(), null, '', '')", "select end_write(gen_random_uuid(), 'done', 'x', '')",
		"select end_write(gen_random_uuid(), 'done', '', repeat('x', 65))", "select trace_write(gen_random_uuid(), null)", "select trace_write(gen_random_uuid(), '[]')",
		"select trace_write(gen_random_uuid(), jsonb_build_object('x', repeat('x', 17000)))",
	}
	for _, sql := range refused {
		_, err := thief.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol)
		if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != "22023" {
			t.Errorf("%s: got %v, want an argument refused", sql, err)
		}
	}
	for _, level := range []string{"repeatable read", "serializable"} {
		_, err := thief.Exec(t.Context(), "begin isolation level "+level+"; "+begin(), pgx.QueryExecModeSimpleProtocol)
		if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != "22023" {
			t.Errorf("at isolation level %s: got %v, want it refused", level, err)
		}
		_, err = thief.Exec(t.Context(), "rollback")
		require.NoError(t, err)
	}
	// Not more than the manifest says, whatever is claimed.
	states := map[string]int{}
	for i := range 100 {
		var state string
		require.NoError(t, thief.QueryRow(t.Context(), strings.Replace(begin("step", fmt.Sprintf("'%d'", i)), "*", "state", 1)).Scan(&state))
		states[state]++
	}
	if diff := cmp.Diff(map[string]int{"begun": 60, "too_many": 40}, states); diff != "" {
		t.Errorf("of 100 writes (-want +got)\n%s", diff)
	}
	t.Logf("%d calls with arguments that no server sends are refused", len(refused))
}

// TestWrites_Unresolved: what nobody ended is found by who looks it up, a minute after it was begun and not sooner; what is decided, or given
// up, is deleted with its key when it is old.
func TestWrites_Unresolved(t *testing.T) {
	t.Parallel()
	f, w := openWrites(t)
	begin := func(key string) string {
		t.Helper()
		digest := sha256.Sum256([]byte(key))
		begun, err := w.Store.BeginWrite(t.Context(), store.WriteIntent{
			Connection: f.id, CallID: uuid.NewString(), Step: "note", Caller: "OIDC anna", Tool: "add_note", Digest: digest[:], Key: key, Weight: 1, Mark: "aaaaaa",
		})
		require.NoError(t, err)
		return begun.ID
	}
	list := func() (ids []string) {
		t.Helper()
		found, err := f.writer.ListUnresolvedWrites(t.Context(), helpdesk, helpdeskUID, 10)
		require.NoError(t, err)
		for _, one := range found {
			ids = append(ids, one.ID)
		}
		return ids
	}
	done, open := begin("done"), begin("open")
	require.NoError(t, w.Store.TraceWrite(t.Context(), open, []byte(`{}`)))
	_, err := w.Store.EndWrite(t.Context(), done, store.WriteEnd{Outcome: store.WriteDone})
	require.NoError(t, err)
	w.Age(store.WriteLateness - 10*time.Second)
	if ids := list(); ids != nil {
		t.Errorf("within a minute %v are unresolved", ids)
	}
	w.Age(11 * time.Second)
	if diff := cmp.Diff([]string{open}, list()); diff != "" {
		t.Errorf("after a minute (-want +got)\n%s", diff)
	}
	ended, err := f.writer.EndUnresolvedWrite(t.Context(), open, store.WriteEnd{Outcome: store.WriteIndeterminate})
	if err != nil || ended != store.WriteIndeterminate || list() != nil {
		t.Errorf("looked up in vain: %s %v, and again at once: %v", ended, err, list())
	}
	w.Age(time.Hour)
	if diff := cmp.Diff([]string{open}, list()); diff != "" {
		t.Errorf("an hour later (-want +got)\n%s", diff)
	}
	summaries, err := f.writer.SummarizeWrites(t.Context())
	if err != nil || len(summaries) != 1 || summaries[0].Indeterminate != 1 || summaries[0].Open != 0 || summaries[0].Oldest < time.Hour {
		t.Errorf("in short: %+v %v", summaries, err)
	}
	w.Age(store.WriteKeyLifetime)
	if deleted, err := f.writer.DeleteOldWrites(t.Context(), store.WriteKeyLifetime, 10); err != nil || deleted != 1 {
		t.Errorf("%d are deleted while one is open: %v", deleted, err)
	}
	if gaveUp, err := f.writer.GiveUpWrite(t.Context(), open); err != nil || !gaveUp || list() != nil {
		t.Errorf("given up: %t %v, %v", gaveUp, err, list())
	}
	if deleted, err := f.writer.DeleteOldWrites(t.Context(), store.WriteKeyLifetime, 10); err != nil || deleted != 1 {
		t.Errorf("%d are deleted then: %v", deleted, err)
	}
	begin("done") // its key is free again
	unsent := begin("unsent")
	w.Age(store.WriteDeadline)
	if ids := list(); !slices.Contains(ids, unsent) {
		t.Errorf("of %s, which was not about to be sent by its deadline, nobody is told: %v", unsent, ids)
	}
}

// TestBeginWrite_Durable has an intent, and its trace, survive a crash of a Postgres that need not wait for its disk: a write whose intent is
// gone is sent twice.
func TestBeginWrite_Durable(t *testing.T) {
	f, _ := openWrites(t)
	server := pgtest.Connect(t, pgtest.AsServerRole(t, f.owner))
	ctx := t.Context()
	_, err := server.Exec(ctx, "set synchronous_commit = off")
	require.NoError(t, err)
	begin := fmt.Sprintf(`select b.id::text from begin_write(%d, '0b0f8e0e-0000-7000-8000-000000000001', 'OIDC anna', 'add_note', 'note',
		decode(repeat('00', 32), 'hex'), null, null, false, true, 1, 'k3f7q2') b`, f.id)
	var id string
	for _, step := range []func(pgx.Tx) error{
		func(tx pgx.Tx) error { return tx.QueryRow(ctx, begin).Scan(&id) },
		func(tx pgx.Tx) error { _, err := tx.Exec(ctx, `select trace_write($1::uuid, '{}')`, id); return err },
	} {
		require.NoError(t, pgx.BeginFunc(ctx, server, func(tx pgx.Tx) error {
			if err := step(tx); err != nil {
				return err
			}
			var waits string
			err := tx.QueryRow(ctx, "show synchronous_commit").Scan(&waits)
			if waits != "on" {
				t.Errorf("the transaction commits with synchronous_commit %q, %v", waits, err)
			}
			return err
		}))
	}
}

// TestBeginWrite_Unsent: what ends before it is sent takes nothing of an hour, and still nobody fills the table with it.
func TestBeginWrite_Unsent(t *testing.T) {
	t.Parallel()
	f, w := openWrites(t)
	conn := pgtest.Connect(t, f.owner)
	addUnsent := func(caller string, rows int) {
		t.Helper()
		_, err := conn.Exec(t.Context(), `insert into sdp_writes (connection_id, call_id, caller, tool, step, digest, weight, mark, begun_at, deadline, outcome, ended_at)
			select $1, gen_random_uuid(), $2 || case when $2 = '' then 'caller ' || n % 50 else '' end, 'add_note', 'note', sha256('x'), 100, 'aaaaaa', now(), now(), 'not_done', now()
			  from generate_series(1, $3) n`, f.id, caller, rows)
		require.NoError(t, err)
	}
	begin := func(caller string) store.WriteState {
		t.Helper()
		digest := sha256.Sum256([]byte(caller))
		begun, err := w.Store.BeginWrite(t.Context(), store.WriteIntent{
			Connection: f.id, CallID: uuid.NewString(), Step: "note", Caller: caller, Tool: "add_note", Digest: digest[:], Weight: 1, Mark: "aaaaaa",
		})
		require.NoError(t, err)
		return begun.State
	}
	want := func(what, caller string, state store.WriteState) {
		t.Helper()
		if got := begin(caller); got != state {
			t.Errorf("%s a write of %s is %s, want %s", what, caller, got, state)
		}
	}
	addUnsent("anna", 10*60-1)
	want("after 599 that were not sent", "anna", store.WriteBegun)
	want("after 600", "anna", store.WriteTooMany)
	want("after 600 of somebody else", "ben", store.WriteBegun)
	addUnsent("", 10*60*60)
	want("after ten times as many of all as the rate allows", "carl", store.WriteTooMany)
}
