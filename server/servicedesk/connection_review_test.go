package servicedesk_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/servicedesk"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// TestConnections_Many: of more connections than are asked about, any can be named by who may use it.
func TestConnections_Many(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	for i := range 60 {
		h.storeConnection(store.Key{Namespace: "support", Name: fmt.Sprintf("desk-%02d", i)}, fake)
	}
	last := store.Key{Namespace: "support", Name: "zebra"}
	h.connect(last, fake)
	r := h.serve(func(c *servicedesk.Config) { c.Authorizer = roles{"local:anna use support/zebra": true} })
	if _, found := mustCall[tickets](r, "list_requests", map[string]any{"connection": last.String()}); len(found.Requests) == 0 {
		t.Error("the last of many connections has no tickets")
	}
	near := transporttest.CallTool("list_requests", map[string]any{"connection": "zebra"})
	near.Path = "/mcp/support"
	if got := r.Send(t, near).Body; !strings.Contains(got, "requests of connection support/zebra") {
		t.Errorf("by the name alone at the endpoint of its namespace: %s", got)
	}
	for _, connection := range []string{"support/desk-59", "support/none"} {
		want := `400 -32602 no such tool as "list_requests"; tools/list has those there are for you`
		if got := r.Send(t, transporttest.CallTool("list_requests", map[string]any{"connection": connection})).Failure(t); got != want {
			t.Errorf("%s, which is not theirs: %s", connection, got)
		}
	}
}

// pairedRoles answer a question about one connection once there are two at a time.
type pairedRoles struct {
	roles
	mu      sync.Mutex
	waiting chan struct{}
}

func (p *pairedRoles) Authorize(ctx context.Context, identity auth.Identity, verb auth.Verb, key store.Key) error {
	if key.Name != "" && verb == auth.Use {
		p.mu.Lock()
		if first := p.waiting; first != nil {
			close(first)
			p.waiting = nil
			p.mu.Unlock()
		} else {
			first = make(chan struct{})
			p.waiting = first
			p.mu.Unlock()
			select {
			case <-first:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return p.roles.Authorize(ctx, identity, verb, key)
}

// TestConnections_Together: what is asked about connections is asked together.
func TestConnections_Together(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	for i := range 4 {
		h.storeConnection(store.Key{Namespace: "support", Name: fmt.Sprintf("desk-%02d", i)}, fake)
	}
	r := h.serve(func(c *servicedesk.Config) {
		c.Authorizer = &pairedRoles{roles: roles{"local:anna use support/desk-03": true}}
	})
	require.Until(t, "a connection is seen", func() bool { return r.listedTools("")["my_queue"] != nil })
}

// failingRoles cannot be asked while they are away.
type failingRoles struct {
	roles
	away  atomic.Bool
	asked atomic.Int64
}

func (f *failingRoles) Authorize(ctx context.Context, identity auth.Identity, verb auth.Verb, key store.Key) error {
	if f.away.Load() {
		f.asked.Add(1)
		return auth.ErrUnavailable
	}
	return f.roles.Authorize(ctx, identity, verb, key)
}

// TestConnections_Owed: who could not be told of a change since nobody could be asked is told when somebody can, and no prompt changed.
func TestConnections_Owed(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.storeConnection(helpdesk, fake)
	rights := &failingRoles{roles: roles{"local:anna use support/helpdesk": true}}
	r := h.serve(func(c *servicedesk.Config) { c.Authorizer = rights })
	require.Until(t, "the connection is seen", func() bool { return r.listedTools("")["my_queue"] != nil })
	stream := r.OpenStream(t, transporttest.Request{RPC: "subscriptions/listen", Params: map[string]any{
		"notifications": map[string]any{"toolsListChanged": true},
	}})
	if got := stream.Next(t); !strings.Contains(got, `"toolsListChanged":true`) {
		t.Fatalf("acknowledged: %s", got)
	}
	rights.away.Store(true)
	h.storeConnection(helpdesk, fake, func(s *store.ConnectionSettings) { s.Access.Toolsets = []string{"people"} })
	require.Until(t, "somebody was asked in vain", func() bool { return rights.asked.Load() > 0 })
	rights.away.Store(false)
	if got := stream.Next(t); !strings.Contains(got, "notifications/tools/list_changed") {
		t.Errorf("after nobody could be asked: %s", got)
	}
}
