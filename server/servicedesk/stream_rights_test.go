package servicedesk_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/servicedesk"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// changingRoles are roles that change.
type changingRoles struct {
	mu sync.Mutex
	roles
}

func (c *changingRoles) set(allowed roles) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.roles = allowed
}

func (c *changingRoles) Authorize(ctx context.Context, identity auth.Identity, verb auth.Verb, key store.Key) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.roles.Authorize(ctx, identity, verb, key)
}

// sameCaller finds the caller of a stream to be who they were, and counts how often.
type sameCaller struct{ times atomic.Int64 }

func (s *sameCaller) Reprove(ctx context.Context) (auth.Identity, error) {
	s.times.Add(1)
	identity, _ := auth.FromContext(ctx)
	return identity, nil
}

// TestStreams_Rights: a stream that follows the list of tools lives on the right to use a connection alone, hears when rights to use
// connections change, and ends with the last of them.
func TestStreams_Rights(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.storeConnection(helpdesk, fake)
	h.storeConnection(store.Key{Namespace: "hr", Name: "people"}, fake)
	reviews := &sameCaller{}
	h.adapt = func(d *server.Deps) { d.Reprover, d.ReviewEvery = reviews, time.Second }
	one, both := roles{"local:anna use support/helpdesk": true}, roles{"local:anna use support/helpdesk": true, "local:anna use hr/people": true}
	rights := &changingRoles{roles: one}
	r := h.serve(func(c *servicedesk.Config) { c.Authorizer = rights })
	require.Until(t, "the connection is seen", func() bool { return r.listedTools("")["my_queue"] != nil })
	stream := r.OpenStream(t, transporttest.Request{RPC: "subscriptions/listen", Params: map[string]any{
		"notifications": map[string]any{"toolsListChanged": true},
	}})
	if got := stream.Next(t); !strings.Contains(got, `"toolsListChanged":true`) {
		t.Fatalf("acknowledged: %s", got)
	}
	require.Until(t, "some reviews", func() bool { return reviews.times.Load() > 3 })
	for _, step := range []struct {
		what    string
		allowed roles
		want    string
	}{
		{"another connection", both, "notifications/tools/list_changed"}, {"one of two", one, "notifications/tools/list_changed"},
		{"prompts too", roles{"local:anna use support/helpdesk": true, "local:anna list /": true}, "notifications/tools/list_changed"},
		{"prompts no more", one, "notifications/tools/list_changed"}, {"nothing", roles{}, `"resultType":"complete"`},
	} {
		rights.set(step.allowed)
		if got := stream.Next(t); !strings.Contains(got, step.want) {
			t.Errorf("%s: %s, want %s", step.what, got, step.want)
		}
	}
}
