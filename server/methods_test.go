package server

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestNotificationsAreDropped: none means anything here, and a cancellation names a request by an
// id that other callers use as well.
func TestNotificationsAreDropped(t *testing.T) {
	t.Parallel()
	replica := start(t, library(t))
	for name, body := range map[string]string{
		"initialized": `{"jsonrpc":"2.0","method":"notifications/initialized"}`,
		"canceled":    `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}`,
		"a response":  `{"jsonrpc":"2.0","id":3,"result":{}}`,
		"an error":    `{"jsonrpc":"2.0","id":3,"error":{"code":1,"message":"x"}}`,
	} {
		if got := replica.send(t, request{body: body, legacy: true}); got.status != http.StatusAccepted || got.body != "" {
			t.Errorf("%s: got %d %q", name, got.status, got.body)
		}
	}
}

// TestNobodyCancelsAnother is mcp-go bug 1. The victims are requests that are in mcp-go's table of those
// under way, and the ids those of the client and of the table.
func TestNobodyCancelsAnother(t *testing.T) {
	t.Parallel()
	source := greeting()
	reached, release := make(chan struct{}), make(chan struct{})
	source.Gate(func() { close(reached); <-release })
	replica := start(t, source)
	victim := make(chan reply, 1)
	go func() { victim <- replica.send(t, request{rpc: "prompts/list", id: "1"}) }()
	<-reached
	stream := replica.listen(t, request{id: "2"})
	same(t, acknowledged("2"), stream.next(t))
	for _, id := range []int{1, 2} {
		for _, legacy := range []bool{false, true} {
			q := request{rpc: "notifications/cancelled", params: map[string]any{"requestId": id}, withoutID: true, legacy: legacy}
			if got := replica.send(t, q); got.status != http.StatusAccepted {
				t.Errorf("the cancellation was answered with %d", got.status)
			}
		}
	}
	close(release)
	if got := <-victim; got.status != http.StatusOK || !strings.Contains(got.body, `"name":"it.greeting"`) {
		t.Errorf("the victim got %d %s", got.status, got.body)
	}
	replica.endpoint.NotifyPromptsChanged(func(context.Context, string) bool { return true })
	same(t, changed("2"), stream.next(t))
}

// TestParamsOfOtherMethods: what a method does not read may be anything.
func TestParamsOfOtherMethods(t *testing.T) {
	t.Parallel()
	replica := start(t, greeting())
	for rpc, params := range map[string]map[string]any{
		"prompts/list":    {"name": 3, "arguments": []int{3}},
		"prompts/get":     {"name": "it.greeting", "cursor": 3},
		"server/discover": {"name": 3, "arguments": 3, "cursor": 3},
	} {
		if got := replica.send(t, request{rpc: rpc, params: params}); got.status != http.StatusOK || !strings.Contains(got.body, `"result":`) {
			t.Errorf("%s: got %d %s", rpc, got.status, got.body)
		}
	}
}

// TestMethodsThatAreNotServed: that there is no such method does not depend on params, which it might
// have read differently.
func TestMethodsThatAreNotServed(t *testing.T) {
	t.Parallel()
	replica := start(t, greeting())
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
				q := request{rpc: method, body: fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":%q,"params":%s}`, method, params)}
				if got := replica.send(t, q).failure(t); got != "404 "+want {
					t.Errorf("got %s, want 404 %s", got, want)
				}
				q.body = strings.ReplaceAll(q.body, meta, `"_meta":{}`)
				q.legacy = true
				if got := replica.send(t, q).failure(t); got != "200 "+want {
					t.Errorf("an older client: got %s, want 200 %s", got, want)
				}
				q.body = fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/%s","params":%s}`, "any", params)
				if got := replica.send(t, q); got.status != http.StatusAccepted || got.body != "" {
					t.Errorf("a notification: got %d %s", got.status, got.body)
				}
			})
		}
	}
}
