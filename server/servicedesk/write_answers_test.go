package servicedesk_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// TestWrites_AskAll: whoever confirms a write is asked about all of it, and a dry run says all of it.
func TestWrites_AskAll(t *testing.T) {
	always := func(s *store.ConnectionSettings) { withProblems(s); allowVisible(s); s.Access.Confirm = "Always" }
	workOnProjects(t, always, func(w *writingDesk) {
		rack := w.titled("tasks", "Order the rack")
		cables := w.titled("tasks", "Lay cables")
		for name, tc := range map[string]struct {
			tool      string
			arguments map[string]any
			words     []string
		}{
			"tasks": {"create_tasks", map[string]any{"project_id": officeMove, "tasks": []any{
				map[string]any{"title": "Measure", "owner": "Nina Net", "priority": "high", "end": "2031-01-15"},
				map[string]any{"title": "Order", "description": "Twelve desks", "effort_minutes": 90, "depends_on": []string{"#1", cables}},
			}}, []string{"Measure", "Nina Net", "High", "2031-01-15", "Order", "Twelve desks", "90", "#1", cables}},
			"a project": {"create_project", map[string]any{
				"title": "Kitchen", "description": "For all floors", "type": "infrastructure", "owner": "nina@example.org", "end": "2031-01-15", "priority": "high",
				"members": []string{"ana@example.org"},
			}, []string{"Kitchen", "For all floors", "Infrastructure", "Nina Net", "2031-01-15", "High", "Ana Lopez"}},
			"members":      {"update_project", map[string]any{"project_id": officeMove, "add_members": []string{"ana@example.org"}}, []string{"Office move", "Ana Lopez"}},
			"dependencies": {"update_task", map[string]any{"project_id": officeMove, "task_id": rack, "depends_on": []string{cables}}, []string{"Order the rack", cables}},
			"a milestone":  {"save_milestone", map[string]any{"project_id": officeMove, "title": "Furniture"}, []string{"Furniture"}},
			"a problem": {"create_problem", map[string]any{"title": "Docks", "description": "Since Monday", "request_ids": []string{w.numberOf(dock)}},
				[]string{"Docks", "Since Monday", dock}},
		} {
			asked := w.askPerson(tc.tool, w.with(tc.arguments))
			dry := maps.Clone(tc.arguments)
			dry["dry_run"] = true
			said, _ := write[struct{}](w, tc.tool, dry)
			for _, words := range tc.words {
				if !strings.Contains(asked, words) {
					w.Errorf("%s: the question does not say %q: %s", name, words, asked)
				}
				if !strings.Contains(said, words) {
					w.Errorf("%s: the dry run does not say %q: %s", name, words, said)
				}
			}
		}
		if asked := w.askPerson("create_problem", w.with(map[string]any{"title": "Docks", "description": "a\u202eb\u200bc"})); strings.ContainsAny(asked, "\u202e\u200b") {
			w.Errorf("a person reads what is not shown: %q", asked)
		}
		many := make([]any, 25)
		for i := range many {
			many[i] = map[string]any{"title": strings.Repeat("𝔘", 250), "description": strings.Repeat("𝔘", 200)}
		}
		w.wantRefusal("create_tasks", map[string]any{"project_id": officeMove, "tasks": many}, "ValidationError", "more than can be shown")
	})
}

// TestCreateProject_Unlooked: a dry run says that no title is alike only where it looked.
func TestCreateProject_Unlooked(t *testing.T) {
	workOnProjects(t, nil, func(w *writingDesk) {
		for allows, looks := range map[bool]bool{true: false, false: true} {
			text, _ := write[createdProject](w, "create_project", map[string]any{"title": "Kitchen", "allow_duplicate": allows, "dry_run": true})
			if said := strings.Contains(text, "similar title"); said != looks {
				w.Errorf("with allow_duplicate=%t: %s", allows, text)
			}
		}
	})
}

// TestCreateProject_LostAnswer: a project whose answer was lost is told with its number.
func TestCreateProject_LostAnswer(t *testing.T) {
	workOnProjects(t, nil, func(w *writingDesk) {
		w.fake.Fail(sdptest.DropAfterWrite().To("POST", "/projects"))
		text, got := write[createdProject](w, "create_project", map[string]any{"title": "Kitchen"})
		if !got.Created || got.Number != "PJT-2" || !strings.Contains(text, "PJT-2") {
			w.Errorf("%+v %s", got, text)
		}
	})
}

// TestCreateTasks_Dependencies: more dependencies than a call may add are refused before a task is created.
func TestCreateTasks_Dependencies(t *testing.T) {
	workOnProjects(t, nil, func(w *writingDesk) {
		cables := w.titled("tasks", "Lay cables")
		var tasks []any
		for n := range 13 {
			waitsFor := []string{cables}
			for before := max(1, n-3); before <= n; before++ {
				waitsFor = append(waitsFor, fmt.Sprintf("#%d", before))
			}
			tasks = append(tasks, map[string]any{"title": fmt.Sprint("Task ", n), "depends_on": waitsFor})
		}
		w.wantRefusal("create_tasks", map[string]any{"project_id": officeMove, "tasks": tasks}, "ValidationError", "at most 50 dependencies")
	})
}

// TestWrites_BlankTitles: what people know a record by is not blank.
func TestWrites_BlankTitles(t *testing.T) {
	workOnProjects(t, withProblems, func(w *writingDesk) {
		for tool, arguments := range map[string]map[string]any{
			"create_request": {"subject": "  "}, "update_request": {"request_id": w.numberOf(dock), "subject": "  "}, "create_problem": {"title": "  "},
			"create_project": {"title": "  "}, "update_project": {"project_id": officeMove, "title": "  "}, "save_milestone": {"project_id": officeMove, "title": "  "},
		} {
			w.wantRefusal(tool, arguments, "ValidationError", "is empty")
		}
	})
}

// TestAddNote_Comment: a comment on a project is not called private, as its members read it.
func TestAddNote_Comment(t *testing.T) {
	workOnProjects(t, nil, func(w *writingDesk) {
		text, got := write[struct{ State string }](w, "add_note", map[string]any{"project_id": officeMove, "text": "x"})
		if strings.Contains(text, "private") || got.State != "read by all who see it" {
			w.Errorf("%+v %s", got, text)
		}
	})
}

// TestWrites_LongNames: a ceiling is checked by the whole name of a group, however little of it is shown.
func TestWrites_LongNames(t *testing.T) {
	long := "Network " + strings.Repeat("and its neighbours ", 6) + "north"
	writeTo(t, sdptest.Options{}, func(s *store.ConnectionSettings) { s.Access.Groups = []string{"Network", long} }, func(w *writingDesk) {
		w.fake.Add("groups", sdptest.Record{"name": long})
		w.h.storeLookup(w.key, w.fake, "groups")
		write[update](w, "assign_request", map[string]any{"request_id": w.numberOf(drops), "group": long})
		write[created](w, "create_request", map[string]any{"subject": "x", "group": long})
	})
}

// askPerson calls a tool as a client that asks its person, and returns the question.
func (w *writingDesk) askPerson(name string, arguments map[string]any) string {
	w.Helper()
	q := transporttest.CallTool(name, arguments)
	q.Meta = map[string]any{mcp.MetaKeyClientCapabilities: map[string]any{"elicitation": map[string]any{"form": map[string]any{}}}}
	body := w.Send(w.T, q).Body
	if at := strings.LastIndex(body, "data: "); at >= 0 {
		body = body[at+len("data: "):]
	}
	var reply struct {
		Result struct {
			InputRequests map[string]struct{ Params struct{ Message string } }
		}
	}
	if err := json.Unmarshal([]byte(body), &reply); err != nil || reply.Result.InputRequests["confirmation"].Params.Message == "" {
		w.Errorf("%s asks nobody: %s", name, body)
	}
	return reply.Result.InputRequests["confirmation"].Params.Message
}
