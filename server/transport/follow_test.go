package transport_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/transport"
)

func everybody(context.Context, string) bool { return true }

// listenTo opens a stream for what a filter says.
func (r *replica) listenTo(tb testing.TB, id string, filter map[string]any) *stream {
	tb.Helper()
	return r.OpenStream(tb, request{ID: id, RPC: "subscriptions/listen", Params: map[string]any{"notifications": filter}})
}

func tagged(id, method, params string) string {
	return `{"jsonrpc":"2.0","method":"notifications/` + method + `","params":{"_meta":{"io.modelcontextprotocol/subscriptionId":` + id + `}` + params + `}}`
}

func updated(id, uri string) string { return tagged(id, "resources/updated", `,"uri":"`+uri+`"`) }

// onlyPrompts lets streams follow prompts that are not closed.
func onlyPrompts(c *transport.Config) { c.MayFollow = followPrompts }

func followPrompts(_ context.Context, uri string) bool {
	return strings.HasPrefix(uri, "prompt://") && !strings.Contains(uri, "closed")
}

// TestListen_ResourceUpdates is mcp-go bug 10: a stream hears of the resources it follows and of no others, and its
// acknowledgement says which those are.
func TestListen_ResourceUpdates(t *testing.T) {
	t.Parallel()
	replica := workshop(t, onlyPrompts)
	one := replica.listenTo(t, "1", map[string]any{"resourceSubscriptions": []string{
		"prompt://it/greeting", "prompt://it/closed", "sdp://1", "prompt://it/greeting", "prompt://it/absent",
	}})
	same(t, tagged("1", "subscriptions/acknowledged", `,"notifications":{"resourceSubscriptions":["prompt://it/greeting","prompt://it/absent"]}`), one.Next(t))
	two := replica.listenTo(t, "2", map[string]any{
		"toolsListChanged": true, "resourcesListChanged": true, "resourceSubscriptions": []string{"prompt://it/absent"},
	})
	same(t, tagged("2", "subscriptions/acknowledged",
		`,"notifications":{"toolsListChanged":true,"resourcesListChanged":true,"resourceSubscriptions":["prompt://it/absent"]}`), two.Next(t))

	replica.endpoint.NotifyResourceUpdated("prompt://it/closed", everybody)
	replica.endpoint.NotifyResourceUpdated("prompt://it/greeting", everybody)
	same(t, updated("1", "prompt://it/greeting"), one.Next(t))
	replica.endpoint.NotifyPromptsChanged(everybody)
	replica.endpoint.NotifyResourcesChanged(func(context.Context, string) bool { return false })
	replica.endpoint.NotifyToolsChanged(everybody)
	same(t, tagged("2", "tools/list_changed", ""), two.Next(t))
	replica.endpoint.NotifyResourcesChanged(everybody)
	same(t, tagged("2", "resources/list_changed", ""), two.Next(t))
	replica.endpoint.NotifyResourceUpdated("prompt://it/absent", func(_ context.Context, namespace string) bool { return namespace == "other" })
	replica.endpoint.NotifyResourceUpdated("prompt://it/absent", everybody)
	same(t, updated("1", "prompt://it/absent"), one.Next(t))
	same(t, updated("2", "prompt://it/absent"), two.Next(t))
	replica.endpoint.Stop()
	for _, s := range []*stream{one, two} {
		if got := s.Next(t); !strings.Contains(got, `"result":`) {
			t.Errorf("got %s", got)
		}
	}
	require.Until(t, "nobody follows anything", func() bool { return replica.endpoint.OpenStreams() == 0 })
}

// TestListen_ResourceLimit and no more, and a caller has so many streams.
func TestListen_ResourceLimit(t *testing.T) {
	t.Parallel()
	replica := workshop(t, onlyPrompts)
	uris := make([]string, 257)
	for i := range uris {
		uris[i] = fmt.Sprintf("prompt://it/p%d", i)
	}
	listen := func(uris []string) request {
		return request{RPC: "subscriptions/listen", Params: map[string]any{"notifications": map[string]any{"resourceSubscriptions": uris}}}
	}
	const tooMany = "400 -32602 a stream follows at most 256 resources; follow the others on another stream"
	same(t, tooMany, replica.Send(t, listen(uris)).Failure(t))
	streams := make([]*stream, transport.DefaultStreamsPerCaller)
	for i := range streams {
		streams[i] = replica.OpenStream(t, listen(uris[:256]))
	}
	refused := replica.Send(t, listen(uris[:1]))
	same(t, `{"jsonrpc":"2.0","id":1,"error":{"code":429,"message":"16 streams are open for this caller, which is all there may be: close one",`+
		`"data":{"retryAfterSeconds":1}}}`, refused.Body)
	if err := streams[0].Close(); err != nil {
		t.Fatal(err)
	}
	require.Until(t, "one is closed", func() bool { return replica.endpoint.OpenStreams() == 15 })
	again := replica.OpenStream(t, listen(uris[:1]))
	same(t, tagged("1", "subscriptions/acknowledged", `,"notifications":{"resourceSubscriptions":["prompt://it/p0"]}`), again.Next(t))
	replica.endpoint.Stop()
	for _, s := range append(streams[1:], again) {
		if _, err := io.Copy(io.Discard, s); err != nil {
			t.Error(err)
		}
	}
}
