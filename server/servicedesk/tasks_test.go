package servicedesk_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

type taskRows struct {
	Of, Subject string
	Tasks       []struct {
		ID, Subject, Owner, Status, End, Milestone string
		Percent                                    int
		Overdue                                    bool
	}
	Total      *int
	NextCursor string `json:"next_cursor"`
}

func (r taskRows) subjects() []string {
	subjects := []string{}
	for _, task := range r.Tasks {
		subjects = append(subjects, task.Subject)
	}
	return sortedTexts(subjects)
}

// madeTasks is the structured result of create_tasks.
type madeTasks struct {
	Of    string
	Tasks []struct{ ID, Subject, Outcome, Problem string }
}

func TestListTasks(t *testing.T) {
	workOnProjects(t, nil, func(w *writingDesk) {
		w.fake.AddTo("projects", w.titled("projects", "Office move"), "tasks", sdptest.Record{"title": "Buy tape", "scheduled_end_time": "2020-01-01T00:00:00Z"})
		for arguments, want := range map[*map[string]any][]string{
			{"project_id": officeMove}:                                                    {"Buy tape", "Lay cables"},
			{"project_id": officeMove, "status": "all"}:                                   {"Buy tape", "Lay cables", "Order the rack"},
			{"project_id": officeMove, "status": "closed"}:                                {"Order the rack"},
			{"project_id": officeMove, "status": "all", "owner": "me"}:                    {"Order the rack"},
			{"project_id": officeMove, "owner": "Nina Net"}:                               {"Lay cables"},
			{"project_id": officeMove, "milestone_id": w.titled("milestones", "Cabling")}: {"Lay cables"},
		} {
			_, got := write[taskRows](w, "list_tasks", *arguments)
			if diff := cmp.Diff(want, got.subjects()); diff != "" || got.Of != "project PJT-1" || got.Subject != "Office move" {
				w.Errorf("%v: %+v (-want +got)\n%s", *arguments, got, diff)
			}
		}
		w.fake.ForgetCalls()
		_, got := write[taskRows](w, "list_project_tasks", map[string]any{"project_id": officeMove})
		w.wantCalls(readProject, "GET /projects/*/tasks")
		if len(got.Tasks) != 3 {
			w.Errorf("by the name of earlier servers: %+v", got)
		}
		for _, refused := range []map[string]any{
			{}, {"project_id": officeMove, "request_id": "1"}, {"request_id": "1", "milestone_id": "1"},
		} {
			w.wantRefusal("list_tasks", refused, "ValidationError", "")
		}
		w.wantRefusal("list_tasks", map[string]any{"project_id": officeMove, "milestone_id": "99999"}, "NotFoundError", "no such milestone")
	})
}

// TestCreateTasks: owners are members, and tasks wait for earlier ones of the call by their places.
func TestCreateTasks(t *testing.T) {
	workOnProjects(t, nil, func(w *writingDesk) {
		cables := w.titled("tasks", "Lay cables")
		text, got := write[madeTasks](w, "create_tasks", map[string]any{"project_id": officeMove, "tasks": []any{
			map[string]any{"title": "Measure", "owner": "Nina Net", "priority": "high", "effort_minutes": 90},
			map[string]any{"title": "Order desks", "description": "Twelve", "owner": "tech@example.org", "end": "2031-01-15", "depends_on": []string{"#1", cables}},
		}})
		w.nameRecords()
		effort := w.inEdition(`"estimated_effort_days":"0","estimated_effort_hours":"1","estimated_effort_minutes":"30"`, `"estimated_effort":{"hours":"1","minutes":"30"}`)
		w.wantCalls(findProject, readProject, "GET /projects/*/"+w.inEdition("project_members", "members"), "GET /projects/*/tasks",
			`POST /projects/*/tasks {"task":{"description":"<p>— tech@example.org through Lectern [mark]</p>",`+effort+`,"owner":{"id":"Nina Net"},"priority":{"id":"High"},"title":"Measure"}}`,
			`POST /projects/*/tasks {"task":{"description":"<p>Twelve</p>`+signedByTech+`","owner":{"id":"Tom Tech"},"scheduled_end_time":{"value":"1926284399999"},"title":"Order desks"}}`,
			`POST /projects/*/task_dependencies {"task_dependency":{"child_task":{"id":"Order desks"},"parent_task":{"id":"Lay cables"}}}`,
			`POST /projects/*/task_dependencies {"task_dependency":{"child_task":{"id":"Order desks"},"parent_task":{"id":"Measure"}}}`)
		for i, title := range []string{"Measure", "Order desks"} {
			if task := got.Tasks[i]; task.ID != w.titled("tasks", title) || task.Outcome != "done" || task.Problem != "" {
				w.Errorf("%+v", task)
			}
		}
		if !strings.Contains(text, "Tasks of project PJT-1: 2 done.") {
			w.Errorf("text %s", text)
		}
		milestone := w.titled("milestones", "Cabling")
		_, got = write[madeTasks](w, "create_task", map[string]any{"project_id": officeMove, "milestone_id": milestone, "title": "Test cables"})
		w.wantCalls(readProject, "GET /projects/*/milestones/*", `POST /projects/*/milestones/*/tasks {"task":{"description":"<p>— tech@example.org through Lectern [mark]</p>","title":"Test cables"}}`)
		if len(got.Tasks) != 1 || got.Tasks[0].ID != w.titled("tasks", "Test cables") {
			w.Errorf("by the name of earlier servers: %+v", got)
		}
	})
}

// TestCreateTasks_Failures: what fails of one task is said of that one, and what cannot be is refused before anything is written.
func TestCreateTasks_Failures(t *testing.T) {
	workOnProjects(t, nil, func(w *writingDesk) {
		task := func(title string, more ...any) map[string]any {
			made := map[string]any{"title": title}
			for i := 0; i < len(more); i += 2 {
				made[fmt.Sprint(more[i])] = more[i+1]
			}
			return made
		}
		for words, tasks := range map[string][]any{
			"only its members own its tasks; add them with update_project and add_members": {task("a", "owner", "ana@example.org")},
			"no task before this one":        {task("a", "depends_on", []string{"#1"})},
			"a task waits for earlier ones":  {task("a", "depends_on", []string{"#2"}), task("b")},
			"is neither the id of a task":    {task("a", "depends_on", []string{"first"})},
			`there is no "Sky"`:              {task("a", "priority", "Sky")},
			`"tasks[1].end" is before start`: {task("a"), task("b", "start", "2031-02-02", "end", "2031-02-01")},
			`"tasks[0].title" is empty`:      {task("  ")},
		} {
			w.wantRefusal("create_tasks", map[string]any{"project_id": officeMove, "tasks": tasks}, "ValidationError", words)
		}
		w.fake.FailBy(func(c sdptest.Call) *sdptest.Fault {
			if in, is := c.Input["task"].(sdptest.Record); is && in["title"] == "b" {
				return new(sdptest.Refused(4014, "title"))
			}
			return nil
		})
		text, got := write[madeTasks](w, "create_tasks", map[string]any{"project_id": officeMove, "tasks": []any{
			task("a"), task("b"), task("c", "depends_on", []string{"#1", "#2"}),
		}})
		w.fake.StopFailing()
		outcomes := []string{}
		for _, made := range got.Tasks {
			outcomes = append(outcomes, made.Outcome)
		}
		if diff := cmp.Diff([]string{"done", "failed", "done"}, outcomes); diff != "" {
			w.Errorf("outcomes (-want +got)\n%s\n%s", diff, text)
		}
		if !strings.Contains(got.Tasks[1].Problem, "code 4014") || got.Tasks[2].Problem != "it does not wait for #2, which was not made" {
			w.Errorf("problems: %+v", got.Tasks)
		}
		// A member who left meanwhile.
		w.fake.FailBy(func(c sdptest.Call) *sdptest.Fault {
			if c.Input["task"] != nil {
				return new(sdptest.Refused(4001, "owner"))
			}
			return nil
		})
		_, got = write[madeTasks](w, "create_tasks", map[string]any{"project_id": officeMove, "tasks": []any{task("e", "owner", "Nina Net")}})
		w.fake.StopFailing()
		if !strings.Contains(got.Tasks[0].Problem, "has to be one of its members") {
			w.Errorf("%+v", got)
		}
	})
}

// TestTasks_ForeignDependencies: a task waits for tasks of its own ticket or project alone; another's id is as one that there is not, and
// nothing is written.
func TestTasks_ForeignDependencies(t *testing.T) {
	for name, site := range map[string]sdptest.Site{"honest": {}, "ignores criteria": {IgnoreCriteria: true}} {
		t.Run(name, func(t *testing.T) {
			writeTo(t, sdptest.Options{Site: site}, nil, func(w *writingDesk) {
				for _, list := range projectLists {
					w.h.storeLookup(w.key, w.fake, list)
				}
				other := w.fake.AddTo("projects", w.fake.Add("projects", sdptest.Record{"title": "Another"}), "tasks", sdptest.Record{"title": "Of another project"})
				ofTicket := w.fake.AddTo("requests", w.idOf(drops), "tasks", sdptest.Record{"title": "Of another ticket"})
				own := w.fake.AddTo("requests", w.idOf(dock), "tasks", sdptest.Record{"title": "Of the ticket"})
				cables := w.titled("tasks", "Lay cables")
				for _, foreign := range []string{other, ofTicket, "99999"} {
					for _, parent := range []map[string]any{
						{"project_id": officeMove, "task_id": cables}, {"project_id": officeMove, "milestone_id": w.titled("milestones", "Cabling"), "task_id": cables},
						{"request_id": "id:" + w.idOf(dock), "task_id": own},
					} {
						given := maps.Clone(parent)
						given["depends_on"] = []string{foreign}
						w.wantRefusal("update_task", given, "NotFoundError", "no such task as "+foreign)
						delete(given, "task_id")
						delete(given, "depends_on")
						given["tasks"] = []any{map[string]any{"title": "a"}, map[string]any{"title": "b", "depends_on": []string{"#1", foreign}}}
						w.wantRefusal("create_tasks", given, "NotFoundError", "no such task as "+foreign)
					}
				}
				write[madeTasks](w, "create_tasks", map[string]any{"request_id": "id:" + w.idOf(dock), "tasks": []any{map[string]any{"title": "b", "depends_on": []string{own}}}})
			})
		})
	}
}

// TestCreateTasks_Again: called again with its key, a call goes on with what was not made, and makes nothing twice.
func TestCreateTasks_Again(t *testing.T) {
	workOnProjects(t, nil, func(w *writingDesk) {
		given := map[string]any{"project_id": officeMove, "idempotency_key": "again", "tasks": []any{
			map[string]any{"title": "first"}, map[string]any{"title": "second", "depends_on": []string{"#1"}}, map[string]any{"title": "third", "depends_on": []string{"#1"}},
		}}
		isTask := func(c sdptest.Call) bool { return c.Method == "POST" && c.Input["task"] != nil }
		isDependency := func(c sdptest.Call) bool {
			return c.Method == "POST" && strings.HasSuffix(c.Path, "/task_dependencies")
		}
		lost := sdptest.DropAfterWrite().Times(3) // of a first task, of a second, and of what that waits for
		lost.Match = func(c sdptest.Call) bool { return isTask(c) || isDependency(c) }
		w.fake.FailBy(func(c sdptest.Call) *sdptest.Fault {
			if in, is := c.Input["task"].(sdptest.Record); is && in["title"] == "third" {
				return new(sdptest.HTML(401))
			}
			return nil
		})
		w.fake.Fail(lost)
		before := len(w.fake.IDs("tasks"))
		var made [3]madeTasks
		for i := range made {
			_, made[i] = write[madeTasks](w, "create_tasks", given)
			w.fake.StopFailing()
		}
		for i, want := range [][]string{{"done", "done", "not_started"}, {"done", "done", "done"}, {"done", "done", "done"}} {
			for place, task := range made[i].Tasks {
				if task.Outcome != want[place] || task.Problem != "" || want[place] == "done" && task.ID != made[2].Tasks[place].ID {
					w.Errorf("call %d: %+v, want %s %s", i+1, task, want[place], made[2].Tasks[place].ID)
				}
			}
		}
		if tasks, dependencies := len(w.fake.IDs("tasks"))-before, w.fake.Count(isDependency); tasks != 3 || dependencies != 2 {
			w.Errorf("%d tasks are made, and %d dependencies sent", tasks, dependencies)
		}
	})
}

// TestRecordUpdates_Seen: a change whose answer is lost is looked up knowing when the record had been changed last: one that somebody
// overwrote since is not taken for one that was not done.
func TestRecordUpdates_Seen(t *testing.T) {
	workOnProjects(t, nil, func(w *writingDesk) {
		cables, milestone := w.titled("tasks", "Lay cables"), w.fake.IDs("milestones")[0]
		project := fmt.Sprint(w.fake.Record("milestones", milestone)["project"].(sdptest.Record)["id"])
		for name, arguments := range map[string]map[string]any{
			"update_task":    {"project_id": officeMove, "task_id": cables},
			"update_project": {"project_id": officeMove},
			"save_milestone": {"project_id": "id:" + project, "milestone_id": milestone},
		} {
			for _, title := range []string{"Changed first", "Changed again"} {
				arguments["title"] = title
				_, _ = write[recordUpdate](w, name, arguments)
			}
			var first, again int64
			row := pgtest.Connect(w.T, w.h.owner).QueryRow(w.Context(), `select coalesce(min((trace ->> 'seen')::bigint), -1), coalesce(max((trace ->> 'seen')::bigint), -1)
				from (select trace from sdp_writes where tool = $1 order by begun_at desc limit 2) last`, name)
			require.NoError(w.T, row.Scan(&first, &again))
			if first != 0 || again <= 0 {
				w.Errorf("%s: it had been changed last at %d, and then at %d", name, first, again)
			}
		}
	})
}

// TestUpdateTask: a task is completed by a status that ends work, all of it done, and its end; and its history says who did.
func TestUpdateTask(t *testing.T) {
	workOnProjects(t, nil, func(w *writingDesk) {
		cables, rack := w.titled("tasks", "Lay cables"), w.titled("tasks", "Order the rack")
		_, got := write[recordUpdate](w, "complete_task", map[string]any{"project_id": officeMove, "task_id": cables})
		calls := w.takeCalls()
		if len(calls) != 4 || !strings.HasPrefix(calls[3], `PUT /projects/*/tasks/* {"task":{"actual_end_time":{"value":"`) ||
			!strings.HasSuffix(calls[3], `"},"percentage_completion":"100","status":{"id":"Completed"}}}`) {
			w.Errorf("calls %s", strings.Join(calls, "\n"))
		}
		if got.Changed["status"][1] != "Completed" || got.Changed["percent"][1] != "100" || got.Changed["complete"][1] == "" {
			w.Errorf("%+v", got)
		}
		_, got = write[recordUpdate](w, "complete_task", map[string]any{"project_id": officeMove, "task_id": cables})
		w.wantCalls(readProject, "GET /projects/*/tasks/*")
		if len(got.Changed) != 0 {
			w.Errorf("it is complete twice: %+v", got)
		}
		_, got = write[recordUpdate](w, "update_task", map[string]any{"project_id": officeMove, "task_id": cables, "owner": "Tom Tech", "title": "Lay new cables", "depends_on": []string{rack}})
		w.wantCalls(readProject, "GET /projects/*/tasks/*", "GET /projects/*/"+w.inEdition("project_members", "members"), "GET /projects/*/task_dependencies",
			`PUT /projects/*/tasks/* {"task":{"owner":{"id":"Tom Tech"},"title":"Lay new cables"}}`)
		if len(got.Added) != 0 { // it waits for that already
			w.Errorf("%+v", got)
		}
		_, got = write[recordUpdate](w, "update_task", map[string]any{"project_id": officeMove, "task_id": rack, "depends_on": []string{cables}})
		w.nameRecords()
		w.wantCalls(readProject, "GET /projects/*/tasks/*", "GET /projects/*/task_dependencies", "GET /projects/*/tasks",
			`POST /projects/*/task_dependencies {"task_dependency":{"child_task":{"id":"Order the rack"},"parent_task":{"id":"Lay new cables"}}}`)
		if !slices.Equal(got.Added, []string{cables}) {
			w.Errorf("%+v", got)
		}
		for arguments, want := range map[*map[string]any]string{
			{"task_id": cables}: "nothing to change",
			{"task_id": cables, "complete": true, "percent": 50}:    "done to 100",
			{"task_id": cables, "complete": true, "status": "Open"}: "work goes on",
			{"task_id": cables, "owner": "ana@example.org"}:         "only its members own its tasks",
			{"task_id": cables, "depends_on": []string{cables}}:     "does not wait for itself",
			{"task_id": cables, "title": "  "}:                      "is empty",
		} {
			(*arguments)["project_id"] = officeMove
			w.wantRefusal("update_task", *arguments, "ValidationError", want)
		}
		w.wantRefusal("update_task", map[string]any{"project_id": officeMove, "task_id": "99999", "percent": 1}, "NotFoundError", "no such task")
		w.foldProjects()
		history := w.history()
		want := []string{"Lay new cables: owner", "Lay new cables: title", "Lay cables: percent", "Lay cables: status"}
		for i, change := range history {
			history[i] = strings.TrimSuffix(change, " by tech@example.org")
			if history[i] == change {
				w.Errorf("it is not said who did: %s", change)
			}
		}
		if diff := cmp.Diff(want, history, cmpopts.SortSlices(func(a, b string) bool { return a < b })); diff != "" {
			w.Errorf("history (-want +got)\n%s", diff)
		}
		// Somebody changes it in ServiceDesk Plus, which is seen by whoever looks next.
		w.fake.Set("tasks", cables, sdptest.Record{"status": "Open"})
		write[taskRows](w, "list_tasks", map[string]any{"project_id": officeMove})
		w.foldProjects()
		if history = w.history(); len(history) != 5 || history[0] != "Lay new cables: status by not through Lectern" {
			w.Errorf("history %q", history)
		}
	})
}

// history returns what get_project says of the tasks of a project.
func (w *writingDesk) history() []string {
	w.Helper()
	type details struct {
		Included []struct {
			Rows []struct{ Subject, Who, State string }
		}
	}
	_, got := write[details](w, "get_project", map[string]any{"project_id": officeMove, "include": []string{"history"}})
	var changes []string
	for _, row := range got.Included[0].Rows {
		field, _, _ := strings.Cut(row.State, ":")
		changes = append(changes, fmt.Sprintf("%s: %s by %s", row.Subject, field, row.Who))
	}
	return changes
}

// TestTasksOfRequests: tickets have tasks, too, with people of any kind as owners.
func TestTasksOfRequests(t *testing.T) {
	workOnProjects(t, nil, func(w *writingDesk) {
		number := w.numberOf(dock)
		_, made := write[madeTasks](w, "create_tasks", map[string]any{"request_id": number, "tasks": []any{map[string]any{"title": "Call the maker", "owner": "nina@example.org"}}})
		w.wantCalls(findTicket, readTicket, "GET /users",
			`POST /requests/*/tasks {"task":{"description":"<p>— tech@example.org through Lectern [mark]</p>","owner":{"id":"Nina Net"},"title":"Call the maker"}}`)
		_, got := write[taskRows](w, "list_tasks", map[string]any{"request_id": number})
		w.wantCalls(readTicket, "GET /requests/*/tasks")
		if !slices.Contains(got.subjects(), "Call the maker") || got.Of != "request "+number {
			w.Errorf("%+v", got)
		}
		write[recordUpdate](w, "complete_task", map[string]any{"request_id": number, "task_id": made.Tasks[0].ID})
		w.wantCalls(readTicket, "GET /requests/*/tasks/*", "PUT /requests/*/tasks/*…")
	})
}

// TestTasks_Toolsets: tools on tasks are there with either toolset, and reach what that is for.
func TestTasks_Toolsets(t *testing.T) {
	for toolset, reaches := range map[string]string{"requests": "request_id", "projects": "project_id"} {
		t.Run(toolset, func(t *testing.T) {
			h := newHouse(t)
			fake := startFake(t, sdptest.Options{})
			h.connectToWrite(helpdesk, fake, func(s *store.ConnectionSettings) { s.Access.Toolsets = []string{toolset} })
			r := h.serve()
			listed := r.listedTools("")
			for _, name := range []string{"list_tasks", "create_tasks", "update_task"} {
				if _, is := listed[name]; !is {
					t.Errorf("%s is not there with the toolset %s", name, toolset)
				}
			}
			for _, argument := range []string{"request_id", "project_id"} {
				got := r.call("list_tasks", map[string]any{argument: "1"})
				if isReached := !got.IsError; isReached != (argument == reaches) {
					t.Errorf("with the toolset %s list_tasks by %s: %s", toolset, argument, got.Text)
				}
			}
		})
	}
}
