package scenarios

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// auditedTool is a row of mcp_tool_usage as far as its client knows it.
type auditedTool struct {
	Tool, Outcome, Kind, Connection, Subject, Proof, Client string
	IsWrite                                                 bool
}

// auditedToolRow is such a row, with what joins the calls made for it, and what is kept of its arguments.
type auditedToolRow struct {
	auditedTool
	CallID  uuid.UUID
	Payload any
}

// auditedAPICall is a row of api_audit_log as far as the journal of a fake knows it.
type auditedAPICall struct {
	Method, Template, Target, Subject, Proof, Outcome string
	Status, Code                                      int
	IsWrite                                           bool
}

// auditedAPIRow is such a row, with the call of a tool that it was made for, and what is kept of what was sent.
type auditedAPIRow struct {
	auditedAPICall
	Sent any
}

// wantAudit holds that both tables of the audit equal what the technician called since a time, and what a fake got: nothing is missing,
// and nothing more is there.
func (s *deskScenario) wantAudit(t *testing.T, technician *agent, name string, since time.Time) {
	t.Helper()
	until := time.Now()
	conn, err := pgx.Connect(t.Context(), s.OwnerURL)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.WithoutCancel(t.Context()))) }()
	s.waitForLaterRow(t, technician, name, conn, until)

	rows := s.readAuditedTools(t, conn, since, until)
	isReadOnly := listReadOnly(t, technician)
	var want, got []auditedTool
	for _, made := range s.worked[name] {
		want = append(want, s.auditedTools(name, &made, isReadOnly[made.tool])...)
	}
	for _, row := range rows {
		got = append(got, row.auditedTool)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s: the calls of tools are audited otherwise (-made +audited)\n%s", name, diff)
	}
	calls := s.readAuditedCalls(t, conn, name, since, until)
	rows = slices.DeleteFunc(rows, func(row auditedToolRow) bool { return row.Outcome == "throttled" })
	count := 0
	for i, made := range s.worked[name] {
		if diff := diffPayload(asJSON(t, made.arguments), rows[i].Payload, ""); len(diff) > 0 {
			t.Errorf("%s: the arguments of %s are audited otherwise: %s", name, made.tool, strings.Join(diff, "; "))
		}
		s.wantAuditedCalls(t, name, &made, calls[rows[i].CallID])
		count += len(calls[rows[i].CallID])
		delete(calls, rows[i].CallID)
	}
	if len(calls) > 0 {
		t.Errorf("%s: calls are audited that no tool made: %+v", name, calls)
	}
	t.Logf("%s: %d calls of tools and %d of ServiceDesk Plus are audited as they were made", name, len(got), count)
}

// waitForLaterRow makes another call and waits for its row: a server loads its rows in their order.
func (s *deskScenario) waitForLaterRow(t *testing.T, technician *agent, name string, conn *pgx.Conn, after time.Time) {
	t.Helper()
	s.waitUntilKnown(t, technician, name)
	require.NoError(t, wait.Until(t.Context(), func(ctx context.Context) error {
		var isThere bool
		err := conn.QueryRow(ctx, `select exists (select from mcp_tool_usage where subject = $1 and tool = 'connection_status' and started_at > $2)`,
			s.technician.Subject(), after).Scan(&isThere)
		if err == nil && !isThere {
			err = fmt.Errorf("%s: the last call has no row yet", name)
		}
		return err
	}))
}

// auditedTools returns the rows that a call has: one for each time it was told to wait, and its own.
func (s *deskScenario) auditedTools(name string, made *workedCall, isReadOnly bool) []auditedTool {
	row := auditedTool{
		Tool: made.tool, Outcome: "success", Kind: made.kind, Connection: s.namespace + "/" + name, Subject: s.technician.Subject(), Proof: "kubernetes",
		Client: "lectern-scenarios/1", IsWrite: !isReadOnly,
	}
	if made.kind != "" {
		row.Outcome = "error"
	}
	refused := row
	refused.Outcome, refused.Kind, refused.Connection = "throttled", "429", "/"
	return append(slices.Repeat([]auditedTool{refused}, made.throttled), row)
}

// listReadOnly returns which tools say of themselves that they only read.
func listReadOnly(t *testing.T, a *agent) map[string]bool {
	t.Helper()
	isReadOnly := map[string]bool{}
	for tool, err := range a.session.Tools(t.Context(), nil) {
		require.NoError(t, err)
		isReadOnly[tool.Name] = tool.Annotations.ReadOnlyHint
	}
	return isReadOnly
}

// readAuditedTools returns the rows of the technician's calls of tools in a span of time, in their order.
func (s *deskScenario) readAuditedTools(t *testing.T, conn *pgx.Conn, since, until time.Time) []auditedToolRow {
	t.Helper()
	found, err := conn.Query(t.Context(), `
		select tool, outcome, error_kind, connection_namespace || '/' || connection_name, subject, proof, client_name || '/' || client_version, is_write,
		       call_id, payload
		  from mcp_tool_usage where subject = $1 and started_at between $2 and $3 order by started_at`, s.technician.Subject(), since, until)
	require.NoError(t, err)
	rows, err := pgx.CollectRows(found, func(from pgx.CollectableRow) (row auditedToolRow, err error) {
		err = from.Scan(&row.Tool, &row.Outcome, &row.Kind, &row.Connection, &row.Subject, &row.Proof, &row.Client, &row.IsWrite, &row.CallID, &row.Payload)
		return row, err
	})
	require.NoError(t, err)
	return rows
}

// readAuditedCalls returns the rows of all calls of a connection in a span of time, whoever made them, by the calls of tools they are of.
func (s *deskScenario) readAuditedCalls(t *testing.T, conn *pgx.Conn, name string, since, until time.Time) map[uuid.UUID][]auditedAPIRow {
	t.Helper()
	found, err := conn.Query(t.Context(), `
		select coalesce(call_id, '00000000-0000-0000-0000-000000000000'), method, template, target, subject, proof, outcome, status, coalesce(codes[cardinality(codes)], 2000), is_write, payload -> 'sent'
		  from api_audit_log where connection_namespace = $1 and connection_name = $2 and started_at between $3 and $4 order by started_at`,
		s.namespace, name, since, until)
	require.NoError(t, err)
	calls := map[uuid.UUID][]auditedAPIRow{}
	var id uuid.UUID
	var row auditedAPIRow
	_, err = pgx.ForEachRow(found, []any{
		&id, &row.Method, &row.Template, &row.Target, &row.Subject, &row.Proof, &row.Outcome, &row.Status, &row.Code, &row.IsWrite, &row.Sent,
	}, func() error {
		calls[id] = append(calls[id], row)
		row = auditedAPIRow{}
		return nil
	})
	require.NoError(t, err)
	return calls
}

// asJSON returns a value as JSON has it.
func asJSON(t *testing.T, value any) (decoded any) {
	t.Helper()
	encoded, err := json.Marshal(value)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(encoded, &decoded))
	return decoded
}

// wantAuditedCalls holds that the rows of a tool's calls of ServiceDesk Plus equal what the journal of the fake has of them.
func (s *deskScenario) wantAuditedCalls(t *testing.T, name string, made *workedCall, rows []auditedAPIRow) {
	t.Helper()
	want, got := []auditedAPICall{}, []auditedAPICall{}
	for _, c := range made.calls {
		_, path, _ := strings.Cut(c.Path, "/api/v3")
		call := auditedAPICall{
			Method: c.Method, Template: segmentOfID.ReplaceAllString(path, "/{id}"), Target: strings.TrimPrefix(path, "/"), Subject: s.technician.Subject(),
			Proof: "kubernetes", Outcome: "success", Status: c.Status, Code: c.Code, IsWrite: c.Method != http.MethodGet,
		}
		switch c.Code {
		case 2000:
		case 4002:
			call.Outcome = "denied"
		default:
			call.Outcome = "error"
		}
		want = append(want, call)
	}
	for _, row := range rows {
		got = append(got, row.auditedAPICall)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: the calls of %s are audited otherwise (-journal +audited)\n%s", name, made.tool, diff)
		return
	}
	for i, c := range made.calls {
		if diff := diffPayload(asJSON(t, c.Input), rows[i].Sent, ""); len(diff) > 0 {
			t.Errorf("%s: what %s sent to %s is audited otherwise: %s", name, made.tool, c.Path, strings.Join(diff, "; "))
		}
	}
}

// diffPayload returns where a value that was kept is not what was said of it: every field has its name, every value is as it was, and a
// text is its length instead.
func diffPayload(said, kept any, path string) (differences []string) {
	switch said := said.(type) {
	case map[string]any:
		fields, isObject := kept.(map[string]any)
		if !isObject {
			return []string{fmt.Sprintf("%s is %v", path, kept)}
		}
		for _, field := range slices.Sorted(maps.Keys(said)) {
			if _, is := fields[field]; !is {
				differences = append(differences, path+"."+field+" is missing")
				continue
			}
			differences = append(differences, diffPayload(said[field], fields[field], path+"."+field)...)
		}
		for field := range fields {
			if _, is := said[field]; !is {
				differences = append(differences, path+"."+field+" was not said")
			}
		}
		return differences
	case []any:
		elements, isArray := kept.([]any)
		if !isArray || len(elements) != len(said) {
			return []string{fmt.Sprintf("%s is %v", path, kept)}
		}
		for i := range said {
			differences = append(differences, diffPayload(said[i], elements[i], fmt.Sprintf("%s[%d]", path, i))...)
		}
		return differences
	case string:
		if length := utf8.RuneCountInString(said); kept == fmt.Sprintf("text of %d characters", length) || length == 1 && kept == "text of 1 character" {
			return nil
		}
	}
	if !cmp.Equal(said, kept) {
		differences = append(differences, fmt.Sprintf("%s is %v instead of %v", path, kept, said))
	}
	return differences
}
