package audit

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/server/tool"
	"github.com/lectern-dev/lectern/server/transport"
)

func TestDecideOutcome(t *testing.T) {
	t.Parallel()
	tooMany := transport.TooManyRequests(1)
	for name, tc := range map[string]struct {
		entry       Entry
		toolError   bool
		failure     *transport.Failure
		want        audit.Outcome
		wantOfError string
	}{
		"what went well":                    {want: audit.OutcomeSuccess},
		"params that are wrong":             {failure: transport.InvalidParams("no"), want: audit.OutcomeError, wantOfError: "-32602"},
		"what the caller may not":           {entry: Entry{isDenied: true}, failure: transport.InvalidParams("no"), want: audit.OutcomeDenied, wantOfError: "-32602"},
		"too many requests":                 {failure: tooMany, want: audit.OutcomeThrottled, wantOfError: "429"},
		"a client that left":                {failure: transport.Canceled(), want: audit.OutcomeCancelled, wantOfError: "-32800"},
		"the store that is away":            {failure: transport.Unavailable("away", 1), want: audit.OutcomeError, wantOfError: "503"},
		"a tool that refuses":               {entry: Entry{refused: tool.Validation}, toolError: true, want: audit.OutcomeError, wantOfError: "ValidationError"},
		"a tool that says no kind":          {toolError: true, want: audit.OutcomeError, wantOfError: "tool_error"},
		"a right that is lacked":            {entry: Entry{refused: tool.Forbidden}, toolError: true, want: audit.OutcomeDenied, wantOfError: "ForbiddenError"},
		"a rate that is used up":            {entry: Entry{refused: tool.RateLimit}, toolError: true, want: audit.OutcomeThrottled, wantOfError: "RateLimitError"},
		"a write of which nobody knows":     {entry: Entry{refused: tool.Indeterminate}, toolError: true, want: audit.OutcomeIndeterminate, wantOfError: "IndeterminateError"},
		"what is not found, and denied":     {entry: Entry{isDenied: true, refused: tool.NotFound}, toolError: true, want: audit.OutcomeDenied, wantOfError: "NotFoundError"},
		"a method that there is not":        {failure: &transport.Failure{Code: mcp.METHOD_NOT_FOUND}, want: audit.OutcomeError, wantOfError: "-32601"},
		"denied at first, and done at last": {entry: Entry{isDenied: true}, want: audit.OutcomeSuccess},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, kind := decideOutcome(&tc.entry, &transport.Call{ToolError: tc.toolError}, tc.failure)
			if got != tc.want || kind != tc.wantOfError {
				t.Errorf("got %s %s, want %s %s", got, kind, tc.want, tc.wantOfError)
			}
		})
	}
}

func TestTraceparentOf(t *testing.T) {
	t.Parallel()
	const good, other = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-11111111111111111111111111111111-2222222222222222-00"
	for name, tc := range map[string]struct{ meta, header, want string }{
		"of the message":                  {`"` + good + `"`, other, good},
		"of the request":                  {"", good, good},
		"of neither":                      {"", "", ""},
		"one that is none":                {`"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"`, "", ""},
		"one that is longer":              {`"` + good + `-1"`, "", ""},
		"one with a secret in its place":  {`"Bearer abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnop"`, "", ""},
		"what is no text":                 {"7", good, good},
		"a request's that is none either": {"", "x", ""},
	} {
		header := http.Header{}
		if tc.header != "" {
			header.Set("traceparent", tc.header)
		}
		if got := traceparentOf(header, transport.Trace{Parent: json.RawMessage(tc.meta)}); got != tc.want {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
	}
	if got := traceparentOf(nil, transport.Trace{}); got != "" {
		t.Errorf("on a pipe: got %q", got)
	}
}
