package servicedesk_test

import (
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
)

// TestContinuedWrites: a call that goes on where an earlier one with its key ended is no repeat, and the same call once more is.
func TestContinuedWrites(t *testing.T) {
	workOnProjects(t, withProblems, func(w *writingDesk) {
		type outcome struct{ Repeat bool }
		for tool, tc := range map[string]struct {
			arguments map[string]any
			fails     string // the end of the path of a call that fails the first time
		}{
			"create_project": {map[string]any{"title": "Kitchen", "members": []string{"nina@example.org", "Omar Ops"}}, w.inEdition("/project_members", "/members")},
			"create_problem": {map[string]any{"title": "Docks", "request_ids": []string{w.numberOf(dock), w.numberOf(drops)}}, "/problem"},
			"create_tasks": {map[string]any{"project_id": officeMove, "tasks": []any{
				map[string]any{"title": "Measure"}, map[string]any{"title": "Order", "depends_on": []string{"#1"}},
			}}, "/task_dependencies"},
		} {
			fault := sdptest.Refused(4014, "user")
			fault.Match = func(c sdptest.Call) bool { return c.Method == "POST" && strings.HasSuffix(c.Path, tc.fails) }
			w.fake.Fail(fault)
			tc.arguments["idempotency_key"] = "key of " + tool
			for i, want := range []outcome{{false}, {false}, {true}} {
				w.fake.ForgetCalls()
				text, got := write[outcome](w, tool, tc.arguments)
				if got != want || strings.Contains(text, "nothing was written now") != want.Repeat {
					w.Errorf("call %d of %s: repeat is %t, want %t: %s", i+1, tool, got.Repeat, want.Repeat, text)
				}
				if written := w.fake.Count(func(c sdptest.Call) bool { return c.Method == "POST" }); i == 1 && written != 1 || i == 2 && written != 0 {
					w.Errorf("call %d of %s: %d calls that write", i+1, tool, written)
				}
			}
			w.fake.StopFailing()
		}
	})
}
