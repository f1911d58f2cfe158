package servicedesk_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/servicedesk"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// TestErrors: each error of a tool says its kind to programs, too.
func TestErrors(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connect(helpdesk, fake, func(s *store.ConnectionSettings) { s.Callers, s.Access.Toolsets = nil, []string{"requests", "lookups"} })
	h.connect(store.Key{Namespace: "support", Name: "other"}, fake)
	r := h.serve()
	for what, tc := range map[string]struct {
		tool      string
		arguments map[string]any
	}{
		"an argument there is not": {"list_requests", map[string]any{"colour": "red"}}, "an argument that is wrong": {"list_requests", map[string]any{"limit": 0}},
		"no connection": {"list_requests", map[string]any{"connection": "support/none"}}, "several connections": {"list_requests", nil},
		"a toolset that is not offered": {"find_people", map[string]any{"query": "ana"}}, "nobody": {"my_queue", nil},
		"no ticket": {"get_request", map[string]any{"request_id": "999"}}, "a time that is none": {"list_requests", map[string]any{"updated_after": "soon"}},
		"a name that is none": {"list_requests", map[string]any{"priority": "Huge"}}, "a cursor that is none": {"list_requests", map[string]any{"cursor": "x"}},
		"two ways to search": {"search_requests", map[string]any{"query": "a", "similar_to": "1"}},
	} {
		if what != "several connections" && tc.arguments["connection"] == nil {
			if tc.arguments == nil {
				tc.arguments = map[string]any{}
			}
			tc.arguments["connection"] = "support/helpdesk"
		}
		got := r.call(tc.tool, tc.arguments)
		_, said, _ := strings.Cut(got.Text, ": ")
		if kind, _, _ := strings.Cut(said, ": "); !got.IsError || got.Details.Kind == "" || got.Details.Kind != kind {
			t.Errorf("%s: %q is of kind %q for programs", what, got.Text, got.Details.Kind)
		}
	}
}

// TestErrors_ClosedConnection: who waits for a turn of a connection that is deleted is told so, and when to try again.
func TestErrors_ClosedConnection(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connect(helpdesk, fake, func(s *store.ConnectionSettings) { s.RequestsPerMinute, s.Burst = 60, 1 })
	r := h.serve()
	var calls sync.WaitGroup
	answers := make([]string, 4)
	for i := range answers {
		calls.Go(func() { answers[i] = r.Send(t, transporttest.CallTool("my_queue", nil)).Body })
	}
	require.Until(t, "the first call is made", func() bool { return fake.Count(sdptest.ToAPI) == 1 })
	require.NoError(t, h.writer.RemoveConnection(t.Context(), helpdesk, h.uids[helpdesk]))
	calls.Wait()
	if all := strings.Join(answers, "\n"); !strings.Contains(all, "UnavailableError: the connection was deleted or made again meanwhile; try again in 2 s") {
		t.Errorf("who waited is told\n%s", all)
	}
}

// orderedSteps notes in which order a call opens its token and takes its turn.
type orderedSteps struct {
	mu    sync.Mutex
	steps []string
}

func (o *orderedSteps) note(step string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.steps = append(o.steps, step)
}

type notingOpener struct {
	servicedesk.TokenOpener
	order *orderedSteps
}

func (n notingOpener) OpenToken(ctx context.Context, uid, id string, sealed []byte) ([]byte, error) {
	n.order.note("open")
	return n.TokenOpener.OpenToken(ctx, uid, id, sealed)
}

type notingStore struct {
	servicedesk.Store
	order *orderedSteps
}

func (n notingStore) TakeRate(ctx context.Context, connection int64, lane store.Lane, wanted int) (store.RateGrant, error) {
	n.order.note("turn")
	return n.Store.TakeRate(ctx, connection, lane, wanted)
}

// TestTokens_OpenedFirst: a token is opened, which may wait for a key, before a turn is taken that is good for two seconds.
func TestTokens_OpenedFirst(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connect(helpdesk, fake)
	var order orderedSteps
	r := h.serve(func(c *servicedesk.Config) {
		c.Opener, c.Store = notingOpener{c.Opener, &order}, notingStore{c.Store, &order}
	})
	mustCall[tickets](r, "my_queue", nil)
	order.mu.Lock()
	defer order.mu.Unlock()
	if got := strings.Join(order.steps, " "); got != "open turn" {
		t.Errorf("a call goes by %s", got)
	}
}
