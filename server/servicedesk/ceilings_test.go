package servicedesk_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// TestCeilings: what is outside of a group or a site is in no list, also of a site that ignores criteria.
func TestCeilings(t *testing.T) {
	h := newHouse(t)
	fakes := map[string]*sdptest.Server{
		"honest": startFake(t, sdptest.Options{}), "deaf": startFake(t, sdptest.Options{Site: sdptest.Site{IgnoreCriteria: true}}),
		"premises": startFake(t, sdptest.Options{Edition: sdptest.OnPremises}),
	}
	ceilings := map[string]struct {
		groups, sites []string
		open          []string
	}{
		"one-group":      {groups: []string{"Network"}, open: []string{wifi, drops}},
		"case":           {groups: []string{"nETWORK"}, open: []string{wifi, drops}},
		"two-groups":     {groups: []string{"Network", "Branch support"}, open: []string{wifi, printer, drops}},
		"none":           {groups: []string{"none"}, open: []string{client, screen}},
		"group-or-none":  {groups: []string{"Network", "none"}, open: []string{wifi, client, drops, screen}},
		"site":           {sites: []string{"Branch north"}, open: []string{printer, client, drops}},
		"group-and-site": {groups: []string{"Network"}, sites: []string{"Branch north"}, open: []string{drops}},
		"group-and-none": {groups: []string{"Network"}, sites: []string{"none"}, open: []string{wifi}},
		"nothing":        {groups: []string{}, open: []string{}},
		"another":        {groups: []string{"No such group"}, open: []string{}},
	}
	for site, fake := range fakes {
		for name, c := range ceilings {
			h.connect(store.Key{Namespace: site, Name: name}, fake, func(s *store.ConnectionSettings) {
				s.Access.Groups, s.Access.Sites = c.groups, c.sites
			})
		}
	}
	r := h.serve()
	for site := range fakes {
		for name, c := range ceilings {
			connection := site + "/" + name
			_, found := mustCall[tickets](r, "list_requests", map[string]any{"connection": connection})
			if diff := cmp.Diff(c.open, found.subjects()); diff != "" {
				t.Errorf("%s: open tickets (-want +got)\n%s", connection, diff)
			}
			if found.Total == nil || *found.Total != len(c.open) {
				t.Errorf("%s: a total of %v, want that of what is inside, %d", connection, found.Total, len(c.open))
			}
			wantNothingCounted(t, r, connection, len(c.open))
			// What the caller asks for cannot widen it.
			_, wide := mustCall[tickets](r, "search_requests", map[string]any{"connection": connection, "criteria": []any{
				map[string]any{"field": "group", "condition": "is not", "value": "Nowhere"},
			}})
			if got := wide.subjects(); !slices.Equal(got, c.open) && !slices.Equal(got, slices.DeleteFunc(slices.Clone(c.open), isWithoutGroup)) {
				t.Errorf("%s: a search finds %q, want %q, with or without those of no group", connection, got, c.open)
			}
			if name != "one-group" {
				continue
			}
			_, mine := mustCall[tickets](r, "my_queue", map[string]any{"connection": connection, "unassigned_in_my_groups": true})
			if len(mine.Requests) != 0 {
				t.Errorf("%s: a queue has %v", connection, mine.subjects())
			}
		}
	}
}

// isWithoutGroup reports whether a ticket of the fake has no group.
func isWithoutGroup(subject string) bool { return subject == client || subject == screen }

// wantNothingCounted reads the open tickets of a connection one by one: neither a total nor a cursor counts what is outside.
func wantNothingCounted(t *testing.T, r *replica, connection string, inside int) {
	t.Helper()
	seen, cursor := 0, ""
	for range 12 { // there are ten tickets
		arguments := map[string]any{"connection": connection, "limit": 1}
		if cursor != "" {
			arguments["cursor"] = cursor
		}
		_, page := mustCall[tickets](r, "list_requests", arguments)
		seen += len(page.Requests)
		if page.Total != nil && *page.Total != inside {
			t.Errorf("%s: of one ticket a page says that there are %d, want %d or nothing", connection, *page.Total, inside)
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
		plain, err := base64.RawURLEncoding.DecodeString(cursor)
		require.NoError(t, err)
		if _, place, _ := strings.Cut(string(plain), "/"); len(place) < 20 {
			t.Errorf("%s: a cursor says its place: %q", connection, plain)
		}
	}
	if seen != inside {
		t.Errorf("%s: %d tickets one by one, want %d", connection, seen, inside)
	}
}

// TestCeilings_OneTicket: a ticket outside is none, in the words and with the calls of one that does not exist, for each tool and
// resource that names one.
func TestCeilings_OneTicket(t *testing.T) {
	h := newHouse(t)
	for name, o := range map[string]sdptest.Options{
		"honest": {}, "deaf": {Site: sdptest.Site{IgnoreCriteria: true}}, "premises": {Edition: sdptest.OnPremises},
	} {
		fake := startFake(t, o)
		key := store.Key{Namespace: "support", Name: name}
		h.connect(key, fake, func(s *store.ConnectionSettings) { s.Access.Groups = []string{"Network"} })
		r := h.serve()
		outside, inside := fake.IDs("requests")[0], fake.IDs("requests")[1]
		number := func(id string) string { return fmt.Sprint(fake.Record("requests", id)["display_id"]) }
		// Each is called with a ticket outside and with one that does not exist.
		for what, call := range map[string]func(id string) string{
			"get_request": func(id string) string {
				return r.call("get_request", map[string]any{"connection": key.String(), "request_id": id, "include": []any{"notes"}}).Text
			},
			"search_requests": func(id string) string {
				return r.call("search_requests", map[string]any{"connection": key.String(), "similar_to": id}).Text
			},
			"search_solutions": func(id string) string {
				return r.call("search_solutions", map[string]any{"connection": key.String(), "request_id": id}).Text
			},
			"a resource": func(id string) string {
				return r.Send(t, transporttest.Request{RPC: "resources/read", Params: map[string]any{"uri": "sdp://" + key.String() + "/requests/" + id}}).Failure(t)
			},
			"a mail": func(id string) string {
				return r.Send(t, transporttest.Request{RPC: "resources/read", Params: map[string]any{"uri": "sdp://" + key.String() + "/requests/" + id + "/conversations/1"}}).Failure(t)
			},
			"a file": func(id string) string {
				return r.Send(t, transporttest.Request{RPC: "resources/read", Params: map[string]any{"uri": "sdp://" + key.String() + "/requests/" + id + "/attachments/1"}}).Failure(t)
			},
		} {
			for _, pair := range [][2]string{{number(outside), "99999"}, {"id:" + outside, "id:9" + outside[1:]}} {
				fake.ForgetCalls()
				denied := call(pair[0])
				callsDenied := fake.Count(sdptest.ToAPI)
				fake.ForgetCalls()
				unknown := call(pair[1])
				callsUnknown := fake.Count(sdptest.ToAPI)
				_, after := mustCall[status](r, "connection_status", map[string]any{"connection": key.String()})
				if told := after.Connections[0].LastErrors; len(told) > 0 {
					t.Errorf("%s: after %s the status of the connection tells which one exists: %q", name, what, told)
				}
				if denied != unknown || callsDenied != callsUnknown || callsDenied != 1 {
					t.Errorf("%s: %s of %s: %q with %d calls; of %s: %q with %d calls", name, what, pair[0], denied, callsDenied, pair[1], unknown, callsUnknown)
				}
			}
		}
		fake.ForgetCalls()
		r.call("get_request", map[string]any{"connection": key.String(), "request_id": "88888"})
		if asked := fake.Calls(sdptest.To("GET", "/requests")); len(asked) != 1 || !strings.Contains(fmt.Sprint(asked[0].Input), "group.name") {
			t.Errorf("%s: a number is looked for outside of the ceilings: %+v", name, asked)
		}
		if got := r.call("get_request", map[string]any{"connection": key.String(), "request_id": number(inside)}); got.IsError && name != "deaf" { // which finds no number
			t.Errorf("%s: a ticket inside: %s", name, got.Text)
		}
		// Its number is known now; then it is moved.
		fake.Set("requests", inside, sdptest.Record{"group": "Service desk"})
		want := "Get Request: NotFoundError: no such ticket; give its number, such as 31, as lists show it"
		if got := r.call("get_request", map[string]any{"connection": key.String(), "request_id": number(inside)}); got.Text != want {
			t.Errorf("%s: a ticket that was moved outside: %s", name, got.Text)
		}
	}
}

// TestCeilings_Toolsets: what a connection does not offer cannot be called, and is unknown where no connection offers it.
func TestCeilings_Toolsets(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connect(helpdesk, fake, func(s *store.ConnectionSettings) { s.Access.Toolsets = []string{"lookups"} })
	r := h.serve()
	fake.ForgetCalls()
	for name, arguments := range map[string]map[string]any{
		"list_requests": nil, "my_queue": nil, "search_requests": {"query": "a"}, "get_request": {"request_id": "1"}, "find_people": {"query": "ana"},
		"search_solutions": {"query": "dock"}, "list_technicians": {"query": "ana"}, "reply_to_requester": nil,
	} {
		want := fmt.Sprintf("400 -32602 no such tool as %q; tools/list has those there are for you", name)
		if got := r.Send(t, transporttest.CallTool(name, arguments)).Failure(t); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	h.connect(store.Key{Namespace: "support", Name: "other"}, fake)
	want := "List Requests: ForbiddenError: connection support/helpdesk does not offer the toolset requests (spec.access.toolsets)"
	eventuallyCalled(t, r, "list_requests", map[string]any{"connection": "support/helpdesk"}, want)
	for _, kind := range []string{"requests/1", "solutions/1"} {
		got := r.Send(t, transporttest.Request{RPC: "resources/read", Params: map[string]any{"uri": "sdp://support/helpdesk/" + kind}}).Failure(t)
		if want := "does not offer the toolset"; !containsSubstring(got, want) {
			t.Errorf("%s: %s, want %s", kind, got, want)
		}
	}
	wantCalls(t, fake, 0)
	h.storeConnection(helpdesk, fake, func(s *store.ConnectionSettings) { s.Suspended = true })
	eventuallyCalled(t, r, "list_requests", map[string]any{"connection": "support/helpdesk"},
		"List Requests: UnavailableError: connection support/helpdesk is suspended (spec.suspend)")
	wantCalls(t, fake, 0)
}
