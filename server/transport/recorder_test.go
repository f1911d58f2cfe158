package transport_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/transport"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// ledger is a Recorder that keeps a line of each call, in the order they end.
type ledger struct {
	mu    sync.Mutex
	begun int
	lines []string
}

func (l *ledger) Begin(
	ctx context.Context, call *transport.Call, _ http.Header, _ transport.Trace, _ time.Time,
) (context.Context, func(*transport.Failure)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begun++
	if call.Method == "prompts/list" {
		return ctx, nil
	}
	client, version := call.ClientInfo()
	return ctx, func(f *transport.Failure) {
		l.mu.Lock()
		defer l.mu.Unlock()
		ended := "ok"
		switch {
		case f != nil:
			ended = fmt.Sprint(f.Code)
		case call.ToolError:
			ended = "tool error"
		}
		l.lines = append(l.lines, strings.TrimSpace(fmt.Sprintf("%s %s %s %s/%s", call.Method, call.Name, ended, client, version)))
	}
}

func (l *ledger) read() (begun int, lines []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.begun, append([]string(nil), l.lines...)
}

// whenWritten is a response whose first byte has the ledger read.
type whenWritten struct {
	http.ResponseWriter
	first func()
}

func (w *whenWritten) WriteHeader(status int) {
	w.first()
	w.ResponseWriter.WriteHeader(status)
}

func (w *whenWritten) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// watchedEndpoint is an endpoint of which somebody hears when an answer begins.
type watchedEndpoint struct {
	*transport.Handler
	first func()
}

func (e *watchedEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.Handler.ServeHTTP(&whenWritten{w, e.first}, r)
}

// TestHandler_RecordsBeforeItAnswers: each call ends in the recorder once, whatever becomes of it, before the first byte of its answer.
func TestHandler_RecordsBeforeItAnswers(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		request request
		want    string
	}{
		"a tool":                  {callTool("echo", nil), "tools/call echo ok test/1"},
		"one there is not":        {callTool("nothing", nil), "tools/call nothing -32602 test/1"},
		"arguments that are none": {request{RPC: "tools/call", Params: map[string]any{"name": "echo", "arguments": 3}}, "tools/call echo -32602 test/1"},
		"one that panics":         {callTool("panic", nil), "tools/call panic -32603 test/1"},
		"one that refuses":        {callTool("wrong", nil), "tools/call wrong tool error test/1"},
		"a resource":              {request{RPC: "resources/read", Params: map[string]any{"uri": "test://static"}}, "resources/read  ok test/1"},
		"a method there is not":   {request{RPC: "prompts/burn"}, "prompts/burn  -32601 test/1"},
		"an older client":         {request{RPC: "tools/call", Params: map[string]any{"name": "echo"}, Legacy: true}, "tools/call echo ok /"},
		"one that sends no version": {
			request{RPC: "tools/call", Params: map[string]any{"name": "echo"}, Meta: map[string]any{"io.modelcontextprotocol/protocolVersion": nil}},
			"tools/call echo -32602 test/1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kept := &ledger{}
			config := transport.Config{Server: everything(newProbe()), Authenticator: auth.NewNone("anna"), Recorder: kept}
			endpoint := transport.New(config)
			var written []string
			remote := transporttest.Serve(t, &watchedEndpoint{endpoint, func() { _, written = kept.read() }})
			remote.Send(t, tc.request)
			_, lines := kept.read()
			if diff := cmp.Diff([]string{tc.want}, lines); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(lines, written); diff != "" {
				t.Errorf("when the answer began (-want +got)\n%s", diff)
			}
		})
	}
	t.Run("too many", func(t *testing.T) {
		t.Parallel()
		kept := &ledger{}
		replica := workshop(t, slow, func(c *transport.Config) { c.Recorder = kept })
		replica.Send(t, callTool("echo", nil))
		replica.Send(t, callTool("echo", nil))
		replica.Send(t, request{RPC: "prompts/list"})
		begun, lines := kept.read()
		if diff := cmp.Diff([]string{"tools/call echo ok test/1", "tools/call echo 429 test/1"}, lines); diff != "" || begun != 3 {
			t.Errorf("%d begun; (-want +got)\n%s", begun, diff)
		}
	})
}

// TestServeStdio_Records: so does a call on a pipe, canceled or with the id of another, and an older client is known by what it said first.
func TestServeStdio_Records(t *testing.T) {
	t.Parallel()
	kept := &ledger{}
	p := newProbe()
	replica := workshop(t, func(c *transport.Config) { c.Recorder, c.Server = kept, everything(p) })
	c := replica.console(t, "")
	c.Say(t, initialize)
	c.Next(t)
	c.Say(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"wait"}}`)
	<-p.begun
	c.Say(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}}`)
	c.Next(t)
	c.Say(t, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
	<-p.ended
	c.Say(t, `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"echo"}}`)
	c.Next(t)
	c.End()
	c.Wait(t)
	_, lines := kept.read()
	counted := map[string]int{}
	for _, line := range lines {
		counted[line]++
	}
	var said struct {
		Params struct {
			ClientInfo struct{ Name, Version string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(initialize), &said))
	client := said.Params.ClientInfo.Name + "/" + said.Params.ClientInfo.Version
	want := map[string]int{
		"initialize  ok /": 1, "tools/call echo -32600 " + client: 1, "tools/call echo ok " + client: 1,
		"tools/call wait -32800 " + client: 1,
	}
	if diff := cmp.Diff(want, counted); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
