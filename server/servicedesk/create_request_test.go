package servicedesk_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
)

// created is the structured result of create_request.
type created struct {
	ID, Number, Subject, Link string
	Fields, Defaulted         map[string]string
	Mandatory                 map[string][]string
	Missing                   []string
	DryRun                    bool `json:"dry_run"`
}

// TestCreateRequest: a ticket is for its caller, defaults count where nothing is given, and what was defaulted is said.
func TestCreateRequest(t *testing.T) {
	defaults := func(s *store.ConnectionSettings) {
		s.Defaults = map[string]string{
			"template": "Default Request", "mode": "Web Form", "category": "Hardware", "subcategory": "Printer", "priority": "Low",
		}
	}
	writeTo(t, sdptest.Options{}, defaults, func(w *writingDesk) {
		const subject = "The dock shows no picture"
		text, got := write[created](w, "create_request", map[string]any{
			"subject": subject, "description": "- since *Monday*", "priority": "high", "group": "Service desk", "technician": "me", "udf": map[string]any{"Room": "B-204"},
		})
		w.wantCalls("GET /requests/_metainfo", `POST /requests {"request":{"category":{"id":"Hardware"},"description":"<ul><li>since <em>Monday</em></li></ul>\n<p>— tech@example.org through Lectern [mark]</p>",`+
			`"group":{"id":"Service desk"},"mode":{"id":"Web Form"},"priority":{"id":"High"},"requester":{"email_id":"tech@example.org"},"subcategory":{"id":"Printer"},`+
			`"subject":"The dock shows no picture","technician":{"email_id":"tech@example.org"},"template":{"id":"Default Request"},"udf_fields":{"udf_sline_101":"B-204"}}}`, readTicket)
		want := map[string]string{"template": "Default Request", "mode": "Web Form", "category": "Hardware", "subcategory": "Printer", "requester": "tech@example.org"}
		if diff := cmp.Diff(want, got.Defaulted); diff != "" || got.Number != w.numberOf(subject) || got.ID != "id:"+w.idOf(subject) || got.Subject != subject {
			t.Errorf("%s %+v", diff, got)
		}
		if link := "sdp://" + w.key.String() + "/requests/" + got.Number; got.Link != link || !strings.Contains(text, "Request "+got.Number+" of connection "+w.key.String()+" is created: "+link) {
			t.Errorf("%s, and its text %s", got.Link, text)
		}
		// A default within another counts with that alone.
		_, got = write[created](w, "create_request", map[string]any{"subject": "No name server", "category": "Network"})
		if _, has := got.Defaulted["subcategory"]; has || w.nameIn("No name server", "category") != "Network" || w.nameIn("No name server", "subcategory") != "" {
			t.Errorf("%+v", got)
		}
		w.takeCalls()
		for arguments, want := range map[*map[string]any][2]string{
			{"requester": "ana@example.org"}:                          {"ForbiddenError", "spec.access.requesterVisible"},
			{"requester": "Ana Lopez"}:                                {"ForbiddenError", "spec.access.requesterVisible"},
			{"template": "Sky"}:                                       {"ValidationError", `there is no "Sky"`},
			{"category": "Network", "subcategory": "Docking station"}: {"ValidationError", `there is no "Docking station"`},
			{"subject": strings.Repeat("x", 251)}:                     {"ValidationError", "more than 250"},
			{"subject": ""}:                                           {"ValidationError", "less than 1"},
		} {
			given := map[string]any{"subject": "x"}
			maps.Copy(given, *arguments)
			w.wantRefusal("create_request", given, want[0], want[1])
		}
	})
}

// TestCreateRequest_Others: where requesters may be written to, tickets are created for them, too.
func TestCreateRequest_Others(t *testing.T) {
	writeTo(t, sdptest.Options{}, allowVisible, func(w *writingDesk) {
		write[created](w, "create_request", map[string]any{"subject": "For Ana", "requester": "Ana Lopez"})
		w.wantCalls("GET /users", `POST /requests …`, readTicket)
		if w.nameIn("For Ana", "requester") != "Ana Lopez" {
			t.Errorf("it is for %s", w.nameIn("For Ana", "requester"))
		}
	})
}

// TestCreateRequest_Mandatory: a dry run says what the template wants with the values there are, and so does a refusal.
func TestCreateRequest_Mandatory(t *testing.T) {
	writeTo(t, sdptest.Options{Site: sdptest.Site{MandatoryFields: []string{"category", "urgency", "mode"}}}, nil, func(w *writingDesk) {
		text, got := write[created](w, "create_request", map[string]any{"subject": "What now?", "category": "Network", "dry_run": true})
		w.wantCalls("GET /request_templates/*")
		want := map[string][]string{
			"subject": {}, "category": {"Hardware", "Software", "Network", "General"}, "urgency": {"Low", "Normal", "High", "Urgent"}, "mode": {"E-Mail", "Phone Call", "Web Form"},
		}
		if diff := cmp.Diff(want, got.Mandatory); diff != "" || !cmp.Equal(got.Missing, []string{"mode", "urgency"}) || !got.DryRun {
			t.Errorf("%s %+v", diff, got)
		}
		for _, words := range []string{"Dry run, nothing was written.", "Its template wants more: mode, urgency; mode no argument sets, but spec.defaults of the connection does.", "mandatory urgency: Low, Normal, High, Urgent"} {
			if !strings.Contains(text, words) {
				t.Errorf("%q is not in %s", words, text)
			}
		}
		refused := w.call("create_request", w.with(map[string]any{"subject": "What now?", "category": "Network", "mode": "E-Mail"}))
		if refused.Details.Kind != "ValidationError" || !strings.Contains(refused.Text, "mode") {
			t.Errorf("an argument that there is not: %+v", refused)
		}
		refused = w.call("create_request", w.with(map[string]any{"subject": "What now?", "category": "Network"}))
		if refused.Details.SDPCode != 4012 || !strings.Contains(refused.Text, "urgency: Low, Normal, High, Urgent") || !strings.Contains(refused.Text, "mode: E-Mail") {
			t.Errorf("%+v", refused)
		}
	})
}
