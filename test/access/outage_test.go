package access

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// TestOutage stops the API server under a caller who goes on asking: what was allowed is served until the answers of before
// expire, then nothing is, with 503; what was denied never is.
func TestOutage(t *testing.T) {
	w := getWorld(t)
	c, err := w.newCaller(t.Context(), "outlasts", testenv.TokenOptions{}, testenv.Grant{Namespace: red, Verbs: []string{"get", "list"}})
	require.NoError(t, err)
	later, err := w.newCaller(t.Context(), "comes-later", testenv.TokenOptions{}, testenv.Grant{Namespace: red, Verbs: []string{"get", "list"}})
	require.NoError(t, err)
	require.Eventually(t, func() error { return w.checkRed(t, c, true) })
	defer func() { require.NoError(t, w.Repair(t.Context())) }()
	w.mayBeUndecided.Store(true)
	defer w.mayBeUndecided.Store(false)
	w.ControlPlane.StopServers()
	began, lastServed := time.Now(), time.Duration(0) // and when the last request was sent that was served
	ask := func(c *caller, namespace string) transporttest.Reply {
		return w.send(t, c, "/mcp", transporttest.Request{RPC: "prompts/get", Params: object{
			"name": namespace + "." + handover, "arguments": object{"ticket": "T", "tone": "brief-" + namespace},
		}})
	}
	if reply := ask(later, red); reply.Status != http.StatusServiceUnavailable || reply.Header.Get("Retry-After") == "" {
		t.Errorf("who was not verified before gets %d: %s", reply.Status, reply.Body)
	}
	var away []time.Duration // since when a server serves nothing
	seen := map[string]int{}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute+wait.Patience)
	defer cancel()
	require.NoError(t, wait.Until(ctx, func(context.Context) error {
		if reply := ask(c, blue); strings.Contains(reply.Body, "In "+blue) {
			return wait.Permanent(fmt.Errorf("what was denied is served: %s", reply.Body))
		}
		sent := time.Since(began)
		reply := ask(c, red)
		seen[fmt.Sprint(reply.Status)]++
		switch {
		case reply.Status == http.StatusServiceUnavailable:
			away = append(away, time.Since(began))
		case !strings.Contains(reply.Body, "In "+red):
			return wait.Permanent(fmt.Errorf("neither served nor unavailable: %d %s", reply.Status, reply.Body))
		default:
			away, lastServed = nil, sent
		}
		if len(away) < 2*len(w.Endpoints) {
			return fmt.Errorf("still served: %v", seen)
		}
		return nil
	}))
	t.Logf("served for %.1f s, then 503; by status %v", slices.Min(away).Seconds(), seen)
	if lastServed > time.Minute {
		t.Errorf("served for %s", lastServed)
	}
	require.NoError(t, w.ControlPlane.StartServers(t.Context()))
	require.Eventually(t, func() error {
		if reply := ask(c, red); !strings.Contains(reply.Body, "In "+red) {
			return fmt.Errorf("not served again: %d %s", reply.Status, reply.Body)
		}
		return nil
	})
}
