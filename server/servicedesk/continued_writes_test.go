package servicedesk_test

import (
	"maps"
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

// TestContinuedWrites_WithoutKey: who gave no key is not told to repeat the call with one, which would make everything again.
func TestContinuedWrites_WithoutKey(t *testing.T) {
	workOnProjects(t, withProblems, func(w *writingDesk) {
		for tool, tc := range map[string]struct {
			arguments map[string]any
			stopsAt   func(sdptest.Call) bool // the call that stops all after it
			alone     string
		}{
			"create_tasks": {
				map[string]any{"project_id": officeMove, "tasks": []any{map[string]any{"title": "Measure"}, map[string]any{"title": "Order"}}},
				func(c sdptest.Call) bool {
					task, is := c.Input["task"].(sdptest.Record)
					return is && task["title"] == "Order"
				}, "call again for those alone",
			},
			"create_problem": {
				map[string]any{"title": "Docks", "request_ids": []string{w.numberOf(dock), w.numberOf(drops)}},
				func(c sdptest.Call) bool { return c.Method == "POST" && strings.HasSuffix(c.Path, "/problem") }, "link those in ServiceDesk Plus",
			},
		} {
			for _, key := range []string{"", "key of " + tool} {
				given, want := maps.Clone(tc.arguments), tc.alone
				if key != "" {
					given["idempotency_key"], want = key, "call again with the same arguments and idempotency_key"
				}
				fault := sdptest.HTML(401)
				fault.Match = tc.stopsAt
				w.fake.Fail(fault)
				text, _ := write[struct{}](w, tool, given)
				w.fake.StopFailing()
				if !strings.Contains(text, "not started") || !strings.Contains(text, want) || strings.Contains(text, "idempotency_key") != (key != "") {
					w.Errorf("%s with the key %q: want %q: %s", tool, key, want, text)
				}
			}
		}
	})
}
