package servicedesk_test

import (
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
)

// TestAttribution_None: texts have the mark alone where the connection wants no names, and no more room is taken.
func TestAttribution_None(t *testing.T) {
	writeTo(t, sdptest.Options{}, func(s *store.ConnectionSettings) { s.Access.Attribution, s.Access.RequesterVisible = "None", "Allow" }, func(w *writingDesk) {
		write[update](w, "set_request_status", map[string]any{"request_id": w.numberOf(dock), "status": "hold", "comment": strings.Repeat("x", 240)})
		w.wantCalls(findTicket, readTicket, `PUT /requests/* {"request":{"onhold_scheduler":{"comments":"`+strings.Repeat("x", 240)+`\n\n[mark]"},"status":{"id":"On Hold"}}}`, readTicket)
		write[note](w, "add_note", map[string]any{"request_id": w.numberOf(dock), "text": "Seen"})
		if calls := w.takeCalls(); len(calls) != 2 || !strings.Contains(calls[1], `<p>Seen</p>\n<p>[mark]</p>`) {
			t.Errorf("%q", calls)
		}
	})
}

// TestRepeats: equal notes, worklogs, links and tickets of one caller are one write, and the second answer says so; what is not equal is another.
func TestRepeats(t *testing.T) {
	writeTo(t, sdptest.Options{}, nil, func(w *writingDesk) {
		type repeated struct{ Repeat bool }
		for tool, arguments := range map[string]map[string]any{
			"add_note":       {"request_id": w.numberOf(dock), "text": "Once"},
			"add_worklog":    {"request_id": w.numberOf(dock), "minutes": 5, "started_at": "2025-10-09"},
			"link_requests":  {"request_id": w.numberOf(dock), "to": []any{w.numberOf(drops)}},
			"create_request": {"subject": "Once"},
		} {
			text, first := write[repeated](w, tool, arguments)
			again, second := write[repeated](w, tool, arguments)
			if first.Repeat || !second.Repeat || strings.Contains(text, "An earlier call") || !strings.HasPrefix(again, "An earlier call did this; nothing was written now.") {
				t.Errorf("%s: %+v %s; %+v %s", tool, first, text, second, again)
			}
		}
		if written := w.fake.Count(func(c sdptest.Call) bool { return c.Method == "POST" }); written != 4 {
			t.Errorf("%d calls wrote", written)
		}
		if _, other := write[repeated](w, "add_note", map[string]any{"request_id": w.numberOf(dock), "text": "Twice"}); other.Repeat {
			t.Error("another note is taken for a repeat")
		}
	})
}
