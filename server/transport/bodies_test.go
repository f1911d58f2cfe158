package transport_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/transport"
)

// begin opens a request whose body is announced, and sends so much of it.
func (r *replica) begin(t *testing.T, announced, sent int) net.Conn {
	t.Helper()
	conn := r.dial(t)
	_, err := fmt.Fprintf(conn, "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		announced, strings.Repeat(" ", sent))
	require.NoError(t, err)
	return conn
}

// padded is a ping of some length.
func padded(t *testing.T, length int) string {
	t.Helper()
	message := request{RPC: "ping", Legacy: true}.Message(t)
	return message + strings.Repeat(" ", length-len(message))
}

const pong = `{"jsonrpc":"2.0","id":1,"result":{}}`

// TestReadBody_DropsTheStalled: whoever announces much and sends little keeps nobody waiting for longer than that may last,
// and those with little to say not at all.
func TestReadBody_DropsTheStalled(t *testing.T) {
	t.Parallel()
	replica := workshop(t, func(c *transport.Config) {
		c.BodyLimit, c.BodyBudget, c.StallTimeout, c.BudgetTimeout = 1<<20, 4<<20, 100*time.Millisecond, patience
	})
	var stalled []net.Conn
	for range 3 { // all there is for large ones
		stalled = append(stalled, replica.begin(t, 1<<20, 32<<10))
	}
	require.Until(t, "a large body has to wait", func() bool { return replica.endpoint.FreeBytes() == 0 })
	same(t, pong, replica.Send(t, request{RPC: "ping", Legacy: true}).Body)
	same(t, pong, replica.Send(t, request{Body: padded(t, 1<<20), Legacy: true}).Body)
	answers := make(chan string, len(stalled))
	var reading sync.WaitGroup
	for _, conn := range stalled {
		reading.Go(func() {
			const last = "send it again"
			var answer []byte
			for part := make([]byte, 4<<10); !bytes.Contains(answer, []byte(last)); {
				n, err := conn.Read(part)
				if answer = append(answer, part[:n]...); err != nil {
					break
				}
			}
			answers <- string(answer)
		})
	}
	isTold := false
	for range stalled { // one that was dropped; the others may still be waited for
		answer := <-answers
		if isTold = strings.HasPrefix(answer, "HTTP/1.1 408 ") && strings.Contains(answer, "the body made no progress while others waited, and was dropped; send it again"); isTold {
			break
		}
	}
	if !isTold {
		t.Error("nobody was told that they were dropped")
	}
	for _, conn := range stalled {
		_ = conn.Close()
	}
	reading.Wait()
	same(t, pong, replica.Send(t, request{Body: padded(t, 1<<20), Legacy: true, Chunked: true}).Body)
}

// TestReadBody_RefusesWhenFull: a body that finds no room for long is sent away with when to try again.
func TestReadBody_RefusesWhenFull(t *testing.T) {
	t.Parallel()
	probe := newProbe()
	replica := workshop(t, func(c *transport.Config) {
		c.Server, c.BodyLimit, c.BodyBudget, c.BudgetTimeout = everything(probe), 1<<20, 4<<20, 50*time.Millisecond
	})
	waiting := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"wait"}}`
	waiting += strings.Repeat(" ", 1<<20-len(waiting))
	for range 3 { // requests under way hold what they have read
		conn := replica.dial(t)
		_, err := io.WriteString(conn, ask(waiting))
		require.NoError(t, err)
		<-probe.begun
		defer func() { _ = conn.Close(); <-probe.ended }()
	}
	for _, chunked := range []bool{false, true} {
		got := replica.Send(t, request{Body: padded(t, 100<<10), Legacy: true, Chunked: chunked})
		same(t, "503 503 other requests take all the memory there is for requests; try again in 5 s", got.Failure(t))
		same(t, "5", got.Header.Get("Retry-After"))
	}
	same(t, pong, replica.Send(t, request{Body: padded(t, 16<<10), Legacy: true}).Body)
	out := &sink{}
	long := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":%q}}`, strings.Repeat("x", 60<<10))
	require.NoError(t, replica.endpoint.ServeStdio(t.Context(), auth.Identity{Subject: "local:anna"}, "", strings.NewReader(long+"\n"), out))
	same(t, `{"jsonrpc":"2.0","id":1,"error":{"code":503,"message":"other requests take all the memory there is for requests; `+
		`try again in 5 s","data":{"retryAfterSeconds":5}}}`+"\n", out.written.String())
	out = &sink{} // blanks take none
	require.NoError(t, replica.endpoint.ServeStdio(t.Context(), auth.Identity{Subject: "local:anna"}, "", strings.NewReader(padded(t, 100<<10)+"\n"), out))
	same(t, pong+"\n", out.written.String())
}

// TestReadBody_Whole: bodies of every size and kind arrive as they were sent.
func TestReadBody_Whole(t *testing.T) {
	t.Parallel()
	replica := workshop(t, func(c *transport.Config) {
		for i := range c.Server.Tools {
			c.Server.Tools[i].ArgumentBytes = 4 << 20
		}
	})
	for _, size := range []int{0, 1, 16<<10 - 200, 16 << 10, 16<<10 + 1, 64 << 10, 64<<10 + 1, 1 << 20, 3 << 20} {
		for _, chunked := range []bool{false, true} {
			text := strings.Repeat("0123456789abcdef", size/16+1)[:size]
			q := callTool("echo", map[string]any{"text": text})
			q.Chunked = chunked
			got := replica.Send(t, q)
			if got.Status != http.StatusOK || strings.Count(got.Body, `\"text\":\"`+text+`\"`) != 2 {
				t.Errorf("%d bytes, chunked %t: %d, %d bytes", size, chunked, got.Status, len(got.Body))
			}
		}
	}
}

// TestReadParams_RefusesLargeOnes before anything is made of them, by the limit of what they are for.
func TestReadParams_RefusesLargeOnes(t *testing.T) {
	t.Parallel()
	replica := workshop(t, func(c *transport.Config) {
		for i := range c.Server.Tools {
			c.Server.Tools[i].ArgumentBytes, c.Server.Tools[i].MemberBytes = 200<<10, map[string]int{"metadata": 96 << 10}
		}
	})
	long := strings.Repeat("x", 70<<10)
	const allowed = "bytes of JSON, and at most 65536 (64 KiB) are allowed; send less"
	of := func(method, member string) request {
		params := map[string]any{"name": "ask", "uri": "test://static", "level": "info"}
		params[member] = long
		return request{RPC: method, Params: params}
	}
	for name, tc := range map[string]struct {
		request request
		want    string
	}{
		"prompts/get":             {of("prompts/get", "x"), "the params of prompts/get are "},
		"prompts/list":            {of("prompts/list", "cursor"), "the params of prompts/list are "},
		"resources/read":          {of("resources/read", "y"), "the params of resources/read are "},
		"resources/list":          {of("resources/list", "cursor"), "the params of resources/list are "},
		"completion/complete":     {of("completion/complete", "ref"), "the params of completion/complete are "},
		"tools/list":              {of("tools/list", "cursor"), "the params of tools/list are "},
		"logging/setLevel":        {of("logging/setLevel", "x"), "the params of logging/setLevel are "},
		"initialize":              {of("initialize", "clientInfo"), "the params of initialize are "},
		"subscriptions/listen":    {of("subscriptions/listen", "notifications"), "the params of subscriptions/listen are "},
		"tools/call, beside them": {request{RPC: "tools/call", Params: map[string]any{"name": "echo", "requestState": long}}, "the params of tools/call are "},
		"_meta":                   {request{RPC: "ping", Legacy: true, Body: `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"a":"` + long + `"}}}`}, "params._meta is "},
		"a tool's arguments": {
			callTool("echo", map[string]any{"a": long + long + long}), fmt.Sprintf("the arguments of echo are %d bytes of JSON, and at most 204800 (200 KiB) are allowed; send less", 210<<10+8),
		},
		"one argument": {
			callTool("echo", map[string]any{"metadata": long + long}), fmt.Sprintf(`argument "metadata" is %d bytes of JSON, and at most 98304 (96 KiB) are allowed; send less`, 140<<10+2),
		},
	} {
		q := tc.request
		q.Header = map[string]string{"Mcp-Name": ""}
		q.Legacy = name != "subscriptions/listen"
		got := replica.Send(t, q).Failure(t)
		if !strings.Contains(got, "-32602 "+tc.want) || !strings.Contains(got, allowed) && !strings.Contains(tc.want, "allowed") {
			t.Errorf("%s: got %s", name, got)
		}
	}
	if got := replica.Send(t, callTool("echo", map[string]any{"a": long, "metadata": long[:64<<10]})); got.Status != http.StatusOK {
		t.Errorf("what is allowed: %d %.300s", got.Status, got.Body)
	}
}

// TestHandler_AnswersLongNamesShortly: what a client calls something is repeated to it in part.
func TestHandler_AnswersLongNamesShortly(t *testing.T) {
	t.Parallel()
	replica := workshop(t)
	long := strings.Repeat("\u00e9", 30<<10)
	header := map[string]string{"Mcp-Name": "x"}
	for name, q := range map[string]request{
		"a method":           {RPC: long, Legacy: true},
		"a tool":             {RPC: "tools/call", Legacy: true, Params: map[string]any{"name": long}},
		"a tool by a header": {RPC: "tools/call", Params: map[string]any{"name": long}, Header: header},
		"a resource":         {RPC: "resources/read", Params: map[string]any{"uri": long}, Header: header},
		"a prompt":           {RPC: "prompts/get", Legacy: true, Params: map[string]any{"name": long}},
		"a version":          {RPC: "tools/list", Meta: map[string]any{"io.modelcontextprotocol/protocolVersion": "3" + long}, Header: map[string]string{"Mcp-Protocol-Version": ""}},
		"an argument":        {RPC: "prompts/get", Legacy: true, Params: map[string]any{"name": "ask", "arguments": map[string]any{long: 3}}},
	} {
		got := replica.Send(t, q)
		if !strings.Contains(got.Body, `"error":`) || len(got.Body) > 3<<10 {
			t.Errorf("%s: %d bytes: %.200s", name, len(got.Body), got.Body)
		}
		c := replica.console(t, "")
		c.Say(t, q.Message(t))
		if line := c.Next(t); !strings.Contains(line, `"error":`) || len(line) > 3<<10 {
			t.Errorf("%s, on a pipe: %d bytes: %.200s", name, len(line), line)
		}
	}
}

// TestRespond_LargeAnswersTakeTurns: who takes a large answer up keeps others from theirs only as long as there is progress.
func TestRespond_LargeAnswersTakeTurns(t *testing.T) {
	t.Parallel()
	for _, stalls := range []bool{true, false} {
		replica := workshop(t, func(c *transport.Config) {
			for i := range c.Server.Tools {
				c.Server.Tools[i].ArgumentBytes = 4 << 20
			}
			c.AnswerBudget, c.WriteTimeout, c.StallTimeout, c.BudgetTimeout = 1<<20, time.Hour, 50*time.Millisecond, time.Hour
			if !stalls {
				c.StallTimeout, c.BudgetTimeout = time.Hour, 50*time.Millisecond
			}
		})
		q := callTool("echo", map[string]any{"text": strings.Repeat("0123456789abcdef", 150_000)})
		q.Legacy = true
		conn := replica.dial(t)
		_, err := io.WriteString(conn, ask(q.Message(t)))
		require.NoError(t, err)
		_, err = conn.Read(make([]byte, 1)) // it has its turn, and takes no more
		require.NoError(t, err)
		for _, accept := range []string{"application/json, text/event-stream", "text/event-stream"} {
			q.Header = map[string]string{"Accept": accept}
			got := replica.Send(t, q)
			if stalls {
				if len(got.Body) < 4<<20 {
					t.Errorf("%s: %d %.300s", accept, got.Status, got.Body)
				}
			} else if !strings.Contains(got.Body, "other requests take all the memory there is for requests; try again in 5 s") {
				t.Errorf("%s: %d %.300s", accept, got.Status, got.Body)
			}
		}
	}
}
