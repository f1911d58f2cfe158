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

func everybody(context.Context, string) (bool, error) { return true, nil }

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

func followPrompts(_ context.Context, uris []string) ([]bool, error) {
	may := make([]bool, len(uris))
	for i, uri := range uris {
		may[i] = strings.HasPrefix(uri, "prompt://") && !strings.Contains(uri, "closed")
	}
	return may, nil
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
	replica.endpoint.NotifyResourcesChanged(func(context.Context, string) (bool, error) { return false, nil })
	replica.endpoint.NotifyToolsChanged(everybody)
	same(t, tagged("2", "tools/list_changed", ""), two.Next(t))
	replica.endpoint.NotifyResourcesChanged(everybody)
	same(t, tagged("2", "resources/list_changed", ""), two.Next(t))
	replica.endpoint.NotifyResourceUpdated("prompt://it/absent", func(_ context.Context, namespace string) (bool, error) { return namespace == "other", nil })
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
	same(t, "400 -32602 a caller follows at most 256 resources, on all streams together; follow fewer, or list_changed, which tells of any",
		replica.Send(t, listen(uris)).Failure(t))
	streams := make([]*stream, transport.DefaultStreamsPerCaller)
	streams[0] = replica.OpenStream(t, listen(uris[:256]))
	if got := streams[0].Next(t); !strings.Contains(got, "prompt://it/p255") {
		t.Error(got)
	}
	same(t, "200 429 the streams of this caller follow 256 resources, and all of them together may follow 256: close one, or follow fewer",
		replica.Send(t, listen(uris[:1])).Failure(t))
	lists := request{RPC: "subscriptions/listen", Params: map[string]any{"notifications": map[string]any{"promptsListChanged": true}}}
	for i := range streams[1:] {
		streams[1+i] = replica.OpenStream(t, lists)
	}
	refused := replica.Send(t, lists)
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
