package transport_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/transport"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

const (
	doneResult = `"result":{"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"workshop","version":"v0"}},` +
		`"content":[{"type":"text","text":"done"}],"resultType":"complete"}}`
	bigToken = "9007199254740993"
)

func progressed(token string, i int) string {
	return fmt.Sprintf(`event: message`+"\n"+`data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":%d,"progressToken":%s}}`+"\n\n", i, token)
}

// TestProgress_ComesBeforeTheAnswer is mcp-go bug 2: nothing a handler sent is lost, however much and however late,
// and under the token as the client wrote it.
func TestProgress_ComesBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	replica := workshop(t)
	for _, count := range []int{1, 3, 1000} {
		for range 20 {
			q := callTool("progress", map[string]any{"count": count})
			q.Meta = map[string]any{"progressToken": json.RawMessage(bigToken)}
			reply := replica.Send(t, q)
			var want strings.Builder
			for i := range count {
				want.WriteString(progressed(bigToken, i))
			}
			want.WriteString("event: message\ndata: " + `{"jsonrpc":"2.0","id":1,` + doneResult + "\n\n")
			same(t, want.String(), reply.Body)
			same(t, "text/event-stream", reply.Header.Get("Content-Type"))
			same(t, "no", reply.Header.Get("X-Accel-Buffering"))
		}
	}
}

// TestProgress_OfOlderClients: they have their token in _meta as well.
func TestProgress_OfOlderClients(t *testing.T) {
	t.Parallel()
	replica := workshop(t)
	reply := replica.Send(t, request{Legacy: true, Body: `{"jsonrpc":"2.0","id":1,"method":"tools/call",` +
		`"params":{"name":"progress","arguments":{"count":2},"_meta":{"progressToken":"a"}}}`})
	same(t, progressed(`"a"`, 0)+progressed(`"a"`, 1)+
		"event: message\ndata: "+`{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"done"}]}}`+"\n\n", reply.Body)
}

// TestProgress_BadNotificationCostsNothingElse: neither the ones after it nor the answer.
func TestProgress_BadNotificationCostsNothingElse(t *testing.T) {
	t.Parallel()
	replica := workshop(t)
	q := callTool("stammer", nil)
	q.Meta = map[string]any{"progressToken": 7}
	same(t, progressed("7", 1)+"event: message\ndata: "+`{"jsonrpc":"2.0","id":1,`+doneResult+"\n\n", replica.Send(t, q).Body)
	c := replica.console(t, "")
	q.ID = "1"
	c.Say(t, q.Message(t))
	same(t, strings.TrimPrefix(strings.TrimSpace(progressed("7", 1)), "event: message\ndata: "), c.Next(t))
	same(t, `{"jsonrpc":"2.0","id":1,`+doneResult, c.Next(t))
}

// TestNotifications_OnlyWhereAskedFor: without a token, a level or an Accept of events a call has one answer.
func TestNotifications_OnlyWhereAskedFor(t *testing.T) {
	t.Parallel()
	replica := workshop(t)
	for name, q := range map[string]request{
		"no token":      callTool("progress", nil),
		"no level":      callTool("log", nil),
		"a level above": {RPC: "tools/call", Params: map[string]any{"name": "log"}, Meta: map[string]any{"io.modelcontextprotocol/logLevel": "error"}},
		"no Accept of events": {
			RPC: "tools/call", Params: map[string]any{"name": "progress", "arguments": map[string]any{"count": 1000}},
			Meta: map[string]any{"progressToken": 1}, Header: map[string]string{"Accept": "application/json"},
		},
	} {
		reply := replica.Send(t, q)
		if reply.Status != http.StatusOK || reply.Header.Get("Content-Type") != "application/json" || !strings.Contains(reply.Body, `"resultType":"complete"`) {
			t.Errorf("%s: %d %s", name, reply.Status, reply.Body)
		}
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	replica := workshop(t)
	logged := func(level string) string {
		return "event: message\ndata: " + `{"jsonrpc":"2.0","method":"notifications/message","params":{"data":"` + level +
			`","level":"` + level + `","logger":"workshop"}}` + "\n\n"
	}
	for level, want := range map[string]string{"debug": logged("debug") + logged("warning"), "notice": logged("warning")} {
		q := callTool("log", nil)
		q.Meta = map[string]any{"io.modelcontextprotocol/logLevel": level}
		got, _, _ := strings.Cut(replica.Send(t, q).Body, "event: message\ndata: "+`{"jsonrpc":"2.0","id"`)
		same(t, want, got)
	}
}

// pipes is a listener without a network: in a bubble of synctest time passes only when the server and its
// client both wait.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	conn, open := <-p
	if !open {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (p pipes) Close() error { close(p); return nil }

func (pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	p <- server
	return client, nil
}

// TestToolsCall_CanceledByClosingTheResponse the call, and nothing else does: not the patience a body has.
func TestToolsCall_CanceledByClosingTheResponse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		probe, network := newProbe(), make(pipes)
		served := &http.Server{Handler: transport.New(transport.Config{
			Server: everything(probe), Authenticator: auth.NewNone("anna"), WriteTimeout: time.Second,
		})}
		go func() { _ = served.Serve(network) }()
		defer func() { require.NoError(t, served.Close()) }()
		client := &http.Client{Transport: &http.Transport{DialContext: network.dial}}
		defer client.CloseIdleConnections()
		replica := &replica{Remote: transporttest.Remote{URL: "http://localhost", HTTP: client}}
		if got := replica.Send(t, callTool("wait", map[string]any{"ms": 20_000})); !strings.Contains(got.Body, `"waited"`) {
			t.Errorf("a slow call: %d %s", got.Status, got.Body)
		}
		<-probe.begun
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			if response, err := client.Do(replica.NewRequest(t, ctx, callTool("wait", nil))); err == nil {
				_ = response.Body.Close()
				t.Error("the call was answered")
			}
		}()
		<-probe.begun
		cancel()
		<-gone
		synctest.Wait()
		select {
		case <-probe.ended:
		default:
			t.Error("the handler was not told")
		}
	})
}
