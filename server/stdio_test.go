package server

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
	"github.com/lectern-dev/lectern/server/transport"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// console is a client that started the server: what it writes the server reads.
type console struct {
	io.WriteCloser
	out   *io.PipeReader
	lines *bufio.Reader
	// asked has what is known of requests, by id.
	asked map[string][2]string
	// end ends the server, and ended is what it returned.
	end   context.CancelFunc
	ended chan error
}

// console connects to a replica by pipes, until the test ends.
func (r *replica) console(tb testing.TB, namespace string) *console {
	tb.Helper()
	stdin, in := io.Pipe()
	out, stdout := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	c := &console{WriteCloser: in, out: out, lines: bufio.NewReader(out), asked: make(map[string][2]string), end: cancel, ended: make(chan error, 1)}
	go func() {
		c.ended <- r.endpoint.ServeStdio(ctx, auth.Identity{Subject: "local:anna"}, namespace, stdin, stdout)
	}()
	tb.Cleanup(func() {
		cancel()
		_ = in.Close()
		_ = out.Close()
	})
	return c
}

func (c *console) say(tb testing.TB, lines ...string) {
	tb.Helper()
	for _, line := range lines {
		c.write(tb, line+"\n")
	}
}

// write is say without an end of the line.
func (c *console) write(tb testing.TB, line string) {
	tb.Helper()
	if id := idOf([]byte(line)); id != "" {
		method, revision := transporttest.RequestInfo(nil, []byte(line))
		c.asked[id] = [2]string{method, revision}
	}
	if _, err := io.WriteString(c, line); err != nil {
		tb.Fatal(err)
	}
}

// next is the next line; empty at the end.
func (c *console) next(tb testing.TB) string {
	tb.Helper()
	defer time.AfterFunc(patience, func() { _ = c.out.CloseWithError(fmt.Errorf("nothing for %s", patience)) }).Stop()
	line, err := c.lines.ReadString('\n')
	if err != nil && err != io.EOF {
		tb.Fatal(err)
	}
	line = strings.TrimSuffix(line, "\n")
	if line == "" {
		return ""
	}
	asked, known := c.asked[idOf([]byte(line))]
	if !known {
		asked = [2]string{"", transporttest.Older}
		if strings.Contains(line, "subscriptionId") {
			asked[1] = transporttest.Newest
		}
	}
	if err := witness().Check(asked[1], asked[0], []byte(line)); err != nil {
		tb.Errorf("the answer to %s breaks the schema\n%s\n%v", asked[0], line, err)
	}
	return line
}

// idOf is the id of a message as it is written; empty without one.
func idOf(message []byte) string {
	var identified struct{ ID json.RawMessage }
	_ = json.Unmarshal(message, &identified) // what is no message has none
	return string(identified.ID)
}

// over is what the server returned at its end.
func (c *console) over(tb testing.TB) string {
	tb.Helper()
	select {
	case err := <-c.ended:
		return fmt.Sprint(err)
	case <-time.After(patience):
		tb.Fatal("the server does not end")
		return ""
	}
}

const initialize = `{"jsonrpc":"2.0","id":"init","method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"old","version":"1"}}}`

func initialized(server, capabilities string) string {
	return `{"jsonrpc":"2.0","id":"init","result":{"protocolVersion":"2025-06-18","capabilities":` + capabilities + `,"serverInfo":` + server + `}}`
}

// TestStdioOfOlderClients from the handshake to the end of the input, with news of what changed: they have a
// channel here.
func TestStdioOfOlderClients(t *testing.T) {
	t.Parallel()
	author := library(t)
	replica := start(t, author)
	require.Until(t, "ready", func() bool { return replica.catalog.CheckReady() == nil })
	c := replica.console(t, "it")
	c.say(t, initialize)
	if got := c.next(t); !strings.Contains(got, `"protocolVersion":"2025-06-18"`) || !strings.Contains(got, `"prompts":{"listChanged":true}`) {
		t.Errorf("initialize: %s", got)
	}
	c.say(t, `{"jsonrpc":"2.0","method":"notifications/initialized"}`, "", `  {"jsonrpc":"2.0","id":1,"method":"prompts/list"}  `)
	same(t, `{"jsonrpc":"2.0","id":1,"result":{"prompts":[{"name":"greeting"}]}}`, c.next(t))
	c.say(t, `{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}`)
	same(t, `{"jsonrpc":"2.0","id":9007199254740993,"result":{}}`, c.next(t))
	author.Publish(plainKey, catalogtest.Text("Hello again."))
	same(t, `{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}`, c.next(t))
	c.say(t, `{"jsonrpc":"2.0","id":2,"method":"prompts/get","params":{"name":"greeting"}}`)
	if got := c.next(t); !strings.Contains(got, `"text":"Hello again."`) {
		t.Errorf("prompts/get: %s", got)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	same(t, "", c.next(t))
	same(t, "<nil>", c.over(t))
	require.Until(t, "no stream is open", func() bool { return replica.endpoint.OpenStreams() == 0 })
}

// writer is an io.Writer.
type writer func(line string)

func (w writer) Write(line []byte) (int, error) {
	w(string(line))
	return len(line), nil
}

// TestStdioTellsNobodyWhoIsNotAnswered: what changes meanwhile comes after the result of initialize.
func TestStdioTellsNobodyWhoIsNotAnswered(t *testing.T) {
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

// TestStdioOfNewerClients: no handshake, streams for what they ask for, progress beside them.
func TestStdioOfNewerClients(t *testing.T) {
	t.Parallel()
	replica := workshop(t, onlyPrompts)
	c := replica.console(t, "")
	message := func(id string, q request) string {
		q.id = id
		return q.message(t)
	}
	c.say(t, message("1", request{rpc: "subscriptions/listen", params: map[string]any{
		"notifications": map[string]any{"resourceSubscriptions": []string{"prompt://it/greeting", "sdp://1"}},
	}}))
	same(t, tagged("1", "subscriptions/acknowledged", `,"notifications":{"resourceSubscriptions":["prompt://it/greeting"]}`), c.next(t))
	q := callTool("progress", map[string]any{"count": 1})
	q.meta = map[string]any{"progressToken": json.RawMessage(bigToken)}
	c.say(t, message("2", q))
	event := strings.TrimPrefix(strings.TrimSpace(progressed(bigToken, 0)), "event: message\ndata: ")
	same(t, event, c.next(t))
	same(t, `{"jsonrpc":"2.0","id":2,`+doneResult, c.next(t))
	replica.endpoint.NotifyResourceUpdated("prompt://it/greeting", everybody)
	same(t, updated("1", "prompt://it/greeting"), c.next(t))
	c.say(t, message("3", request{rpc: "initialize"}))
	same(t, `{"jsonrpc":"2.0","id":3,"error":{"code":-32601,"message":"\"initialize\" was removed in protocol version 2026-07-28"}}`, c.next(t))
	c.end()
	same(t, `{"jsonrpc":"2.0","id":1,"result":{"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"workshop","version":"v0"},`+
		`"io.modelcontextprotocol/subscriptionId":1},"resultType":"complete"}}`, c.next(t))
	same(t, "<nil>", c.over(t))
}

// TestStdioFollowsResources for older clients as well, which ask for one at a time.
func TestStdioFollowsResources(t *testing.T) {
	t.Parallel()
	replica := workshop(t, onlyPrompts)
	c := replica.console(t, "")
	ask := func(method, uri string) string {
		c.say(t, fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"resources/%s","params":{"uri":%q}}`, method, uri))
		return c.next(t)
	}
	const empty, unknown = `{"jsonrpc":"2.0","id":1,"result":{}}`, `{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no such resource, or not yours to read"}}`
	same(t, `{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"initialize comes first"}}`, ask("subscribe", "prompt://a/a"))
	c.say(t, initialize)
	same(t, initialized(`{"name":"workshop","version":"v0"}`,
		`{"logging":{},"prompts":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},"tools":{"listChanged":true},"completions":{}}`), c.next(t))
	same(t, unknown, ask("subscribe", "sdp://1"))
	same(t, empty, ask("subscribe", "prompt://a/a"))
	same(t, empty, ask("subscribe", "prompt://b/b"))
	same(t, empty, ask("unsubscribe", "prompt://a/a"))
	replica.endpoint.NotifyResourceUpdated("prompt://a/a", everybody)
	replica.endpoint.NotifyResourceUpdated("prompt://b/b", everybody)
	same(t, `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"prompt://b/b"}}`, c.next(t))
}

// TestStdioKeepsALevel: log messages are sent from the level an older client set on.
func TestStdioKeepsALevel(t *testing.T) {
	t.Parallel()
	replica := workshop(t)
	c := replica.console(t, "")
	call := `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"log"}}`
	logged := func(level string) string {
		return `{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"` + level + `","level":"` + level + `","logger":"workshop"}}`
	}
	done := `{"jsonrpc":"2.0","id":2,"result":{"content":[{"type":"text","text":"logged"}]}}`
	c.say(t, call)
	for _, want := range []string{logged("warning"), done} {
		same(t, want, c.next(t))
	}
	c.say(t, `{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"debug"}}`)
	same(t, `{"jsonrpc":"2.0","id":1,"result":{}}`, c.next(t))
	c.say(t, call)
	for _, want := range []string{logged("debug"), logged("warning"), done} {
		same(t, want, c.next(t))
	}
}

// TestStdioCancels is the other side of mcp-go bug 1: here there is one client, and its cancellations count. What is
// canceled is not answered.
func TestStdioCancels(t *testing.T) {
	t.Parallel()
	probe := newProbe()
	replica := workshop(t, func(c *transport.Config) { c.Server = everything(probe) })
	c := replica.console(t, "")
	wait := `{"jsonrpc":"2.0","id":"w","method":"tools/call","params":{"name":"wait"}}`
	c.say(t, wait)
	<-probe.begun
	c.say(t, `{"jsonrpc":"2.0","id":2,"method":"ping"}`, wait)
	got := []string{c.next(t), c.next(t)}
	slices.Sort(got)
	if diff := cmp.Diff([]string{
		`{"jsonrpc":"2.0","id":"w","error":{"code":-32600,"message":"a request with the id \"w\" is under way: give each its own"}}`,
		`{"jsonrpc":"2.0","id":2,"result":{}}`,
	}, got); diff != "" {
		t.Errorf("beside a call under way (-want +got)\n%s", diff)
	}
	c.say(t, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"other"}}`,
		`{"jsonrpc":"2.0","method":"notifications/cancelled","params":3}`,
		`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"w"}}`)
	<-probe.ended
	c.say(t, `{"jsonrpc":"2.0","id":3,"method":"ping"}`)
	same(t, `{"jsonrpc":"2.0","id":3,"result":{}}`, c.next(t))
}

// TestStdioRefuses what is no message, and goes on.
func TestStdioRefuses(t *testing.T) {
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
		"a batch":    {`[]`, failure("null", -32600, "a message is one JSON object of JSON-RPC; batches are not supported")},
		"id null":    {`{"jsonrpc":"2.0","id":null,"method":"ping"}`, failure("null", -32600, "id must be a string or an integer, of at most 256 bytes")},
		"no method":  {`{"jsonrpc":"2.0","id":7}`, failure("7", -32600, "method is missing")},
		"a line over 4 MiB": {
			`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"` + strings.Repeat("x", transport.DefaultBodyLimit) + `"}}`,
			failure("null", -32600, "the line is larger than 4194304 bytes"),
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
		c.say(t, tc.line)
		if diff := cmp.Diff(tc.want, c.next(t)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
	c.say(t, `{"jsonrpc":"2.0","id":3,"result":{}}`, `{"jsonrpc":"2.0","method":"notifications/any"}`, `{"jsonrpc":"2.0","id":"last","method":"ping"}`)
	same(t, `{"jsonrpc":"2.0","id":"last","result":{}}`, c.next(t))
}

// TestStdioAnswersWhatWasAskedBeforeTheEnd, the last line included, which need not end.
func TestStdioAnswersWhatWasAskedBeforeTheEnd(t *testing.T) {
	t.Parallel()
	replica := workshop(t)
	c := replica.console(t, "")
	var want []string
	for i := range 200 {
		c.say(t, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"wait","arguments":{"ms":%d}}}`, i, i%20))
		want = append(want, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"result":{"content":[{"type":"text","text":"waited"}]}}`, i))
	}
	c.write(t, `{"jsonrpc":"2.0","id":200,"method":"ping"}`)
	want = append(want, `{"jsonrpc":"2.0","id":200,"result":{}}`)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := c.next(t); line != ""; line = c.next(t) {
		got = append(got, line)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	same(t, "<nil>", c.over(t))
}

// TestStdioOfAClientThatDoesNotRead: neither work nor the end waits for it.
func TestStdioOfAClientThatDoesNotRead(t *testing.T) {
	t.Parallel()
	ping := `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	for name, tc := range map[string]struct {
		patience time.Duration
		end      func(*console)
		want     string
	}{
		"its patience ends":           {50 * time.Millisecond, func(*console) {}, "the client does not read"},
		"the server is told to end":   {10 * time.Second, func(c *console) { c.end() }, "<nil>"},
		"the client leaves":           {10 * time.Second, func(c *console) { _ = c.out.Close() }, "write to the client: io: read/write on closed pipe"},
		"the input ends, then it too": {10 * time.Second, func(c *console) { _ = c.Close(); _ = c.out.Close() }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			replica := workshop(t, func(c *transport.Config) { c.WriteTimeout = tc.patience })
			c := replica.console(t, "")
			c.say(t, ping, strings.Replace(ping, "1", "2", 1))
			tc.end(c)
			if got := c.over(t); tc.want != "" && got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

// TestStdioSaysThatItEnds to whoever asks meanwhile: they have not asked for too much.
func TestStdioSaysThatItEnds(t *testing.T) {
	t.Parallel()
	probe := newProbe()
	replica := workshop(t, func(c *transport.Config) { c.Server, c.DrainTimeout = everything(probe), patience })
	c := replica.console(t, "")
	stream := request{id: "1", rpc: "subscriptions/listen", params: map[string]any{"notifications": map[string]any{"toolsListChanged": true}}}
	c.say(t, stream.message(t))
	same(t, tagged("1", "subscriptions/acknowledged", `,"notifications":{"toolsListChanged":true}`), c.next(t))
	c.say(t, `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"wait"}}`) // or nothing is left to wait for
	<-probe.begun
	c.end()
	if got := c.next(t); !strings.HasPrefix(got, `{"jsonrpc":"2.0","id":1,"result":`) {
		t.Errorf("the end of the stream: %s", got)
	}
	c.say(t, `{"jsonrpc":"2.0","id":3,"method":"ping"}`)
	same(t, `{"jsonrpc":"2.0","id":3,"error":{"code":503,"message":"the server is ending","data":{"retryAfterSeconds":1}}}`, c.next(t))
	c.say(t, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":2}}`)
	same(t, "<nil>", c.over(t))
}
