package postgres_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/store"
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
	many := make([]store.LookupEntry, 5000)
	for i := range many {
		many[i] = store.LookupEntry{ID: fmt.Sprint(i), Name: fmt.Sprintf("Category %d", i)}
	}
	f.replaceLookup("categories", many...)
	if got := f.entries("categories"); len(got) != len(many) || got[4999].Name != "Category 4999" {
		t.Errorf("%d categories, want %d in order", len(got), len(many))
	}
	_, err := f.writer.ReplaceLookup(t.Context(), helpdesk, "u2", store.Lookup{Type: "priorities"})
	if !errors.Is(err, store.ErrConnectionGone) {
		t.Errorf("of another object: %v", err)
	}
	if _, err := f.writer.ReplaceLookup(t.Context(), helpdesk, helpdeskUID, store.Lookup{Type: "priorities", Entries: []store.LookupEntry{{ID: "1", Flags: json.RawMessage("{")}}}); err == nil {
		t.Error("flags that are no JSON are stored")
	}
}

func TestFoldObservations(t *testing.T) {
	f := newConnectionFixture(t)
	f.replaceLookup("groups", store.LookupEntry{ID: "1", Name: "Network"})
	require.NoError(t, f.server.StoreObservations(t.Context(), f.id, nil))
	require.NoError(t, f.server.StoreObservations(t.Context(), f.id, []store.Observation{
		{Type: "groups", ID: "1", Name: "Forged"}, {Type: "groups", ID: "2", Name: "Old"}, {Type: "groups", ID: "2", Name: "Desk"},
	}))
	taken, err := f.writer.FoldObservations(t.Context(), 100)
	require.NoError(t, err)
	want := []store.LookupEntry{{ID: "1", Name: "Network"}, {ID: "2", Name: "Desk", Observed: true}}
	if diff := cmp.Diff(want, f.entries("groups")); diff != "" || taken != 3 {
		t.Errorf("%d taken, want 3 (-want +got)\n%s", taken, diff)
	}
	if taken, err = f.writer.FoldObservations(t.Context(), 100); err != nil || taken != 0 {
		t.Errorf("folded again: %d, %v", taken, err)
	}
	f.replaceLookup("groups", store.LookupEntry{ID: "1", Name: "Network"}, store.LookupEntry{ID: "2", Name: "Service desk"})
	want = []store.LookupEntry{{ID: "1", Name: "Network"}, {ID: "2", Name: "Service desk"}}
	if diff := cmp.Diff(want, f.entries("groups")); diff != "" {
		t.Errorf("after the list was read (-want +got)\n%s", diff)
	}
}

// TestStoreObservations_AreBounded: what a server inserts past the limits is refused.
func TestStoreObservations_AreBounded(t *testing.T) {
	f := newConnectionFixture(t)
	many := make([]store.Observation, 1001)
	for i := range many {
		many[i] = store.Observation{Type: "groups", ID: fmt.Sprint(i), Name: "x"}
	}
	require.NoError(t, f.server.StoreObservations(t.Context(), f.id, many[:1000]))
	if err := f.server.StoreObservations(t.Context(), f.id, many[1000:]); err == nil {
		t.Error("a replica stores more than 1000 observations in an hour")
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
