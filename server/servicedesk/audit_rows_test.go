package servicedesk_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	auditrow "github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server"
	"github.com/lectern-dev/lectern/server/servicedesk"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// TestAuditRows: a row names a ticket by the number that people know, whatever the caller called it, and the connection that was denied
// to a caller, if there is one of that name.
func TestAuditRows(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connect(helpdesk, fake)
	h.connect(store.Key{Namespace: "hr", Name: "people"}, fake)
	rows := auditrow.NewMemory()
	h.adapt = func(deps *server.Deps) { deps.Audit = rows }
	r := h.serve(func(c *servicedesk.Config) {
		c.Audit, c.Authorizer = rows, roles{"local:anna use support/helpdesk": true, "local:anna use it/": true}
	})
	id := fake.IDs("requests")[2]
	number := fmt.Sprint(fake.Record("requests", id)["display_id"])
	for _, arguments := range []map[string]any{
		{"request_id": "id:" + id, "connection": "support/helpdesk"},
		{"request_id": "#" + number, "connection": "support/helpdesk"},
		{"request_id": "#9999", "connection": "support/helpdesk"},
		{"request_id": "#" + number, "connection": "hr/people"},
		{"request_id": "#" + number, "connection": "people"},
		{"request_id": "#" + number, "connection": "hr/gone"},
	} {
		r.Send(t, transporttest.CallTool("get_request", arguments))
	}
	r.Send(t, transporttest.CallTool("add_note", map[string]any{"request_id": "#" + number, "text": "x", "connection": "support/helpdesk"}))
	found, err := rows.FindToolUsage(t.Context(), store.UsageQuery{
		Visible: store.UsageScope{Connections: store.ConnectionScope{All: true}, Prompts: store.Scope{All: true}}, Since: time.Now().Add(-time.Hour), Until: time.Now().Add(time.Hour), Limit: 100,
	})
	require.NoError(t, err)
	var got []string
	for i := range slices.Backward(found) {
		got = append(got, fmt.Sprint(found[i].Target, " of ", found[i].Connection, ": ", found[i].Outcome))
	}
	want := []string{
		"request/" + number + " of support/helpdesk: success", "request/" + number + " of support/helpdesk: success", "request/9999 of support/helpdesk: error",
		"request/" + number + " of hr/people: denied", "request/" + number + " of hr/people: error", "request/" + number + " of : denied", "request/" + number + " of support/helpdesk: denied",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got)\n%s", diff)
	}
}

// TestAuditRows_Made: the row of a call that made something names it, though no argument does.
func TestAuditRows_Made(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connectToWrite(helpdesk, fake, func(s *store.ConnectionSettings) {
		s.Access.Toolsets = append(s.Access.Toolsets, "problems-and-changes")
	})
	rows := auditrow.NewMemory()
	h.adapt = func(deps *server.Deps) { deps.Audit = rows }
	r := h.serve(func(c *servicedesk.Config) { c.Audit = rows })
	ticket := fmt.Sprint(fake.Record("requests", fake.IDs("requests")[0])["display_id"])
	_, request := mustCall[struct{ Number string }](r, "create_request", map[string]any{"subject": "A mouse"})
	_, project := mustCall[createdProject](r, "create_project", map[string]any{"title": "New docks"})
	_, problem := mustCall[struct{ ID string }](r, "create_problem", map[string]any{"title": "Docks", "request_ids": []string{ticket}})
	found, err := rows.FindToolUsage(t.Context(), store.UsageQuery{
		Visible: store.UsageScope{Connections: store.ConnectionScope{All: true}}, Since: time.Now().Add(-time.Hour), Until: time.Now().Add(time.Hour), Limit: 100,
	})
	require.NoError(t, err)
	var got []string
	for i := range slices.Backward(found) {
		got = append(got, found[i].Tool+" "+found[i].Target)
	}
	want := []string{"create_request request/" + request.Number, "create_project project/" + project.Number, "create_problem record/" + problem.ID + " request/" + ticket}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got)\n%s", diff)
	}
}
