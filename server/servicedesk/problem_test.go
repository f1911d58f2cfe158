package servicedesk_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
)

// madeProblem is the structured result of create_problem.
type madeProblem struct {
	ID, Subject string
	DryRun      bool `json:"dry_run"`
	Repeat      bool
	Requests    []struct{ Number, Subject, State, Why string }
}

func (p madeProblem) states() map[string]string {
	states := map[string]string{}
	for _, row := range p.Requests {
		states[row.Number] = row.State
	}
	return states
}

// withProblems has a connection offer problems and changes, and take writes.
func withProblems(s *store.ConnectionSettings) {
	s.Access.Mode = "ReadWrite"
	s.Access.Toolsets = append(s.Access.Toolsets, "problems-and-changes")
}

// writesOf returns the calls of a fake that were to write, by method and path without what differs between editions.
func writesOf(fake *sdptest.Server) []string {
	var writes []string
	for _, c := range fake.Calls(sdptest.ToAPI) {
		if c.Method != "GET" {
			_, path, _ := strings.Cut(c.Path, "/api/v3")
			writes = append(writes, c.Method+" "+path)
		}
	}
	return writes
}

// numbersOf returns the numbers of tickets by their ids.
func numbersOf(fake *sdptest.Server, ids ...string) []string {
	numbers := make([]string, len(ids))
	for i, id := range ids {
		numbers[i] = fmt.Sprint(fake.Record("requests", id)["display_id"])
	}
	return numbers
}

// TestCreateProblem: a problem is made once with what was given, signed, and each ticket is linked to it by a call of its own. A dry run
// makes nothing.
func TestCreateProblem(t *testing.T) {
	h := newHouse(t)
	for site, edition := range editions {
		fake := startFake(t, sdptest.Options{Edition: edition})
		h.connect(helpdesk, fake, withProblems)
		r := h.serve()
		ids := fake.IDs("requests")[:3]
		numbers := numbersOf(fake, ids...)
		arguments := map[string]any{
			"title": "Docks lose the picture, " + site, "description": "Since **Monday**, on floor 2.", "priority": "high", "group": "service desk",
			"technician": "me", "request_ids": []any{numbers[0], "#" + numbers[1], numbers[2], numbers[0]},
		}
		fake.ForgetCalls()
		arguments["dry_run"] = true
		text, dry := mustCall[madeProblem](r, "create_problem", arguments)
		if !dry.DryRun || dry.ID != "" || !strings.Contains(text, "Dry run") || !strings.Contains(text, "priority: High") || len(writesOf(fake)) > 0 {
			t.Errorf("%s: a dry run: %+v %s %v", site, dry, text, writesOf(fake))
		}
		delete(arguments, "dry_run")
		fake.ForgetCalls()
		text, made := mustCall[madeProblem](r, "create_problem", arguments)
		want := []string{"POST /problems"}
		for _, id := range ids {
			want = append(want, "POST /requests/"+id+"/problem")
		}
		if diff := cmp.Diff(want, writesOf(fake)); diff != "" {
			t.Errorf("%s: what was written (-want +got)\n%s", site, diff)
		}
		wantCalls(t, fake, 5) // one that reads all tickets
		wantStates := map[string]string{numbers[0]: "done", numbers[1]: "done", numbers[2]: "done"}
		if diff := cmp.Diff(wantStates, made.states()); diff != "" || len(checkFraming(text)) > 0 {
			t.Errorf("%s: %s\n%s", site, diff, text)
		}
		record := fake.Record("problems", made.ID)
		nameOf := func(field string) string {
			of, _ := record[field].(sdptest.Record)
			return fmt.Sprint(of["name"])
		}
		if record["title"] != "Docks lose the picture, "+site || nameOf("priority") != "High" || nameOf("group") != "Service desk" || nameOf("technician") != "Tom Tech" {
			t.Errorf("%s: the problem is %v", site, record)
		}
		if said := fmt.Sprint(record["description"]); !strings.Contains(said, "<strong>Monday</strong>") || !strings.Contains(said, "through Lectern [") {
			t.Errorf("%s: the description is %s", site, said)
		}
		for _, id := range ids {
			if fake.Record("requests", id)["has_problem"] != true {
				t.Errorf("%s: request %s has no problem", site, id)
			}
		}
	}
}

// TestCreateProblem_Failures: a ticket that cannot be linked is said so, and the others are linked; one that is not there, or not the
// caller's, has nothing written at all.
func TestCreateProblem_Failures(t *testing.T) {
	h := newHouse(t)
	for site, edition := range editions {
		fake := startFake(t, sdptest.Options{Edition: edition})
		h.connect(helpdesk, fake, withProblems)
		r := h.serve()
		ids := fake.IDs("requests")[:3]
		numbers := numbersOf(fake, ids...)
		fake.Fail(sdptest.Refused(4002).To("POST", "/requests/"+ids[1]+"/problem"))
		text, made := mustCall[madeProblem](r, "create_problem", map[string]any{"title": "Docks, " + site, "request_ids": numbers})
		want := map[string]string{numbers[0]: "done", numbers[1]: "failed", numbers[2]: "done"}
		if diff := cmp.Diff(want, made.states()); diff != "" || !strings.Contains(text, "1 failed") {
			t.Errorf("%s: %s\n%s", site, diff, text)
		}
		fake.StopFailing()
		fake.ForgetCalls()
		unknown := r.call("create_problem", map[string]any{"title": "Docks again", "request_ids": []any{numbers[0], "9999"}})
		if !unknown.IsError || unknown.Details.Kind != "NotFoundError" || !strings.Contains(unknown.Text, "9999") || len(writesOf(fake)) > 0 {
			t.Errorf("%s: a ticket that is not there: %+v %v", site, unknown, writesOf(fake))
		}
		fake.ForgetCalls()
		many := make([]any, 26)
		for i := range many {
			many[i] = fmt.Sprint(i + 1)
		}
		for what, arguments := range map[string]map[string]any{
			"no title": {"description": "x"}, "an unknown priority": {"title": "x", "priority": "Highest"}, "too many tickets": {"title": "x", "request_ids": many},
			"an unknown argument": {"title": "x", "status": "Open"},
		} {
			if got := r.call("create_problem", arguments); !got.IsError || got.Details.Kind != "ValidationError" {
				t.Errorf("%s: %s: %+v", site, what, got)
			}
		}
		if writes := writesOf(fake); len(writes) > 0 {
			t.Errorf("%s: %v", site, writes)
		}
	}
}

// TestCreateProblem_Again: called again with its key, a call goes on with the tickets that were not tied, and makes nothing twice.
func TestCreateProblem_Again(t *testing.T) {
	h := newHouse(t)
	for site, edition := range editions {
		fake := startFake(t, sdptest.Options{Edition: edition})
		h.connect(helpdesk, fake, withProblems)
		r := h.serve()
		ids := fake.IDs("requests")[:3]
		numbers := numbersOf(fake, ids...)
		given := map[string]any{"title": "Docks, " + site, "request_ids": numbers, "idempotency_key": site}
		isMade := func(c sdptest.Call) bool { return c.Method == "POST" && strings.HasSuffix(c.Path, "/problems") }
		isTie := func(c sdptest.Call) bool { return c.Method != "GET" && strings.HasSuffix(c.Path, "/problem") }
		lost, tieLost := sdptest.DropAfterWrite(), sdptest.DropAfterWrite().To("POST", "/requests/"+ids[0]+"/problem")
		lost.Match = isMade
		fake.Fail(lost, tieLost, sdptest.HTML(401).To("POST", "/requests/"+ids[1]+"/problem"))
		before := len(fake.IDs("problems"))
		_, first := mustCall[madeProblem](r, "create_problem", given)
		fake.StopFailing()
		_, second := mustCall[madeProblem](r, "create_problem", given)
		_, third := mustCall[madeProblem](r, "create_problem", given)
		if diff := cmp.Diff(map[string]string{numbers[0]: "done", numbers[1]: "failed", numbers[2]: "not_started"}, first.states()); diff != "" {
			t.Errorf("%s: at first (-want +got)\n%s", site, diff)
		}
		all := map[string]string{numbers[0]: "done", numbers[1]: "done", numbers[2]: "done"}
		if diff := cmp.Diff([]map[string]string{all, all}, []map[string]string{second.states(), third.states()}); diff != "" {
			t.Errorf("%s: again (-want +got)\n%s", site, diff)
		}
		if made := len(fake.IDs("problems")) - before; made != 1 || first.ID == "" || second.ID != first.ID || third.ID != first.ID || !third.Repeat {
			t.Errorf("%s: %d problems are made: %s, %s, %+v", site, made, first.ID, second.ID, third)
		}
		if made, ties := fake.Count(isMade), fake.Count(isTie); made != 1 || ties != 4 { // one was refused, and is tried again
			t.Errorf("%s: %d calls make a problem, %d tie a ticket", site, made, ties)
		}
	}
}

// TestCreateProblem_WithoutGroup: where a problem may be without a group and a site it is sent as without, so that no template sets one.
func TestCreateProblem_WithoutGroup(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connect(helpdesk, fake, withProblems, func(s *store.ConnectionSettings) {
		s.Access.Groups, s.Access.Sites = []string{"Network", "none"}, []string{"none"}
	})
	r := h.serve()
	mustCall[madeProblem](r, "create_problem", map[string]any{"title": "Docks"})
	made := fake.Calls(func(c sdptest.Call) bool { return c.Method == "POST" })
	problem, _ := made[0].Input["problem"].(sdptest.Record)
	for _, field := range []string{"group", "site"} {
		if value, has := problem[field]; !has || value != nil {
			t.Errorf("the %s is sent as %v: %v", field, value, problem)
		}
	}
}

// TestCreateProblem_Ceilings: a problem is inside of the ceilings as its tickets are, and agents write the fields they may alone.
func TestCreateProblem_Ceilings(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	inside := fake.Add("requests", sdptest.Record{"subject": "Inside", "requester": "ana@example.org", "group": "Network", "site": "Branch north"})
	outside := fake.Add("requests", sdptest.Record{"subject": "Outside", "requester": "ana@example.org", "group": "Service desk", "site": "Branch north"})
	numbers := numbersOf(fake, inside, outside)
	for name, tc := range map[string]struct {
		change    func(*store.ConnectionAccess)
		arguments map[string]any
		want      string // of the error; empty for none
		site      string
	}{
		"a group inside":                   {func(a *store.ConnectionAccess) { a.Groups = []string{"Network"} }, map[string]any{"group": "Network", "request_ids": numbers[:1]}, "", ""},
		"a group outside":                  {func(a *store.ConnectionAccess) { a.Groups = []string{"Network"} }, map[string]any{"group": "Service desk"}, "spec.access.groups", ""},
		"no group, and there must be one":  {func(a *store.ConnectionAccess) { a.Groups = []string{"Network"} }, map[string]any{}, "spec.access.groups", ""},
		"a ticket outside":                 {func(a *store.ConnectionAccess) { a.Groups = []string{"Network", "none"} }, map[string]any{"request_ids": numbers}, "no such ticket as " + numbers[1], ""},
		"the only site":                    {func(a *store.ConnectionAccess) { a.Sites = []string{"Main office"} }, map[string]any{}, "", "Main office"},
		"the site of the tickets":          {func(a *store.ConnectionAccess) { a.Sites = []string{"Main office", "Branch north"} }, map[string]any{"request_ids": numbers}, "", "Branch north"},
		"one of several sites":             {func(a *store.ConnectionAccess) { a.Sites = []string{"Main office", "Branch north"} }, map[string]any{}, "spec.access.sites", ""},
		"tickets that agents may not link": {func(a *store.ConnectionAccess) { a.Fields = map[string][]string{"request": {"note"}} }, map[string]any{"request_ids": numbers}, "spec.access.fields", ""},
		"tickets that they may":            {func(a *store.ConnectionAccess) { a.Fields = map[string][]string{"request": {"problem"}} }, map[string]any{"request_ids": numbers}, "", ""},
		"no tickets":                       {func(a *store.ConnectionAccess) { a.Fields = map[string][]string{"request": {"note"}} }, map[string]any{}, "", ""},
		"without the toolset of tickets":   {func(a *store.ConnectionAccess) { a.Toolsets = []string{"problems-and-changes"} }, map[string]any{"request_ids": numbers}, "does not offer the toolset requests", ""},
	} {
		h.connect(helpdesk, fake, withProblems, func(s *store.ConnectionSettings) { tc.change(&s.Access) })
		r := h.serve()
		before := fake.IDs("problems")
		tc.arguments["title"] = "Problem of " + name
		got := r.call("create_problem", tc.arguments)
		made := slices.DeleteFunc(fake.IDs("problems"), func(id string) bool { return slices.Contains(before, id) })
		switch {
		case tc.want != "":
			if !got.IsError || !strings.Contains(got.Text, tc.want) || len(made) > 0 {
				t.Errorf("%s: %s, and made %v", name, got.Text, made)
			}
		case got.IsError || len(made) != 1:
			t.Errorf("%s: %s, and made %v", name, got.Text, made)
		case tc.site != "":
			if of, _ := fake.Record("problems", made[0])["site"].(sdptest.Record); of["name"] != tc.site {
				t.Errorf("%s: the site is %v", name, of)
			}
		}
	}
}
