package postgres_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

func (f connectionFixture) replaceLookup(kind string, entries ...store.LookupEntry) bool {
	f.Helper()
	changed, err := f.writer.ReplaceLookup(f.Context(), helpdesk, helpdeskUID, store.Lookup{
		Type: kind, Entries: entries, RefreshedAt: claimTime, ValidUntil: claimTime.Add(time.Hour),
	})
	require.NoError(f, err)
	return changed
}

func (f connectionFixture) entries(kind string) []store.LookupEntry {
	f.Helper()
	found, err := f.server.LookupEntries(f.Context(), f.id, kind)
	require.NoError(f, err)
	return found
}

func TestReplaceLookup(t *testing.T) {
	f := newConnectionFixture(t)
	high, low := store.LookupEntry{ID: "2", Name: "High"}, store.LookupEntry{ID: "1", Name: "Low"}
	closed := store.LookupEntry{ID: "3", Name: "Closed", Flags: json.RawMessage(`{"closed": true}`)}
	before := f.revision()
	if !f.replaceLookup("priorities", high, low) || f.revision() != before+1 {
		t.Errorf("a first list takes %d revisions, want 1", f.revision()-before)
	}
	if f.replaceLookup("priorities", high, low) || f.revision() != before+1 {
		t.Error("an equal list changes something")
	}
	f.replaceLookup("statuses", closed)
	renamed := store.LookupEntry{ID: "1", Name: "Lowest"}
	if !f.replaceLookup("priorities", renamed, store.LookupEntry{ID: "4", Name: "Urgent"}) {
		t.Error("a renamed, a new and a deleted entry change nothing")
	}
	if diff := cmp.Diff([]store.LookupEntry{renamed, {ID: "4", Name: "Urgent"}}, f.entries("priorities")); diff != "" {
		t.Errorf("priorities (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]store.LookupEntry{closed}, f.entries("statuses")); diff != "" {
		t.Errorf("statuses (-want +got)\n%s", diff)
	}
	states, err := f.server.ListLookups(t.Context(), f.id)
	require.NoError(t, err)
	want := []store.LookupState{
		{Type: "priorities", Entries: 2, RefreshedAt: claimTime, ValidUntil: claimTime.Add(time.Hour), Revision: before + 3},
		{Type: "statuses", Entries: 1, RefreshedAt: claimTime, ValidUntil: claimTime.Add(time.Hour), Revision: before + 2},
	}
	if diff := cmp.Diff(want, states); diff != "" {
		t.Errorf("lists (-want +got)\n%s", diff)
	}
}

func TestReplaceLookup_Entries(t *testing.T) {
	f := newConnectionFixture(t)
	if !f.replaceLookup("groups") || len(f.entries("groups")) != 0 {
		t.Error("a list without entries is not stored")
	}
	f.replaceLookup("subcategories",
		store.LookupEntry{ParentID: "1", ID: "7", Name: "Mail"}, store.LookupEntry{ParentID: "2", ID: "7", Name: "Mail"}, store.LookupEntry{ParentID: "1", ID: "7", Name: "E-mail"})
	want := []store.LookupEntry{{ParentID: "1", ID: "7", Name: "E-mail"}, {ParentID: "2", ID: "7", Name: "Mail"}}
	if diff := cmp.Diff(want, f.entries("subcategories")); diff != "" {
		t.Errorf("entries of parents, one twice (-want +got)\n%s", diff)
	}
	_, err := f.writer.ReplaceLookup(t.Context(), helpdesk, "u2", store.Lookup{Type: "priorities"})
	if !errors.Is(err, store.ErrConnectionGone) {
		t.Errorf("of another object: %v", err)
	}
	if _, err := f.writer.ReplaceLookup(t.Context(), helpdesk, helpdeskUID, store.Lookup{Type: "priorities", Entries: []store.LookupEntry{{ID: "1", Flags: json.RawMessage("{")}}}); err == nil {
		t.Error("flags that are no JSON are stored")
	}
}

// TestReplaceLookup_Bulk: five thousand entries are one statement, and of those only what differs is written.
func TestReplaceLookup_Bulk(t *testing.T) {
	f := newConnectionFixture(t)
	many := make([]store.LookupEntry, 5000)
	for i := range many {
		many[i] = store.LookupEntry{ID: fmt.Sprint(i), Name: fmt.Sprintf("Category %d", i)}
	}
	conn := pgtest.Connect(t, f.owner)
	replace := func(what string, wantWritten int) {
		t.Helper()
		var newest string
		require.NoError(t, conn.QueryRow(t.Context(), "select pg_current_xact_id()::xid::text").Scan(&newest))
		before, began := countStatements(t, f.controller), time.Now()
		f.replaceLookup("categories", many...)
		took, statements := time.Since(began), uint64(0)
		for name, n := range countStatements(t, f.controller) {
			statements += n - before[name]
		}
		var written int
		require.NoError(t, conn.QueryRow(t.Context(), "select count(*) from field_mappings where age(xmin) < age($1::text::xid)", newest).Scan(&written))
		t.Logf("%s: %d of %d rows written by %d statements in %s", what, written, len(many), statements, took.Round(time.Millisecond))
		if written != wantWritten || statements > 10 {
			t.Errorf("%s: %d rows are written by %d statements, want %d by at most 10", what, written, statements, wantWritten)
		}
		if diff := cmp.Diff(many, f.entries("categories")); diff != "" {
			t.Errorf("%s: entries (-want +got)\n%s", what, diff)
		}
	}
	replace("read for the first time", 5000)
	replace("read again", 0)
	many[17].Name = "Renamed"
	many = many[:4999]
	replace("one renamed and one deleted", 1)
}

func TestFoldObservations(t *testing.T) {
	f := newConnectionFixture(t)
	f.replaceLookup("groups", store.LookupEntry{ID: "1", Name: "Network"})
	require.NoError(t, f.server.StoreObservations(t.Context(), f.id, nil))
	require.NoError(t, f.server.StoreObservations(t.Context(), f.id, []store.Observation{
		{Type: "groups", ID: "1", Name: "Forged"}, {Type: "groups", ID: "2", Name: "Old"}, {Type: "groups", ID: "2", Name: "Desk"},
	}))
	before := f.revision()
	taken, err := f.writer.FoldObservations(t.Context(), 100)
	require.NoError(t, err)
	states, err := f.server.ListLookups(t.Context(), f.id)
	require.NoError(t, err)
	if f.revision() != before+1 || f.served().Revision != before+1 || states[0].Revision != before+1 {
		t.Errorf("at revision %d, of the list %d, after a new entry, want %d", f.revision(), states[0].Revision, before+1)
	}
	want := []store.LookupEntry{{ID: "1", Name: "Network"}, {ID: "2", Name: "Desk", Observed: true}}
	if diff := cmp.Diff(want, f.entries("groups")); diff != "" || taken != 3 {
		t.Errorf("%d taken, want 3 (-want +got)\n%s", taken, diff)
	}
	if taken, err = f.writer.FoldObservations(t.Context(), 100); err != nil || taken != 0 {
		t.Errorf("folded again: %d, %v", taken, err)
	}
	require.NoError(t, f.server.StoreObservations(t.Context(), f.id, []store.Observation{{Type: "groups", ID: "2", Name: "Desk"}}))
	if taken, err = f.writer.FoldObservations(t.Context(), 100); err != nil || taken != 1 || f.revision() != before+1 {
		t.Errorf("what is known is met again: %d, %v, at revision %d, want %d", taken, err, f.revision(), before+1)
	}
	f.replaceLookup("groups", store.LookupEntry{ID: "1", Name: "Network"}, store.LookupEntry{ID: "2", Name: "Service desk"})
	want = []store.LookupEntry{{ID: "1", Name: "Network"}, {ID: "2", Name: "Service desk"}}
	if diff := cmp.Diff(want, f.entries("groups")); diff != "" {
		t.Errorf("after the list was read (-want +got)\n%s", diff)
	}
}

// TestFoldObservations_OfADeletedConnection: what a server met lately does not come back with it.
func TestFoldObservations_OfADeletedConnection(t *testing.T) {
	f := newConnectionFixture(t)
	require.NoError(t, f.writer.RemoveConnection(t.Context(), helpdesk, helpdeskUID))
	require.NoError(t, f.server.StoreObservations(t.Context(), f.id, []store.Observation{{Type: "groups", ID: "1", Name: "Network"}}))
	taken, err := f.writer.FoldObservations(t.Context(), 100)
	require.NoError(t, err)
	if taken != 1 || len(f.entries("groups")) != 0 {
		t.Errorf("%d taken, and entries %v; want 1 taken and none", taken, f.entries("groups"))
	}
}

// TestFoldObservations_OfAnUnreadList: rows of a list that nobody reads would stay for ever.
func TestFoldObservations_OfAnUnreadList(t *testing.T) {
	f := newConnectionFixture(t)
	f.replaceLookup("groups")
	before := f.revision()
	require.NoError(t, f.server.StoreObservations(t.Context(), f.id, []store.Observation{{Type: "anything", ID: "1", Name: "x"}}))
	taken, err := f.writer.FoldObservations(t.Context(), 100)
	require.NoError(t, err)
	if taken != 1 || len(f.entries("anything")) != 0 || f.revision() != before {
		t.Errorf("%d taken, and entries %v; want 1 taken and none", taken, f.entries("anything"))
	}
}

// TestStoreObservations_AreBounded: what a server inserts past the limits is refused.
func TestStoreObservations_AreBounded(t *testing.T) {
	f := newConnectionFixture(t)
	many := make([]store.Observation, 1001)
	for i := range many {
		many[i] = store.Observation{Type: "groups", ID: fmt.Sprint(i), Name: "x"}
	}
	if err := f.server.StoreObservations(t.Context(), f.id, many); err == nil {
		t.Error("a replica stores more than 1000 observations at once")
	}
	require.NoError(t, f.server.StoreObservations(t.Context(), f.id, many[:1000]))
	if err := f.server.StoreObservations(t.Context(), f.id, many[1000:]); err == nil {
		t.Error("a replica stores more than 1000 observations in an hour")
	}
	replicas := 1
	for ; replicas < 100; replicas++ {
		options := pgtest.AsServerRole(t, f.owner)
		options.ApplicationName = fmt.Sprintf("replica-%d", replicas)
		s := openStore(t, options)
		s.SetCallTimeout(time.Minute)
		if err := s.StoreObservations(t.Context(), f.id, many[:1000]); err != nil {
			break
		}
	}
	t.Logf("%d replicas store 1000 observations each, and one more is refused", replicas)
	if replicas != 20 {
		t.Errorf("%d replicas store 1000 observations each, want 20 before they are folded", replicas)
	}
	for name, o := range map[string]store.Observation{
		"no type": {ID: "1", Name: "x"}, "an id that is none": {Type: "groups", ID: "x", Name: "x"}, "no name": {Type: "groups", ID: "1"},
		"a parent that is none": {Type: "groups", ParentID: "x", ID: "1", Name: "x"},
	} {
		if err := f.server.StoreObservations(t.Context(), f.id, []store.Observation{o}); err == nil {
			t.Errorf("%s: stored", name)
		}
	}
}
