package servicedesk_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
)

// TestSetRequestStatus: words stand for what the flags of statuses say, whatever a site calls them; what ends the work is refused, except a
// cancellation.
func TestSetRequestStatus(t *testing.T) {
	writeTo(t, sdptest.Options{Site: sdptest.Site{CancelNeedsComments: true}}, allowVisible, func(w *writingDesk) {
		number := w.numberOf(dock)
		_, got := write[update](w, "set_request_status", map[string]any{
			"request_id": number, "status": "hold", "comment": "Waiting for a part", "until": "2031-03-31T08:00:00Z", "then_status": "In Progress",
		})
		w.wantCalls(findTicket, readTicket, `PUT /requests/* {"request":{"onhold_scheduler":{"change_to_status":{"id":"In Progress"},"comments":"Waiting for a part\n\n— tech@example.org through Lectern [mark]",`+
			`"scheduled_time":{"value":"1932710400000"}},"status":{"id":"On Hold"}}}`, readTicket)
		if diff := cmp.Diff(map[string][]string{"status": {"Open", "On Hold"}}, got.Changed); diff != "" || len(got.Dropped) > 0 {
			t.Errorf("%s %v", diff, got.Dropped)
		}
		_, got = write[update](w, "set_request_status", map[string]any{"request_id": number, "status": "resume", "comment": "It is there"})
		w.wantCalls(readTicket, `PUT /requests/* {"request":{"status":{"id":"Open"},"status_change_comments":"It is there\n\n— tech@example.org through Lectern [mark]"}}`, readTicket)
		if diff := cmp.Diff([]string{"On Hold", "Open"}, got.Changed["status"]); diff != "" {
			t.Error(diff)
		}
		_, got = write[update](w, "set_request_status", map[string]any{"request_id": number, "status": "in progress"})
		w.wantCalls(readTicket, `PUT /requests/* {"request":{"status":{"id":"In Progress"}}}`, readTicket)
		_, got = write[update](w, "set_request_status", map[string]any{"request_id": number, "status": "cancel", "comment": "Sent twice"})
		w.wantCalls(readTicket, `PUT /requests/* {"request":{"status":{"id":"Cancelled"},"status_change_comments":"Sent twice\n\n— tech@example.org through Lectern [mark]"}}`, readTicket)
		_, got = write[update](w, "set_request_status", map[string]any{"request_id": number, "status": "reopen"})
		w.wantCalls(readTicket, `PUT /requests/* {"request":{"status":{"id":"Open"}}}`, readTicket)
		if diff := cmp.Diff([]string{"Cancelled", "Open"}, got.Changed["status"]); diff != "" {
			t.Error(diff)
		}
		for arguments, want := range map[*map[string]any][2]string{
			{"status": "Closed"}:                             {"ValidationError", "close_request does that"},
			{"status": "resolved"}:                           {"ValidationError", "close_request does that"},
			{"status": "hold"}:                               {"ValidationError", `argument "comment" is required`},
			{"status": "cancel"}:                             {"ValidationError", `argument "comment" is required`},
			{"status": "On Hold"}:                            {"ValidationError", `argument "comment" is required`},
			{"status": "resume"}:                             {"ConflictError", "cannot resume"},
			{"status": "reopen"}:                             {"ConflictError", "cannot reopen"},
			{"status": "Open"}:                               {"ValidationError", "nothing to change"},
			{"status": "Sky"}:                                {"ValidationError", `there is no "Sky" in the list statuses`},
			{"status": "In Progress", "until": "2031-01-01"}: {"ValidationError", "go with status=hold"},
			{"status": "hold", "comment": "x", "until": "2001-01-01"}:                          {"ValidationError", "is in the past"},
			{"status": "hold", "comment": "x", "then_status": "Open"}:                          {"ValidationError", `needs "until"`},
			{"status": "hold", "comment": "x", "then_status": "Closed", "until": "2031-01-01"}: {"ValidationError", "no status in which work goes on"},
			{"status": "hold", "comment": strings.Repeat("x", 240)}:                            {"ValidationError", `argument "comment": has 240 characters`},
		} {
			given := map[string]any{"request_id": number}
			maps.Copy(given, *arguments)
			w.wantRefusal("set_request_status", given, want[0], want[1])
		}
	})
}

// TestSetRequestStatus_OwnNames: a site that calls its statuses otherwise is understood by their internal names and flags.
func TestSetRequestStatus_OwnNames(t *testing.T) {
	writeTo(t, sdptest.Options{}, allowVisible, func(w *writingDesk) {
		for name, own := range map[string]string{"On Hold": "Wartet", "Open": "Neu"} {
			w.fake.Set("statuses", w.fake.IDOf("statuses", name), sdptest.Record{"name": own})
		}
		_, got := write[update](w, "set_request_status", map[string]any{"request_id": w.numberOf(dock), "status": "hold", "comment": "Teil fehlt"})
		if w.nameIn(dock, "status") != "Wartet" || got.Changed["status"][1] != "Wartet" {
			t.Errorf("%v", got.Changed)
		}
	})
}

// TestSetRequestStatus_Confirmation: what ends the work on a ticket is confirmed, whichever tool does it: no status closes one, and a
// cancellation is confirmed as closing is.
func TestSetRequestStatus_Confirmation(t *testing.T) {
	writeTo(t, sdptest.Options{}, func(s *store.ConnectionSettings) { s.Access.Confirm = "Destructive" }, func(w *writingDesk) {
		number, ended := w.numberOf(dock), 0
		for _, id := range w.fake.IDs("statuses") {
			if status := w.fake.Record("statuses", id); status["in_progress"] == false {
				ended++
				for _, name := range []any{status["name"], status["internal_name"], id} {
					given := map[string]any{"request_id": number, "status": name, "comment": "Over"}
					w.wantRefusal("set_request_status", given, "ValidationError", "")
				}
				bulk := map[string]any{"request_ids": []string{number}, "changes": map[string]any{"status": status["name"]}, "dry_run": true}
				w.wantRefusal("bulk_update_requests", bulk, "ValidationError", "")
			}
		}
		if ended < 3 {
			t.Fatalf("%d statuses end the work", ended)
		}
		given := map[string]any{"request_id": number, "status": "cancel", "comment": "Sent twice"}
		w.wantRefusal("set_request_status", given, "ValidationError", "call with dry_run=true")
		given["dry_run"] = true
		_, planned := write[struct{ Plan string }](w, "set_request_status", given)
		delete(given, "dry_run")
		given["plan"] = planned.Plan
		_, got := write[update](w, "set_request_status", given)
		if diff := cmp.Diff([]string{"Open", "Cancelled"}, got.Changed["status"]); diff != "" {
			t.Error(diff)
		}
		_, got = write[update](w, "set_request_status", map[string]any{"request_id": number, "status": "reopen"})
		if diff := cmp.Diff([]string{"Cancelled", "Open"}, got.Changed["status"]); diff != "" {
			t.Error(diff)
		}
	})
}

// closing is the structured result of close_request.
type closing struct{ Number, Subject, Before, Status string }

// allowVisible lets agents write what requesters read.
func allowVisible(s *store.ConnectionSettings) { s.Access.RequesterVisible = "Allow" }

// TestCloseRequest: the resolution is written before, closing needs it, and the final status is read back.
func TestCloseRequest(t *testing.T) {
	writeTo(t, sdptest.Options{Site: sdptest.Site{CloseNeedsResolution: true}}, allowVisible, func(w *writingDesk) {
		number := w.numberOf(dock)
		assign := w.inEdition("/_close", "/close")
		refused := w.call("close_request", w.with(map[string]any{"request_id": number}))
		w.wantCalls(findTicket, readTicket, `PUT /requests/*`+assign+` {"request":{"closure_info":{"closure_comments":"","requester_ack_comments":"","requester_ack_resolution":false}}}`)
		if want := "Close Request: RejectedError: request " + number + " is not closed: ServiceDesk Plus wants first resolution (give resolution)"; refused.Text != want || refused.Details.SDPCode != 3000 {
			t.Errorf("%+v, want %s", refused, want)
		}
		text, got := write[closing](w, "close_request", map[string]any{
			"request_id": number, "resolution": "Updated the *firmware*", "closure_code": "success", "closure_comments": "Done",
		})
		w.wantCalls(readTicket, `POST /requests/*/resolutions {"resolution":{"add_to_linked_requests":false,"content":"<p>Updated the <em>firmware</em></p>\n<p>— tech@example.org through Lectern [mark]</p>"}}`,
			`PUT /requests/*`+assign+` {"request":{"closure_info":{"closure_code":{"id":"success"},"closure_comments":"Done\n\n— tech@example.org through Lectern [mark]",`+
				`"requester_ack_comments":"","requester_ack_resolution":false}}}`, readTicket)
		if diff := cmp.Diff(closing{number, dock, "Open", "Closed"}, got); diff != "" || !strings.Contains(text, " is closed.\n") {
			t.Error(diff, text)
		}
		w.wantRefusal("close_request", map[string]any{"request_id": number}, "ConflictError", "has ended already")
		resolve := map[string]any{"request_id": w.numberOf(budget), "resolution": "Repaired it", "resolve_only": true, "dry_run": true}
		if text, _ = write[closing](w, "close_request", resolve); !strings.Contains(text, " would be resolved.\n") {
			t.Error(text)
		}
		w.fake.ForgetCalls()
		resolve["dry_run"] = false
		text, got = write[closing](w, "close_request", resolve)
		w.wantCalls(readTicket, `POST /requests/*/resolutions …`, `PUT /requests/* {"request":{"status":{"id":"Resolved"}}}`, readTicket)
		if got.Status != "Resolved" || !strings.Contains(text, " is resolved.\n") || w.nameIn(budget, "status") != "Resolved" {
			t.Errorf("%+v", got)
		}
		_, got = write[closing](w, "close_request", map[string]any{"request_id": w.numberOf(budget)})
		if got.Before != "Resolved" || got.Status != "Closed" {
			t.Errorf("closed after it was resolved: %+v", got)
		}
		w.wantRefusal("close_request", map[string]any{"request_id": w.numberOf(screen), "resolve_only": true, "closure_code": "success"}, "ValidationError", "resolve_only")
		w.wantRefusal("close_request", map[string]any{"request_id": w.numberOf(screen), "closure_code": "sky"}, "ValidationError", `there is no "sky" in the list closure_codes`)
		w.wantRefusal("close_request", map[string]any{"request_id": w.numberOf(screen), "closure_comments": strings.Repeat("x", 240)}, "ValidationError", `argument "closure_comments"`)
	})
}

// TestCloseRequest_Blocked: what a site wants before a ticket is closed is said, with what to do; the resolution stays.
func TestCloseRequest_Blocked(t *testing.T) {
	site := sdptest.Site{CloseNeedsWorklog: true, CloseNeedsClosedTasks: true, CloseNeedsAcknowledgement: true}
	writeTo(t, sdptest.Options{Site: site}, allowVisible, func(w *writingDesk) {
		w.fake.AddTo("requests", w.idOf(dock), "tasks", sdptest.Record{"title": "Look at it"})
		got := w.call("close_request", w.with(map[string]any{"request_id": w.numberOf(dock), "resolution": "Done"}))
		for _, words := range []string{"requester_ack_resolution (the requester", "tasks (complete", "worklogs (add time", "The resolution is written"} {
			if !got.IsError || !strings.Contains(got.Text, words) {
				t.Errorf("%q is not in %s", words, got.Text)
			}
		}
		if w.nameIn(dock, "status") != "Open" {
			t.Errorf("the status is %s", w.nameIn(dock, "status"))
		}
	})
}

// TestCloseRequest_NoClosureCodes: a site without closure codes is sent none.
func TestCloseRequest_NoClosureCodes(t *testing.T) {
	writeTo(t, sdptest.Options{Site: sdptest.Site{NoClosureCodes: true}}, nil, func(w *writingDesk) {
		for _, id := range w.fake.IDs("closure_codes") {
			w.fake.Remove("closure_codes", id)
		}
		w.h.storeLookup(w.key, w.fake, "closure_codes")
		refused := w.call("close_request", w.with(map[string]any{"request_id": w.numberOf(dock), "closure_code": "success"}))
		if !refused.IsError || !strings.Contains(refused.Text, "closure_code") {
			t.Errorf("%+v", refused)
		}
		if _, got := write[closing](w, "close_request", map[string]any{"request_id": w.numberOf(dock)}); got.Status != "Closed" {
			t.Errorf("%+v", got)
		}
	})
}
