package servicedesk_test

import (
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
)

func alwaysConfirmed(s *store.ConnectionSettings) { s.Access.Confirm = "Always" }

// rename has somebody be called otherwise.
func (w *writingDesk) rename(name, into string) {
	w.Helper()
	for _, id := range w.fake.IDs("users") {
		if w.fake.Record("users", id)["name"] == name {
			w.fake.Set("users", id, sdptest.Record{"name": into})
			return
		}
	}
	w.Fatalf("nobody is called %s", name)
}

// TestPlans_NamedPeople: a plan of whom a name meant confirms nothing for somebody else whom it means now.
func TestPlans_NamedPeople(t *testing.T) {
	workOnProjects(t, alwaysConfirmed, func(w *writingDesk) {
		for tool, given := range map[string]map[string]any{
			"create_tasks":   {"request_id": w.numberOf(dock), "tasks": []any{map[string]any{"title": "Look", "owner": "Nina Net"}}},
			"create_project": {"title": "Kitchen", "members": []any{"Nina Net"}},
			"update_project": {"project_id": officeMove, "percent": 33, "add_members": []any{"Nina Net"}},
		} {
			given["dry_run"] = true
			_, dry := write[struct{ Plan string }](w, tool, given)
			given["dry_run"], given["plan"] = false, dry.Plan
			w.rename("Nina Net", "Nina Old")
			w.rename("Omar Ops", "Nina Net")
			w.wantRefusal(tool, given, "ConflictError", "not what was shown any more")
			w.rename("Nina Net", "Omar Ops")
			w.rename("Nina Old", "Nina Net")
			write[struct{}](w, tool, given)
		}
	})
}

// TestWrites_AskWhichPerson: of two people of one name the question says which, by the address.
func TestWrites_AskWhichPerson(t *testing.T) {
	workOnProjects(t, func(s *store.ConnectionSettings) { alwaysConfirmed(s); allowVisible(s) }, func(w *writingDesk) {
		w.rename("Ana Lopez", "Nina Net")
		task := w.fake.AddTo("requests", w.idOf(dock), "tasks", sdptest.Record{"title": "Look at it"})
		for tool, given := range map[string]map[string]any{
			"create_tasks":   {"request_id": w.numberOf(dock), "tasks": []any{map[string]any{"title": "Look", "owner": "ana@example.org"}}},
			"update_task":    {"request_id": w.numberOf(dock), "task_id": task, "owner": "ana@example.org"},
			"create_project": {"title": "Kitchen", "owner": "ana@example.org", "members": []string{"ana@example.org"}},
			"update_project": {"project_id": officeMove, "owner": "ana@example.org"},
			"save_milestone": {"project_id": officeMove, "title": "Furniture", "owner": "ana@example.org"},
		} {
			if asked := w.askPerson(tool, w.with(given)); !strings.Contains(asked, `"Nina Net <ana@example.org>"`) {
				w.Errorf("%s asks %s", tool, asked)
			}
		}
	})
}
