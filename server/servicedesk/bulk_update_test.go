package servicedesk_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
)

// bulk is the structured result of bulk_update_requests.
type bulk struct {
	Requests []struct{ Number, Subject, State, Why string }
	Counts   map[string]int
	DryRun   bool `json:"dry_run"`
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
			for name, value := range *arguments {
				refused[name] = value
			}
			w.wantRefusal("bulk_update_requests", refused, want[0], want[1])
		}
	})
}
