package server

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/pflag"

	"github.com/lectern-dev/lectern/internal/sdp/egress"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// egressTo returns what flags say that allow one host.
func egressTo(t *testing.T, host string) egress.Flags {
	t.Helper()
	var flags egress.Flags
	set := pflag.NewFlagSet("server", pflag.ContinueOnError)
	flags.AddFlags(set)
	require.NoError(t, set.Parse([]string{"--sdp-allowed-hosts=" + host}))
	return flags
}

// newSealKeys makes keys for tokens, and a file of them.
func newSealKeys(t *testing.T) (keys *seal.StorageKeys, file string) {
	t.Helper()
	keyset, err := seal.NewStorageKeyset()
	require.NoError(t, err)
	keys, err = seal.ParseStorageKeys(keyset.Text())
	require.NoError(t, err)
	file = filepath.Join(t.TempDir(), "keys.json")
	require.NoError(t, os.WriteFile(file, keyset.Text(), 0o600))
	return keys, file
}

// storeTestConnection does what a controller does for a connection to a fake, as changed.
func storeTestConnection(t *testing.T, owner postgres.Options, fake *sdptest.Server, keys *seal.StorageKeys, change ...func(*store.ConnectionSettings)) {
	t.Helper()
	db, err := postgres.Open(t.Context(), owner)
	require.NoError(t, err)
	t.Cleanup(db.Close)
	writer := db.Writer("cluster-1")
	require.NoError(t, writer.ClaimDatabase(t.Context()))
	key, uid, id := store.Key{Namespace: "support", Name: "helpdesk"}, uuid.NewString(), uuid.NewString()
	settings := store.ConnectionSettings{
		Edition: "Cloud", APIURL: fake.URL(), Portal: "itdesk", TimeZone: "UTC", RequestsPerMinute: 30, Burst: 10, LookupInterval: time.Hour,
		AuditPayloads: "Redacted", RetentionDays: 90, Access: store.ConnectionAccess{Mode: "ReadOnly", Toolsets: []string{"requests"}},
	}
	for _, c := range change {
		c(&settings)
	}
	_, err = writer.StoreConnection(t.Context(), store.ConnectionPublication{Key: key, Owner: store.Owner{UID: uid, Generation: 1}, Settings: settings})
	require.NoError(t, err)
	text := fake.AccessToken(sdptest.DefaultScopes()...)
	sealed, err := keys.Seal([]byte(text), seal.Cell{Table: "oauth_tokens", Column: "sealed", Connection: uid, Row: id})
	require.NoError(t, err)
	require.NoError(t, writer.StoreAPIKey(t.Context(), key, uid, store.FingerprintAPIKey(text), store.SealedToken{
		ID: id, Kind: store.AccessToken, Sealed: sealed, IssuedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour),
	}))
}

// TestRun_ServiceDesk: the program serves tickets by its flags: a key for tokens, and a host that credentials may go to. To another
// host none do.
func TestRun_ServiceDesk(t *testing.T) {
	t.Parallel()
	keys, file := newSealKeys(t)
	owner := pgtest.New(t)
	fake := sdptest.Start(t, sdptest.Options{})
	storeTestConnection(t, owner, fake, keys)
	list := func(r *running) string {
		reply := r.Send(t, callTool("list_requests", map[string]any{"view": "all"}))
		var envelope struct {
			Result struct{ Content []struct{ Text string } }
		}
		if json.Unmarshal([]byte(reply.Body), &envelope) != nil || len(envelope.Result.Content) == 0 {
			return reply.Failure(t)
		}
		return envelope.Result.Content[0].Text
	}
	for name, tc := range map[string]struct {
		host, keys, want string
		calls            int
	}{
		"tickets":      {fake.URL(), file, "10 of 10 requests of connection support/helpdesk", 1},
		"another host": {"desk.example.org", file, "List Requests: UnavailableError: list request: credentials may not go there", 0},
		"no key":       {fake.URL(), "", `400 -32602 no such tool as "list_requests"`, 0},
	} {
		fake.ForgetCalls()
		r := servingWith(t, pgtest.AsServerRole(t, owner), func(o *Options) { o.SealKeyFile, o.Egress = tc.keys, egressTo(t, tc.host) })
		require.Until(t, "ready", func() bool { return r.ready(t) })
		if got := list(r); !strings.HasPrefix(got, tc.want) {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
		if n := fake.Count(sdptest.ToAPI); n != tc.calls {
			t.Errorf("%s: %d calls, want %d", name, n, tc.calls)
		}
		if status, metrics := r.probe(t, "/metrics"); name == "tickets" && (status != http.StatusOK || !strings.Contains(metrics, `lectern_sdp_calls_total{connection="support/helpdesk"`)) {
			t.Errorf("%s: no calls in the metrics, %d", name, status)
		}
	}
}
