package access

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// goneWithin is how long what was taken away may still be served.
const goneWithin = time.Minute

// TestTakenAway takes away the account, the pod or the right of callers who go on asking all the time.
func TestTakenAway(t *testing.T) {
	w := getWorld(t)
	reading := testenv.Grant{Namespace: red, Verbs: []string{"get", "list"}}
	revocable := func(name string) testenv.Grant {
		g := reading
		g.Name = name + "-0"
		return g
	}
	for name, revoke := range map[string]func(ctx context.Context, account testenv.Account) error{
		"account": func(ctx context.Context, account testenv.Account) error { return w.callers.DeleteAccount(ctx, account) },
		"pod": func(ctx context.Context, account testenv.Account) error {
			return w.callers.DeletePod(ctx, account.Namespace, account.Name)
		},
		"right": func(ctx context.Context, account testenv.Account) error {
			return w.callers.Revoke(ctx, revocable(account.Name))
		},
	} {
		t.Run("the "+name, func(t *testing.T) {
			t.Parallel()
			account, err := w.newAccount(t.Context(), "loses-"+name, reading)
			require.NoError(t, err)
			require.NoError(t, w.callers.CreatePod(t.Context(), *account, account.Name))
			token, err := w.callers.RequestToken(t.Context(), *account, testenv.TokenOptions{Audiences: []string{testenv.Audience}, Pod: account.Name})
			require.NoError(t, err)
			c := &caller{name: account.Name, token: token, user: userOf(*account)}
			require.Eventually(t, func() error { return w.checkRed(t, c, true) })
			require.NoError(t, revoke(t.Context(), *account))
			began, lastServed := time.Now(), time.Duration(0) // and when the last round was begun in which something was served
			ctx, cancel := context.WithTimeout(t.Context(), goneWithin+wait.Patience)
			defer cancel()
			require.NoError(t, wait.Until(ctx, func(context.Context) error {
				sent := time.Since(began)
				err := w.checkRed(t, c, false)
				if err != nil {
					lastServed = sent
				}
				return err
			}))
			t.Logf("refused by both servers after %.1f s", time.Since(began).Seconds())
			if lastServed > goneWithin {
				t.Errorf("served %s after it was taken away", lastServed)
			}
			if name != "right" {
				c.user = nil
			}
			w.forgetRights()
			w.tryCallers(t, []*caller{c})
		})
	}
}

// checkRed returns an error unless both servers serve the prompts of red to a caller, by name and in lists, or neither does.
func (w *world) checkRed(t *testing.T, c *caller, served bool) error {
	t.Helper()
	get := transporttest.Request{RPC: "prompts/get", Params: object{
		"name": red + "." + handover, "arguments": object{"ticket": "T", "tone": "brief-" + red},
	}}
	for _, endpoint := range w.Endpoints {
		remote := w.remoteAt(endpoint)
		for _, q := range []transporttest.Request{get, {RPC: "prompts/list"}} {
			reply := remote.Send(t, c.sign("/mcp", q))
			if isUndecided(reply) {
				return fmt.Errorf("%s: undecided: %d %s", q.RPC, reply.Status, reply.Body)
			}
			if is := reply.Status == http.StatusOK && strings.Contains(reply.Body, "of "+red) || strings.Contains(reply.Body, "In "+red); is != served {
				return fmt.Errorf("%s is served: %t; %d %s", q.RPC, is, reply.Status, reply.Body)
			}
			if reply.Status >= http.StatusInternalServerError {
				return wait.Permanent(fmt.Errorf("%s: %d %s", q.RPC, reply.Status, reply.Body))
			}
		}
	}
	return nil
}
