package postgres_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// connectionTables are those that have rows of connections.
var connectionTables = []string{
	"field_lookups", "field_mappings", "oauth_tokens", "sdp_connections", "sdp_observations", "sdp_rate_limits", "sdp_windows", "token_refusals", "token_requests",
}

// countRows returns how many rows each of those tables has.
func (f connectionFixture) countRows(t *testing.T) map[string]int {
	t.Helper()
	counts := map[string]int{}
	contents := databaseContents(t, f.owner)
	for _, table := range connectionTables {
		rows, exists := contents[table]
		if !exists {
			t.Fatalf("there is no table %s", table)
		}
		counts[table] = len(rows)
	}
	return counts
}

// TestDeleteOldConnectionRows has a row younger and one older than a month of whatever is kept for a month, and runs what upkeep
// runs: lists stay for as long as the connection does, its rate until a pause of it would have ended, and refusals of current tokens
// until they are proven or disproved.
func TestDeleteOldConnectionRows(t *testing.T) {
	f := newConnectionFixture(t)
	const month = 30 * 24 * time.Hour
	now := time.Now()
	oldest := f.issueToken(t, now.Add(-month-2*time.Hour))
	replaced := f.issueToken(t, now.Add(-month-time.Hour))
	current := f.issueToken(t, now.Add(-month+time.Hour))
	for _, token := range []store.SealedToken{oldest, replaced, current} {
		require.NoError(t, f.server.ReportRefusal(t.Context(), f.id, token.ID))
	}
	f.replaceLookup("priorities", store.LookupEntry{ID: "1", Name: "High"})
	require.NoError(t, f.server.StoreObservations(t.Context(), f.id, []store.Observation{{Type: "priorities", ID: "7", Name: "Urgent"}}))
	_, err := f.server.TakeRate(t.Context(), f.id, store.LaneInteractive, 1)
	require.NoError(t, err)
	for name, retentionDays := range map[string]int{"gone": 29, "gone-with-audit": 31, "gone-lately": 29} {
		p := newConnection("u3", 1)
		p.Key.Name, p.Settings.RetentionDays = name, retentionDays
		f.mustStore(p)
		require.NoError(t, f.writer.RemoveConnection(t.Context(), p.Key, "u3"))
	}
	backdate := pgtest.Connect(t, f.owner)
	_, err = backdate.Exec(t.Context(), "update oauth_tokens set replaced_at = now() - interval '30 days 1 hour' where id = $1::uuid", oldest.ID)
	require.NoError(t, err)
	_, err = backdate.Exec(t.Context(), "update sdp_connections set deleted_at = now() - interval '30 days 1 hour' where name in ('gone', 'gone-with-audit')")
	require.NoError(t, err)
	_, err = backdate.Exec(t.Context(), "update field_lookups set refreshed_at = now() - interval '1 year', valid_until = now() - interval '1 year'")
	require.NoError(t, err)

	before := map[string]int{
		"field_lookups": 1, "field_mappings": 1, "oauth_tokens": 3, "sdp_connections": 4, "sdp_observations": 1, "sdp_rate_limits": 4, "sdp_windows": 1, "token_refusals": 3, "token_requests": 3,
	}
	if diff := cmp.Diff(before, f.countRows(t)); diff != "" {
		t.Fatalf("rows before (-want +got)\n%s", diff)
	}
	taken, err := f.writer.FoldObservations(t.Context(), 100)
	require.NoError(t, err)
	deleted, err := f.writer.DeleteOldConnectionRows(t.Context(), month, 100)
	require.NoError(t, err)
	after := map[string]int{
		"field_lookups": 1, "field_mappings": 2, "oauth_tokens": 2, "sdp_connections": 3, "sdp_observations": 0, "sdp_rate_limits": 2, "sdp_windows": 1, "token_refusals": 1, "token_requests": 1,
	}
	got := f.countRows(t)
	t.Logf("rows before: %v; after %d folded and at most %d of a kind deleted: %v", before, taken, deleted, got)
	if diff := cmp.Diff(after, got); diff != "" {
		t.Errorf("rows after (-want +got)\n%s", diff)
	}
	refusals, err := f.writer.TokenRefusals(t.Context(), 10)
	require.NoError(t, err)
	if len(refusals) != 1 || refusals[0].TokenID != current.ID {
		t.Errorf("refusals that are left: %+v, want that of the current token", refusals)
	}
}

// TestConnections_SteadyState repeats all that controllers and servers repeat while nothing happens: no row is written, but when a
// list was read.
func TestConnections_SteadyState(t *testing.T) {
	f := newConnectionFixture(t)
	token := f.issueToken(t, time.Now().Add(-time.Minute))
	require.NoError(t, f.server.ReportRefusal(t.Context(), f.id, token.ID))
	high := store.LookupEntry{ID: "1", Name: "High", Flags: []byte(`{"b": 1, "a": [true]}`)}
	f.replaceLookup("priorities", high)
	_, err := f.server.TakeRate(t.Context(), f.id, store.LaneInteractive, 1)
	require.NoError(t, err)
	premises := newConnection("u2", 1)
	premises.Key.Name = "premises"
	f.mustStore(premises)
	key := store.SealedToken{ID: newToken(claimTime).ID, Kind: store.APIKey, Sealed: []byte("sealed"), IssuedAt: claimTime}
	require.NoError(t, f.writer.StoreAPIKey(t.Context(), premises.Key, "u2", someFingerprint, key))
	gone := newConnection("u3", 1)
	gone.Key.Name = "gone"
	f.mustStore(gone)
	require.NoError(t, f.writer.RemoveConnection(t.Context(), gone.Key, "u3"))
	require.NoError(t, f.writer.RecordTokenUse(t.Context()))

	before := databaseContents(t, f.owner)
	f.mustStore(newConnection(helpdeskUID, 1))
	f.mustStore(premises)
	require.NoError(t, f.writer.StoreAPIKey(t.Context(), premises.Key, "u2", someFingerprint, key))
	require.NoError(t, f.server.ReportRefusal(t.Context(), f.id, token.ID))
	require.NoError(t, f.writer.RemoveConnection(t.Context(), gone.Key, "u3"))
	require.NoError(t, f.writer.RemoveConnection(t.Context(), helpdesk, "u9"))
	require.NoError(t, f.writer.RecordTokenUse(t.Context()))
	_, err = f.writer.FoldObservations(t.Context(), 100)
	require.NoError(t, err)
	_, err = f.writer.DeleteOldConnectionRows(t.Context(), time.Hour, 100)
	require.NoError(t, err)
	after := databaseContents(t, f.owner)
	rows := 0
	for _, of := range after {
		rows += len(of)
	}
	t.Logf("of %d rows in %d tables none has another xmin", rows, len(after))
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("rows with their xmin (-before +after)\n%s", diff)
	}

	f.replaceLookup("priorities", high)
	delete(before, "field_lookups") // when it was read
	after = databaseContents(t, f.owner)
	delete(after, "field_lookups")
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("rows with their xmin after an equal list was read (-before +after)\n%s", diff)
	}
}
