package transport_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/transport"
)

func initialized(server, capabilities string) string {
	return `{"jsonrpc":"2.0","id":"init","result":{"protocolVersion":"2025-06-18","capabilities":` + capabilities + `,"serverInfo":` + server + `}}`
}

// writer is an io.Writer.
type writer func(line string)

func (w writer) Write(line []byte) (int, error) {
	w(string(line))
	return len(line), nil
}

// TestServeStdio_TellsNobodyWhoIsNotAnswered: what changes meanwhile comes after the result of initialize.
func TestServeStdio_TellsNobodyWhoIsNotAnswered(t *testing.T) {
	t.Parallel()
	replica := workshop(t)
	var answered []string
	out := writer(func(line string) {
		answered = append(answered, fmt.Sprintf("with %d streams: %.28s", replica.endpoint.OpenStreams(), line))
	})
	require.NoError(t, replica.endpoint.ServeStdio(t.Context(), auth.Identity{Subject: "local:anna"}, "", strings.NewReader(initialize), out))
	if diff := cmp.Diff([]string{`with 0 streams: {"jsonrpc":"2.0","id":"init"`}, answered); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestServeStdio_NewerClients: no handshake, streams for what they ask for, progress beside them.
func TestServeStdio_NewerClients(t *testing.T) {
	t.Parallel()
	replica := workshop(t, onlyPrompts)
	c := replica.console(t, "")
	message := func(id string, q request) string {
		q.ID = id
		return q.Message(t)
	}
	c.Say(t, message("1", request{RPC: "subscriptions/listen", Params: map[string]any{
		"notifications": map[string]any{"resourceSubscriptions": []string{"prompt://it/greeting", "sdp://1"}},
	}}))
	same(t, tagged("1", "subscriptions/acknowledged", `,"notifications":{"resourceSubscriptions":["prompt://it/greeting"]}`), c.Next(t))
	q := callTool("progress", map[string]any{"count": 1})
	q.Meta = map[string]any{"progressToken": json.RawMessage(bigToken)}
	c.Say(t, message("2", q))
	event := strings.TrimPrefix(strings.TrimSpace(progressed(bigToken, 0)), "event: message\ndata: ")
	same(t, event, c.Next(t))
	same(t, `{"jsonrpc":"2.0","id":2,`+doneResult, c.Next(t))
	replica.endpoint.NotifyResourceUpdated("prompt://it/greeting", everybody)
	same(t, updated("1", "prompt://it/greeting"), c.Next(t))
	c.Say(t, message("3", request{RPC: "initialize"}))
	same(t, `{"jsonrpc":"2.0","id":3,"error":{"code":-32601,"message":"\"initialize\" was removed in protocol version 2026-07-28"}}`, c.Next(t))
	c.End()
	same(t, `{"jsonrpc":"2.0","id":1,"result":{"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"workshop","version":"v0"},`+
		`"io.modelcontextprotocol/subscriptionId":1},"resultType":"complete"}}`, c.Next(t))
	same(t, "<nil>", c.Wait(t))
}

// TestServeStdio_FollowsResources for older clients as well, which ask for one at a time.
func TestServeStdio_FollowsResources(t *testing.T) {
	t.Parallel()
	replica := workshop(t, onlyPrompts)
	c := replica.console(t, "")
	ask := func(method, uri string) string {
		c.Say(t, fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"resources/%s","params":{"uri":%q}}`, method, uri))
		return c.Next(t)
	}
	const empty, unknown = `{"jsonrpc":"2.0","id":1,"result":{}}`, `{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no such resource, or not yours to read"}}`
	same(t, `{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"initialize comes first"}}`, ask("subscribe", "prompt://a/a"))
	c.Say(t, initialize)
	same(t, initialized(`{"name":"workshop","version":"v0"}`,
		`{"logging":{},"prompts":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},"tools":{"listChanged":true},"completions":{}}`), c.Next(t))
	same(t, unknown, ask("subscribe", "sdp://1"))
	same(t, empty, ask("subscribe", "prompt://a/a"))
	same(t, empty, ask("subscribe", "prompt://b/b"))
	same(t, empty, ask("unsubscribe", "prompt://a/a"))
	replica.endpoint.NotifyResourceUpdated("prompt://a/a", everybody)
	replica.endpoint.NotifyResourceUpdated("prompt://b/b", everybody)
	same(t, `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"prompt://b/b"}}`, c.Next(t))
}

// TestServeStdio_KeepsALogLevel: log messages are sent from the level an older client set on.
func TestServeStdio_KeepsALogLevel(t *testing.T) {
	t.Parallel()
	replica := workshop(t)
	c := replica.console(t, "")
	call := `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"log"}}`
	logged := func(level string) string {
		return `{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"` + level + `","level":"` + level + `","logger":"workshop"}}`
	}
	done := `{"jsonrpc":"2.0","id":2,"result":{"content":[{"type":"text","text":"logged"}]}}`
	c.Say(t, call)
	for _, want := range []string{logged("warning"), done} {
		same(t, want, c.Next(t))
	}
	c.Say(t, `{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"debug"}}`)
	same(t, `{"jsonrpc":"2.0","id":1,"result":{}}`, c.Next(t))
	c.Say(t, call)
	for _, want := range []string{logged("debug"), logged("warning"), done} {
		same(t, want, c.Next(t))
	}
}

// TestServeStdio_Cancels is the other side of mcp-go bug 1: here there is one client, and its cancellations count. What is
// canceled is not answered.
func TestServeStdio_Cancels(t *testing.T) {
	t.Parallel()
	probe := newProbe()
	replica := workshop(t, func(c *transport.Config) { c.Server = everything(probe) })
	c := replica.console(t, "")
	wait := `{"jsonrpc":"2.0","id":"w","method":"tools/call","params":{"name":"wait"}}`
	c.Say(t, wait)
	<-probe.begun
	c.Say(t, `{"jsonrpc":"2.0","id":2,"method":"ping"}`, wait)
	got := []string{c.Next(t), c.Next(t)}
	slices.Sort(got)
	if diff := cmp.Diff([]string{
		`{"jsonrpc":"2.0","id":"w","error":{"code":-32600,"message":"a request with the id \"w\" is under way: give each its own"}}`,
		`{"jsonrpc":"2.0","id":2,"result":{}}`,
	}, got); diff != "" {
		t.Errorf("beside a call under way (-want +got)\n%s", diff)
	}
	c.Say(t, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"other"}}`,
		`{"jsonrpc":"2.0","method":"notifications/cancelled","params":3}`,
		`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"w"}}`)
	<-probe.ended
	c.Say(t, `{"jsonrpc":"2.0","id":3,"method":"ping"}`)
	same(t, `{"jsonrpc":"2.0","id":3,"result":{}}`, c.Next(t))
}

// TestServeStdio_Refuses what is no message, and goes on.
func TestServeStdio_Refuses(t *testing.T) {
	t.Parallel()
	replica := workshop(t)
	c := replica.console(t, "")
	failure := func(id string, code int, message string) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":%q}}`, id, code, message)
	}
	for name, tc := range map[string]struct{ line, want string }{
		"no JSON":    {`{"jsonrpc":`, failure("null", -32700, "the message is not valid JSON")},
		"a log line": {`Listening on stdio`, failure("null", -32700, "the message is not valid JSON")},
		"deep JSON":  {strings.Repeat("[", 20_000), failure("null", -32700, "the message is nested too deeply")},
		"a batch":    {`[]`, failure("null", -32600, "a message is one JSON object of JSON-RPC; send the messages of a batch one by one, batches are not supported")},
		"id null":    {`{"jsonrpc":"2.0","id":null,"method":"ping"}`, failure("null", -32600, "id must be a string or a number, of at most 256 bytes")},
		"no method":  {`{"jsonrpc":"2.0","id":7}`, failure("7", -32600, "method is missing")},
		"a line over 4 MiB": {
			`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"` + strings.Repeat("x", transport.DefaultBodyLimit) + `"}}`,
			failure("null", -32600, "the line is larger than 4194304 bytes (4 MiB); send less"),
		},
		"an unknown method": {`{"jsonrpc":"2.0","id":1,"method":"prompts/burn"}`, failure("1", -32601, "Method prompts/burn not found")},
		"a version to come": {
			`{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2031-01-01"}}}`,
			`{"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"unsupported protocol version: \"2031-01-01\" (supported: [2026-07-28 2025-11-25 2025-06-18 2025-03-26 2024-11-05])",` +
				`"data":{"supported":["2026-07-28","2025-11-25","2025-06-18","2025-03-26","2024-11-05"],"requested":"2031-01-01"}}}`,
		},
		"no capabilities": {
			`{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`,
			failure("1", -32602, "missing or invalid _meta field io.modelcontextprotocol/clientCapabilities"),
		},
	} {
		c.Say(t, tc.line)
		if diff := cmp.Diff(tc.want, c.Next(t)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
	c.Say(t, `{"jsonrpc":"2.0","id":3,"result":{}}`, `{"jsonrpc":"2.0","method":"notifications/any"}`, `{"jsonrpc":"2.0","id":"last","method":"ping"}`)
	same(t, `{"jsonrpc":"2.0","id":"last","result":{}}`, c.Next(t))
}

// TestServeStdio_AnswersWhatWasAskedBeforeTheEnd, the last line included, which need not end.
func TestServeStdio_AnswersWhatWasAskedBeforeTheEnd(t *testing.T) {
	t.Parallel()
	replica := workshop(t)
	c := replica.console(t, "")
	var want []string
	for i := range 200 {
		c.Say(t, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"wait","arguments":{"ms":%d}}}`, i, i%20))
		want = append(want, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":{"content":[{"type":"text","text":"waited"}]}}`, i))
	}
	c.SayPart(t, `{"jsonrpc":"2.0","id":200,"method":"ping"}`)
	want = append(want, `{"jsonrpc":"2.0","id":200,"result":{}}`)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := c.Next(t); line != ""; line = c.Next(t) {
		got = append(got, line)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	same(t, "<nil>", c.Wait(t))
}

// TestServeStdio_ClientThatDoesNotRead: neither work nor the end waits for it.
func TestServeStdio_ClientThatDoesNotRead(t *testing.T) {
	t.Parallel()
	ping := `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	for name, tc := range map[string]struct {
		patience time.Duration
		end      func(*console)
		want     string
	}{
		"its patience ends":           {50 * time.Millisecond, func(*console) {}, "the client does not read"},
		"the server is told to end":   {patience, func(c *console) { c.End() }, "<nil>"},
		"the client leaves":           {patience, func(c *console) { _ = c.Out.Close() }, "write to the client: io: read/write on closed pipe"},
		"the input ends, then it too": {patience, func(c *console) { _ = c.Close(); _ = c.Out.Close() }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			replica := workshop(t, func(c *transport.Config) { c.WriteTimeout, c.DrainTimeout = tc.patience, 50*time.Millisecond })
			c := replica.console(t, "")
			c.Say(t, ping, strings.Replace(ping, "1", "2", 1))
			tc.end(c)
			if got := c.Wait(t); tc.want != "" && got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

// TestServeStdio_SaysThatItEnds to whoever asks meanwhile: they have not asked for too much.
func TestServeStdio_SaysThatItEnds(t *testing.T) {
	t.Parallel()
	probe := newProbe()
	replica := workshop(t, func(c *transport.Config) { c.Server, c.DrainTimeout = everything(probe), patience })
	c := replica.console(t, "")
	stream := request{ID: "1", RPC: "subscriptions/listen", Params: map[string]any{"notifications": map[string]any{"toolsListChanged": true}}}
	c.Say(t, stream.Message(t))
	same(t, tagged("1", "subscriptions/acknowledged", `,"notifications":{"toolsListChanged":true}`), c.Next(t))
	c.Say(t, `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"wait"}}`) // or nothing is left to wait for
	<-probe.begun
	c.End()
	if got := c.Next(t); !strings.HasPrefix(got, `{"jsonrpc":"2.0","id":1,"result":`) {
		t.Errorf("the end of the stream: %s", got)
	}
	c.Say(t, `{"jsonrpc":"2.0","id":3,"method":"ping"}`)
	same(t, `{"jsonrpc":"2.0","id":3,"error":{"code":503,"message":"the server is ending","data":{"retryAfterSeconds":1}}}`, c.Next(t))
	c.Say(t, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}`)
	same(t, "<nil>", c.Wait(t))
}
