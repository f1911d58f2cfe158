package servicedesk_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
)

// writeCall is a call of a tool that writes, of which id says the argument that names a ticket; others are of tickets inside.
type writeCall struct {
	tool string
	id   string
	// arguments are those beside it.
	arguments func(w *writingDesk) map[string]any
	// fields are those of a request that it writes, as spec.access.fields has them.
	fields []string
}

func plain(arguments map[string]any) func(*writingDesk) map[string]any {
	return func(*writingDesk) map[string]any { return arguments }
}

// writeCalls are all tools that write requests, with all their arguments that name a ticket.
var writeCalls = []writeCall{
	{"update_request", "request_id", plain(map[string]any{"priority": "Low"}), []string{"priority"}},
	{"update_request", "request_id", plain(map[string]any{"priority": "Low", "urgency": "Low", "update_reason": "x"}), []string{"priority", "urgency", "update_reason"}},
	{"assign_request", "request_id", plain(map[string]any{"technician": "nina@example.org"}), []string{"technician"}},
	{"assign_request", "request_id", plain(map[string]any{"group": "Network", "technician": nil}), []string{"group", "technician"}},
	{"pickup_request", "request_id", plain(nil), []string{"technician"}},
	{"set_request_status", "request_id", plain(map[string]any{"status": "In Progress"}), []string{"status"}},
	{"set_request_status", "request_id", plain(map[string]any{"status": "hold", "comment": "x"}), []string{"status", "comment"}},
	{"close_request", "request_id", plain(nil), []string{"status"}},
	{"close_request", "request_id", plain(map[string]any{"resolution": "x", "closure_comments": "x", "closure_code": "success"}), []string{"status", "resolution", "closure_comments", "closure_code"}},
	{"add_note", "request_id", plain(map[string]any{"text": "x"}), []string{"note"}},
	{"add_private_note", "request_id", plain(map[string]any{"text": "x"}), []string{"note"}},
	{"add_note_to_request", "request_id", plain(map[string]any{"text": "x"}), []string{"note"}},
	{"add_worklog", "request_id", plain(map[string]any{"minutes": 5}), []string{"worklog"}},
	{"link_requests", "request_id", func(w *writingDesk) map[string]any { return map[string]any{"to": []any{w.numberOf(drops)}} }, []string{"link"}},
	{"link_requests", "to", func(w *writingDesk) map[string]any { return map[string]any{"request_id": w.numberOf(drops)} }, []string{"link"}},
	{"bulk_update_requests", "request_ids", plain(map[string]any{"changes": map[string]any{"priority": "Low"}, "dry_run": false}), []string{"priority"}},
	{"bulk_update_requests", "request_ids", plain(map[string]any{"changes": map[string]any{}, "note": "x", "dry_run": false}), []string{"note"}},
	{"bulk_update_requests", "request_ids", plain(map[string]any{"changes": map[string]any{"status": "Open", "group": "Network", "technician": "me", "category": "General"}, "dry_run": false}),
		[]string{"status", "group", "technician", "category"}},
	{"trash_request", "request_id", plain(nil), []string{"trash"}},
	{"trash_request", "request_id", plain(map[string]any{"restore": true}), []string{"trash"}},
}

// given returns the arguments of a call on a ticket.
func (c writeCall) given(w *writingDesk, ticket string) map[string]any {
	given := map[string]any{c.id: ticket}
	if c.id == "to" || c.id == "request_ids" {
		given[c.id] = []any{ticket}
	}
	maps.Copy(given, c.arguments(w))
	return given
}

// writeTools returns the names of the tools that write requests, aliases included, of those that a caller is offered.
func writeTools(w *writingDesk) []string {
	var names []string
	for _, name := range w.service.ToolNames() {
		if slices.ContainsFunc(writeCalls, func(c writeCall) bool { return c.tool == name }) || name == "create_request" {
			names = append(names, name)
		}
	}
	return names
}

// TestWrites_Ceilings: by no tool and no argument is a ticket outside written: it is as one that does not exist, at the same price.
func TestWrites_Ceilings(t *testing.T) {
	bounded := func(s *store.ConnectionSettings) {
		s.Access.Groups, s.Access.Toolsets = []string{"Network"}, append(s.Access.Toolsets, "trash")
	}
	for name, site := range map[string]sdptest.Site{"honest": {}, "ignores criteria": {IgnoreCriteria: true}} {
		t.Run(name, func(t *testing.T) {
			writeTo(t, sdptest.Options{Site: site}, bounded, func(w *writingDesk) {
				w.call("get_request", w.with(map[string]any{"request_id": "id:" + w.idOf(drops)})) // its number is known
				ask := func(c writeCall, ticket string) (text string, calls int) {
					w.fake.ForgetCalls()
					got := w.call(c.tool, w.with(c.given(w, ticket)))
					if !got.IsError || got.Details.Kind != "NotFoundError" || !strings.Contains(got.Text, "no such ticket") {
						w.Errorf("%s %s=%s: %s", c.tool, c.id, ticket, got.Text)
					}
					if written := w.fake.Count(func(c sdptest.Call) bool { return c.Method != "GET" }); written > 0 {
						w.Errorf("%s %s=%s: %d calls that write", c.tool, c.id, ticket, written)
					}
					return strings.ReplaceAll(got.Text, " as "+ticket+";", " as it;"), w.fake.Count(sdptest.ToAPI)
				}
				for _, c := range writeCalls {
					for _, of := range []string{dock, screen, starter, printer} {
						for ticket, unknown := range map[string]string{w.numberOf(of): "99999", "id:" + w.idOf(of): "id:9" + w.idOf(of)[1:]} {
							denied, callsDenied := ask(c, ticket)
							missing, callsMissing := ask(c, unknown)
							if denied != missing || callsDenied != callsMissing {
								w.Errorf("%s %s=%s: outside %q with %d calls, unknown %q with %d", c.tool, c.id, ticket, denied, callsDenied, missing, callsMissing)
							}
						}
					}
				}
			})
		})
	}
}

// TestWrites_Targets: no ticket is given to a group outside, nor created there.
func TestWrites_Targets(t *testing.T) {
	bounded := func(s *store.ConnectionSettings) { s.Access.Groups = []string{"Network"} }
	writeTo(t, sdptest.Options{}, bounded, func(w *writingDesk) {
		const rule = "spec.access.groups"
		w.wantRefusal("assign_request", map[string]any{"request_id": w.numberOf(drops), "group": "Service desk"}, "ForbiddenError", rule)
		w.wantRefusal("assign_request", map[string]any{"request_id": w.numberOf(drops), "group": nil}, "ForbiddenError", rule)
		w.wantRefusal("bulk_update_requests", map[string]any{
			"request_ids": []any{w.numberOf(drops)}, "changes": map[string]any{"group": "Service desk"}, "dry_run": false,
		}, "ForbiddenError", rule)
		w.wantRefusal("create_request", map[string]any{"subject": "x", "group": "Service desk"}, "ForbiddenError", rule)
		w.wantRefusal("create_request", map[string]any{"subject": "x"}, "ForbiddenError", rule)
		if _, got := write[created](w, "create_request", map[string]any{"subject": "Inside", "group": "Network"}); got.Number == "" {
			t.Errorf("%+v", got)
		}
	})
}

// TestWrites_TargetSite is TestWrites_Targets for sites, which no argument names.
func TestWrites_TargetSite(t *testing.T) {
	bySite := func(s *store.ConnectionSettings) { s.Access.Sites = []string{"Branch north"} }
	writeTo(t, sdptest.Options{}, bySite, func(w *writingDesk) {
		w.wantRefusal("create_request", map[string]any{"subject": "x"}, "ForbiddenError", "spec.access.sites")
	})
}

// TestWrites_Templates: a template that sets a group or a site takes no new ticket out of the ceilings, where tickets without either are inside.
func TestWrites_Templates(t *testing.T) {
	bounded := func(s *store.ConnectionSettings) {
		s.Access.Groups, s.Access.Sites = []string{"Network", "none"}, []string{"none"}
	}
	writeTo(t, sdptest.Options{}, bounded, func(w *writingDesk) {
		for _, template := range []string{"Default Request", "New laptop"} {
			w.fake.SetTemplateValues(template, sdptest.Record{"group": "Service desk", "site": "Main office"})
		}
		w.wantRefusal("create_request", map[string]any{"subject": "x", "template": "New laptop"}, "ForbiddenError", "spec.access.groups")
		w.wantRefusal("create_request", map[string]any{"subject": "x", "template": "New laptop", "group": "Network"}, "ForbiddenError", "spec.access.sites")
		for subject, given := range map[string]map[string]any{"Of no group": {}, "Of a group": {"group": "Network"}} {
			given["subject"] = subject
			_, got := write[created](w, "create_request", given)
			group, _ := given["group"].(string)
			if w.nameIn(subject, "group") != group || w.nameIn(subject, "site") != "" {
				t.Errorf("%s: its group is %q, its site %q", subject, w.nameIn(subject, "group"), w.nameIn(subject, "site"))
			}
			write[update](w, "update_request", map[string]any{"request_id": got.ID, "priority": "Low"}) // it is inside
		}
	})
}

// TestWrites_TemplatesBesideValues: what is named counts before what a template sets.
func TestWrites_TemplatesBesideValues(t *testing.T) {
	atSite := func(s *store.ConnectionSettings) {
		s.Access.Groups, s.Access.Sites, s.Defaults = []string{"Network"}, []string{"Main office"}, map[string]string{"site": "Main office"}
	}
	writeTo(t, sdptest.Options{}, atSite, func(w *writingDesk) {
		w.fake.SetTemplateValues("New laptop", sdptest.Record{"group": "Service desk", "site": "Branch north"})
		write[created](w, "create_request", map[string]any{"subject": "At the site", "template": "New laptop", "group": "network"})
		if w.nameIn("At the site", "group") != "Network" || w.nameIn("At the site", "site") != "Main office" {
			t.Errorf("its group is %q, its site %q", w.nameIn("At the site", "group"), w.nameIn("At the site", "site"))
		}
	})
}

// TestWrites_Fields: every tool that writes requests is refused the fields that spec.access.fields does not list, and with each of them
// but one.
func TestWrites_Fields(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	connection := func(fields []string) string {
		name := "f" + strings.ReplaceAll(strings.Join(fields, "-"), "_", "-")
		h.connectToWrite(store.Key{Namespace: "support", Name: name}, fake, func(s *store.ConnectionSettings) {
			s.Access.Toolsets, s.Access.Fields = append(s.Access.Toolsets, "trash"), map[string][]string{"request": fields}
		})
		return name
	}
	calls := append(slices.Clone(writeCalls), writeCall{"create_request", "subject", plain(map[string]any{"description": "x", "group": "Network"}), []string{"subject", "description", "group"}})
	names := map[string]bool{connection([]string{}): true}
	allowed := map[string][]string{}
	for _, c := range calls {
		for _, without := range c.fields {
			rest := slices.DeleteFunc(slices.Clone(c.fields), func(field string) bool { return field == without })
			if key := fmt.Sprint(rest); len(rest) > 0 && allowed[key] == nil {
				allowed[key] = rest
				names[connection(rest)] = true
			}
		}
	}
	r := h.serve()
	seen := map[string]bool{}
	for _, c := range calls {
		seen[c.tool] = true
		for _, without := range append([]string{""}, c.fields...) {
			rest := []string{}
			if without != "" {
				rest = slices.DeleteFunc(slices.Clone(c.fields), func(field string) bool { return field == without })
			}
			w := &writingDesk{T: t, h: h, replica: r, fake: fake, key: store.Key{Namespace: "support", Name: "f" + strings.ReplaceAll(strings.Join(rest, "-"), "_", "-")}}
			w.wantRefusal(c.tool, c.given(w, w.numberOf(dock)), "ForbiddenError", "spec.access.fields")
		}
	}
	w := &writingDesk{T: t, h: h, replica: r, fake: fake}
	for _, name := range writeTools(w) {
		if !seen[name] {
			t.Errorf("%s is not in the table", name)
		}
	}
}
