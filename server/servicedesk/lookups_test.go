package servicedesk_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

type entries struct {
	Entries []struct {
		Name, ID, Flags string
		Parent          string `json:"parent_id"`
	}
	Total      int
	NextCursor string `json:"next_cursor"`
}

func (e entries) names() []string {
	names := []string{}
	for _, one := range e.Entries {
		names = append(names, one.Name)
	}
	return names
}

// TestListLookup: a list that the controller read costs no call; one that nobody read is read then, once.
func TestListLookup(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connect(helpdesk, fake)
	r := h.serve()
	fake.ForgetCalls()
	for arguments, want := range map[*map[string]any][]string{
		{"type": "priorities"}:                         {"Low", "Normal", "Medium", "High"},
		{"type": "priorities", "query": "m"}:           {"Normal", "Medium"},
		{"type": "subcategories", "parent": "network"}: {"VPN", "Wi-Fi", "DNS"},
		{"type": "subcategories", "query": "vpn"}:      {"VPN client", "VPN"},
	} {
		_, found := mustCall[entries](r, "list_lookup", *arguments)
		if diff := cmp.Diff(want, found.names()); diff != "" {
			t.Errorf("%v (-want +got)\n%s", *arguments, diff)
		}
	}
	wantCalls(t, fake, 0)
	_, modes := mustCall[entries](r, "list_lookup", map[string]any{"type": "modes"})
	if diff := cmp.Diff([]string{"E-Mail", "Phone Call", "Web Form"}, modes.names()); diff != "" {
		t.Errorf("a list that was never read (-want +got)\n%s", diff)
	}
	mustCall[entries](r, "list_lookup", map[string]any{"type": "modes"})
	wantCalls(t, fake, 1)
	for arguments, want := range map[*map[string]any]string{
		{"type": "modes", "parent": "x"}: `argument "parent": entries of modes belong to nothing; leave it out`,
		{"type": "colours"}:              `argument "type": "colours" is not one of priorities, statuses`,
	} {
		if got := r.call("list_lookup", *arguments); !strings.Contains(got.Text, want) {
			t.Errorf("%v: %s, want %s", *arguments, got.Text, want)
		}
	}
}

// TestListLookup_Scope: the scope that lists need is named where the token lacks it.
func TestListLookup_Scope(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connect(helpdesk, fake)
	fake.SetScopes("SDPOnDemand.requests.READ")
	r := h.serve()
	got := r.call("list_lookup", map[string]any{"type": "modes"})
	if got.Details.Kind != "ForbiddenError" || !strings.Contains(got.Text, "The token needs the OAuth scope SDPOnDemand.setup.READ") {
		t.Errorf("without the scope: %+v", got)
	}
	if got := r.call("find_people", map[string]any{"query": "ana"}); !strings.Contains(got.Text, "SDPOnDemand.users.READ") {
		t.Errorf("people without the scope: %s", got.Text)
	}
	if got := r.call("search_solutions", map[string]any{"query": "dock"}); !strings.Contains(got.Text, "SDPOnDemand.solutions.READ") {
		t.Errorf("articles without the scope: %s", got.Text)
	}
}

// TestLookups_Heal: a new entry, a renamed one and a deleted one cost one read of the list, and tell the controller of what is new.
func TestLookups_Heal(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connect(helpdesk, fake)
	r := h.serve()
	fake.Add("priorities", sdptest.Record{"name": "Critical", "color": "#ff0000"})
	fake.ForgetCalls()
	_, found := mustCall[tickets](r, "list_requests", map[string]any{"priority": "critical"})
	if len(found.Requests) != 0 {
		t.Errorf("%v", found.subjects())
	}
	wantCalls(t, fake, 2) // the list, and the tickets
	mustCall[tickets](r, "list_requests", map[string]any{"priority": "Critical"})
	wantCalls(t, fake, 1)
	taken, err := h.writer.FoldObservations(t.Context(), 100)
	require.NoError(t, err)
	if taken != 1 {
		t.Errorf("%d new entries were told, want 1", taken)
	}

	fake.Set("groups", fake.IDOf("groups", "Network"), sdptest.Record{"name": "Networks and lines"})
	fake.ForgetCalls()
	_, found = mustCall[tickets](r, "list_requests", map[string]any{"group": "networks and lines"})
	if diff := cmp.Diff([]string{wifi, drops}, found.subjects()); diff != "" {
		t.Errorf("by a new name (-want +got)\n%s", diff)
	}
	wantCalls(t, fake, 2)
}

// TestLookups_OfAnotherServiceDesk: when a connection is to another ServiceDesk Plus, a name is resolved by that one's list.
func TestLookups_OfAnotherServiceDesk(t *testing.T) {
	h := newHouse(t)
	first, second := startFake(t, sdptest.Options{}), startFake(t, sdptest.Options{})
	first.Add("priorities", sdptest.Record{"name": "Of the first alone"})
	h.connect(helpdesk, first)
	r := h.serve()
	listed := func() []string {
		_, found := mustCall[entries](r, "list_lookup", map[string]any{"type": "priorities"})
		return found.names()
	}
	if !slices.Contains(listed(), "Of the first alone") {
		t.Fatalf("lists %v", listed())
	}
	h.storeConnection(helpdesk, second)
	h.giveToken(helpdesk, second)
	require.Until(t, "the lists of the first one are forgotten", func() bool {
		return !slices.Contains(listed(), "Of the first alone")
	})
	if second.Count(sdptest.To("GET", "/priorities")) == 0 {
		t.Error("the second one was not asked")
	}
}

// TestLookups_Deleted: an entry that is gone is refused by its id once, its list is read again, and then the name is none.
func TestLookups_Deleted(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connect(helpdesk, fake)
	r := h.serve()
	fake.Remove("priorities", fake.IDOf("priorities", "High"))
	fake.Fail(sdptest.Refused(4001, "priority").To("GET", "/requests"))
	fake.ForgetCalls()
	want := `there is no "High" in the list priorities`
	if got := r.call("list_requests", map[string]any{"priority": "High"}); !strings.Contains(got.Text, want) {
		t.Errorf("an entry that is gone: %s", got.Text)
	}
	wantCalls(t, fake, 3) // refused, and the lists of the two names among the conditions
	if got := r.call("list_requests", map[string]any{"priority": "High"}); !strings.Contains(got.Text, want) || got.Details.Kind != "ValidationError" {
		t.Errorf("again: %+v", got)
	}
	wantCalls(t, fake, 0)
}

// TestLookups_RefusedID: an id that ServiceDesk Plus refuses has its list read again, once, and the call made anew.
func TestLookups_RefusedID(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connect(helpdesk, fake)
	r := h.serve()
	fake.Fail(sdptest.Refused(4001, "priority").To("GET", "/requests"))
	fake.ForgetCalls()
	_, found := mustCall[tickets](r, "list_requests", map[string]any{"priority": "Medium"})
	if diff := cmp.Diff([]string{budget, wifi}, found.subjects()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	wantCalls(t, fake, 4) // refused, the lists of the two names among the conditions, and again
	fake.Fail(sdptest.Refused(4001, "priority").To("GET", "/requests").Times(-1))
	got := r.call("list_requests", map[string]any{"priority": "Medium"})
	if got.Details.Kind != "RejectedError" || got.Details.SDPCode != 4001 || !strings.Contains(got.Text, "ServiceDesk Plus says:\n--- begin of untrusted text ") {
		t.Errorf("an id that is refused for good: %+v", got)
	}
	wantCalls(t, fake, 1)
}

// TestLookups_Long: of a list that is longer than what is read at once, a new entry is found by its name in one call, and none is lost.
func TestLookups_Long(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	for i := range 600 {
		fake.Add("categories", sdptest.Record{"name": fmt.Sprintf("Category %03d", i)})
	}
	h.connect(helpdesk, fake)
	r := h.serve()
	fake.Add("categories", sdptest.Record{"name": "Zebra"})
	fake.ForgetCalls()
	mustCall[tickets](r, "list_requests", map[string]any{"category": "Zebra"})
	wantCalls(t, fake, 2)
	for _, query := range []string{"Category 599", "Zebra", "Network"} {
		if _, found := mustCall[entries](r, "list_lookup", map[string]any{"type": "categories", "query": query}); found.Total != 1 {
			t.Errorf("%s: %d entries, want 1", query, found.Total)
		}
	}
	_, page := mustCall[entries](r, "list_lookup", map[string]any{"type": "categories"})
	if page.Total != 605 || page.NextCursor == "" {
		t.Errorf("%d entries, next %q; want 605 and more pages", page.Total, page.NextCursor)
	}
	got := r.call("list_requests", map[string]any{"category": "Catgory 123"})
	if !strings.Contains(got.Text, `there is no "Catgory 123" in the list categories; list_lookup has all, and the most alike are`+"\n--- begin of untrusted text ") ||
		!strings.Contains(got.Text, "---\nCategory 123\n") {
		t.Errorf("a slip in a long list: %s", got.Text)
	}
	wantCalls(t, fake, 1)
	r.call("list_requests", map[string]any{"category": "Catgory 123"})
	wantCalls(t, fake, 0) // it was asked for within a minute
	fake.Add("categories", sdptest.Record{"name": "Yak"})
	mustCall[tickets](r, "list_requests", map[string]any{"category": "Yak"})
	wantCalls(t, fake, 2) // which another name in the same minute does not change
	for i := range 10 {
		got = r.call("list_requests", map[string]any{"category": fmt.Sprintf("Unknown %d", i)})
	}
	if got.Details.Kind != "RateLimitError" || got.Details.RetryAfterSeconds < 1 || !strings.Contains(got.Text, "new names of the list categories were asked for too often") {
		t.Errorf("ten names that nobody knows: %+v", got)
	}
	wantCalls(t, fake, 3) // Zebra, Catgory 123 and Yak were the others of six
}
