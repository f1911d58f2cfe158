package transport_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/server/transport"
)

// dial is a connection to a replica for what no client of HTTP would do.
func (r *replica) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(r.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// TestReadBody_TimesOut: a body that is announced and does not come does not hold a connection.
func TestReadBody_TimesOut(t *testing.T) {
	t.Parallel()
	replica := workshop(t, func(c *transport.Config) { c.WriteTimeout = time.Second })
	for name, header := range map[string]string{"a length": "Content-Length: 10", "chunks": "Transfer-Encoding: chunked"} {
		conn := replica.dial(t)
		_, err := fmt.Fprintf(conn, "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n%s\r\n\r\n", header)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn) // to the end: the server closes
		if err != nil {
			t.Errorf("%s: the connection is still open: %v", name, err)
		}
		if !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") || !strings.Contains(string(answer), "the body did not arrive whole") {
			t.Errorf("%s: got %s", name, answer)
		}
	}
}

// TestHandler_ClientThatDoesNotRead: one that asks on and on and accepts no answer is let go.
func TestHandler_ClientThatDoesNotRead(t *testing.T) {
	t.Parallel()
	long := mcp.NewGetPromptResult(strings.Repeat("x", 100<<10), []mcp.PromptMessage{})
	replica := workshop(t, func(c *transport.Config) {
		c.WriteTimeout = 100 * time.Millisecond
		c.Server.Methods[mcp.MethodPromptsGet] = transport.Method{Answer: func(context.Context, *transport.Call) (any, error) { return long, nil }}
	})
	for name, asked := range map[string]string{
		"answers":       ask(`{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"support.hidden"}}`),
		"refusals":      "GET /mcp HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"notifications": ask(`{"jsonrpc":"2.0","method":"notifications/initialized"}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := replica.dial(t)
			many := strings.Repeat(asked, max(1, 64<<10/len(asked)))
			var err error
			for err == nil { // until both sides are full, and then until the server closes
				if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
					t.Fatal(err)
				}
				_, err = io.WriteString(conn, many)
			}
			if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
				t.Error("the server waits for a client that reads nothing")
			}
		})
	}
}

// ask is a request of an older client as it is on the wire.
func ask(body string) string {
	return fmt.Sprintf("POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// offered notes how much room the first read of a body was given.
type offered struct {
	io.Reader
	room int
}

func (o *offered) Read(p []byte) (int, error) {
	if o.room == 0 {
		o.room = len(p)
	}
	return o.Reader.Read(p)
}

// TestReadBody_AnnouncedLengthTakesNoRoom before it is there.
func TestReadBody_AnnouncedLengthTakesNoRoom(t *testing.T) {
	t.Parallel()
	replica := workshop(t)
	message := request{RPC: "ping", Legacy: true}.Message(t)
	message += strings.Repeat(" ", 3<<20)
	body := &offered{Reader: strings.NewReader(message)}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/mcp", io.NopCloser(body))
	r.ContentLength = int64(len(message))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	replica.endpoint.ServeHTTP(w, r)
	if w.Code != http.StatusOK || w.Body.String() != `{"jsonrpc":"2.0","id":1,"result":{}}` {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	if body.room > 1<<20 {
		t.Errorf("%d bytes were made ready for a body that had not come", body.room)
	}
}

// TestListen_KeepsNoBodies: what asked for a stream is not held while it is open. It runs alone, for
// it looks at the memory of the process.
func TestListen_KeepsNoBodies(t *testing.T) {
	replica := workshop(t, func(c *transport.Config) { c.StreamsPerCaller = 1 << 20 })
	held := func() int64 {
		for range 3 { // pools let go at the second
			runtime.GC()
		}
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapAlloc)
	}
	q := request{RPC: "subscriptions/listen", Params: map[string]any{"notifications": map[string]any{"promptsListChanged": true}}}
	message := strings.TrimSuffix(q.Message(t), "}") + `,"other":"` + strings.Repeat("x", 1<<20) + `"}` + strings.Repeat(" ", 1<<20)
	asked := strings.Replace(ask(message), "Content-Type", "Mcp-Protocol-Version: 2026-07-28\r\nMcp-Method: subscriptions/listen\r\nContent-Type", 1)
	listen := func() { // on a bare connection: a client of HTTP holds what it sent
		conn := replica.dial(t)
		if _, err := io.WriteString(conn, asked); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(conn)
		for !strings.Contains(lines.Text(), "subscriptions/acknowledged") {
			if !lines.Scan() {
				t.Fatalf("no stream: %v", lines.Err())
			}
		}
	}
	listen()
	before := held()
	const streams = 20
	for range streams {
		listen()
	}
	if got := replica.endpoint.OpenStreams(); got != streams+1 {
		t.Fatalf("%d streams are open", got)
	}
	if got := replica.endpoint.FreeBytes(); got != transport.DefaultBodyBudget/4*3 {
		t.Errorf("open streams leave %d bytes for bodies", got)
	}
	if each := (held() - before) / streams; each > 256<<10 {
		t.Errorf("a stream holds %d KiB", each>>10)
	}
}
