package sdpconnection

import (
	"errors"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// deletionWaitsNotForEver: a deleted connection waits for a database that is away, and is let go ten minutes after its deletion at the
// latest. Nothing is revoked then, since another connection may use the same token, and an event says so.
func deletionWaitsNotForEver(t *testing.T, w *world) {
	c := w.createByHand(t, map[string]string{v1alpha1.CredentialGrantCode: w.desk.GrantCode()})
	c, err := w.reconcileByHand(t.Context(), w.newByHand(), c)
	require.NoError(t, err)
	refresh := readManaged(w.getSecret(t, managedName(c))).RefreshToken.Reveal()
	require.NoError(t, w.Client.Delete(t.Context(), c))
	require.NoError(t, w.Client.Get(t.Context(), client.ObjectKeyFromObject(c), c))
	port, err := testenv.FreePort() // nobody listens there
	require.NoError(t, err)
	away, err := postgres.Open(t.Context(), postgres.Options{Host: "127.0.0.1", Port: uint16(port), Database: "none", User: "none"})
	require.NoError(t, err)
	t.Cleanup(away.Close)
	reconcileAfter := func(sinceDeletion time.Duration) error {
		r := w.newByHand()
		r.Store, r.Rates, r.ReleaseTimeout = away.Writer("cluster"), away, 10*time.Minute
		r.Clock = clocktesting.NewFakeClock(c.DeletionTimestamp.Add(sinceDeletion))
		_, err := w.reconcileByHand(t.Context(), r, c)
		return err
	}
	if err := reconcileAfter(9*time.Minute + 29*time.Second); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("before the end: %v, want %v", err, store.ErrUnavailable)
	}
	require.NoError(t, w.Client.Get(t.Context(), client.ObjectKeyFromObject(c), c))
	wantMessage(t, c, v1alpha1.ConditionReady, "the database cannot be reached; what is served stays as it was, trying again")
	require.NoError(t, reconcileAfter(9*time.Minute+30*time.Second))
	if err := w.Client.Get(t.Context(), client.ObjectKeyFromObject(c), c); !apierrors.IsNotFound(err) {
		t.Errorf("ten minutes after its deletion the object is held: %v", err)
	}
	if w.desk.IsRevoked(refresh) {
		t.Error("a refresh token is revoked that another connection may use")
	}
	w.waitForEvent(t, v1alpha1.ReasonReleased)
}
