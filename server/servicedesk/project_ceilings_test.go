package servicedesk_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestProjects_Ceilings asks for two projects by every tool, through connections that have one of them: by its number, by its id, or
// none. The other is as one that does not exist, in words and in calls of ServiceDesk Plus, and nothing of it is read or written.
func TestProjects_Ceilings(t *testing.T) {
	writeTo(t, sdptest.Options{}, nil, func(w *writingDesk) {
		secret := w.fake.Add("projects", sdptest.Record{"title": "Secret merger", "owner": "tech@example.org"})
		foreign := w.fake.AddTo("projects", secret, "tasks", sdptest.Record{"title": "Secret task"})
		milestone := w.fake.AddTo("projects", secret, "milestones", sdptest.Record{"title": "Secret day"})
		own := w.titled("projects", "Office move")
		tried := 0
		for name, projects := range map[string][]string{"by number": {"PJT-1"}, "by id": {own}, "of others": {"PJT-77", "1234567"}, "of none": {}} {
			w.key = store.Key{Namespace: "support", Name: w.inEdition("cloud-", "premises-") + strings.ReplaceAll(name, " ", "-")}
			w.h.connectToWrite(w.key, w.fake, func(s *store.ConnectionSettings) { s.Access.Projects = projects })
			for _, list := range projectLists {
				w.h.storeLookup(w.key, w.fake, list)
			}
			require.Until(w.T, "the connection is known", func() bool { return !w.call("connection_status", w.with(nil)).IsError })
			isInside := strings.HasPrefix(name, "by ")
			for _, id := range []string{"PJT-2", "id:" + secret} {
				unknown := "PJT-98"
				if strings.HasPrefix(id, "id:") {
					unknown = "id:" + w.inEdition("999999999999999999", "999999")
				}
				for tool, arguments := range w.projectCalls(foreign, milestone) {
					answers := map[string]string{}
					for _, asked := range []string{id, unknown} {
						w.fake.ForgetCalls()
						given := w.with(arguments)
						given["project_id"] = asked
						got := w.call(tool, given)
						text := strings.ReplaceAll(strings.ReplaceAll(got.Text, asked, "ID"), strings.TrimPrefix(asked, "id:"), "ID")
						answers[asked] = fmt.Sprintf("%t %s %s\n%s", got.IsError, got.Details.Kind, text, strings.Join(w.takeCalls(), "\n"))
						tried++
						if !got.IsError || strings.Contains(got.Text, "Secret") {
							w.Errorf("%s: %s of %s: %s", name, tool, asked, got.Text)
						}
					}
					if diff := cmp.Diff(answers[unknown], answers[id]); diff != "" {
						w.Errorf("%s: %s tells the one outside from one that does not exist (-does not exist +outside)\n%s", name, tool, diff)
					}
				}
			}
			w.fake.ForgetCalls()
			for _, query := range []map[string]any{{}, {"query": "secret merger"}, {"owner": "me"}, {"status": "open"}} {
				text, got := write[projectRows](w, "list_projects", query)
				want := []string{}
				if isInside && query["query"] == nil {
					want = append(want, officeMove)
				}
				if diff := cmp.Diff(want, got.numbers()); diff != "" || strings.Contains(text, "Secret") {
					w.Errorf("%s: list_projects of %v (-want +got)\n%s", name, query, diff)
				}
			}
			if name == "of none" {
				w.wantCalls()
			}
			w.wantRefusal("create_project", map[string]any{"title": "One more"}, "ForbiddenError", "spec.access.projects")
			got := w.call("get_project", w.with(map[string]any{"project_id": officeMove, "include": []string{"members", "tasks", "comments", "dependencies", "history"}}))
			if got.IsError == isInside {
				w.Errorf("%s: get_project of the one inside: %s", name, got.Text)
			}
			if isInside { // what is of another project is not there below this one
				w.wantRefusal("update_task", map[string]any{"project_id": officeMove, "task_id": foreign, "percent": 1}, "NotFoundError", "no such task")
				w.wantRefusal("save_milestone", map[string]any{"project_id": officeMove, "milestone_id": milestone, "percent": 1}, "NotFoundError", "no such milestone")
				w.wantRefusal("list_tasks", map[string]any{"project_id": officeMove, "milestone_id": milestone}, "NotFoundError", "no such milestone")
				w.wantRefusal("create_tasks", map[string]any{"project_id": officeMove, "milestone_id": milestone, "tasks": []any{map[string]any{"title": "x"}}},
					"NotFoundError", "no such milestone")
				w.wantRefusal("update_task", map[string]any{"project_id": officeMove, "milestone_id": milestone, "task_id": foreign, "percent": 1},
					"NotFoundError", "no such milestone")
			}
		}
		w.Logf("%d calls for one outside and one that does not exist", tried)
	})
}

// projectCalls are calls of every tool that names a project, beside that.
func (w *writingDesk) projectCalls(task, milestone string) map[string]map[string]any {
	return map[string]map[string]any{
		"get_project":         {"include": []string{"members", "milestones", "tasks", "comments", "dependencies", "history"}},
		"get_project_summary": {},
		"list_tasks":          {"status": "all"},
		"list_project_tasks":  {"milestone_id": milestone},
		"update_project":      {"percent": 99, "add_members": []string{"ana@example.org"}},
		"save_milestone":      {"milestone_id": milestone, "percent": 99},
		"create_milestone":    {"title": "Mine"},
		"create_tasks":        {"tasks": []any{map[string]any{"title": "Mine"}}},
		"create_task":         {"title": "Mine", "milestone_id": milestone},
		"update_task":         {"task_id": task, "complete": true, "depends_on": []string{"1"}},
		"complete_task":       {"task_id": task},
		"add_note":            {"text": "Mine", "task_id": task},
		"add_worklog":         {"minutes": 5, "task_id": task},
	}
}
