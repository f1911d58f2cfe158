package servicedesk_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestListRequests_DueToday: a day is one of the connection's zone.
func TestListRequests_DueToday(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connect(helpdesk, fake, func(s *store.ConnectionSettings) { s.TimeZone = "Pacific/Kiritimati" })
	r := h.serve()
	zone, err := time.LoadLocation("Pacific/Kiritimati")
	require.NoError(t, err)
	midnight := func() time.Time {
		now := time.Now().In(zone)
		return time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, zone)
	}
	for {
		today := midnight()
		for _, id := range fake.IDs("requests") {
			fake.Set("requests", id, sdptest.Record{"due_by_time": today.AddDate(0, 0, 5)})
		}
		ids := fake.IDs("requests")
		fake.Set("requests", ids[0], sdptest.Record{"due_by_time": today})
		fake.Set("requests", ids[1], sdptest.Record{"due_by_time": today.AddDate(0, 0, 1).Add(-time.Second)})
		fake.Set("requests", ids[2], sdptest.Record{"due_by_time": today.AddDate(0, 0, 1)})
		fake.Set("requests", ids[3], sdptest.Record{"due_by_time": today.Add(-time.Second)})
		_, found := mustCall[tickets](r, "list_requests", map[string]any{"view": "due_today"})
		if !midnight().Equal(today) { // another day began meanwhile
			continue
		}
		if diff := cmp.Diff([]string{dock, drops}, found.subjects()); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		return
	}
}

// TestListRequests_Orders: rows come in the order that was asked for, with the columns.
func TestListRequests_Orders(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{Empty: true})
	at := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	for i, one := range []struct {
		subject       string
		due, updated  time.Duration
		urgency, mode string
	}{{"a", 3 * time.Hour, time.Hour, "High", "E-Mail"}, {"b", time.Hour, 3 * time.Hour, "Low", "Phone Call"}, {"c", 2 * time.Hour, 2 * time.Hour, "High", "Web Form"}} {
		id := fake.Add("requests", sdptest.Record{
			"subject": one.subject, "requester": "ana@example.org", "status": "Open", "created_time": at.Add(time.Duration(i) * time.Hour), "due_by_time": at.Add(one.due),
			"urgency": one.urgency, "mode": one.mode, "group": "Network",
		})
		fake.Set("requests", id, sdptest.Record{"last_updated_time": at.Add(one.updated)})
	}
	h.connect(helpdesk, fake)
	r := h.serve()
	for sort, want := range map[string]string{"": "bca", "updated": "bca", "created": "cba", "due": "bca"} {
		arguments := map[string]any{}
		if sort != "" {
			arguments["sort"] = sort
		}
		_, found := mustCall[tickets](r, "list_requests", arguments)
		got := ""
		for _, one := range found.Requests {
			got += one.Subject
		}
		if got != want {
			t.Errorf("sorted by %q: %s, want %s", sort, got, want)
		}
	}
	_, later := mustCall[tickets](r, "list_requests", map[string]any{"updated_after": at.Add(90 * time.Minute).Format(time.RFC3339)})
	if diff := cmp.Diff([]string{"b", "c"}, later.subjects()); diff != "" {
		t.Errorf("updated after a time (-want +got)\n%s", diff)
	}
	_, found := mustCall[tickets](r, "list_requests", map[string]any{"sort": "created", "limit": 1, "fields": []any{"requester", "group", "urgency", "mode", "created", "updated", "id"}})
	want := map[string]string{
		"requester": "Ana Lopez", "group": "Network", "urgency": "High", "mode": "Web Form", "created": "2026-03-01T11:00:00+01:00",
		"updated": "2026-03-01T11:00:00+01:00", "id": "id:" + fake.IDs("requests")[2],
	}
	if diff := cmp.Diff(want, found.Requests[0].Fields); diff != "" {
		t.Errorf("columns (-want +got)\n%s", diff)
	}
}

// TestListRequests_PendingApproval: tickets that wait for an approval are those of the site's own view.
func TestListRequests_PendingApproval(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	fake.AddTo("requests", fake.IDs("requests")[0], "approval_levels", sdptest.Record{"level": 1})
	h.connect(helpdesk, fake)
	r := h.serve()
	for priority, want := range map[string][]string{"Normal": {dock}, "High": {}} {
		_, found := mustCall[tickets](r, "list_requests", map[string]any{"view": "pending_approval", "priority": priority})
		if diff := cmp.Diff(want, found.subjects()); diff != "" {
			t.Errorf("of priority %s (-want +got)\n%s", priority, diff)
		}
	}
}

// TestSearchRequests_MixedDates: a total of a site that takes no times beside other conditions does not count what the times leave out.
func TestSearchRequests_MixedDates(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{Edition: sdptest.OnPremises, Empty: true, Site: sdptest.Site{MixedDateCriteriaRefused: true}})
	for i := range 120 {
		fake.Add("requests", sdptest.Record{
			"subject": fmt.Sprint(i), "requester": "ana@example.org", "status": "Open", "due_by_time": time.Now().Add(time.Duration(110-i) * time.Hour),
			"created_time": time.Date(2026, 1, 1, 0, i, 0, 0, time.UTC),
		})
	}
	h.connect(helpdesk, fake)
	r := h.serve()
	for range 2 { // by a refusal, and by what is known since
		_, found := mustCall[tickets](r, "list_requests", map[string]any{"view": "overdue", "sort": "created", "limit": 5})
		if len(found.Requests) != 5 || found.Total != nil {
			t.Errorf("%d tickets of %v, want 5 of nobody knows how many", len(found.Requests), found.Total)
		}
	}
}
