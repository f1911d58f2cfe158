package scenarios

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// deskWrites are the connections of deskConnections, which may be written through.
var deskWrites = strings.ReplaceAll(deskConnections, "  rateLimit:", "  access: {mode: ReadWrite}\n  rateLimit:")

// workStep is a call of a technician's day, or two where the plan of a dry run confirms it.
type workStep struct {
	tool      string
	arguments map[string]any
	confirmed bool
	// words are in the text; refused has the kind of an error instead of a result.
	words   []string
	refused string
	// calls are those of ServiceDesk Plus, as showCall writes them.
	calls []string
}

// workedCall is a call of a tool as it was made, with the calls of ServiceDesk Plus that it made: what an audit has to have of it.
type workedCall struct {
	tool      string
	arguments map[string]any
	// kind is that of an error instead of a result, throttled how often the caller was told to wait before.
	kind      string
	throttled int
	calls     []sdptest.Call
}

const (
	findTicket = "GET /requests → 200 2000"
	readTicket = "GET /requests/* → 200 2000"
	// signed is how a text ends in ServiceDesk Plus.
	signed = `\n<p>— tech@example.org through Lectern [mark]</p>`
	closed = `{"request":{"closure_info":{"closure_comments":"","requester_ack_comments":"","requester_ack_resolution":false}}}`
)

// dayOf returns the steps of a day in an edition: a ticket from the queue to its end and back, and a change of many of which one fails.
func dayOf(name string) []workStep {
	note, closing := "request_note", "/_close"
	if name == "premises" {
		note, closing = "note", "/close"
	}
	change := func(input string) string { return `PUT /requests/* {"request":` + input + `} → 200 2000` }
	toHigh := change(`{"priority":{"id":"*"}}`)
	return []workStep{
		{tool: "my_queue", words: []string{"Laptop will not dock"}, calls: []string{findTicket}},
		{tool: "get_request", arguments: map[string]any{"request_id": "4", "include": []string{"notes"}}, words: []string{"Cannot open the budget workbook"},
			calls: []string{findTicket, readTicket, "GET /requests/*/notes → 200 2000"}},
		{tool: "assign_request", arguments: map[string]any{"request_id": "4", "technician": "me"}, words: []string{"technician: (nothing) → Tom Tech <tech@example.org>"},
			calls: []string{readTicket, change(`{"group":{"id":"*"},"technician":{"email_id":"tech@example.org"}}`), readTicket}},
		{tool: "add_note", arguments: map[string]any{"request_id": "4", "text": "Rang her, **no** answer"}, words: []string{"is added, private"},
			calls: []string{readTicket, `POST /requests/*/notes {"` + note + `":{"add_to_linked_requests":false,"description":"<p>Rang her, <strong>no</strong> answer</p>` + signed +
				`","mark_first_response":false,"notify_technician":false,"show_to_requester":false}} → 201 2000`}},
		{tool: "set_request_status", arguments: map[string]any{"request_id": "4", "status": "hold", "comment": "She is away"}, confirmed: true, words: []string{"status: Open → On Hold"},
			calls: []string{readTicket, readTicket, change(`{"onhold_scheduler":{"comments":"She is away\n\n— tech@example.org through Lectern [mark]"},"status":{"id":"*"}}`), readTicket}},
		{tool: "set_request_status", arguments: map[string]any{"request_id": "4", "status": "resume"}, words: []string{"status: On Hold → Open"},
			calls: []string{readTicket, change(`{"status":{"id":"*"}}`), readTicket}},
		{tool: "close_request", arguments: map[string]any{"request_id": "4"}, confirmed: true, refused: "RejectedError: request 4 is not closed: ServiceDesk Plus wants first resolution",
			calls: []string{readTicket, readTicket, "PUT /requests/*" + closing + " " + closed + " → 200 3000"}},
		{tool: "close_request", arguments: map[string]any{"request_id": "4", "resolution": "Repaired the file"}, confirmed: true, words: []string{"status: Open → Closed"},
			calls: []string{readTicket, readTicket, `POST /requests/*/resolutions {"resolution":{"add_to_linked_requests":false,"content":"<p>Repaired the file</p>` + signed + `"}} → 201 2000`,
				"PUT /requests/*" + closing + " " + closed + " → 200 2000", readTicket}},
		{tool: "set_request_status", arguments: map[string]any{"request_id": "4", "status": "reopen", "comment": "It is broken again"}, confirmed: true, words: []string{"status: Closed → Open"},
			calls: []string{readTicket, readTicket, change(`{"status":{"id":"*"},"status_change_comments":"It is broken again\n\n— tech@example.org through Lectern [mark]"}`), readTicket}},
		{tool: "bulk_update_requests", arguments: map[string]any{"request_ids": []string{"4", "9", "3"}, "changes": map[string]any{"priority": "High"}}, confirmed: true,
			words: []string{"2 done, 1 failed", "9 | failed |"}, calls: []string{findTicket, findTicket, toHigh, strings.Replace(toHigh, "200 2000", "403 4002", 1), toHigh}},
	}
}

// testTechniciansDay has a technician's agent work in both editions through processes. The journals of the fakes hold it call by call.
func testTechniciansDay(t *testing.T) {
	s := startDeskScenario(t, deskWrites, "use", "operate")
	s.applyConnections(t)
	for name, fake := range s.fakes {
		s.waitForLookups(t, name)
		require.NoError(t, fake.Control(t.Context(), http.MethodPatch, "/options", map[string]any{"site": map[string]any{"closeNeedsResolution": true}}, &struct{}{}))
	}
	technician, err := connectWithToken(t.Context(), s.Endpoints[0], "", s.requestToken(t, s.technician))
	require.NoError(t, err)
	t.Cleanup(technician.close)
	for _, name := range []string{"cloud", "premises"} {
		s.waitUntilKnown(t, technician, name)
		forgetCalls(t, s.fakes[name])
		began := time.Now()
		for _, step := range dayOf(name) {
			s.work(t, technician, name, step)
		}
		s.checkEvening(t, name)
		s.wantAudit(t, technician, name, began)
	}
	s.deleteConnections(t, []string{"cloud", "premises"})
}

// work does a step, and holds what it answers and which calls it is made of.
func (s *deskScenario) work(t *testing.T, technician *agent, name string, step workStep) {
	t.Helper()
	arguments := map[string]any{"connection": s.namespace + "/" + name}
	maps.Copy(arguments, step.arguments)
	worked := len(s.worked[name])
	if step.confirmed {
		dry := maps.Clone(arguments)
		dry["dry_run"] = true
		result, _ := s.callAndRead(t, technician, name, step.tool, dry)
		var planned struct{ Plan string }
		encoded, err := json.Marshal(result.StructuredContent)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(encoded, &planned))
		if planned.Plan == "" {
			t.Fatalf("%s of %s: a dry run has no plan: %s", step.tool, name, textOf(result))
		}
		arguments["plan"] = planned.Plan
	}
	result, _ := s.callAndRead(t, technician, name, step.tool, arguments)
	text := textOf(result)
	for _, words := range append(step.words, step.refused) {
		if result.IsError != (step.refused != "") || !strings.Contains(text, words) {
			t.Errorf("%s of %s %v lacks %q:\n%s", step.tool, name, step.arguments, words, text)
		}
	}
	var got []string
	for _, one := range s.worked[name][worked:] {
		for _, c := range one.calls {
			got = append(got, showCall(t, c))
		}
	}
	if diff := cmp.Diff(step.calls, got); diff != "" {
		t.Errorf("%s of %s %v is made of other calls (-want +got)\n%s", step.tool, name, step.arguments, diff)
	}
}

// callAndRead calls a tool, and returns its result and the calls of ServiceDesk Plus that it made, in order; worked keeps it. Who writes faster than a caller may
// is told to wait, before anything is done.
func (s *deskScenario) callAndRead(t *testing.T, technician *agent, name, tool string, arguments map[string]any) (*mcp.CallToolResult, workedCall) {
	t.Helper()
	made := workedCall{tool: tool, arguments: arguments}
	var result *mcp.CallToolResult
	require.NoError(t, wait.Until(t.Context(), func(ctx context.Context) error {
		answered, err := technician.session.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: arguments})
		if err != nil && strings.Contains(err.Error(), "too many requests of this caller") {
			made.throttled++
			return err
		}
		require.NoError(t, err)
		result = answered
		return nil
	}))
	if result.IsError {
		_, said, _ := strings.Cut(textOf(result), ": ")
		made.kind, _, _ = strings.Cut(said, ":")
	}
	made.calls = takeCalls(t, s.fakes[name])
	s.worked[name] = append(s.worked[name], made)
	return result, made
}

// takeCalls returns the calls of a fake's API since the last look, in order, and forgets them.
func takeCalls(t *testing.T, fake *testenv.FakeSDP) []sdptest.Call {
	t.Helper()
	var journal struct{ Calls []sdptest.Call }
	require.NoError(t, fake.Control(t.Context(), http.MethodGet, "/calls?accounts=false", nil, &journal))
	forgetCalls(t, fake)
	return journal.Calls
}

var (
	idValue   = regexp.MustCompile(`"id":"[0-9]+"`)
	markValue = regexp.MustCompile(`\[[a-z2-7]{6}\]`)
)

// showCall writes a call as the steps of a day have it: method, path with * for ids, of a write the input, and what was answered.
func showCall(t *testing.T, c sdptest.Call) string {
	t.Helper()
	_, path, _ := strings.Cut(c.Path, "/api/v3")
	line := c.Method + " " + segmentOfID.ReplaceAllString(path, "/*")
	if c.Method != http.MethodGet && c.Input != nil {
		var b strings.Builder
		encoder := json.NewEncoder(&b)
		encoder.SetEscapeHTML(false)
		require.NoError(t, encoder.Encode(c.Input))
		line += " " + markValue.ReplaceAllString(idValue.ReplaceAllString(strings.TrimSpace(b.String()), `"id":"*"`), "[mark]")
	}
	return fmt.Sprintf("%s → %d %d", line, c.Status, c.Code)
}

// checkEvening holds what is there at the end of a day, and that every write that was answered is in the journal once.
func (s *deskScenario) checkEvening(t *testing.T, name string) {
	t.Helper()
	fake := s.fakes[name]
	var requests, notes struct{ IDs []string }
	require.NoError(t, fake.Control(t.Context(), http.MethodGet, "/records/requests", nil, &requests))
	require.NoError(t, fake.Control(t.Context(), http.MethodGet, "/records/notes", nil, &notes))
	var fourth struct {
		Status, Technician, Priority struct{ Name string }
		IsReopened                   bool `json:"is_reopened"`
	}
	require.NoError(t, fake.Control(t.Context(), http.MethodGet, "/records/requests/"+requests.IDs[3], nil, &fourth))
	if fourth.Status.Name != "Open" || fourth.Technician.Name != "Tom Tech" || fourth.Priority.Name != "High" || !fourth.IsReopened || len(notes.IDs) != 2 {
		t.Errorf("%s: in the evening the ticket is %+v, and there are %d notes", name, fourth, len(notes.IDs))
	}
	writes, refused := 0, 0
	for _, one := range s.worked[name] {
		for _, c := range one.calls {
			if c.Wrote {
				writes++
			}
		}
		if one.kind != "" {
			refused++
		}
	}
	if writes != 9 || refused != 1 {
		t.Errorf("%s: %d calls wrote, and %d tools were refused", name, writes, refused)
	}
	t.Logf("%s: %d calls of tools made %d that write", name, len(s.worked[name]), writes)
}
