package server

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
)

const testTraceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// auditedRows returns what the database has of calls, in their order, a line each: method, tool, target, outcome, kind, version of the
// prompt, connection, client, and how many calls of ServiceDesk Plus were made for it.
func auditedRows(t *testing.T, author *catalogtest.Author) []string {
	t.Helper()
	conn := pgtest.Connect(t, author.Owner)
	rows, err := conn.Query(t.Context(), `
		select concat_ws(' ', method, tool, target, outcome, error_kind, nullif(prompt_version, 0), nullif(connection_name, ''), client_name || '/' || client_version,
		                 case when traceparent <> '' then 'traced' end,
		                 (select count(*) || ' calls' from api_audit_log a where a.call_id = u.call_id and a.connection_name = u.connection_name having count(*) > 0))
		  from mcp_tool_usage u order by seq, started_at`)
	require.NoError(t, err)
	defer rows.Close()
	var found []string
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		found = append(found, line)
	}
	require.NoError(t, rows.Err())
	return found
}

// TestRun_Audit: a row of each call is in the database, whatever became of the call, with the calls of ServiceDesk Plus that were made
// for it; of lists and discovery there is none. Who may search finds them.
func TestRun_Audit(t *testing.T) {
	t.Parallel()
	keys, file := newSealKeys(t)
	author := catalogtest.NewAuthor(t)
	author.Publish(plainKey, catalogtest.Text("Hello."))
	fake := sdptest.Start(t, sdptest.Options{})
	storeTestConnection(t, author.Owner, fake, keys)
	r := servingWith(t, pgtest.AsServerRole(t, author.Owner), func(o *Options) { o.SealKeyFile, o.Egress = file, egressTo(t, fake.URL()) })
	require.Until(t, "ready", func() bool { return r.ready(t) })

	name := plainKey.Namespace + "." + plainKey.Name
	got := getPrompt(name, nil)
	got.Meta = map[string]any{"traceparent": testTraceparent}
	legacy := callTool("get_prompt", map[string]any{"id": plainKey.String()})
	legacy.Legacy = true
	for _, q := range []request{
		got,
		{RPC: "prompts/list"},
		getPrompt("it.nothing", nil),
		legacy,
		callTool("no_such_tool", nil),
		callTool("list_requests", map[string]any{"view": "all"}),
		callTool("get_request", map[string]any{"request_id": "#999"}),
		callTool("get_request", map[string]any{"request_id": "id:" + fake.IDs("requests")[0]}),
		callTool("list_requests", map[string]any{"view": "every"}),
		{RPC: "resources/read", Params: map[string]any{"uri": "sdp://support/helpdesk/requests/1"}},
		{RPC: "resources/read", Params: map[string]any{"uri": "prompt://" + plainKey.String()}},
		{RPC: "completion/complete", Params: map[string]any{
			"ref":      map[string]any{"type": "ref/resource", "uri": "sdp://{namespace}/{connection}/lookups/{type}"},
			"argument": map[string]any{"name": "connection", "value": ""},
		}},
		{RPC: "completion/complete", Params: map[string]any{
			"ref": map[string]any{"type": "ref/prompt", "name": name}, "argument": map[string]any{"name": "x", "value": ""},
		}},
	} {
		r.Send(t, q)
	}
	const of = "test/1"
	target := "prompt/" + plainKey.String()
	want := []string{
		"prompts/get  " + target + " success  1 " + of + " traced",
		"prompts/get  prompt/it/nothing error -32602 " + of,
		"tools/call get_prompt " + target + " success  1 /",
		"tools/call no_such_tool  error -32602 " + of,
		"resources/read  " + target + " success  1 " + of,
		"completion/complete sdp://{namespace}/{connection}/lookups/{type}  success  " + of,
		"tools/call list_requests  success  helpdesk " + of + " 1 calls",
		"tools/call get_request request/999 error NotFoundError helpdesk " + of + " 1 calls",
		"tools/call get_request request/1 success  helpdesk " + of + " 1 calls",
		"tools/call list_requests  error ValidationError " + of,
		"resources/read  sdp://support/helpdesk/requests/1 request/1 success  helpdesk " + of + " 1 calls",
	}
	var found []string
	require.Until(t, "all rows", func() bool { found = auditedRows(t, author); return len(found) >= len(want) })
	sortLines := cmp.Transformer("sort", func(lines []string) map[string]int {
		counted := map[string]int{}
		for _, line := range lines {
			counted[line]++
		}
		return counted
	})
	if diff := cmp.Diff(want, found, sortLines); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	searchAudit(t, r)
	stats := r.Send(t, callTool("get_stats", nil))
	if want := `"uses":[{"prompt":"` + plainKey.String() + `","version":1,"digest":"`; !strings.Contains(stats.Body, want) || !strings.Contains(stats.Body, `"uses":3,"callers":{"local:`) {
		t.Errorf("uses by version are shown as %s", stats.Body)
	}
}

// searchAudit searches for one call, and for all of a page.
func searchAudit(t *testing.T, r *running) {
	t.Helper()
	type page struct {
		Calls []struct {
			CallID  string `json:"call_id"`
			Tool    string
			Outcome string
		}
		SDPCalls []struct{ Operation string } `json:"sdp_calls"`
		Cursor   string
	}
	search := func(arguments map[string]any) (found page) {
		reply := r.Send(t, callTool("audit_search", arguments))
		var envelope struct {
			Result struct{ StructuredContent json.RawMessage }
		}
		require.NoError(t, json.Unmarshal([]byte(reply.Body), &envelope))
		if json.Unmarshal(envelope.Result.StructuredContent, &found) != nil {
			t.Fatalf("%v finds %s", arguments, reply.Body)
		}
		return found
	}
	one := search(map[string]any{"tool": "get_request", "outcome": "error", "since": time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)})
	if len(one.Calls) != 1 {
		t.Fatalf("one call is found as %+v", one)
	}
	shown := search(map[string]any{"call_id": one.Calls[0].CallID})
	if len(shown.Calls) != 1 || len(shown.SDPCalls) != 1 {
		t.Errorf("a call is shown as %+v", shown)
	}
	var tools []string
	for cursor := any(nil); ; {
		arguments := map[string]any{"limit": 2, "target": "prompt/"}
		if cursor != nil {
			arguments["cursor"] = cursor
		}
		found := search(arguments)
		for _, c := range found.Calls {
			tools = append(tools, c.Tool)
		}
		if cursor = found.Cursor; found.Cursor == "" {
			break
		}
	}
	if got := strings.Join(tools, " "); got != "resources/read get_prompt prompts/get prompts/get" {
		t.Errorf("the newest first, two at a time: %s", got)
	}
}
