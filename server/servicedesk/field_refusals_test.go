package servicedesk_test

import (
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
)

// TestWrites_FieldsFirst: what agents may not write of projects is refused before ServiceDesk Plus is asked anything, whether the record is there
// or not, and each time by the same words.
func TestWrites_FieldsFirst(t *testing.T) {
	bounded := func(s *store.ConnectionSettings) {
		s.Access.Fields = map[string][]string{"project": {"percent"}, "milestone": {"percent"}, "task": {"percent"}, "problem": {"title"}, "request": {"note"}}
		withProblems(s)
	}
	workOnProjects(t, bounded, func(w *writingDesk) {
		people := []string{"nina@example.org"}
		for tool, arguments := range map[string]map[string]any{
			"create_project": {"title": "Kitchen", "owner": "me", "start": "2031-01-01", "members": people},
			"update_project": {"project_id": "PJT-999", "percent": 30, "owner": "nina@example.org", "end": "2031-01-01", "add_members": people},
			"save_milestone": {"project_id": "PJT-999", "title": "Day", "owner": "nina@example.org", "start": "2031-01-01", "percent": 30},
			"create_tasks":   {"project_id": "PJT-999", "tasks": []any{map[string]any{"title": "x", "priority": "Low", "depends_on": []string{"1"}}}},
			"update_task":    {"project_id": "PJT-999", "task_id": "1", "owner": "nina@example.org", "status": "Open", "depends_on": []string{"2"}},
			"create_problem": {"title": "Docks", "priority": "Low", "technician": "me", "group": "Network"},
			"create_request": {"subject": "Docks", "priority": "Low", "technician": "me", "group": "Network"},
			"update_request": {"request_id": "31", "subject": "Docks", "priority": "Low", "due_by": "2031-01-01"},
			"assign_request": {"request_id": "31", "technician": "me", "group": "Network"},
			"close_request":  {"request_id": "31", "resolution": "x", "closure_comments": "x"},
		} {
			first := ""
			for range 8 {
				w.fake.ForgetCalls()
				got := w.call(tool, w.with(arguments))
				if !got.IsError || got.Details.Kind != "ForbiddenError" || !strings.Contains(got.Text, "spec.access.fields") {
					w.Errorf("%s: %s", tool, got.Text)
				}
				if asked := w.fake.Count(sdptest.ToAPI); asked > 0 {
					w.Errorf("%s: ServiceDesk Plus is asked %d times before that is refused", tool, asked)
				}
				if first == "" {
					first = got.Text
				}
				if got.Text != first {
					w.Errorf("%s is refused by %q, and then by %q", tool, first, got.Text)
					break
				}
			}
		}
	})
}
