package servicedesk_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/tool"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

const (
	// frameLimit is how long an answer may be, in bytes: clients of pipes cut lines at 64 KB.
	frameLimit = 48 << 10
	// resultTokens is how long the text of a result may be, tableTokens that of a list.
	resultTokens, tableTokens = 8000, 2000
)

// longLine is a title of the greatest length, of letters that take the most bytes and of what JSON escapes.
func longLine(i int) string { return fmt.Sprintf("%03d ", i) + strings.Repeat(`𝔘"\ <`, 40) }

// crowd fills a fake with records whose texts are as long as they get, and returns arguments for each tool, by its name.
func crowd(fake *sdptest.Server) map[string]map[string]any {
	text := "<p>" + strings.Repeat(`𝔘𝔫 &quot;\ `, 4000) + "</p>"
	var ticket, problem, project, task string
	for i := range 60 {
		ticket = fake.Add("requests", sdptest.Record{
			"subject": longLine(i), "description": text, "requester": "ana@example.org", "technician": "tech@example.org", "status": "Open", "priority": "High",
			"category": "Network", "due_by_time": time.Now().Add(time.Hour), "udf_fields": sdptest.Record{"udf_sline_1": longLine(i)},
		})
		problem = fake.Add("problems", sdptest.Record{"title": longLine(i), "description": text, "root_cause": sdptest.Record{"root_cause_description": text}, "technician": "tech@example.org"})
		project = fake.Add("projects", sdptest.Record{"title": longLine(i), "description": text, "owner": "tech@example.org"})
		fake.Add("solutions", sdptest.Record{"title": longLine(i), "description": text, "keywords": "crowd", "is_public": true})
		fake.Add("users", sdptest.Record{"name": longLine(i), "email_id": fmt.Sprintf("crowd%d@example.org", i)})
		fake.Add("priorities", sdptest.Record{"name": longLine(i)})
	}
	for i := range 30 {
		for parent, id := range map[string]string{"requests": ticket, "problems": problem} {
			notes := map[string]string{"requests": "notes", "problems": "problem_notes"}[parent]
			fake.AddTo(parent, id, notes, sdptest.Record{"description": text, "created_by": "tech@example.org"})
			fake.AddTo(parent, id, "tasks", sdptest.Record{"title": longLine(i), "description": text})
			fake.AddTo(parent, id, "worklogs", sdptest.Record{"owner": "tech@example.org", "description": text})
		}
		fake.AddTo("requests", ticket, "conversations", sdptest.Record{"type": "REQREPLY", "subject": longLine(i), "from": "ana@example.org", "content": text})
		task = fake.AddTo("projects", project, "tasks", sdptest.Record{"title": longLine(i), "description": text})
		fake.AddTo("projects", project, "milestones", sdptest.Record{"title": longLine(i), "description": text})
		fake.AddTo("projects", project, "comments", sdptest.Record{"text": text})
	}
	project = "id:" + project // which has few digits on premises
	number := fmt.Sprint(fake.Record("requests", ticket)["display_id"])
	var numbers []any
	for _, id := range fake.IDs("requests")[len(fake.IDs("requests"))-25:] {
		numbers = append(numbers, fmt.Sprint(fake.Record("requests", id)["display_id"]))
	}
	long := strings.Repeat("𝔘", 240)
	return map[string]map[string]any{
		"list_requests":        {"view": "all", "limit": 50, "fields": []any{"requester", "group", "category", "created", "updated"}},
		"search_requests":      {"similar_to": number, "limit": 50},
		"my_queue":             {"limit": 50},
		"get_request":          {"request_id": number, "detail": "full", "include": everyPart},
		"list_lookup":          {"type": "priorities"},
		"find_people":          {"query": "crowd", "limit": 50},
		"search_solutions":     {"query": "crowd"},
		"connection_status":    {},
		"search_records":       {"module": "problem", "limit": 50},
		"get_record":           {"module": "problem", "record_id": problem, "include": []any{"notes", "tasks", "worklogs", "approvals"}},
		"create_request":       {"subject": long, "description": strings.Repeat("𝔘", 9000), "requester": "ana@example.org", "dry_run": true},
		"update_request":       {"request_id": number, "subject": long, "description": strings.Repeat("𝔘", 9000), "dry_run": true},
		"assign_request":       {"request_id": number, "technician": "nina@example.org", "dry_run": true},
		"set_request_status":   {"request_id": number, "status": "In Progress", "dry_run": true},
		"close_request":        {"request_id": number, "resolution": strings.Repeat("𝔘", 9000), "dry_run": true},
		"add_note":             {"request_id": number, "text": strings.Repeat("𝔘", 9000), "dry_run": true},
		"add_worklog":          {"request_id": number, "minutes": 5, "description": strings.Repeat("𝔘", 9000), "dry_run": true},
		"link_requests":        {"request_id": number, "to": numbers[:10], "dry_run": true},
		"bulk_update_requests": {"request_ids": numbers, "changes": map[string]any{"priority": "Low"}, "note": strings.Repeat("𝔘", 9000), "dry_run": true},
		"create_problem":       {"title": long, "description": strings.Repeat("𝔘", 9000), "request_ids": numbers, "dry_run": true},
		"trash_request":        {"request_id": number, "dry_run": true},
		"list_tasks":           {"project_id": project, "status": "all", "limit": 15},
		"list_projects":        {"limit": 50},
		"get_project":          {"project_id": project, "include": []any{"members", "milestones", "tasks", "comments", "dependencies", "history"}},
		"create_project":       {"title": long, "description": strings.Repeat("𝔘", 9000), "dry_run": true},
		"update_project":       {"project_id": project, "title": long, "dry_run": true},
		"save_milestone":       {"project_id": project, "title": long, "dry_run": true},
		"create_tasks":         {"project_id": project, "tasks": []any{map[string]any{"title": long}}, "dry_run": true},
		"update_task":          {"project_id": project, "task_id": task, "title": long, "description": strings.Repeat("𝔘", 9000), "dry_run": true},
	}
}

// TestResults_Sizes: whatever is in ServiceDesk Plus, a result of any tool has at most 8,000 tokens, of a list 2,000, and its answer 48 KB; and
// a list that was cut says how it goes on.
func TestResults_Sizes(t *testing.T) {
	h := newHouse(t)
	largest, longest := 0, 0
	for site, edition := range editions {
		fake := startFake(t, sdptest.Options{Edition: edition})
		arguments := crowd(fake)
		h.connect(helpdesk, fake, everything, func(s *store.ConnectionSettings) { s.Access.RequesterVisible = "Allow" })
		r := h.serve()
		own := ownTools(r.service)
		for name := range r.list("") {
			if !own[name] {
				continue
			}
			given, has := arguments[name]
			if !has {
				t.Errorf("there are no arguments for %s: add some that make its result as long as it gets", name)
				continue
			}
			body := r.Send(t, transporttest.CallTool(name, given)).Body
			var envelope struct {
				Result struct {
					Content           []struct{ Text string }
					IsError           bool
					StructuredContent map[string]any
				}
			}
			require.NoError(t, json.Unmarshal([]byte(body[strings.Index(body, "{"):]), &envelope))
			if envelope.Result.IsError || len(envelope.Result.Content) == 0 {
				t.Errorf("%s: %s: %.500s", site, name, body)
				continue
			}
			text := envelope.Result.Content[0].Text
			tokens, limit := int(float64(utf8.RuneCountInString(text))/tool.CharactersPerToken), resultTokens
			isList := strings.HasPrefix(name, "list_") || strings.HasPrefix(name, "search_") || name == "my_queue" || name == "find_people"
			if isList {
				limit = tableTokens
			}
			if tokens > limit || len(body) > frameLimit {
				t.Errorf("%s: %s: %d tokens of text, at most %d are allowed, and %d bytes, at most %d", site, name, tokens, limit, len(body), frameLimit)
			}
			_, hasCursor := envelope.Result.StructuredContent["next_cursor"]
			if isList && !hasCursor && envelope.Result.StructuredContent["more"] != true {
				t.Errorf("%s: %s: a list that was cut does not say so: %.300s", site, name, text)
			}
			largest, longest = max(largest, tokens), max(longest, len(body))
		}
	}
	t.Logf("the longest text of a result has %d tokens of %d, the longest answer %d bytes of %d", largest, resultTokens, longest, frameLimit)
}
