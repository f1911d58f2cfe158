package transport_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/server/transport"
)

// TestHandler_DropsNotifications: none means anything here, and a cancellation names a request by an
// id that other callers use as well.
func TestHandler_DropsNotifications(t *testing.T) {
	t.Parallel()
	replica := workshop(t)
	for name, body := range map[string]string{
		"initialized": `{"jsonrpc":"2.0","method":"notifications/initialized"}`,
		"canceled":    `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}`,
		"a response":  `{"jsonrpc":"2.0","id":3,"result":{}}`,
		"an error":    `{"jsonrpc":"2.0","id":3,"error":{"code":1,"message":"x"}}`,
	} {
		if got := replica.Send(t, request{Body: body, Legacy: true}); got.Status != http.StatusAccepted || got.Body != "" {
			t.Errorf("%s: got %d %q", name, got.Status, got.Body)
		}
	}
}

// TestHandler_CancelsNoOtherClients is mcp-go bug 1. The victims are requests that are in mcp-go's table of those
// under way, and the ids those of the client and of the table.
func TestHandler_CancelsNoOtherClients(t *testing.T) {
	t.Parallel()
	reached, release := make(chan struct{}), make(chan struct{})
	replica := workshop(t, func(c *transport.Config) {
		c.Server.Methods[mcp.MethodPromptsList] = transport.Method{Answer: func(context.Context, *transport.Call) (any, error) {
			close(reached)
			<-release
			return &mcp.ListPromptsResult{Prompts: []mcp.Prompt{mcp.NewPrompt("it.greeting")}}, nil
		}}
	})
	victim := make(chan reply, 1)
	go func() { victim <- replica.Send(t, request{RPC: "prompts/list", ID: "1"}) }()
	<-reached
	stream := replica.Listen(t, request{ID: "2"})
	same(t, tagged("2", "subscriptions/acknowledged", `,"notifications":{"promptsListChanged":true}`), stream.Next(t))
	for _, id := range []int{1, 2} {
		for _, legacy := range []bool{false, true} {
			q := request{RPC: "notifications/cancelled", Params: map[string]any{"requestId": id}, WithoutID: true, Legacy: legacy}
			if got := replica.Send(t, q); got.Status != http.StatusAccepted {
				t.Errorf("the cancellation was answered with %d", got.Status)
			}
		}
	}
	close(release)
	if got := <-victim; got.Status != http.StatusOK || !strings.Contains(got.Body, `"name":"it.greeting"`) {
		t.Errorf("the victim got %d %s", got.Status, got.Body)
	}
	replica.endpoint.NotifyPromptsChanged(everybody)
	same(t, tagged("2", "prompts/list_changed", ""), stream.Next(t))
}

// TestReadParams_IgnoresThoseOfOtherMethods: what a method does not read may be anything.
func TestReadParams_IgnoresThoseOfOtherMethods(t *testing.T) {
	t.Parallel()
	replica := workshop(t)
	for rpc, params := range map[string]map[string]any{
		"prompts/list":    {"name": 3, "arguments": []int{3}},
		"prompts/get":     {"name": "ask", "cursor": 3},
		"server/discover": {"name": 3, "arguments": 3, "cursor": 3},
	} {
		if got := replica.Send(t, request{RPC: rpc, Params: params}); got.Status != http.StatusOK || !strings.Contains(got.Body, `"result":`) {
			t.Errorf("%s: got %d %s", rpc, got.Status, got.Body)
		}
	}
}

// TestDispatch_MethodsNotServed: that there is no such method does not depend on params, which it might
// have read differently.
func TestDispatch_MethodsNotServed(t *testing.T) {
	t.Parallel()
	replica := workshop(t, func(c *transport.Config) {
		c.Server = transport.Server{Info: c.Server.Info, Methods: map[mcp.MCPMethod]transport.Method{
			mcp.MethodPromptsList: c.Server.Methods[mcp.MethodPromptsList], mcp.MethodPromptsGet: c.Server.Methods[mcp.MethodPromptsGet],
		}}
	})
	const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`
	for name, params := range map[string]string{
		"arguments of any type": `{"arguments":{"count":3},` + meta + `}`,
		"a list of arguments":   `{"arguments":[],` + meta + `}`,
		"a name of any type":    `{"name":{"first":"x"},"uri":3,` + meta + `}`,
		"a cursor of any type":  `{"cursor":7,` + meta + `}`,
		"_meta of any type":     `{"_meta":3}`,
		"no _meta":              `{}`,
		"null":                  `null`,
		"a list":                `[1]`,
	} {
		for method, want := range map[string]string{
			"prompts/burn": "-32601 Method prompts/burn not found",
			"tasks/get":    "-32601 tasks not supported",
			`odd "method"`: `-32601 Method odd "method" not found`,
			"tools/call":   "-32601 tools not supported", "resources/read": "-32601 resources not supported",
		} {
			t.Run(name+" "+method, func(t *testing.T) {
				t.Parallel()
				q := request{RPC: method, Body: fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":%s}`, method, params)}
				if got := replica.Send(t, q).Failure(t); got != "404 "+want {
					t.Errorf("got %s, want 404 %s", got, want)
				}
				q.Body = strings.ReplaceAll(q.Body, meta, `"_meta":{}`)
				q.Legacy = true
				if got := replica.Send(t, q).Failure(t); got != "200 "+want {
					t.Errorf("an older client: got %s, want 200 %s", got, want)
				}
				q.Body = fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/%s","params":%s}`, "any", params)
				if got := replica.Send(t, q); got.Status != http.StatusAccepted || got.Body != "" {
					t.Errorf("a notification: got %d %s", got.Status, got.Body)
				}
			})
		}
	}
}
