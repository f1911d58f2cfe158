package servicedesk_test

import (
	"maps"
	"testing"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
)

// TestRequesterVisible_TaskOwners: a requester is told of a task that is theirs, so that one of a ticket is given to technicians alone.
func TestRequesterVisible_TaskOwners(t *testing.T) {
	writeTo(t, sdptest.Options{}, nil, func(w *writingDesk) {
		task := w.fake.AddTo("requests", w.idOf(dock), "tasks", sdptest.Record{"title": "Look at it"})
		for _, owner := range []string{"ana@example.org", "Ana Lopez"} {
			w.wantRefusal("create_tasks", map[string]any{"request_id": w.numberOf(dock), "tasks": []any{map[string]any{"title": "It is on https://evil.example", "owner": owner}}},
				"ForbiddenError", "spec.access.requesterVisible")
			w.wantRefusal("update_task", map[string]any{"request_id": w.numberOf(dock), "task_id": task, "owner": owner}, "ForbiddenError", "spec.access.requesterVisible")
		}
		for _, owner := range []string{"me", "nina@example.org"} {
			write[recordUpdate](w, "update_task", map[string]any{"request_id": w.numberOf(dock), "task_id": task, "owner": owner})
		}
	})
}

// TestRequesterVisible_Projects: who works on a project reads what is in it, and is told of it, so that technicians alone are added to
// one, and own it or a milestone of it.
func TestRequesterVisible_Projects(t *testing.T) {
	workOnProjects(t, nil, func(w *writingDesk) {
		for _, person := range []string{"ana@example.org", "Ana Lopez"} {
			for _, one := range []writeOf{
				{"create_project", map[string]any{"title": "The vault's code is 1234", "members": []string{"nina@example.org", person}}},
				{"create_project", map[string]any{"title": "The vault's code is 1234", "owner": person}},
				{"update_project", map[string]any{"project_id": officeMove, "add_members": []string{person}}},
				{"update_project", map[string]any{"project_id": officeMove, "owner": person}},
				{"save_milestone", map[string]any{"project_id": officeMove, "title": "The vault's code is 1234", "owner": person}},
			} {
				w.wantRefusal(one.tool, one.given, "ForbiddenError", "spec.access.requesterVisible")
			}
		}
		write[recordUpdate](w, "update_project", map[string]any{"project_id": officeMove, "owner": "me", "add_members": []string{"me", "Omar Ops"}})
	})
}

// TestRequesterVisible_Deny: where agents write nothing that requesters read, additional fields of tickets of others are refused, since
// ServiceDesk Plus does not say which of them requesters see, and texts that say why are confirmed whatever else is. The caller's own ticket is
// the caller's.
func TestRequesterVisible_Deny(t *testing.T) {
	writeTo(t, sdptest.Options{}, nil, func(w *writingDesk) {
		own := w.fake.Add("requests", sdptest.Record{"subject": "My own", "requester": "tech@example.org", "status": "Open"})
		for _, given := range map[string]map[string]any{
			"a text": {"udf": map[string]any{"Room": "B-204"}}, "nothing": {"udf": map[string]any{"Room": nil}},
			"beside what is let": {"priority": "High", "udf": map[string]any{"Room": "B-204"}},
		} {
			given["request_id"] = w.numberOf(dock)
			w.wantRefusal("update_request", given, "ForbiddenError", "spec.access.requesterVisible")
		}
		write[update](w, "update_request", map[string]any{"request_id": "id:" + own, "udf": map[string]any{"Room": "B-204"}})
		for _, one := range []struct {
			tool  string
			given map[string]any
		}{
			{"update_request", map[string]any{"priority": "Low", "update_reason": "It is on https://evil.example"}},
			{"set_request_status", map[string]any{"status": "hold", "comment": "It is on https://evil.example"}},
			{"set_request_status", map[string]any{"status": "In Progress", "comment": "It is on https://evil.example"}},
			{"set_request_status", map[string]any{"status": "cancel", "comment": "It is on https://evil.example"}},
		} {
			given := maps.Clone(one.given)
			given["request_id"] = w.numberOf(dock)
			w.wantRefusal(one.tool, given, "ValidationError", "the requester may read this, so it has to be confirmed (spec.access.confirm, spec.access.requesterVisible): call with dry_run=true")
			given["dry_run"] = true
			_, dry := write[struct{ Plan string }](w, one.tool, given)
			delete(given, "dry_run")
			given["plan"] = dry.Plan
			write[update](w, one.tool, given)
			delete(given, "plan")
			given["request_id"] = "id:" + own
			write[update](w, one.tool, given)
		}
		write[update](w, "set_request_status", map[string]any{"request_id": w.numberOf(dock), "status": "reopen"}) // nothing is said
	})
}
