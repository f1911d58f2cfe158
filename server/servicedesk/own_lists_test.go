package servicedesk

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/localdesk"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/egress"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/secretsource"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestLookupCache_OwnLists: a list that no controller reads is read when it is asked for, and again when it is as old as it may become.
// Where that fails, what there is stays.
func TestLookupCache_OwnLists(t *testing.T) {
	t.Parallel()
	fake := sdptest.Start(t, sdptest.Options{ClientID: "1000.C", ClientSecret: "secret"})
	c := followLocalConnection(t, fake)
	read := func() int {
		t.Helper()
		list, err := c.lookups.read(withTokenWaits(t.Context()), sdp.Priorities)
		require.NoError(t, err)
		return len(list.entries)
	}
	grow := func() { // older, as if its interval were over
		c.lookups.mu.Lock()
		defer c.lookups.mu.Unlock()
		list := c.lookups.lists[sdp.Priorities]
		list.readAt = list.readAt.Add(-c.now.Load().LookupInterval)
		c.lookups.lists[sdp.Priorities] = list
		clear(c.lookups.reloads[sdp.Priorities].last)
	}
	before := read()
	fake.Add("priorities", sdptest.Record{"name": "Urgent"})
	fake.ForgetCalls()
	if n := read(); n != before || fake.Count(sdptest.ToAPI) != 0 {
		t.Errorf("%d entries after %d, and %d calls, while it is new enough", n, before, fake.Count(sdptest.ToAPI))
	}
	grow()
	if n := read(); n != before+1 || fake.Count(sdptest.ToAPI) != 1 {
		t.Errorf("%d entries after %d, and %d calls, when it is due", n, before, fake.Count(sdptest.ToAPI))
	}
	grow()
	fake.Fail(sdptest.Refused(4001))
	if n := read(); n != before+1 {
		t.Errorf("%d entries, where it cannot be read", n)
	}
	states := c.lookups.withOwn(nil)
	if len(states) != 1 || states[0].Type != "priorities" || states[0].Entries != before+1 {
		t.Errorf("the status has %+v", states)
	}
}

// followLocalConnection returns a connection that has no database.
func followLocalConnection(t *testing.T, fake *sdptest.Server) *connection {
	t.Helper()
	rules, err := egress.ParseRules([]string{fake.URL(), fake.AccountsURL()})
	require.NoError(t, err)
	credentials := filepath.Join(t.TempDir(), "credentials")
	require.NoError(t, os.WriteFile(credentials, []byte("client_id: 1000.C\nclient_secret: secret\nrefresh_token: "+fake.RefreshToken()), 0o600))
	reference, err := secretsource.ParseReference(credentials)
	require.NoError(t, err)
	key := store.Key{Namespace: "default", Name: "helpdesk"}
	source := localdesk.New(localdesk.Options{
		StateFolder: t.TempDir(), Credentials: map[store.Key]secretsource.Reference{key: reference}, Egress: egress.Options{Rules: rules}, Log: slog.New(slog.DiscardHandler),
	})
	s := New(Config{
		Store: source, Opener: source, NewSender: func(string) (*http.Client, error) { return egress.NewClient(egress.Options{Rules: rules}) },
	})
	source.OnChange(func() { s.RevisionChanged(false) })
	source.Replace([]*v1alpha1.SDPConnection{{
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name},
		Spec: v1alpha1.SDPConnectionSpec{
			Edition: v1alpha1.EditionCloud, Portal: "itdesk", APIURL: v1alpha1.ServiceURL(fake.URL()), AccountsURL: v1alpha1.ServiceURL(fake.AccountsURL()),
		},
	}})
	ctx, cancel := context.WithCancel(t.Context())
	var following sync.WaitGroup
	following.Go(func() { source.Follow(ctx) })
	following.Go(func() { s.Follow(ctx) })
	t.Cleanup(func() { cancel(); following.Wait() })
	require.Until(t, "the connection is known, and has a token", func() bool {
		c := s.directory.find(key)
		return c != nil && c.now.Load().token != nil && time.Until(c.now.Load().token.ExpiresAt) > 0
	})
	return s.directory.find(key)
}
