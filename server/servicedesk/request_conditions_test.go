package servicedesk_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
)

// searchedSites are fakes that hear conditions, or ignore them, or take no times beside others. Each has tickets that are due at known times.
func searchedSites(t *testing.T, h *house) map[store.Key]*sdptest.Server {
	t.Helper()
	fakes := map[store.Key]*sdptest.Server{}
	for name, o := range map[string]sdptest.Options{
		"honest": {}, "deaf": {Site: sdptest.Site{IgnoreCriteria: true, IgnoreFilterBy: true}}, "premises": {Edition: sdptest.OnPremises},
		"no-mixed-dates": {Edition: sdptest.OnPremises, Site: sdptest.Site{MixedDateCriteriaRefused: true}},
	} {
		fake := startFake(t, o)
		ids := fake.IDs("requests")
		fake.Set("requests", ids[0], sdptest.Record{"udf_fields": sdptest.Record{"udf_sline_7": "B-204"}, "due_by_time": dueTime})
		fake.Set("requests", ids[1], sdptest.Record{"due_by_time": dueTime.Add(24 * time.Hour)})
		key := store.Key{Namespace: "support", Name: name}
		h.connect(key, fake)
		fakes[key] = fake
	}
	return fakes
}

// dueTime is when a ticket is due: late in the evening of the day before in UTC, at 00:30 of that day where the connection is.
var dueTime = time.Date(2031, 3, 14, 23, 30, 0, 0, time.UTC)

// TestSearchRequests_Criteria: conditions hold wherever a site hears them, and where it does not.
func TestSearchRequests_Criteria(t *testing.T) {
	h := newHouse(t)
	fakes := searchedSites(t, h)
	r := h.serve()
	for key, fake := range fakes {
		numbered := fmt.Sprint(fake.Record("requests", fake.IDs("requests")[1])["display_id"])
		without := func(subjects ...string) []string {
			return slices.DeleteFunc(slices.Clone(openOnes), func(one string) bool { return slices.Contains(subjects, one) })
		}
		for condition, want := range map[[3]string][]string{
			{"subject", "contains", "VPN"}: {client, drops}, {"subject", "starts with", "where"}: {screen}, {"subject", "ends with", "workbook"}: {budget},
			{"subject", "not contains", "e"}: {dock}, {"description", "contains", "screen?. It began"}: {screen},
			{"group", "is empty", ""}: {client, screen}, {"group", "is not empty", ""}: without(client, screen), {"group", "is not", "network"}: without(wifi, drops),
			{"priority", "is", "high"}: {drops}, {"status", "is", "On Hold"}: {wifi}, {"number", "is", "#" + numbered}: {drops},
			{"technician", "is", "Nina Net"}: {wifi, drops}, {"udf_sline_7", "is", "B-204"}: {dock}, {"udf_sline_7", "is empty", ""}: without(dock),
			{"udf_sline_7", "is not empty", ""}:   {dock},
			{"due", "greater than", "2031-03-15"}: {dock, drops}, {"due", "lesser than", "2031-03-15T00:45:00+01:00"}: {budget, wifi, dock, printer}, {"due", "is", "2031-03-15"}: {dock},
			{"due", "is", "2031-03-16T12:00:00+01:00"}: {drops}, {"due", "is not empty", ""}: without(client, screen), {"due", "is empty", ""}: {client, screen},
		} {
			arguments := map[string]any{"connection": key.String(), "criteria": []any{map[string]any{"field": condition[0], "condition": condition[1], "value": condition[2]}}}
			text, found := mustCall[tickets](r, "search_requests", arguments)
			if diff := cmp.Diff(want, found.subjects()); diff != "" {
				t.Errorf("%s: %v (-want +got)\n%s\n%s", key, condition, diff, text)
			}
		}
		for _, condition := range []string{"contains", "is not", "starts with"} {
			got := r.call("search_requests", map[string]any{"connection": key.String(), "criteria": []any{
				map[string]any{"field": "due", "condition": condition, "value": "2031-03-15"},
			}})
			want := `Search Requests: ValidationError: argument "criteria": due takes greater than, lesser than, is (on that day), is empty and is not empty`
			if got.Text != want {
				t.Errorf("%s: due %s: %s", key, condition, got.Text)
			}
		}
	}
}

// TestSearchRequests_Words: words and likeness find the same tickets wherever a site hears conditions, and where it does not.
func TestSearchRequests_Words(t *testing.T) {
	h := newHouse(t)
	fakes := searchedSites(t, h)
	r := h.serve()
	for key, fake := range fakes {
		id := fake.IDs("requests")[1]
		for arguments, want := range map[*map[string]any][]string{
			{"query": "vpn"}: {client, drops}, {"query": "VPN minutes"}: {drops}, {"query": "week laptop"}: {dock},
			{"query": "#" + fmt.Sprint(fake.Record("requests", id)["display_id"])}: {drops},
			{"query": "mail"}: {}, {"query": "mail", "include_closed": true}: {mail}, {"similar_to": "id:" + id}: {wifi},
		} {
			(*arguments)["connection"] = key.String()
			_, found := mustCall[tickets](r, "search_requests", *arguments)
			if diff := cmp.Diff(want, found.subjects()); diff != "" {
				t.Errorf("%s: %v (-want +got)\n%s", key, *arguments, diff)
			}
			if found.Total == nil || *found.Total != len(want) {
				t.Errorf("%s: %v: a total of %v, want %d", key, *arguments, found.Total, len(want))
			}
		}
	}
}
