package servicedesk_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/tool"
)

// editions are both of ServiceDesk Plus.
var editions = map[string]sdptest.Edition{"cloud": sdptest.Cloud, "on premises": sdptest.OnPremises}

var (
	budget   = "Cannot open the budget workbook"
	wifi     = "Guest Wi-Fi has no address"
	dock     = "Laptop will not dock"
	printer  = "Printer on floor 2 prints blank pages"
	client   = "VPN client asks for an update"
	drops    = "VPN drops every few minutes"
	screen   = "Where do I ask for a second screen?"
	mail     = "Mail signature is cut off"
	starter  = "New starter needs an account"
	ignored  = "Test, please ignore"
	openOnes = []string{budget, wifi, dock, printer, client, drops, screen}
)

// TestListRequests: each list is one call of ServiceDesk Plus, names among its conditions included.
func TestListRequests(t *testing.T) {
	h := newHouse(t)
	for name, edition := range editions {
		fake := startFake(t, sdptest.Options{Edition: edition})
		key := store.Key{Namespace: "support", Name: strings.ReplaceAll(name, " ", "-")}
		h.connect(key, fake)
	}
	r := h.serve()
	for name := range editions {
		for arguments, want := range map[*map[string]any][]string{
			{}:                         openOnes,
			{"view": "overdue"}:        {drops},
			{"view": "unassigned"}:     {budget, printer, client, screen},
			{"view": "closed"}:         {mail, starter, ignored},
			{"status": "on hold"}:      {wifi},
			{"status": "Onhold"}:       {wifi},
			{"status": "Resolved"}:     {mail},
			{"priority": "medium"}:     {budget, wifi},
			{"group": "Network"}:       {wifi, drops},
			{"technician": "me"}:       {dock},
			{"technician": "Nina Net"}: {wifi, drops},
			{"requester": "mia@example.org", "view": "all"}:                               {budget, mail},
			{"category": "Software", "priority": "Medium"}:                                {budget},
			{"updated_after": time.Now().Add(24 * time.Hour).UTC().Format(time.DateOnly)}: {},
			{"view": "all", "technician": "tech@example.org", "status": "Closed"}:         {starter},
			{"view": "open", "status": "Closed"}:                                          {},
		} {
			(*arguments)["connection"] = "support/" + strings.ReplaceAll(name, " ", "-")
			text, found := mustCall[tickets](r, "list_requests", *arguments)
			if diff := cmp.Diff(want, found.subjects()); diff != "" {
				t.Errorf("%s: %v (-want +got)\n%s\n%s", name, *arguments, diff, text)
			}
			if found.Trust != "untrusted" || found.TimeZone != "Europe/Berlin" || found.Total == nil || *found.Total != len(want) {
				t.Errorf("%s: %v: %+v", name, *arguments, found)
			}
		}
	}
}

// TestListRequests_Calls: what a list costs, and what an unknown name does.
func TestListRequests_Calls(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connect(helpdesk, fake)
	r := h.serve()
	fake.ForgetCalls()
	mustCall[tickets](r, "list_requests", map[string]any{"priority": "High", "group": "Network", "category": "Network", "status": "In Progress"})
	wantCalls(t, fake, 1)
	got := r.call("list_requests", map[string]any{"priority": "Hihg"})
	want := `List Requests: ValidationError: argument "priority": there is no "Hihg" in the list priorities; there are` + "\n--- begin of untrusted text "
	if !got.IsError || !strings.HasPrefix(got.Text, want) || !strings.Contains(got.Text, "---\nHigh\nLow\nNormal\nMedium\n---") || !cmp.Equal(got.Details.Allowed, []string{"High", "Low", "Normal", "Medium"}) {
		t.Errorf("an unknown name: %+v, want %s", got, want)
	}
	wantCalls(t, fake, 1) // the list was read once more
	r.call("list_requests", map[string]any{"priority": "Hihg"})
	wantCalls(t, fake, 0) // and is not again within a minute
}

// TestListRequests_Pages: pages have each ticket once, and a cursor means nothing with other arguments.
func TestListRequests_Pages(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{Empty: true})
	const n = 60
	subject := strings.Repeat("a long subject with many words ", 4)[:80]
	for i := range n {
		fake.Add("requests", sdptest.Record{"subject": fmt.Sprintf("%03d %s", i, subject)[:80], "requester": "ana@example.org", "status": "In Progress",
			"technician": "nina@example.org", "priority": "Medium", "due_by_time": time.Now().Add(50 * time.Hour),
		})
	}
	h.connect(helpdesk, fake)
	r := h.serve()
	seen, cursor := map[string]bool{}, ""
	for pages := 0; pages == 0 || cursor != ""; pages++ {
		arguments := map[string]any{"sort": "created", "limit": 50}
		if cursor != "" {
			arguments["cursor"] = cursor
		}
		text, page := mustCall[tickets](r, "list_requests", arguments)
		if tokens := float64(utf8.RuneCountInString(text)) / tool.CharactersPerToken; tokens > 2000 {
			t.Errorf("a page of %d tickets has %.0f tokens, want at most 2000", len(page.Requests), tokens)
		}
		for _, one := range page.Requests {
			if seen[one.Number] {
				t.Errorf("ticket %s is on two pages", one.Number)
			}
			seen[one.Number] = true
		}
		if cursor = page.NextCursor; pages > 10 {
			t.Fatal("the list does not end")
		}
	}
	if len(seen) != n {
		t.Errorf("the pages have %d tickets, want %d", len(seen), n)
	}
	_, first := mustCall[tickets](r, "list_requests", map[string]any{"sort": "created", "limit": 10})
	got := r.call("list_requests", map[string]any{"sort": "due", "cursor": first.NextCursor})
	if want := `List Requests: ValidationError: argument "cursor": this cursor is not from a call with these arguments; call again without it`; got.Text != want {
		t.Errorf("a cursor of another list: %s", got.Text)
	}
	text, all := mustCall[tickets](r, "list_requests", map[string]any{"sort": "created"})
	tokens := float64(utf8.RuneCountInString(text)) / tool.CharactersPerToken
	t.Logf("list_requests of 25 tickets with subjects of 80 characters: %d characters, %.0f tokens", utf8.RuneCountInString(text), tokens)
	if len(all.Requests) != 25 || tokens > 2000 {
		t.Errorf("%d tickets in %.0f tokens, want 25 in at most 2000", len(all.Requests), tokens)
	}
}

func TestMyQueue(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{Site: sdptest.Site{IgnoreFilterBy: true}})
	fake.Add("requests", sdptest.Record{
		"subject": "Late", "requester": "ana@example.org", "status": "Open", "technician": "tech@example.org", "due_by_time": time.Now().Add(-90 * time.Minute),
	})
	h.connect(helpdesk, fake)
	r := h.serve()
	fake.ForgetCalls()
	_, mine := mustCall[tickets](r, "my_queue", nil)
	wantCalls(t, fake, 1)
	if len(mine.Requests) != 2 || mine.Requests[0].Subject != "Late" || mine.Requests[1].Subject != dock {
		t.Fatalf("my queue: %+v", mine.Requests)
	}
	if left := mine.Requests[0].MinutesLeft; left == nil || *left > -90 || !strings.HasPrefix(mine.Requests[0].SLA, "overdue 1h 3") {
		t.Errorf("the late one: %+v", mine.Requests[0])
	}
	_, more := mustCall[tickets](r, "my_queue", map[string]any{"unassigned_in_my_groups": true})
	if diff := cmp.Diff([]string{budget, dock, "Late"}, more.subjects()); diff != "" {
		t.Errorf("with what nobody has in my groups (-want +got)\n%s", diff)
	}
	h.storeConnection(helpdesk, fake, func(s *store.ConnectionSettings) { s.Callers = nil })
	want := "My Queue: ForbiddenError: connection support/helpdesk does not say who local:anna is in ServiceDesk Plus; it needs an entry in spec.callers"
	eventually(t, want, func() string { return r.call("my_queue", nil).Text })
}

func TestSearchRequests(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connect(helpdesk, fake)
	r := h.serve()
	number := fmt.Sprint(fake.Record("requests", fake.IDs("requests")[1])["display_id"])
	fake.ForgetCalls()
	for arguments, want := range map[*map[string]any][]string{
		{"query": "vpn"}:                          {client, drops},
		{"query": "minutes VPN"}:                  {drops},
		{"query": "began week laptop"}:            {dock}, // words of the description
		{"query": "#" + number}:                   {drops},
		{"query": "mail"}:                         {},
		{"query": "mail", "include_closed": true}: {mail},
		{"criteria": []any{map[string]any{"field": "group", "condition": "is empty"}}}: {client, screen},
		{"criteria": []any{
			map[string]any{"field": "subject", "condition": "contains", "value": "the"}, map[string]any{"field": "site", "condition": "is", "value": "Main office"},
		}}: {budget},
	} {
		_, found := mustCall[tickets](r, "search_requests", *arguments)
		if diff := cmp.Diff(want, found.subjects()); diff != "" {
			t.Errorf("%v (-want +got)\n%s", *arguments, diff)
		}
		wantCalls(t, fake, 1)
	}
	_, found := mustCall[tickets](r, "search_requests", map[string]any{"query": "vpn drops"})
	if len(found.Requests) != 1 || found.Requests[0].Score == nil || *found.Requests[0].Score != 1 {
		t.Errorf("a hit with all words in its subject: %+v", found.Requests)
	}
	fake.ForgetCalls()
	_, alike := mustCall[tickets](r, "search_requests", map[string]any{"similar_to": number})
	if diff := cmp.Diff([]string{wifi}, alike.subjects()); diff != "" {
		t.Errorf("similar to %s (-want +got)\n%s", number, diff)
	}
	wantCalls(t, fake, 2) // its id is known from a list
	for arguments, want := range map[*map[string]any]string{
		{}:                                "Search Requests: ValidationError: give exactly one of query, similar_to and criteria",
		{"query": "a", "similar_to": "1"}: "Search Requests: ValidationError: give exactly one of query, similar_to and criteria",
		{"criteria": []any{map[string]any{"field": "x", "condition": "is", "value": "1"}}}:                    `Search Requests: ValidationError: argument "criteria": there is no field "x"; there are udf_… and category, created, description, due, group, impact, item, level, mode, number, priority, request_type, requester, requester_email, site, status, subcategory, subject, technician, technician_email, updated, urgency`,
		{"criteria": []any{map[string]any{"field": "created", "condition": "greater than", "value": "soon"}}}: `Search Requests: ValidationError: argument "criteria": "soon" is no time; write 2026-03-31 or 2026-03-31T08:00:00+02:00`,
	} {
		if got := r.call("search_requests", *arguments); got.Text != want {
			t.Errorf("%v: %s, want %s", *arguments, got.Text, want)
		}
	}
	wantCalls(t, fake, 0)
}

// TestTools_IgnoredConditions: of a site that ignores what it is asked, what nobody asked for is not shown.
func TestTools_IgnoredConditions(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{Site: sdptest.Site{IgnoreCriteria: true, IgnoreFilterBy: true}})
	h.connect(helpdesk, fake)
	r := h.serve()
	for arguments, want := range map[*map[string]any][]string{
		{}: openOnes, {"view": "overdue"}: {drops}, {"view": "closed"}: {mail, starter, ignored}, {"group": "Network"}: {wifi, drops},
		{"technician": "me"}: {dock}, {"requester": "ben@example.org"}: {wifi, drops}, {"category": "Network", "priority": "High"}: {drops},
	} {
		_, found := mustCall[tickets](r, "list_requests", *arguments)
		if diff := cmp.Diff(want, found.subjects()); diff != "" {
			t.Errorf("%v (-want +got)\n%s", *arguments, diff)
		}
		if found.Total == nil || *found.Total != len(want) {
			t.Errorf("%v: a total of %v, want %d", *arguments, found.Total, len(want))
		}
	}
	_, mine := mustCall[tickets](r, "my_queue", nil)
	if diff := cmp.Diff([]string{dock}, mine.subjects()); diff != "" {
		t.Errorf("my queue (-want +got)\n%s", diff)
	}
}

// TestListRequests_OtherSites: lists work at sites that lack or refuse what others have.
func TestListRequests_OtherSites(t *testing.T) {
	h := newHouse(t)
	for name, tc := range map[string]struct {
		options   sdptest.Options
		arguments map[string]any
		want      []string
	}{
		"no-mixed-dates":   {sdptest.Options{Edition: sdptest.OnPremises, Site: sdptest.Site{MixedDateCriteriaRefused: true}}, map[string]any{"view": "overdue"}, []string{drops}},
		"no-statuses":      {sdptest.Options{Site: sdptest.Site{Absent: []string{"GET /statuses"}}}, nil, openOnes},
		"no-closed-status": {sdptest.Options{Site: sdptest.Site{Absent: []string{"GET /statuses"}}}, map[string]any{"view": "closed"}, []string{mail, starter, ignored}},
		"no-groups":        {sdptest.Options{Edition: sdptest.OnPremises}, map[string]any{"group": "Network"}, []string{wifi, drops}},
		"names-as-written": {sdptest.Options{Guesses: sdptest.Guesses{CaseSensitiveNames: true}}, map[string]any{"priority": "mEDIUM"}, []string{budget, wifi}},
	} {
		fake := startFake(t, tc.options)
		key := store.Key{Namespace: "support", Name: name}
		h.storeConnection(key, fake)
		h.giveToken(key, fake) // and no list: each is read when it is asked for
		r := h.serve()
		arguments := map[string]any{"connection": key.String()}
		maps.Copy(arguments, tc.arguments)
		text, found := mustCall[tickets](r, "list_requests", arguments)
		if diff := cmp.Diff(tc.want, found.subjects()); diff != "" {
			t.Errorf("%s (-want +got)\n%s\n%s", name, diff, text)
		}
	}
}

// TestTools_More: a list that is cut says so.
func TestTools_More(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	for i := range 12 {
		fake.Add("solutions", sdptest.Record{"title": fmt.Sprintf("Printer %d", i), "description": "Text", "topic": "Hardware"})
	}
	h.connect(helpdesk, fake)
	r := h.serve()
	ticket := "id:" + fake.IDs("requests")[0]
	for what, tc := range map[string]struct {
		tool      string
		arguments map[string]any
		more      bool
	}{
		"all by words": {"search_requests", map[string]any{"query": "vpn"}, false}, "some by words": {"search_requests", map[string]any{"query": "vpn", "limit": 1}, true},
		"all alike": {"search_requests", map[string]any{"similar_to": ticket}, false},
		"a queue":   {"my_queue", nil, false}, "a part of a queue": {"my_queue", map[string]any{"limit": 1, "unassigned_in_my_groups": true}, true},
		"an article": {"search_solutions", map[string]any{"query": "dock"}, false}, "some articles": {"search_solutions", map[string]any{"query": "printer"}, true},
	} {
		text, got := mustCall[struct{ More bool }](r, tc.tool, tc.arguments)
		if got.More != tc.more || strings.Contains(text, "There are more; ") != tc.more {
			t.Errorf("%s: more %t, want %t: %s", what, got.More, tc.more, text)
		}
	}
}
