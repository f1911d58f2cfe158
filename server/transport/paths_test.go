package transport_test

import (
	"context"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/server/transport"
)

// TestServeHTTP_Paths: a slash at the end means nothing, and nothing else is let in by it.
func TestServeHTTP_Paths(t *testing.T) {
	t.Parallel()
	replica := workshop(t, func(c *transport.Config) {
		c.Server.Methods[mcp.MethodPromptsGet] = transport.Method{Answer: func(_ context.Context, call *transport.Call) (any, error) {
			return mcp.NewGetPromptResult("in "+call.Namespace, []mcp.PromptMessage{}), nil
		}}
	})
	const all, support, notFound = `{"description":"in ","messages":[]}`, `{"description":"in support","messages":[]}`, "404 404 page not found"
	for path, want := range map[string]string{
		"/mcp": all, "/mcp/": all, "/mcp/support": support, "/mcp/support/": support,
		"/mcp//": notFound, "/mcp/support//": notFound, "/mcp/support/x/": notFound, "/": notFound, "/mcpx/": notFound, "/mcp/a@1/": notFound,
	} {
		got := replica.Send(t, request{RPC: "prompts/get", Path: path, Legacy: true, Params: map[string]any{"name": "ask"}}).Result(t)
		if got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}
