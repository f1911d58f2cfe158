package servicedesk_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
)

// update is the structured result of tools that change a ticket.
type update struct {
	Number, Subject string
	Changed         map[string][]string
	Dropped         map[string]string
	DryRun          bool `json:"dry_run"`
	Trust           string
}

// lookUp is what finding a ticket by a number that was not met costs.
const (
	findTicket = "GET /requests"
	readTicket = "GET /requests/*"
)

// signedText is the end of a text as it is sent.
const signedText = "\n<p>— tech@example.org through Lectern [mark]</p>"

// TestUpdateRequest: what differs is sent, by ids, and read back; what is not there is refused before anything is sent.
func TestUpdateRequest(t *testing.T) {
	writeTo(t, sdptest.Options{}, allowVisible, func(w *writingDesk) {
		text, got := write[update](w, "update_request", map[string]any{
			"request_id": w.numberOf(dock), "priority": "high", "category": "Network", "subcategory": "vpn", "subject": dock, "update_reason": "It is the network",
		})
		w.wantCalls(findTicket, readTicket,
			`PUT /requests/* {"request":{"category":{"id":"Network"},"priority":{"id":"High"},"subcategory":{"id":"VPN"},"update_reason":"It is the network\n\n— tech@example.org through Lectern [mark]"}}`,
			readTicket)
		want := map[string][]string{"category": {"Hardware", "Network"}, "priority": {"Normal", "High"}, "subcategory": {"Docking station", "VPN"}}
		if diff := cmp.Diff(want, got.Changed); diff != "" || got.Subject != dock || got.Trust != "untrusted" {
			t.Errorf("%+v %s", got, diff)
		}
		if !strings.Contains(text, "Request "+got.Number+" of connection "+w.key.String()+" is changed.") || !strings.Contains(text, "priority: Normal → High") {
			t.Errorf("text %s", text)
		}
		_, got = write[update](w, "update_request", map[string]any{
			"request_id": w.numberOf(dock), "description": "No picture.\n<b>None</b>", "due_by": "2031-03-31", "udf": map[string]any{"room": "B-204", "udf_date_103": "2031-01-01"},
		})
		w.wantCalls(readTicket, "GET /requests/_metainfo",
			`PUT /requests/* {"request":{"description":"<p>No picture.<br>&lt;b&gt;None&lt;/b&gt;</p>`+strings.ReplaceAll(signedText, "\n", `\n`)+
				`","due_by_time":{"value":"1932760799999"},"udf_fields":{"udf_date_103":{"value":"1924988400000"},"udf_sline_101":"B-204"}}}`, readTicket)
		if due := got.Changed["due_by"]; len(due) != 2 || due[1] != "2031-03-31T23:59:59+02:00" || got.Changed["udf.udf_sline_101"][1] != "B-204" {
			t.Errorf("%v", got.Changed)
		}
		_, got = write[update](w, "update_request", map[string]any{"request_id": w.numberOf(dock), "priority": nil, "udf": map[string]any{"udf_sline_101": nil}})
		w.wantCalls(readTicket, `PUT /requests/* {"request":{"priority":null,"udf_fields":{"udf_sline_101":null}}}`, readTicket)
		if diff := cmp.Diff([]string{"High", ""}, got.Changed["priority"]); diff != "" {
			t.Error(diff)
		}
	})
}

// TestUpdateRequest_Refusals: each says what is wrong, and nothing is sent.
func TestUpdateRequest_Refusals(t *testing.T) {
	writeTo(t, sdptest.Options{}, nil, func(w *writingDesk) {
		number, own := w.numberOf(dock), "id:"+w.fake.Add("requests", sdptest.Record{"subject": "My own", "requester": "tech@example.org", "status": "Open"})
		for arguments, want := range map[*map[string]any][2]string{
			{"priority": "Normal"}:    {"ValidationError", "nothing to change"},
			{}:                        {"ValidationError", "nothing to change"},
			{"update_reason": "none"}: {"ValidationError", "nothing to change"},
			{"priority": "Sky"}:       {"ValidationError", `there is no "Sky" in the list priorities`},
			{"subcategory": "VPN"}:    {"ValidationError", `there is no "VPN" in the list subcategories`},
			{"request_id": own, "udf": map[string]any{"colour": "red"}}:                   {"ValidationError", `"colour" names 0 fields`},
			{"request_id": own, "udf": map[string]any{"Room": []any{"red"}}}:              {"ValidationError", "is a text, a number"},
			{"request_id": own, "udf": map[string]any{"Room": "A", "udf_sline_101": "B"}}: {"ValidationError", "udf_sline_101 is given twice"},
			{"subject": "Mine"}:     {"ForbiddenError", "spec.access.requesterVisible"},
			{"description": "Mine"}: {"ForbiddenError", "spec.access.requesterVisible"},
			{"priority": "High", "update_reason": strings.Repeat("x", 230)}: {"ValidationError", `argument "update_reason"`},
			{"priority": "High", "due_by": "tomorrow"}:                      {"ValidationError", `"tomorrow" is no time`},
			{"priority": "High", "expected_updated_at": "2020-01-01"}:       {"ConflictError", "was updated at"},
			{"priority": "High", "request_id": "99999"}:                     {"NotFoundError", "no such ticket"},
		} {
			given := map[string]any{"request_id": number}
			maps.Copy(given, *arguments)
			w.wantRefusal("update_request", given, want[0], want[1])
		}
	})
}

// TestUpdateRequest_Locked: a field that ServiceDesk Plus does not let be set is left out and said, where something else is left to do.
func TestUpdateRequest_Locked(t *testing.T) {
	writeTo(t, sdptest.Options{Site: sdptest.Site{PriorityLocked: true}}, nil, func(w *writingDesk) {
		text, got := write[update](w, "update_request", map[string]any{"request_id": w.numberOf(dock), "priority": "High", "urgency": "Urgent"})
		w.wantCalls(findTicket, readTicket, `PUT /requests/* {"request":{"priority":{"id":"High"},"urgency":{"id":"Urgent"}}}`,
			`PUT /requests/* {"request":{"urgency":{"id":"Urgent"}}}`)
		if diff := cmp.Diff(map[string][]string{"urgency": {"", "Urgent"}}, got.Changed); diff != "" || got.Dropped["priority"] == "" ||
			!strings.Contains(text, "Not set: priority.") {
			t.Errorf("%s %v %s", diff, got.Dropped, text)
		}
		failed := w.call("update_request", w.with(map[string]any{"request_id": w.numberOf(dock), "priority": "High"}))
		if failed.Details.Kind != "ForbiddenError" || failed.Details.SDPCode != 4002 {
			t.Errorf("%+v", failed)
		}
	})
}

// TestUpdateRequest_NewID: an entry that was made again under its name is found once ServiceDesk Plus does not know the id that a list has.
func TestUpdateRequest_NewID(t *testing.T) {
	writeTo(t, sdptest.Options{}, nil, func(w *writingDesk) {
		w.fake.Remove("urgencies", w.fake.IDOf("urgencies", "Urgent"))
		w.names[w.fake.Add("urgencies", sdptest.Record{"name": "Urgent"})] = "the new one"
		_, got := write[update](w, "update_request", map[string]any{"request_id": w.numberOf(dock), "urgency": "Urgent"})
		w.wantCalls(findTicket, readTicket, `PUT /requests/* {"request":{"urgency":{"id":"Urgent"}}}`, "GET /urgencies", `PUT /requests/* {"request":{"urgency":{"id":"the new one"}}}`, readTicket)
		if diff := cmp.Diff([]string{"", "Urgent"}, got.Changed["urgency"]); diff != "" {
			t.Error(diff)
		}
	})
}

// TestUpdateRequest_DryRun: nothing is sent, and what would be is said.
func TestUpdateRequest_DryRun(t *testing.T) {
	writeTo(t, sdptest.Options{}, nil, func(w *writingDesk) {
		_, got := write[update](w, "update_request", map[string]any{"request_id": w.numberOf(dock), "priority": "High", "dry_run": true})
		w.wantCalls(findTicket, readTicket)
		if diff := cmp.Diff(map[string][]string{"priority": {"Normal", "High"}}, got.Changed); diff != "" || !got.DryRun || w.nameIn(dock, "priority") != "Normal" {
			t.Errorf("%+v %s", got, diff)
		}
	})
}

// TestAssignRequest: a technician goes with the group, me is the caller, and whoever takes a ticket away says null.
func TestAssignRequest(t *testing.T) {
	writeTo(t, sdptest.Options{}, nil, func(w *writingDesk) {
		_, got := write[update](w, "assign_request", map[string]any{"request_id": w.numberOf(budget), "technician": "me"})
		w.wantCalls(findTicket, readTicket, `PUT /requests/* {"request":{"group":{"id":"Service desk"},"technician":{"email_id":"tech@example.org"}}}`, readTicket)
		if diff := cmp.Diff(map[string][]string{"technician": {"", "Tom Tech <tech@example.org>"}}, got.Changed); diff != "" {
			t.Error(diff)
		}
		_, got = write[update](w, "assign_request", map[string]any{"request_id": w.numberOf(budget), "technician": "Omar Ops", "group": "network"})
		w.wantCalls(readTicket, "GET /technicians", `PUT /requests/* …`, readTicket)
		if diff := cmp.Diff(map[string][]string{"technician": {"Tom Tech <tech@example.org>", "Omar Ops <omar@example.org>"}, "group": {"Service desk", "Network"}}, got.Changed); diff != "" {
			t.Error(diff)
		}
		_, got = write[update](w, "assign_request", map[string]any{"request_id": w.numberOf(budget), "technician": nil})
		w.wantCalls(readTicket, `PUT /requests/* {"request":{"technician":null}}`, readTicket)
		if got.Changed["technician"][1] != "" {
			t.Errorf("%v", got.Changed)
		}
		_, got = write[update](w, "pickup_request", map[string]any{"request_id": w.numberOf(printer), "group": "Service desk"})
		w.wantCalls(findTicket, readTicket, `PUT /requests/* {"request":{"group":{"id":"Service desk"},"technician":{"email_id":"tech@example.org"}}}`, readTicket)
		if got.Changed["technician"][1] != "Tom Tech <tech@example.org>" {
			t.Errorf("picked up: %v", got.Changed)
		}
		for arguments, want := range map[*map[string]any][2]string{
			{}:                                 {"ValidationError", "give a technician, a group, or both"},
			{"technician": "Nobody Known"}:     {"ValidationError", `nobody is called "Nobody Known"`},
			{"group": "Sky"}:                   {"ValidationError", `there is no "Sky"`},
			{"technician": "tech@example.org"}: {"ValidationError", "nothing to change"},
			{"group": "Service desk"}:          {"ValidationError", "nothing to change"},
		} {
			given := map[string]any{"request_id": w.numberOf(dock)}
			maps.Copy(given, *arguments)
			w.wantRefusal("assign_request", given, want[0], want[1])
		}
	})
}

// note is the structured result of add_note.
type note struct {
	NoteID                 string `json:"note_id"`
	Number, Subject, State string
}

// TestAddNote: a note is private unless the connection and the caller say otherwise, and it is signed.
func TestAddNote(t *testing.T) {
	writeTo(t, sdptest.Options{}, allowVisible, func(w *writingDesk) {
		root := w.inEdition("request_note", "note")
		sent := func(text, visible, first string) string {
			return `POST /requests/*/notes {"` + root + `":{"add_to_linked_requests":false,"description":"<p>` + text + `</p>\n<p>— tech@example.org through Lectern [mark]</p>",` +
				`"mark_first_response":` + first + `,"notify_technician":false,"show_to_requester":` + visible + `}}`
		}
		text, got := write[note](w, "add_note", map[string]any{"request_id": w.numberOf(dock), "text": "Rang **twice**"})
		w.wantCalls(findTicket, readTicket, sent("Rang <strong>twice</strong>", "false", "false"))
		if got.NoteID == "" || got.State != "private" || got.Subject != dock || !strings.Contains(text, "Note "+got.NoteID+" is added, private. It is on request "+got.Number) {
			t.Errorf("%+v %s", got, text)
		}
		_, got = write[note](w, "add_note", map[string]any{"request_id": w.numberOf(dock), "text": "Seen", "visible_to_requester": true, "first_response": true})
		w.wantCalls(readTicket, sent("Seen", "true", "true"))
		if got.State != "shown to the requester" {
			t.Errorf("%+v", got)
		}
		write[note](w, "add_private_note", map[string]any{"request_id": w.numberOf(dock), "note_content": "An older client"})
		w.wantCalls(readTicket, sent("An older client", "false", "false"))
		write[note](w, "add_note", map[string]any{"request_id": w.numberOf(dock), "text": "Would be", "dry_run": true})
		w.wantCalls(readTicket)
		w.wantRefusal("add_note", map[string]any{"text": "Where?"}, "ValidationError", "exactly one of request_id and project_id")
		w.wantRefusal("add_note", map[string]any{"request_id": "1", "task_id": "2", "text": "Where?"}, "ValidationError", "go with")
	})
}

// worklog is the structured result of add_worklog.
type worklog struct {
	WorklogID    string `json:"worklog_id"`
	Minutes      int64
	TotalMinutes *int64 `json:"total_minutes"`
	Technician   string
	Started      string
}

// TestAddWorklog: time is that of the caller, never of the owner of the token, and the total is said.
func TestAddWorklog(t *testing.T) {
	writeTo(t, sdptest.Options{}, nil, func(w *writingDesk) {
		number := w.numberOf(dock)
		_, got := write[worklog](w, "add_worklog", map[string]any{"request_id": number, "minutes": 90, "description": "On the phone", "started_at": "2025-10-09T08:00:00+02:00"})
		w.wantCalls(findTicket, readTicket, `POST /requests/*/worklogs {"worklog":{"description":"<p>On the phone</p>\n<p>— tech@example.org through Lectern [mark]</p>",`+
			`"end_time":{"value":"1759995000000"},"include_nonoperational_hours":true,"owner":{"email_id":"tech@example.org"},`+
			`"start_time":{"value":"1759989600000"},"time_spent":{"hours":"1","minutes":"30"}}}`, "GET /requests/*/worklogs")
		if got.WorklogID == "" || got.TotalMinutes == nil || *got.TotalMinutes != 90 || got.Technician != "tech@example.org" || got.Started != "2025-10-09T08:00:00+02:00" {
			t.Errorf("%+v", got)
		}
		_, got = write[worklog](w, "add_worklog", map[string]any{"request_id": number, "minutes": 601, "technician": "Nina Net", "confirm_long": true})
		w.wantCalls(readTicket, "GET /technicians", `POST /requests/*/worklogs …`, "GET /requests/*/worklogs")
		if got.TotalMinutes == nil || *got.TotalMinutes != 691 {
			t.Errorf("%+v", got)
		}
		w.wantRefusal("add_worklog", map[string]any{"request_id": number, "minutes": 601}, "ValidationError", "confirm_long=true")
		w.wantRefusal("add_worklog", map[string]any{"request_id": number, "minutes": 5, "started_at": "2031-01-01"}, "ValidationError", "in the future")
		w.wantRefusal("add_worklog", map[string]any{"minutes": 5}, "ValidationError", "give request_id, or project_id and task_id")
	})
}

// TestAddWorklog_Unmapped: of a caller whom the connection does not know no time is written, of nobody.
func TestAddWorklog_Unmapped(t *testing.T) {
	writeTo(t, sdptest.Options{}, func(s *store.ConnectionSettings) { s.Callers = nil }, func(w *writingDesk) {
		w.wantRefusal("add_worklog", map[string]any{"request_id": w.numberOf(dock), "minutes": 5}, "ForbiddenError", "spec.callers")
		w.wantRefusal("assign_request", map[string]any{"request_id": w.numberOf(dock), "technician": "me"}, "ForbiddenError", "spec.callers")
		w.wantRefusal("create_request", map[string]any{"subject": "For whom?"}, "ForbiddenError", "spec.callers")
	})
}

// links is the structured result of link_requests.
type links struct {
	Number, Subject string
	Links           []struct{ Number, Subject, Status string }
}

// TestLinkRequests: all tickets are read in one call, and linked in one.
func TestLinkRequests(t *testing.T) {
	writeTo(t, sdptest.Options{}, nil, func(w *writingDesk) {
		_, got := write[links](w, "link_requests", map[string]any{
			"request_id": w.numberOf(drops), "to": []any{w.numberOf(wifi), "id:" + w.idOf(client), w.numberOf(wifi)}, "comment": "The same switch",
		})
		one := func(subject string) string {
			return `{"comments":"The same switch\n\n— tech@example.org through Lectern [mark]","linked_request":{"id":"` + subject + `"}}`
		}
		w.wantCalls("GET /requests", `POST /requests/*/link_requests {"link_requests":[`+one(wifi)+","+one(client)+"]}", "GET /requests/*/link_requests")
		if got.Subject != drops || len(got.Links) != 2 || got.Links[0].Subject != wifi || got.Links[1].Number != w.numberOf(client) {
			t.Errorf("%+v", got)
		}
		w.wantRefusal("link_requests", map[string]any{"request_id": w.numberOf(drops), "to": []any{w.numberOf(drops)}}, "ValidationError", "linked with itself")
		w.wantRefusal("link_requests", map[string]any{"request_id": w.numberOf(drops), "to": []any{w.numberOf(wifi), "99999"}}, "NotFoundError", "no such ticket as 99999")
	})
}
