package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/transport"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

const foreignOrigin = "403 with --auth=none the Origin header is absent, or http(s) on localhost, 127.0.0.1 or [::1]"

// TestHandler_RefusesFaultyRequests has what a transport must refuse. The numbers are those of mcpgoBugs.
func TestHandler_RefusesFaultyRequests(t *testing.T) {
	t.Parallel()
	replica := start(t, library(t))
	discover := func(change func(*request)) request {
		q := request{RPC: "server/discover"}
		change(&q)
		return q
	}
	get := func(change func(*request)) request {
		q := getPrompt("it.greeting", nil)
		change(&q)
		return q
	}
	for name, tc := range map[string]struct {
		request request
		want    string
	}{
		"mcp-go bug 6: a body over 4 MiB": {
			discover(func(q *request) { q.Body = strings.Repeat(" ", transport.DefaultBodyLimit+1) }),
			"413 -32600 the body is larger than 4194304 bytes (4 MiB); send less",
		},
		"mcp-go bug 6: a body over 4 MiB that does not say so": {
			discover(func(q *request) { q.Body, q.Chunked = strings.Repeat(" ", transport.DefaultBodyLimit+1), true }),
			"413 -32600 the body is larger than 4194304 bytes (4 MiB); send less",
		},
		"mcp-go bug 7: a foreign Origin": {
			discover(func(q *request) { q.Header = map[string]string{"Origin": "https://evil.example"} }),
			foreignOrigin,
		},
		"mcp-go bug 7: an Origin that only begins like this machine": {
			discover(func(q *request) { q.Header = map[string]string{"Origin": "http://localhost.evil.example"} }),
			foreignOrigin,
		},
		"mcp-go bug 7: a foreign Origin, whatever the method": {
			discover(func(q *request) {
				q.HTTPMethod, q.Header = http.MethodGet, map[string]string{"Origin": "https://evil.example"}
			}),
			foreignOrigin,
		},
		"mcp-go bug 7: a foreign Origin, whatever the path": {
			discover(func(q *request) { q.Path, q.Header = "/mcpx", map[string]string{"Origin": "https://evil.example"} }),
			foreignOrigin,
		},
		"mcp-go bug 7: an Accept that admits neither answer": {
			discover(func(q *request) { q.Header = map[string]string{"Accept": "text/html"} }),
			"406 Accept must admit application/json and text/event-stream",
		},
		"mcp-go bug 8: a Host that is not this machine": {
			discover(func(q *request) { q.Header = map[string]string{"Host": "rebound.example"} }),
			"403 with --auth=none the Host header is localhost, 127.0.0.1 or [::1]",
		},
		"mcp-go bug 8: a Host that only begins like this machine": {
			discover(func(q *request) { q.Header = map[string]string{"Host": "127.0.0.1.evil.example"} }),
			"403 with --auth=none the Host header is localhost, 127.0.0.1 or [::1]",
		},
		"mcp-go bug 12: resources are not there, under no retired code": {
			request{RPC: "resources/read", Params: map[string]any{"uri": "prompt://it/greeting"}, Header: map[string]string{"Mcp-Name": "prompt://it/greeting"}},
			"404 -32601 resources not supported",
		},
		"mcp-go bug 15: setLevel would be shared by all clients": {
			request{RPC: "logging/setLevel", Legacy: true, Params: map[string]any{"level": "debug"}},
			"200 -32601 logging not supported",
		},
		"mcp-go bug 16: a cursor that is not base64": {
			request{RPC: "prompts/list", Params: map[string]any{"cursor": "§"}},
			"400 -32602 this cursor was not given out here; list again from the start, without one",
		},
		"mcp-go bug 16: a cursor that is base64 and nonsense": {
			request{RPC: "prompts/list", Params: map[string]any{"cursor": "bm9uc2Vuc2U="}},
			"400 -32602 this cursor was not given out here; list again from the start, without one",
		},
		"mcp-go bug 17: id null": {
			discover(func(q *request) { q.ID = "null" }), "400 -32600 id must be a string or a number, of at most 256 bytes",
		},
		"mcp-go bug 17: id object": {
			discover(func(q *request) { q.ID = `{"a":1}` }), "400 -32600 id must be a string or a number, of at most 256 bytes",
		},
		"mcp-go bug 17: id array": {
			discover(func(q *request) { q.ID = `[1]` }), "400 -32600 id must be a string or a number, of at most 256 bytes",
		},
		"mcp-go bug 17: id true": {
			discover(func(q *request) { q.ID = `true` }), "400 -32600 id must be a string or a number, of at most 256 bytes",
		},
		"mcp-go bug 17: id null of an older client": {
			request{RPC: "ping", Legacy: true, ID: "null"}, "400 -32600 id must be a string or a number, of at most 256 bytes",
		},
		"mcp-go bug 17: id that is no text": {
			discover(func(q *request) { q.ID = "\"\xff\"" }), "400 -32600 id must be a string or a number, of at most 256 bytes",
		},
		"an id that is held for long": {
			discover(func(q *request) { q.ID = `"` + strings.Repeat("x", 255) + `"` }), "400 -32600 id must be a string or a number, of at most 256 bytes",
		},
		"deep JSON": {
			discover(func(q *request) { q.Body = strings.Repeat("[", 10_001) }), "400 -32700 the message is nested too deeply",
		},
		"a deep message": {
			discover(func(q *request) {
				q.Body = `{"jsonrpc":"2.0","id":1,"method":"ping","params":` + strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_001)
			}),
			"400 -32700 the message is nested too deeply",
		},
		"a deep argument": {
			get(func(q *request) {
				q.Params["arguments"] = map[string]any{"a": json.RawMessage(transporttest.Deep(9_000))}
			}),
			"400 -32602 params.arguments is nested more than 100 levels deep",
		},
		"a deep cursor": {
			request{RPC: "prompts/list", Params: map[string]any{"cursor": json.RawMessage(transporttest.Deep(9_000))}}, "400 -32602 params.cursor is nested more than 100 levels deep",
		},
		"a deep filter": {
			request{RPC: "subscriptions/listen", Params: map[string]any{"notifications": json.RawMessage(transporttest.Deep(9_000))}},
			"400 -32602 params.notifications is nested more than 100 levels deep",
		},
		"Mcp-Name that is no base64": {
			get(func(q *request) { q.Header = map[string]string{mcp.HeaderName: "=?base64?§?="} }),
			"400 -32020 header mismatch: Mcp-Name: invalid Base64 encoding",
		},
		"mcp-go bug 19: DELETE": {
			discover(func(q *request) { q.HTTPMethod = http.MethodDelete }),
			"405 messages are sent by POST; there are no sessions and no streams to resume",
		},
		"mcp-go bug 4: GET": {
			discover(func(q *request) { q.HTTPMethod = http.MethodGet }),
			"405 messages are sent by POST; there are no sessions and no streams to resume",
		},
		"another content type": {
			discover(func(q *request) { q.Header = map[string]string{"Content-Type": "text/plain"} }),
			"415 Content-Type must be application/json",
		},
		"no JSON": {discover(func(q *request) { q.Body = `{"jsonrpc":` }), "400 -32700 the message is not valid JSON"},
		"a batch": {
			discover(func(q *request) { q.Body = `[]` }),
			"400 -32600 a message is one JSON object of JSON-RPC; send the messages of a batch one by one, batches are not supported",
		},
		"another JSON-RPC": {
			discover(func(q *request) { q.Body = `{"jsonrpc":"1.0","id":1,"method":"ping"}` }), `400 -32600 jsonrpc must be "2.0"`,
		},
		"no method": {discover(func(q *request) { q.Body = `{"jsonrpc":"2.0","id":1}` }), "400 -32600 method is missing"},
		"a method that is a number": {
			discover(func(q *request) { q.Body = `{"jsonrpc":"2.0","id":1,"method":3}` }), "400 -32600 method cannot be a JSON number",
		},
		"an unknown method":                     {request{RPC: "prompts/burn"}, `404 -32601 Method prompts/burn not found`},
		"an unknown method of an older client":  {request{RPC: "prompts/burn", Legacy: true}, `200 -32601 Method prompts/burn not found`},
		"tools are not advertised":              {request{RPC: "tools/list"}, "404 -32601 tools not supported"},
		"initialize was removed":                {request{RPC: "initialize"}, `404 -32601 "initialize" was removed in protocol version 2026-07-28`},
		"discover needs the new revision":       {request{RPC: "server/discover", Legacy: true}, `200 -32601 "server/discover" requires protocol version 2026-07-28 or later`},
		"a namespace that cannot be one":        {discover(func(q *request) { q.Path = "/mcp/Not_a_label" }), "404 404 page not found"},
		"a path below a namespace":              {discover(func(q *request) { q.Path = "/mcp/a/b" }), "404 404 page not found"},
		"a path that only begins like ours":     {discover(func(q *request) { q.Path = "/mcpx" }), "404 404 page not found"},
		"initialize with malformed params":      {request{RPC: "initialize", Legacy: true, Params: map[string]any{"protocolVersion": 3}}, "200 -32602 the params of initialize are malformed"},
		"an older client of an unknown version": {request{RPC: "ping", Legacy: true, Header: map[string]string{mcp.HeaderProtocolVersion: "2023-01-01"}}, `400 -32022 unsupported protocol version: "2023-01-01" (supported: [2026-07-28 2025-11-25 2025-06-18 2025-03-26 2024-11-05])`},
		"a version to come": {
			discover(func(q *request) {
				q.Header = map[string]string{mcp.HeaderProtocolVersion: "2031-01-01"}
				q.Meta = map[string]any{mcp.MetaKeyProtocolVersion: "2031-01-01"}
			}),
			`400 -32022 unsupported protocol version: "2031-01-01" (supported: [2026-07-28 2025-11-25 2025-06-18 2025-03-26 2024-11-05])`,
		},
		"no version header": {
			discover(func(q *request) { q.Header = map[string]string{mcp.HeaderProtocolVersion: ""} }),
			"400 -32020 header mismatch: Mcp-Protocol-Version: missing required header",
		},
		"no version in _meta": {
			discover(func(q *request) { q.Meta = map[string]any{mcp.MetaKeyProtocolVersion: nil} }),
			"400 -32602 missing or invalid _meta field io.modelcontextprotocol/protocolVersion",
		},
		"two versions": {
			discover(func(q *request) { q.Header = map[string]string{mcp.HeaderProtocolVersion: "2025-11-25"} }),
			`400 -32020 header mismatch: Mcp-Protocol-Version: header value "2025-11-25" does not match io.modelcontextprotocol/protocolVersion "2026-07-28"`,
		},
		"no capabilities": {
			discover(func(q *request) { q.Meta = map[string]any{mcp.MetaKeyClientCapabilities: nil} }),
			"400 -32602 missing or invalid _meta field io.modelcontextprotocol/clientCapabilities",
		},
		"capabilities that are none": {
			discover(func(q *request) { q.Meta = map[string]any{mcp.MetaKeyClientCapabilities: 3} }),
			"400 -32602 missing or invalid _meta field io.modelcontextprotocol/clientCapabilities",
		},
		"no Mcp-Method": {
			discover(func(q *request) { q.Header = map[string]string{mcp.HeaderMethod: ""} }),
			"400 -32020 header mismatch: Mcp-Method: missing required header",
		},
		"another Mcp-Method": {
			discover(func(q *request) { q.Header = map[string]string{mcp.HeaderMethod: "ping"} }),
			`400 -32020 header mismatch: Mcp-Method: header value "ping" does not match body value "server/discover"`,
		},
		"no Mcp-Name": {
			get(func(q *request) { q.Header = map[string]string{mcp.HeaderName: ""} }),
			`400 -32020 header mismatch: Mcp-Name: missing required header for method "prompts/get"`,
		},
		"another Mcp-Name": {
			get(func(q *request) { q.Header = map[string]string{mcp.HeaderName: "it.other"} }),
			`400 -32020 header mismatch: Mcp-Name: header value "it.other" does not match body value "it.greeting"`,
		},
		"params that are none": {
			get(func(q *request) { q.Body = `{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":3}` }),
			"400 -32602 params must be an object",
		},
		"a name that is a number": {
			get(func(q *request) { q.Params = map[string]any{"name": 3} }), "400 -32602 params.name cannot be a JSON number",
		},
		"an argument that is a number": {
			get(func(q *request) { q.Params["arguments"] = map[string]any{"a": 3} }),
			`400 -32602 arguments is an object of strings, not of a JSON number: write "3", not 3`,
		},
		"a cursor that is a number": {
			request{RPC: "prompts/list", Params: map[string]any{"cursor": 3, "arguments": 3}}, "400 -32602 params.cursor cannot be a JSON number",
		},
		"_meta that is none": {
			get(func(q *request) {
				q.Body = `{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":3,"_meta":3}}`
			}),
			"400 -32602 params.name cannot be a JSON number",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := replica.Send(t, tc.request).Failure(t); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestHandler_AllowsRequests(t *testing.T) {
	t.Parallel()
	replica := start(t, library(t))
	for name, header := range map[string]map[string]string{
		"an Origin of this machine":           {"Origin": "http://localhost:6274"},
		"mcp-go bug 8: localhost":             {"Host": "localhost"},
		"mcp-go bug 8: localhost with a port": {"Host": "localhost:8080"},
		"mcp-go bug 8: IPv6":                  {"Host": "[::1]:8080"},
		"no Accept":                           {"Accept": ""},
		"any Accept":                          {"Accept": "*/*"},
		"a charset":                           {"Content-Type": "application/json; charset=utf-8"},
		"a session id of an older life":       {"Mcp-Session-Id": "abc"},
		"an event id of an older life":        {"Last-Event-ID": "7"},
		"an encoded name need not be so":      {mcp.HeaderName: "=?base64?aXQuZ3JlZXRpbmc=?="},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := getPrompt("it.greeting", nil)
			q.Header = header
			got := replica.Send(t, q)
			if got.Status != http.StatusOK || got.Text(t) != "Hello." {
				t.Errorf("got %d %s", got.Status, got.Body)
			}
			if id := got.Header.Get("Mcp-Session-Id"); id != "" {
				t.Errorf("mcp-go bug 5: a session was made: %s", id)
			}
		})
	}
}

// TestHandler_NamesTheAllowedMethod: RFC 9110 wants the Allow header.
func TestHandler_NamesTheAllowedMethod(t *testing.T) {
	t.Parallel()
	replica := start(t, library(t))
	for _, method := range []string{http.MethodGet, http.MethodDelete, http.MethodPut} {
		if got := replica.Send(t, request{HTTPMethod: method, RPC: "ping"}).Header.Get("Allow"); got != http.MethodPost {
			t.Errorf("%s: Allow is %q", method, got)
		}
	}
}

// TestHandler_AllowsNoBrowsers to send what a page wants to, not even one of this machine.
func TestHandler_AllowsNoBrowsers(t *testing.T) {
	t.Parallel()
	replica := start(t, library(t))
	asked := map[string]string{
		"Origin": "http://localhost:6274", "Access-Control-Request-Method": http.MethodPost, "Access-Control-Request-Headers": "content-type",
	}
	for method, want := range map[string]int{http.MethodOptions: http.StatusMethodNotAllowed, http.MethodPost: http.StatusOK} {
		got := replica.Send(t, request{HTTPMethod: method, RPC: "ping", Legacy: true, Header: asked})
		if leave := got.Header.Get("Access-Control-Allow-Origin"); got.Status != want || leave != "" {
			t.Errorf("%s: %d, and %q may read it", method, got.Status, leave)
		}
	}
}

// TestHandler_ReturnsIDsAsSent is mcp-go bug 17: mcp-go passes numbers through a float.
func TestHandler_ReturnsIDsAsSent(t *testing.T) {
	t.Parallel()
	replica := start(t, library(t))
	for _, id := range []string{"9007199254740993", `"ü<&>"`, "-1", `""`, "0", `"` + strings.Repeat("x", 254) + `"`} {
		for _, rpc := range []string{"prompts/list", "server/discover", "prompts/burn"} {
			got := replica.Send(t, request{RPC: rpc, ID: id})
			if want := `{"jsonrpc":"2.0","id":` + id + `,`; !strings.HasPrefix(got.Body, want) {
				t.Errorf("%s: got %.80s, want %s…", rpc, got.Body, want)
			}
		}
	}
}

// TestHandler_HidesInnerErrors is mcp-go bug 11.
func TestHandler_HidesInnerErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"an error nobody expects": {errors.New("dial secret-db-host:5432"), "200 -32603 internal error"},
		"the store is away":       {fmt.Errorf("dial secret-db-host:5432: %w", store.ErrUnavailable), "200 503 the store is away, try again in 1 s"},
	} {
		for _, rpc := range []string{"prompts/get", "prompts/list"} {
			for _, legacy := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %s legacy=%t", name, rpc, legacy), func(t *testing.T) {
					t.Parallel()
					source := greeting()
					replica := start(t, source)
					source.Fail(tc.err)
					q := request{RPC: rpc, Legacy: legacy}
					if rpc == "prompts/get" {
						q.Params = map[string]any{"name": "it.greeting"}
					}
					if got := replica.Send(t, q).Failure(t); got != tc.want {
						t.Errorf("got %s, want %s", got, tc.want)
					}
				})
			}
		}
	}
}

// panicking is an authorizer that does not survive being asked.
type panicking struct{}

func (panicking) Authorize(context.Context, auth.Identity, auth.Verb, store.Key) error {
	panic("secret")
}
func (panicking) VisibleNamespaces(context.Context, auth.Identity, auth.Candidates) (auth.Visible, error) {
	panic("secret")
}

// TestHandler_AnswersAfterAPanic is mcp-go bug 13: in a prompt handler, in a hook, and in a load on its own goroutine.
func TestHandler_AnswersAfterAPanic(t *testing.T) {
	t.Parallel()
	broken := start(t, greeting(), func(d *Deps) { d.Authorizer = panicking{} })
	source := greeting()
	source.Gate(func() { panic("secret") })
	loading := start(t, source)
	for name, tc := range map[string]struct {
		replica *replica
		request request
	}{
		"prompts/get":  {broken, getPrompt("it.greeting", nil)},
		"prompts/list": {broken, request{RPC: "prompts/list"}},
		"a load":       {loading, getPrompt("it.greeting", nil)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got, want := tc.replica.Send(t, tc.request).Failure(t), "200 -32603 internal error"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}
