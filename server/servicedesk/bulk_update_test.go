package servicedesk_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
)

// bulk is the structured result of bulk_update_requests.
type bulk struct {
	Requests []struct{ Number, Subject, State, Why string }
	Counts   map[string]int
	DryRun   bool `json:"dry_run"`
	Plan     string
}

// TestBulkUpdateRequests: without dry_run=false nothing is written; of those that are some fail, and the others do not.
func TestBulkUpdateRequests(t *testing.T) {
	writeTo(t, sdptest.Options{}, nil, func(w *writingDesk) {
		given := map[string]any{
			"request_ids": []any{w.numberOf(dock), w.numberOf(starter), w.numberOf(drops), w.numberOf(budget)},
			"changes":     map[string]any{"priority": "High", "technician": "nina@example.org"}, "note": "Looked through",
		}
		_, would := write[bulk](w, "bulk_update_requests", given)
		w.wantCalls("GET /requests")
		if diff := cmp.Diff(map[string]int{"would_change": 4}, would.Counts); diff != "" || !would.DryRun {
			t.Errorf("%+v", would)
		}
		delete(given, "note")
		given["dry_run"] = false
		_, got := write[bulk](w, "bulk_update_requests", given)
		sent := `PUT /requests/* {"request":{"priority":{"id":"High"},"technician":{"email_id":"nina@example.org"}}}`
		w.wantCalls("GET /requests", sent, sent, sent)
		if diff := cmp.Diff(map[string]int{"done": 2, "failed": 1, "skipped": 1}, got.Counts); diff != "" {
			t.Error(diff)
		}
		states := map[string]string{}
		for _, row := range got.Requests {
			states[row.Subject] = row.State
		}
		if diff := cmp.Diff(map[string]string{dock: "done", starter: "failed", drops: "skipped", budget: "done"}, states); diff != "" {
			t.Errorf("%s %+v", diff, got)
		}
		given["note"], given["changes"] = "Looked through", map[string]any{}
		given["request_ids"] = []any{w.numberOf(dock)}
		write[bulk](w, "bulk_update_requests", given)
		w.wantCalls("GET /requests", "POST /requests/*/notes …")
		for arguments, want := range map[*map[string]any][2]string{
			{"changes": map[string]any{}}:                                                                   {"ValidationError", "nothing to change"},
			{"changes": map[string]any{"status": "Closed"}}:                                                 {"ValidationError", "wants a reason for each ticket"},
			{"changes": map[string]any{"status": "On Hold"}}:                                                {"ValidationError", "wants a reason for each ticket"},
			{"changes": map[string]any{"priority": "Sky"}}:                                                  {"ValidationError", `there is no "Sky"`},
			{"request_ids": []any{w.numberOf(dock), "99999"}, "changes": map[string]any{"priority": "Low"}}: {"NotFoundError", "no such ticket as 99999"},
		} {
			refused := map[string]any{"request_ids": []any{w.numberOf(dock)}, "dry_run": false}
			maps.Copy(refused, *arguments)
			w.wantRefusal("bulk_update_requests", refused, want[0], want[1])
		}
	})
}

// TestBulkUpdateRequests_Throttled: what ServiceDesk Plus has no turn for in the time of a call is not begun, nor is what comes after it.
func TestBulkUpdateRequests_Throttled(t *testing.T) {
	writeTo(t, sdptest.Options{}, nil, func(w *writingDesk) {
		puts := 0
		w.fake.FailBy(func(c sdptest.Call) *sdptest.Fault {
			if c.Method != "PUT" {
				return nil
			}
			if puts++; puts == 2 {
				return new(sdptest.Throttled(429).RetryAfter(10 * time.Minute))
			}
			return nil
		})
		_, got := write[bulk](w, "bulk_update_requests", map[string]any{
			"request_ids": []any{w.numberOf(dock), w.numberOf(drops), w.numberOf(budget)}, "changes": map[string]any{"priority": "Low"}, "dry_run": false,
		})
		var states []string
		for _, row := range got.Requests {
			states = append(states, row.State)
		}
		if diff := cmp.Diff([]string{"done", "not_started", "not_started"}, states); diff != "" {
			t.Errorf("%s %+v", diff, got)
		}
	})
}

// TestBulkUpdateRequests_Plan: where bulk writes are confirmed, the plan of a dry run carries them out, and goes on with what was not begun. What
// was changed by others in the meantime is not written over.
func TestBulkUpdateRequests_Plan(t *testing.T) {
	confirmed := func(s *store.ConnectionSettings) { s.Access.Confirm = "Destructive" }
	writeTo(t, sdptest.Options{}, confirmed, func(w *writingDesk) {
		given := map[string]any{
			"request_ids": []any{w.numberOf(dock), w.numberOf(drops), w.numberOf(budget)}, "changes": map[string]any{"priority": "Low"}, "note": "Looked through",
		}
		refused := map[string]any{"dry_run": false}
		maps.Copy(refused, given)
		w.wantRefusal("bulk_update_requests", refused, "ValidationError", "spec.access.confirm")
		_, would := write[bulk](w, "bulk_update_requests", given)
		if would.Plan == "" {
			w.Fatalf("a dry run has no plan: %+v", would)
		}
		given["plan"] = would.Plan
		puts := 0
		w.fake.FailBy(func(c sdptest.Call) *sdptest.Fault {
			if c.Method == "PUT" {
				puts++
			}
			if puts == 2 && c.Method == "PUT" {
				return new(sdptest.Refused(4009, "priority"))
			}
			return nil
		})
		w.fake.ForgetCalls()
		_, got := write[bulk](w, "bulk_update_requests", given)
		sent, note := `PUT /requests/* {"request":{"priority":{"id":"Low"}}}`, "POST /requests/*/notes …"
		w.wantCalls("GET /requests", sent, note, sent, sent, note)
		if diff := cmp.Diff(map[string]int{"done": 2, "failed": 1}, got.Counts); diff != "" {
			t.Errorf("%s %+v", diff, got)
		}
		w.fake.StopFailing()
		text, got := write[bulk](w, "bulk_update_requests", given)
		w.wantCalls("GET /requests", sent, note)
		if strings.Contains(text, "nothing was written") || strings.Count(text, "an earlier call with this plan did it") != 2 {
			t.Errorf("what was done before and what now is not told apart: %s", text)
		}
		if diff := cmp.Diff(map[string]int{"done": 3}, got.Counts); diff != "" {
			t.Errorf("%s %+v", diff, got)
		}
	})
}

// TestBulkUpdateRequests_Moved: of what moved since the dry run only what it showed counts, and only for its own ticket: the others are changed.
// What the plan itself did is no other's doing, whatever ServiceDesk Plus recalculates then.
func TestBulkUpdateRequests_Moved(t *testing.T) {
	confirmed := func(s *store.ConnectionSettings) { s.Access.Confirm = "Destructive" }
	writeTo(t, sdptest.Options{}, confirmed, func(w *writingDesk) {
		given := map[string]any{
			"request_ids": []any{w.numberOf(dock), w.numberOf(drops), w.numberOf(budget)}, "changes": map[string]any{"priority": "Low"}, "note": "Looked through",
		}
		_, would := write[bulk](w, "bulk_update_requests", given)
		given["plan"] = would.Plan
		moving, later := w.idOf(drops), sdptest.Record{"due_by_time": time.Now().Add(time.Hour), "urgency": "High"} // which nobody was shown
		w.fake.Set("requests", w.idOf(dock), later)
		w.fake.Set("requests", moving, sdptest.Record{"priority": "Normal", "subject": "Line drops at noon"})
		w.fake.ForgetCalls()
		text, got := write[bulk](w, "bulk_update_requests", given)
		sent, note := `PUT /requests/* {"request":{"priority":{"id":"Low"}}}`, "POST /requests/*/notes …"
		w.wantCalls("GET /requests", sent, note, sent, note)
		if diff := cmp.Diff(map[string]int{"done": 2, "failed": 1}, got.Counts); diff != "" {
			t.Errorf("%s %s", diff, text)
		}
		number := got.Requests[1].Number
		moved := "ConflictError: priority of request " + number + ", subject of request " + number + " are not what was shown any more; call with dry_run=true for another"
		if why := got.Requests[1].Why; why != moved {
			t.Errorf("of a ticket that moved is said %q, want %q", why, moved)
		}
		// As rules of a site do once a ticket is written.
		w.fake.Set("requests", w.idOf(dock), sdptest.Record{"priority": "High", "status": "In Progress"})
		w.fake.Set("requests", moving, sdptest.Record{"priority": "High", "subject": drops})
		w.fake.ForgetCalls()
		text, got = write[bulk](w, "bulk_update_requests", given)
		w.wantCalls("GET /requests", sent, note)
		if diff := cmp.Diff(map[string]int{"done": 3}, got.Counts); diff != "" || strings.Count(text, "an earlier call with this plan did it") != 2 {
			t.Errorf("%s %s", diff, text)
		}
	})
}
