package controllers

import (
	"errors"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	reconciler "github.com/lectern-dev/lectern/controllers/prompt"
	"github.com/lectern-dev/lectern/controllers/status"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestReconcile_ReleasesWhileTheDatabaseIsAway runs the reconciler by hand, because nobody waits ten minutes for a
// test: the clock is the only thing here that is not real.
func TestReconcile_ReleasesWhileTheDatabaseIsAway(t *testing.T) {
	plane, err := testenv.StartControlPlane(t.Context(), testenv.ControlPlaneOptions{})
	require.NoError(t, err)
	t.Cleanup(plane.Stop)
	scheme, err := newScheme()
	require.NoError(t, err)
	cluster, err := client.New(plane.Config, client.Options{Scheme: scheme})
	require.NoError(t, err)
	port, err := testenv.FreePort() // nobody listens there
	require.NoError(t, err)
	away, err := postgres.Open(t.Context(), postgres.Options{Host: "127.0.0.1", Port: uint16(port), Database: "none", User: "none"})
	require.NoError(t, err)
	t.Cleanup(away.Close)

	p := newPrompt("default", "held", "Hello")
	p.Finalizers = []string{v1alpha1.PromptFinalizer}
	require.NoError(t, cluster.Create(t.Context(), p))
	require.NoError(t, cluster.Delete(t.Context(), p))
	require.NoError(t, cluster.Get(t.Context(), client.ObjectKeyFromObject(p), p))

	deleted := p.DeletionTimestamp.Time
	recorder := events.NewFakeRecorder(10)
	reconcileAt := func(now time.Time) error {
		r := reconciler.Reconciler{
			Client: cluster, Live: cluster, Store: away.Writer("cluster"),
			Status: status.Writer{Client: cluster, Recorder: recorder},
			Clock:  clocktesting.NewFakePassiveClock(now),
		}
		_, err := r.Reconcile(t.Context(), p)
		return err
	}

	if err := reconcileAt(deleted.Add(9*time.Minute + 29*time.Second)); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("a second before the end: %v, want %v", err, store.ErrUnavailable)
	}
	require.NoError(t, cluster.Get(t.Context(), client.ObjectKeyFromObject(p), p))
	if got, want := readyMessage(p), "the database cannot be reached; what is served stays as it was, trying again"; got != want {
		t.Errorf("meanwhile the object says %q, want %q", got, want)
	}
	require.NoError(t, reconcileAt(deleted.Add(9*time.Minute+30*time.Second)))
	if err := cluster.Get(t.Context(), client.ObjectKeyFromObject(p), p); !apierrors.IsNotFound(err) {
		t.Errorf("after ten minutes the object is still held (%v)", err)
	}
	var said []string
	for len(recorder.Events) > 0 {
		said = append(said, <-recorder.Events)
	}
	if len(said) != 2 || !strings.HasPrefix(said[1], "Warning Released ") {
		t.Errorf("events: %q", said)
	}
}
