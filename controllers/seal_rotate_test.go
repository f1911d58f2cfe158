package controllers

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/controllers/controllerstest"
	"github.com/lectern-dev/lectern/controllers/sdpconnection"
	"github.com/lectern-dev/lectern/controllers/secrets"
	"github.com/lectern-dev/lectern/internal/connectionobject"
	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// sealWorld is a Secret with seal keys, tokens that are sealed by them, and the controller's rotation, which goes by a clock of its own.
type sealWorld struct {
	cluster   *controllerstest.Cluster
	namespace *secrets.Namespace
	server    *postgres.Store
	clock     *clocktesting.FakeClock
}

const sealSecret, sealedTokens = "lectern-seal", 30

func startSealWorld(t *testing.T) *sealWorld {
	t.Helper()
	w := &sealWorld{cluster: controllerstest.StartCluster(t), clock: clocktesting.NewFakeClock(time.Now())}
	w.namespace = &secrets.Namespace{Name: w.cluster.CreateNamespace(t), API: w.cluster.Client, Log: logr.Discard()}
	made, err := w.namespace.Ensure(t.Context(), secrets.WantSealKeys(sealSecret))
	require.NoError(t, err)
	keys, err := seal.ParseStorageKeys(made.Data[secrets.SealKeyset])
	require.NoError(t, err)
	owner := pgtest.New(t)
	db, err := postgres.Open(t.Context(), owner)
	require.NoError(t, err)
	t.Cleanup(db.Close)
	w.server, err = postgres.Open(t.Context(), pgtest.AsServerRole(t, owner))
	require.NoError(t, err)
	t.Cleanup(w.server.Close)
	writer := db.Writer("cluster")
	require.NoError(t, writer.ClaimDatabase(t.Context()))
	for i := range sealedTokens {
		key := store.Key{Namespace: "support", Name: fmt.Sprintf("desk-%d", i)}
		_, err := writer.StoreConnection(t.Context(), store.ConnectionPublication{
			Key: key, Owner: store.Owner{UID: "uid-" + key.Name, Generation: 1},
			Settings: store.ConnectionSettings{RequestsPerMinute: 30, Burst: 10, RetentionDays: 90},
		})
		require.NoError(t, err)
		token := store.SealedToken{ID: uuid.NewString(), Kind: store.APIKey, IssuedAt: time.Now()}
		token.Sealed, err = keys.Seal([]byte("token of "+key.Name), connectionobject.TokenCell("uid-"+key.Name, token.ID))
		require.NoError(t, err)
		require.NoError(t, writer.StoreAPIKey(t.Context(), key, "uid-"+key.Name, store.FingerprintAPIKey(key.Name), token))
	}
	rotation := &secrets.SealRotation{
		Namespace: w.namespace, Secret: sealSecret, Keys: keys, Clock: w.clock, Log: logr.Discard(),
		Reseal: func(ctx context.Context) (int, error) { return sdpconnection.ResealTokens(ctx, writer, keys) },
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- rotation.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return w
}

// keyset returns the keys as the Secret has them.
func (w *sealWorld) keyset(t *testing.T) seal.StorageKeyset {
	t.Helper()
	secret, err := w.namespace.Get(t.Context(), sealSecret)
	require.NoError(t, err)
	read, err := seal.ReadStorageKeyset(secret.Data[secrets.SealKeyset])
	require.NoError(t, err)
	return read
}

// sealedBy counts the tokens by the key that sealed them, once all of them opened by the keys of the Secret.
func (w *sealWorld) sealedBy(t *testing.T) map[uint32]int {
	t.Helper()
	served, err := w.server.ConnectionsSince(t.Context(), 0, 1000)
	require.NoError(t, err)
	keys, err := seal.ParseStorageKeys(w.keyset(t).Text()) // read after the rows, as a server does that meets an unknown key
	require.NoError(t, err)
	counts := map[uint32]int{}
	for _, c := range served {
		text, err := keys.Open(c.Token.Sealed, connectionobject.TokenCell(c.UID, c.Token.ID))
		if err != nil || string(text) != "token of "+c.Key.Name {
			t.Errorf("the token of %s opens as %q: %v", c.Key.Name, text, err)
		}
		id, _ := seal.KeyIDOf(c.Token.Sealed)
		counts[id]++
	}
	return counts
}

// waitFor has time pass until something is so. Meanwhile every token opens.
func (w *sealWorld) waitFor(t *testing.T, what string, isSo func() bool) {
	t.Helper()
	require.Until(t, what, func() bool {
		w.clock.Step(secrets.SealReadInterval)
		w.sealedBy(t)
		return isSo()
	})
}

func (w *sealWorld) run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := SealCommand()
	cmd.SetArgs(append([]string{"rotate", "--kubeconfig=" + w.cluster.Kubeconfig}, args...))
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SilenceUsage = true
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

// TestSealRotate asks for a rotation as an administrator does. The controller adds a key, seals with it ten minutes later, seals what is
// stored again in the background, and drops the key of before a day later; there is no time at which a token does not open.
func TestSealRotate(t *testing.T) {
	t.Parallel()
	w := startSealWorld(t)
	first := w.keyset(t).Primary
	out, err := w.run(t, "--namespace="+w.namespace.Name)
	require.NoError(t, err)
	if !strings.Contains(out, "Asked for another seal key") {
		t.Errorf("it says %q", out)
	}
	w.waitFor(t, "a key is added", func() bool { return len(w.keyset(t).Others) == 1 })
	second := w.keyset(t).Others[0]
	addedAt := w.clock.Now()
	if n := w.sealedBy(t)[first]; n != sealedTokens {
		t.Errorf("%d tokens are sealed by the key of before, when the new one has just come", n)
	}
	w.waitFor(t, "the new key seals", func() bool { return w.keyset(t).Primary == second })
	if passed := w.clock.Since(addedAt); passed < secrets.SealPromotionDelay-2*secrets.SealReadInterval {
		t.Errorf("the new key seals after %s", passed)
	}
	w.waitFor(t, "every token is sealed by the new key", func() bool { return w.sealedBy(t)[second] == sealedTokens })
	if keyset := w.keyset(t); len(keyset.Others) != 1 || keyset.Others[0] != first {
		t.Errorf("the key of before does not open any more: %+v", keyset)
	}
	w.clock.Step(secrets.SealDropDelay)
	w.waitFor(t, "the key of before goes", func() bool { return len(w.keyset(t).Others) == 0 })
}

// TestSealRotate_Refuses leaves everything as it is where it is not told what to rotate.
func TestSealRotate_Refuses(t *testing.T) {
	t.Parallel()
	w := startSealWorld(t)
	other := &corev1.Secret{Data: map[string][]byte{"password": []byte("canary-of-somebody")}}
	other.Namespace, other.Name = w.namespace.Name, "other"
	require.NoError(t, w.cluster.Client.Create(t.Context(), other))
	before := other.ResourceVersion
	for name, tc := range map[string]struct {
		args []string
		says string
	}{
		"no namespace":        {nil, "set --namespace to the namespace of the controller"},
		"no such Secret":      {[]string{"--namespace=" + w.namespace.Name, "--seal-key-secret=absent"}, `secrets "absent" not found`},
		"a Secret of another": {[]string{"--namespace=" + w.namespace.Name, "--seal-key-secret=other"}, "keyset.json of Secret " + w.namespace.Name + "/other"},
		"an argument":         {[]string{"now"}, `unknown command "now"`},
	} {
		out, err := w.run(t, tc.args...)
		if err == nil || !strings.Contains(err.Error(), tc.says) || strings.Contains(out+err.Error(), "canary") {
			t.Errorf("%s: %v, want %q", name, err, tc.says)
		}
	}
	require.NoError(t, w.cluster.Client.Get(t.Context(), client.ObjectKeyFromObject(other), other))
	if keyset := w.keyset(t); other.ResourceVersion != before || len(keyset.Others) != 0 {
		t.Errorf("something was written: %+v", keyset)
	}
}
