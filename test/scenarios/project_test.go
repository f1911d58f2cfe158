package scenarios

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// The calls of ServiceDesk Plus that find and read projects, as showCall writes them.
const (
	findProject = "GET /projects → 200 2000"
	readProject = "GET /projects/* → 200 2000"
	findPerson  = "GET /users → 200 2000"
	readATask   = "GET /projects/*/tasks/* → 200 2000"
)

// testProject has a technician's agent make a project with members, a milestone and tasks that wait for each other, complete them, and close
// it, in both editions through processes. The journals of the fakes hold it call by call.
func testProject(t *testing.T) {
	s := startDeskScenario(t, deskWrites, "use", "operate")
	s.applyConnections(t)
	for name := range s.fakes {
		s.waitForLookups(t, name)
	}
	technician, err := connectWithToken(t.Context(), s.Endpoints[0], "", s.requestToken(t, s.technician))
	require.NoError(t, err)
	t.Cleanup(technician.close)
	for _, name := range []string{"cloud", "premises"} {
		s.waitUntilKnown(t, technician, name)
		forgetCalls(t, s.fakes[name])
		began := time.Now()
		s.workOnProject(t, technician, name)
		s.wantAudit(t, technician, name, began)
	}
	s.deleteConnections(t, []string{"cloud", "premises"})
}

func (s *deskScenario) workOnProject(t *testing.T, technician *agent, name string) {
	t.Helper()
	members, member, created := "/projects/*/project_members", "project_member", "201 2000"
	if name == "premises" {
		members, member = "/projects/*/members", "member"
	}
	write := func(method, path, root, input string) string {
		line := method + " " + path + ` {"` + root + `":` + input + `} → `
		if method == http.MethodPut {
			return line + "200 2000"
		}
		return line + created
	}
	described := `"description":"` + strings.TrimPrefix(signed, `\n`) + `"`
	addMember := write(http.MethodPost, members, member, `{"user":{"id":"*"}}`)
	project := map[string]any{"project_id": "PJT-2"}
	with := func(more map[string]any) map[string]any {
		maps.Copy(more, project)
		return more
	}
	do := func(step workStep) { s.work(t, technician, name, step) }

	do(workStep{
		tool: "create_project", arguments: map[string]any{"title": "New docks", "members": []string{"tech@example.org", "nina@example.org"}}, words: []string{"Project PJT-2 (", "Members: 2."},
		calls: []string{findPerson, findPerson, findProject, write(http.MethodPost, "/projects", "project", `{`+described+`,"title":"New docks"}`), addMember, addMember},
	})
	do(workStep{
		tool: "create_project", arguments: map[string]any{"title": "NEW  docks!"}, words: []string{"No project is created", "PJT-2 | "}, calls: []string{findProject},
	})
	do(workStep{
		tool: "save_milestone", arguments: with(map[string]any{"title": "Pilot", "end": "2031-03-31"}), words: []string{"of project PJT-2"},
		calls: []string{readProject, write(http.MethodPost, "/projects/*/milestones", "milestone", `{`+described+`,"scheduled_end_time":{"value":"1932767999999"},"title":"Pilot"}`)},
	})
	milestone := s.newestID(t, name, "milestones")
	do(workStep{
		tool: "create_tasks", words: []string{"Tasks of project PJT-2: 2 done."},
		arguments: with(map[string]any{"milestone_id": milestone, "tasks": []any{
			map[string]any{"title": "Order docks", "owner": "me"}, map[string]any{"title": "Hand out docks", "owner": "nina@example.org", "depends_on": []string{"#1"}},
		}}),
		calls: []string{
			readProject, "GET /projects/*/milestones/* → 200 2000", "GET " + members + " → 200 2000",
			write(http.MethodPost, "/projects/*/milestones/*/tasks", "task", `{`+described+`,"owner":{"id":"*"},"title":"Order docks"}`),
			write(http.MethodPost, "/projects/*/milestones/*/tasks", "task", `{`+described+`,"owner":{"id":"*"},"title":"Hand out docks"}`),
			write(http.MethodPost, "/projects/*/task_dependencies", "task_dependency", `{"child_task":{"id":"*"},"parent_task":{"id":"*"}}`),
		},
	})
	do(workStep{
		tool: "create_tasks", arguments: with(map[string]any{"tasks": []any{map[string]any{"title": "Ask", "owner": "ana@example.org"}}}),
		refused: "only its members own its tasks", calls: []string{readProject, "GET " + members + " → 200 2000"},
	})
	do(workStep{
		tool: "update_task", arguments: with(map[string]any{"task_id": s.newestID(t, name, "tasks"), "percent": 40}), words: []string{"percent: 0 → 40"},
		calls: []string{readProject, readATask, write(http.MethodPut, "/projects/*/tasks/*", "task", `{"percentage_completion":"40"}`)},
	})
	do(workStep{
		tool: "get_project", arguments: with(map[string]any{"include": []string{"members", "milestones", "tasks", "dependencies"}}),
		words: []string{"1 milestones; 2 tasks, 2 open, 0 overdue, done to 20 %", "Hand out docks", "waits for", "Pilot", "Nina Net"},
		calls: []string{
			readProject, "GET /projects/*/tasks → 200 2000", "GET /projects/*/milestones → 200 2000", "GET /projects/*/task_dependencies → 200 2000", "GET " + members + " → 200 2000",
		},
	})
	do(workStep{
		tool: "update_project", arguments: with(map[string]any{"status": "Closed", "percent": 100}), words: []string{"status: Open → Closed", "percent: 0 → 100"},
		calls: []string{readProject, write(http.MethodPut, "/projects/*", "project", `{"percentage_completion":"100","status":{"id":"*"}}`)},
	})
	s.completeTasks(t, technician, name)
}

// completeTasks completes what is left to do of the second project, and holds what is there then.
func (s *deskScenario) completeTasks(t *testing.T, technician *agent, name string) {
	t.Helper()
	_, listed := s.callAndRead(t, technician, name, "list_tasks", map[string]any{"connection": s.namespace + "/" + name, "project_id": "PJT-2"})
	if listed.kind != "" || len(listed.calls) != 2 {
		t.Errorf("%s: list_tasks made %d calls", name, len(listed.calls))
	}
	tasks := s.recordIDs(t, name, "tasks")
	for _, id := range tasks[len(tasks)-2:] {
		result, made := s.callAndRead(t, technician, name, "complete_task", map[string]any{"connection": s.namespace + "/" + name, "project_id": "PJT-2", "task_id": id})
		if made.kind != "" || len(made.calls) != 3 || made.calls[2].Method != http.MethodPut {
			t.Errorf("%s: complete_task of %s made %d calls: %s", name, id, len(made.calls), textOf(result))
		}
		var task struct {
			Title   string
			Status  struct{ Name string }
			Percent string `json:"percentage_completion"`
			Ended   any    `json:"actual_end_time"`
		}
		require.NoError(t, s.fakes[name].Control(t.Context(), http.MethodGet, "/records/tasks/"+id, nil, &task))
		if task.Status.Name != "Completed" || task.Percent != "100" || task.Ended == nil {
			t.Errorf("%s: a task that was completed is %+v", name, task)
		}
	}
	if projects := s.recordIDs(t, name, "projects"); len(projects) != 2 {
		t.Errorf("%s: there are %d projects, want that of the fake and one more", name, len(projects))
	}
}

// recordIDs returns the ids of a kind of record of a fake, the newest last.
func (s *deskScenario) recordIDs(t *testing.T, name, table string) []string {
	t.Helper()
	var records struct{ IDs []string }
	require.NoError(t, s.fakes[name].Control(t.Context(), http.MethodGet, "/records/"+table, nil, &records))
	return records.IDs
}

func (s *deskScenario) newestID(t *testing.T, name, table string) string {
	t.Helper()
	ids := s.recordIDs(t, name, table)
	if len(ids) == 0 {
		t.Fatalf("%s: there are no %s", name, table)
	}
	return ids[len(ids)-1]
}
