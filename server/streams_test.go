package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/auth/authtest"
	"github.com/lectern-dev/lectern/server/catalog"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// manyStreams lifts the limit of streams a caller may have.
func manyStreams(d *Deps) { d.StreamsPerCaller = 1 << 20 }

func acknowledged(id string) string {
	return `{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":` +
		id + `},"notifications":{"promptsListChanged":true}}}`
}

func changed(id string) string {
	return `{"jsonrpc":"2.0","method":"notifications/prompts/list_changed","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":` + id + `}}}`
}

func final(id string) string {
	return `{"jsonrpc":"2.0","id":` + id + `,"result":{"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"lectern","version":"v0.0.0-test","title":"Lectern"},` +
		`"io.modelcontextprotocol/subscriptionId":` + id + `},"resultType":"complete"}}`
}

// TestListen follows a stream from its acknowledgement to its end at shutdown. The id is one that a
// float cannot hold.
func TestListen(t *testing.T) {
	t.Parallel()
	author := library(t)
	replica := start(t, author)
	require.Until(t, "ready", func() bool { return replica.catalog.CheckReady() == nil })
	const id = "9007199254740993"
	stream := replica.Listen(t, request{ID: id})
	same(t, acknowledged(id), stream.Next(t))
	author.Publish(plainKey, catalogtest.Text("Hello again."))
	same(t, changed(id), stream.Next(t))
	if got := replica.Send(t, getPrompt("it.greeting", nil)).Text(t); got != "Hello again." {
		t.Errorf("after the notification the prompt is still %q", got)
	}
	replica.endpoint.Stop()
	same(t, final(id), stream.Next(t))
	same(t, "", stream.Next(t))
	require.Until(t, "no stream is open", func() bool { return replica.endpoint.OpenStreams() == 0 })
}

// TestListen_OneNamespace: a change elsewhere is not told. What was told would come before the end.
func TestListen_OneNamespace(t *testing.T) {
	t.Parallel()
	author := library(t)
	replica := start(t, author)
	require.Until(t, "ready", func() bool { return replica.catalog.CheckReady() == nil })
	all := replica.Listen(t, request{})
	same(t, acknowledged("1"), all.Next(t))
	narrow := replica.Listen(t, request{Path: "/mcp/support"})
	same(t, acknowledged("1"), narrow.Next(t))
	author.Delete(hiddenKey)
	same(t, changed("1"), all.Next(t))
	same(t, changed("1"), narrow.Next(t))
	author.Publish(plainKey, catalogtest.Text("New."))
	same(t, changed("1"), all.Next(t))
	replica.endpoint.Stop()
	same(t, final("1"), all.Next(t))
	same(t, final("1"), narrow.Next(t))
}

// asked allows one namespace, and counts the decisions.
type asked struct {
	authtest.OnlyNamespace
	allow, visible atomic.Int32
}

func (a *asked) Authorize(ctx context.Context, identity auth.Identity, verb auth.Verb, key store.Key) error {
	defer a.allow.Add(1)
	return a.OnlyNamespace.Authorize(ctx, identity, verb, key)
}

func (a *asked) VisibleNamespaces(ctx context.Context, identity auth.Identity, candidates auth.Candidates) (auth.Visible, error) {
	defer a.visible.Add(1)
	return a.OnlyNamespace.VisibleNamespaces(ctx, identity, candidates)
}

// TestListen_TellsNothingOfWhatMayNotBeListed: a caller who may list one namespace hears of it, and
// not that there are others.
func TestListen_TellsNothingOfWhatMayNotBeListed(t *testing.T) {
	t.Parallel()
	author := library(t)
	decider := &asked{OnlyNamespace: authtest.OnlyNamespace{Namespace: "it"}}
	replica := start(t, author, func(d *Deps) { d.Authorizer = decider })
	require.Until(t, "ready", func() bool { return replica.catalog.CheckReady() == nil })
	all := replica.Listen(t, request{})
	same(t, acknowledged("1"), all.Next(t))
	forbidden := replica.Listen(t, request{Path: "/mcp/support"})
	same(t, acknowledged("1"), forbidden.Next(t))
	author.Publish(plainKey, catalogtest.Text("New."))
	same(t, changed("1"), all.Next(t))
	author.Delete(hiddenKey)
	// Of each change is asked whether all may be listed, and whether its namespace may; at the endpoint of a namespace only
	// of its own.
	require.Until(t, "both streams were decided about", func() bool { return decider.allow.Load() == 5 })
	replica.endpoint.Stop()
	same(t, final("1"), all.Next(t))
	same(t, final("1"), forbidden.Next(t))
}

// TestListen_EndsAtShutdown is mcp-go bug 9: all end with a final result, and so does one that comes late.
func TestListen_EndsAtShutdown(t *testing.T) {
	t.Parallel()
	replica := start(t, greeting(), manyStreams)
	streams := make([]*stream, 50)
	for i := range streams {
		streams[i] = replica.Listen(t, request{ID: fmt.Sprint(i)})
		same(t, acknowledged(fmt.Sprint(i)), streams[i].Next(t))
	}
	replica.endpoint.Stop()
	for i, stream := range streams {
		same(t, final(fmt.Sprint(i)), stream.Next(t))
		same(t, "", stream.Next(t))
	}
	require.Until(t, "no stream is open", func() bool { return replica.endpoint.OpenStreams() == 0 })
	late := replica.Listen(t, request{ID: `"late"`})
	same(t, acknowledged(`"late"`), late.Next(t))
	same(t, final(`"late"`), late.Next(t))
}

// TestListen_EndsWithTheServer is mcp-go bug 9 for the server as it runs: told to end, it lets go of 50 streams in
// order, connections included, and cuts none off.
func TestListen_EndsWithTheServer(t *testing.T) {
	t.Parallel()
	prompts := catalog.New(greeting(), catalog.Options{})
	nobody := auth.NewNone("anna")
	deps := Deps{Catalog: prompts, Authenticator: nobody, Authorizer: nobody, Version: "v0.0.0-test"}
	manyStreams(&deps)
	endpoint := NewHandler(deps)
	opts := Options{Addresses: []string{testenv.FreeAddress(t)}}
	running := &service{opts: &opts, endpoint: endpoint, mcp: endpoint, drain: new(drain), log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- running.serveAll(ctx) }()
	r := &replica{Remote: transporttest.Remote{URL: "http://" + opts.Addresses[0], HTTP: &http.Client{Transport: &http.Transport{}}}}
	t.Cleanup(r.HTTP.CloseIdleConnections)
	require.Until(t, "it listens", func() bool {
		conn, err := net.Dial("tcp", opts.Addresses[0])
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	streams := make([]*stream, 50)
	for i := range streams {
		streams[i] = r.Listen(t, request{ID: fmt.Sprint(i)})
		same(t, acknowledged(fmt.Sprint(i)), streams[i].Next(t))
	}
	began := time.Now()
	cancel()
	for i, stream := range streams {
		same(t, final(fmt.Sprint(i)), stream.Next(t))
		same(t, "", stream.Next(t))
	}
	if err := <-ended; err != nil || time.Since(began) >= drainTimeout {
		t.Errorf("the server ended after %s with %v", time.Since(began), err)
	}
}

// TestListen_LosesNothingAtTheEnd is mcp-go bug 2: what was told before the end comes before the final result.
func TestListen_LosesNothingAtTheEnd(t *testing.T) {
	t.Parallel()
	source := greeting()
	for range 50 {
		replica := start(t, source, func(d *Deps) { d.AnnounceDelay = time.Nanosecond })
		stream := replica.Listen(t, request{})
		same(t, acknowledged("1"), stream.Next(t))
		replica.endpoint.NotifyPromptsChanged(func(context.Context, string) (bool, error) { return true, nil })
		replica.endpoint.Handler.Stop()
		same(t, changed("1"), stream.Next(t))
		same(t, final("1"), stream.Next(t))
	}
}

// TestListen_KeepAlive is mcp-go bug 9: a silent stream is not silent for long, and no proxy holds it back.
func TestListen_KeepAlive(t *testing.T) {
	t.Parallel()
	replica := start(t, library(t), func(d *Deps) { d.KeepAlive = 10 * time.Millisecond })
	q := request{RPC: "subscriptions/listen", Params: map[string]any{"notifications": map[string]any{"promptsListChanged": true}}}
	response := replica.Open(t, t.Context(), q)
	defer response.Body.Close()
	if got := response.Header.Get("X-Accel-Buffering"); got != "no" {
		t.Errorf("X-Accel-Buffering is %q", got)
	}
	stream := replica.Listen(t, request{})
	same(t, acknowledged("1"), stream.NextFrame(t))
	same(t, ": keep-alive", stream.NextFrame(t))
	same(t, ": keep-alive", stream.NextFrame(t))
}

// TestListen_ForgetsClientsThatLeave: closing the response ends the request.
func TestListen_ForgetsClientsThatLeave(t *testing.T) {
	t.Parallel()
	replica := start(t, library(t))
	stream := replica.Listen(t, request{})
	same(t, acknowledged("1"), stream.Next(t))
	if err := stream.Close(); err != nil {
		t.Fatal(err)
	}
	require.Until(t, "the stream is forgotten", func() bool { return replica.endpoint.OpenStreams() == 0 })
}

// TestListen_GrantsWhatIsOffered is mcp-go bug 10: what is not served is not acknowledged, and a stream of
// nothing ends at once.
func TestListen_GrantsWhatIsOffered(t *testing.T) {
	t.Parallel()
	replica := start(t, library(t))
	reply := replica.Send(t, request{RPC: "subscriptions/listen", Params: map[string]any{
		"notifications": map[string]any{"toolsListChanged": true, "resourceSubscriptions": []string{"prompt://it/greeting"}},
	}})
	want := "event: message\ndata: " + strings.Replace(acknowledged("1"), `{"promptsListChanged":true}`, `{}`, 1) +
		"\n\nevent: message\ndata: " + final("1") + "\n\n"
	same(t, want, reply.Body)
}

func TestListen_Refuses(t *testing.T) {
	t.Parallel()
	replica := start(t, library(t))
	params := map[string]any{"notifications": map[string]any{"promptsListChanged": true}}
	for name, tc := range map[string]struct {
		request request
		want    string
	}{
		"an older client": {request{RPC: "subscriptions/listen", Legacy: true, Params: params}, `200 -32601 "subscriptions/listen" requires protocol version 2026-07-28 or later`},
		"malformed params": {request{RPC: "subscriptions/listen", Params: map[string]any{"notifications": 3}}, "400 -32602 params.notifications is an object of toolsListChanged, promptsListChanged and resourcesListChanged, " +
			"true or false, and resourceSubscriptions, a list of URIs"},
		"no Accept of events": {
			request{RPC: "subscriptions/listen", Params: params, Header: map[string]string{"Accept": "application/json"}},
			"406 Accept must admit text/event-stream",
		},
	} {
		if got := replica.Send(t, tc.request).Failure(t); got != tc.want {
			t.Errorf("%s: got %s, want %s", name, got, tc.want)
		}
	}
	if got := replica.endpoint.OpenStreams(); got != 0 {
		t.Errorf("%d streams are left", got)
	}
}

// TestInitialize_OffersNoListChanged: they have no channel for it. Discover declares it.
func TestInitialize_OffersNoListChanged(t *testing.T) {
	t.Parallel()
	replica := start(t, library(t))
	for _, version := range []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"} {
		reply := replica.Send(t, request{RPC: "initialize", Legacy: true, Params: map[string]any{
			"protocolVersion": version, "capabilities": map[string]any{}, "clientInfo": map[string]any{"name": "old", "version": "1"},
		}})
		if reply.Status != http.StatusOK || !strings.Contains(reply.Body, `"protocolVersion":"`+version+`"`) ||
			!strings.Contains(reply.Body, `"capabilities":{"prompts":{}}`) {
			t.Errorf("%s: %d %s", version, reply.Status, reply.Body)
		}
		if got := reply.Header.Get("Mcp-Session-Id"); got != "" {
			t.Errorf("mcp-go bug 5: a session was made: %s", got)
		}
	}
	reply := replica.Send(t, request{RPC: "server/discover"})
	if !strings.Contains(reply.Body, `"capabilities":{"prompts":{"listChanged":true}}`) || !strings.Contains(reply.Body, `"ttlMs":60000`) {
		t.Errorf("discover: %s", reply.Body)
	}
}
