package servicedesk_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// surface is one way to ask for tickets, through a connection; what it is asked for is a ticket by its number or id, or words of it.
type surface struct {
	name string
	ask  func(r *replica, connection string, of asked) string
}

// asked is a ticket that is asked for.
type asked struct{ number, words, group, requester, category, mail, file string }

func askTool(name string, arguments func(of asked) map[string]any) surface {
	return surface{name, func(r *replica, connection string, of asked) string {
		given := arguments(of)
		given["connection"] = connection
		return r.Send(r.t, transporttest.CallTool(name, given)).Body
	}}
}

func readResource(name string, path func(of asked) string) surface {
	return surface{"resource of " + name, func(r *replica, connection string, of asked) string {
		return r.Send(r.t, transporttest.Request{RPC: "resources/read", Params: map[string]any{"uri": "sdp://" + connection + path(of)}}).Body
	}}
}

// naming are the surfaces that name one ticket, listing those that find many.
var (
	everyPart = []string{"notes", "conversations", "tasks", "worklogs", "approvals", "attachments", "links", "resolution"}
	naming    = []surface{
		askTool("get_request", func(of asked) map[string]any {
			return map[string]any{"request_id": of.number, "include": everyPart, "detail": "full"}
		}),
		askTool("get_request_conversation", func(of asked) map[string]any { return map[string]any{"request_id": of.number} }),
		askTool("search_requests", func(of asked) map[string]any { return map[string]any{"similar_to": of.number} }),
		askTool("search_solutions", func(of asked) map[string]any { return map[string]any{"request_id": of.number} }),
		readResource("a ticket", func(of asked) string { return "/requests/" + of.number }),
		readResource("a mail", func(of asked) string { return "/requests/" + of.number + "/conversations/" + of.mail }),
		readResource("a file", func(of asked) string { return "/requests/" + of.number + "/attachments/" + of.file }),
	}
	listing = []surface{
		askTool("list_requests", func(asked) map[string]any { return map[string]any{"view": "all", "limit": 50} }),
		askTool("list_requests", func(of asked) map[string]any { return map[string]any{"view": "all", "group": of.group} }),
		askTool("list_requests", func(of asked) map[string]any { return map[string]any{"view": "all", "requester": of.requester} }),
		askTool("list_requests", func(of asked) map[string]any { return map[string]any{"view": "all", "category": of.category} }),
		askTool("list_requests", func(asked) map[string]any { return map[string]any{"view": "pending_approval"} }),
		askTool("list_requests", func(asked) map[string]any {
			return map[string]any{"view": "unassigned", "fields": []string{"group", "site"}}
		}),
		askTool("list_requests", func(asked) map[string]any { return map[string]any{"view": "closed", "updated_after": "2020-01-01"} }),
		askTool("search_requests", func(of asked) map[string]any { return map[string]any{"query": of.words, "include_closed": true} }),
		askTool("search_requests", func(of asked) map[string]any {
			return map[string]any{"include_closed": true, "criteria": []any{map[string]any{"field": "subject", "condition": "contains", "value": of.words}}}
		}),
		askTool("my_queue", func(asked) map[string]any { return map[string]any{} }),
		askTool("my_queue", func(asked) map[string]any { return map[string]any{"unassigned_in_my_groups": true} }),
		askTool("find_people", func(of asked) map[string]any { return map[string]any{"query": strings.Split(of.requester, "@")[0]} }),
		askTool("search_users", func(of asked) map[string]any { return map[string]any{"query": strings.Split(of.requester, "@")[0]} }),
		askTool("search_solutions", func(of asked) map[string]any { return map[string]any{"query": of.words} }),
		askTool("list_lookup", func(asked) map[string]any { return map[string]any{"type": "groups"} }),
		askTool("get_categories", func(asked) map[string]any { return map[string]any{} }),
		askTool("connection_status", func(asked) map[string]any { return map[string]any{} }),
		{"completion of a number", func(r *replica, _ string, of asked) string {
			return r.Send(r.t, transporttest.Request{RPC: "completion/complete", Params: map[string]any{
				"ref":      map[string]any{"type": "ref/resource", "uri": "sdp://{namespace}/{connection}/requests/{number}"},
				"argument": map[string]any{"name": "number", "value": of.number[:1]},
			}}).Body
		}},
	}
)

// ceilingCase is what a connection leaves out, and how a test knows what is inside.
type ceilingCase struct {
	groups, sites []string
	admits        func(group, site string) bool
}

var ceilingCases = map[string]ceilingCase{
	"group":          {[]string{"Network"}, nil, func(group, _ string) bool { return group == "Network" }},
	"site":           {nil, []string{"Branch north"}, func(_, site string) bool { return site == "Branch north" }},
	"group-and-site": {[]string{"Network"}, []string{"Branch north"}, func(group, site string) bool { return group == "Network" && site == "Branch north" }},
	"without-group":  {[]string{"none"}, nil, func(group, _ string) bool { return group == "" }},
}

// subjectsOf returns the subjects of the tickets of a fake that a case leaves in or out; each ticket has a note, a mail, a file and a link
// to the next.
func subjectsOf(fake *sdptest.Server, c ceilingCase) (inside, outside map[string]asked) {
	inside, outside = map[string]asked{}, map[string]asked{}
	for _, id := range fake.IDs("requests") {
		record := fake.Record("requests", id)
		nameOf := func(field string) string {
			if named, is := record[field].(sdptest.Record); is {
				return fmt.Sprint(named["name"])
			}
			return ""
		}
		of := asked{number: fmt.Sprint(record["display_id"]), words: strings.Fields(fmt.Sprint(record["subject"]))[1], group: nameOf("group"), category: nameOf("category")}
		if requester, is := record["requester"].(sdptest.Record); is {
			of.requester = fmt.Sprint(requester["email_id"])
		}
		if of.group == "" {
			of.group = "Service desk" // there is no asking for none
		}
		if subject := fmt.Sprint(record["subject"]); c.admits(nameOf("group"), nameOf("site")) {
			inside[subject] = of
		} else {
			outside[subject] = of
		}
	}
	return inside, outside
}

// fillTickets gives each ticket of a fake parts that name it.
func fillTickets(fake *sdptest.Server) {
	ids := fake.IDs("requests")
	for i, id := range ids {
		subject := fake.Record("requests", id)["subject"]
		fake.AddTo("requests", id, "notes", sdptest.Record{"description": fmt.Sprintf("<p>A note on %s</p>", subject), "created_by": "tech@example.org"})
		fake.AddTo("requests", id, "links", sdptest.Record{"linked_request": ids[(i+1)%len(ids)], "comments": "the next"})
	}
}

// TestCeilings_EverySurface: by no tool, alias, resource or completion is anything told of a ticket outside, of a site that ignores what
// it is asked neither; asked for by its number it is as one that does not exist, at the same price. What is inside is shown.
func TestCeilings_EverySurface(t *testing.T) {
	h := newHouse(t)
	fakes := map[string]*sdptest.Server{
		"honest":            startFake(t, sdptest.Options{}),
		"ignores-criteria":  startFake(t, sdptest.Options{Site: sdptest.Site{IgnoreCriteria: true}}),
		"ignores-filter-by": startFake(t, sdptest.Options{Site: sdptest.Site{IgnoreFilterBy: true}}),
		"ignores-both":      startFake(t, sdptest.Options{Site: sdptest.Site{IgnoreCriteria: true, IgnoreFilterBy: true}}),
		"premises":          startFake(t, sdptest.Options{Edition: sdptest.OnPremises}),
	}
	for site, fake := range fakes {
		fillTickets(fake)
		for name, c := range ceilingCases {
			h.connect(store.Key{Namespace: site, Name: name}, fake, func(s *store.ConnectionSettings) { s.Access.Groups, s.Access.Sites = c.groups, c.sites })
		}
	}
	r := h.serve()
	answers, pairs, shown := 0, 0, 0
	for site, fake := range fakes {
		for name, c := range ceilingCases {
			connection := site + "/" + name
			inside, outside := subjectsOf(fake, c)
			if len(inside) == 0 || len(outside) < 5 {
				t.Fatalf("%s: %d tickets inside, %d outside", connection, len(inside), len(outside))
			}
			told := func(what, body string) {
				answers++
				for subject := range outside {
					if strings.Contains(body, subject) {
						t.Errorf("%s: %s tells of %q: %.600s", connection, what, subject, body)
					}
				}
				for subject := range inside {
					if strings.Contains(body, subject) {
						shown++
					}
				}
			}
			for i, subject := range slices.Sorted(maps.Keys(outside)) {
				of := outside[subject]
				for _, s := range listing {
					if i%3 == 0 { // of a part of them, for the sake of time
						told(s.name, s.ask(r, connection, of))
					}
				}
				for _, s := range naming {
					pairs++
					compareWithUnknown(t, r, fake, connection, s, of)
					told(s.name+" of "+subject, s.ask(r, connection, of))
				}
			}
			for subject, of := range inside {
				for _, s := range naming {
					told(s.name+" of "+subject, s.ask(r, connection, of))
				}
			}
		}
	}
	t.Logf("%d connections of %d sites: %d answers tell nothing of tickets outside, and %d times of one inside; %d times one outside is as one that is unknown",
		len(fakes)*len(ceilingCases), len(fakes), answers, shown, pairs)
	if shown < 100 {
		t.Errorf("tickets inside were told of %d times only", shown)
	}
}

// compareWithUnknown asks for a ticket outside and for one that does not exist: the words and the calls are the same.
func compareWithUnknown(t *testing.T, r *replica, fake *sdptest.Server, connection string, s surface, of asked) {
	t.Helper()
	unknown := of
	unknown.number = strings.Repeat("9", len(of.number)+3)
	fake.ForgetCalls()
	denied := s.ask(r, connection, of)
	callsDenied := fake.Count(sdptest.ToAPI)
	fake.ForgetCalls()
	missing := s.ask(r, connection, unknown)
	if callsUnknown := fake.Count(sdptest.ToAPI); denied != missing || callsDenied != callsUnknown {
		t.Errorf("%s: %s: outside it costs %d calls, unknown %d: %s", connection, s.name, callsDenied, callsUnknown, cmp.Diff(missing, denied))
	}
}

// TestCeilings_Mode: a connection that may be written to offers the tools that write of its toolsets, too, and one that may not none.
func TestCeilings_Mode(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	listed := map[string][]string{}
	for _, mode := range []string{"ReadOnly", "ReadWrite"} {
		h.connect(helpdesk, fake, func(s *store.ConnectionSettings) { s.Access.Mode = mode })
		r := h.serve()
		for name := range r.listedTools("/mcp/support?toolsets=requests,lookups,people,knowledge") {
			listed[mode] = append(listed[mode], name)
		}
		slices.Sort(listed[mode])
	}
	writes := slices.DeleteFunc(slices.Clone(listed["ReadWrite"]), func(name string) bool { return slices.Contains(listed["ReadOnly"], name) })
	want := []string{
		"add_note", "add_worklog", "assign_request", "bulk_update_requests", "close_request", "create_request", "create_tasks", "link_requests",
		"set_request_status", "update_request", "update_task",
	}
	if diff := cmp.Diff(want, writes); diff != "" || len(listed["ReadOnly"]) != 9 || len(listed["ReadWrite"]) != 9+len(want) {
		t.Errorf("(-want +got)\n%s%v", diff, listed["ReadOnly"])
	}
}
