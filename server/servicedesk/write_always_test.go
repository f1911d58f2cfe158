package servicedesk_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/store"
)

// TestWrites_Always: where everything is confirmed, every tool that writes is refused without a plan, and carries out that of its dry run.
// What it answers names the record.
func TestWrites_Always(t *testing.T) {
	always := func(s *store.ConnectionSettings) { everything(s); s.Access.Confirm = "Always" }
	workOnProjects(t, always, func(w *writingDesk) {
		number := w.numberOf(dock)
		calls := map[string]map[string]any{
			"create_request": {"subject": "Docks"}, "update_request": {"request_id": number, "urgency": "Low"}, "assign_request": {"request_id": number, "technician": "nina@example.org"},
			"set_request_status": {"request_id": number, "status": "In Progress"}, "close_request": {"request_id": w.numberOf(drops), "resolution": "Done", "resolve_only": true},
			"add_note": {"request_id": number, "text": "x"}, "add_worklog": {"request_id": number, "minutes": 5}, "link_requests": {"request_id": number, "to": []any{w.numberOf(drops)}},
			"bulk_update_requests": {"request_ids": []any{w.numberOf(budget)}, "changes": map[string]any{"priority": "Low"}}, "trash_request": {"request_id": w.numberOf(screen)},
			"create_project": {"title": "Kitchen"}, "update_project": {"project_id": officeMove, "percent": 30}, "save_milestone": {"project_id": officeMove, "title": "Day"},
			"create_tasks": {"project_id": officeMove, "tasks": []any{map[string]any{"title": "x"}}},
			"update_task":  {"project_id": officeMove, "task_id": w.titled("tasks", "Lay cables"), "percent": 30}, "create_problem": {"title": "Docks"},
		}
		if diff := cmp.Diff(slices.Sorted(maps.Keys(calls)), slices.Sorted(maps.Keys(hintsOfWrites))); diff != "" {
			w.Errorf("the tools that write (-tried +there)\n%s", diff)
		}
		for _, name := range slices.Sorted(maps.Keys(calls)) {
			given := maps.Clone(calls[name])
			given["dry_run"] = false
			w.wantRefusal(name, given, "ValidationError", "spec.access.confirm")
			given["dry_run"] = true
			_, dry := write[struct{ Plan string }](w, name, given)
			delete(given, "dry_run")
			if given["plan"] = dry.Plan; dry.Plan == "" {
				w.Errorf("a dry run of %s has no plan", name)
			}
			w.fake.ForgetCalls()
			_, got := write[struct {
				Number, Of, Subject string
				Requests            []struct{ Number, Subject string }
			}](w, name, given)
			if written := slices.ContainsFunc(w.takeCalls(), func(call string) bool { return call[:3] != "GET" }); !written {
				w.Errorf("%s wrote nothing by its plan", name)
			}
			if len(got.Requests) == 0 && got.Subject == "" {
				w.Errorf("%s does not name the record: %+v", name, got)
			}
		}
	})
}
