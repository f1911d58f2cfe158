package prompt

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/controllerstest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// finalizerIsRestored drops it as others do, each from a prompt of its own.
func finalizerIsRestored(t *testing.T, w *world) {
	for name, drop := range map[string]func(*v1alpha1.Prompt) error{
		"replaced": func(p *v1alpha1.Prompt) error { // kubectl replace: the manifest as it stands in Git
			fresh := controllerstest.NewPrompt(p.Namespace, p.Name, p.Spec.Text)
			fresh.ResourceVersion = p.ResourceVersion
			return w.Client.Update(t.Context(), fresh)
		},
		"replaced-with-another-text": func(p *v1alpha1.Prompt) error {
			fresh := controllerstest.NewPrompt(p.Namespace, p.Name, "another")
			fresh.ResourceVersion = p.ResourceVersion
			return w.Client.Update(t.Context(), fresh)
		},
		"patched": func(p *v1alpha1.Prompt) error { return w.dropFinalizers(t, p) },
	} {
		p := w.publish(t, name, "text")
		if !controllerutil.ContainsFinalizer(p, v1alpha1.PromptFinalizer) {
			t.Fatalf("%s: a published object has no finalizer", name)
		}
		require.NoError(t, drop(p))
		require.Eventually(t, func() error {
			if now := w.GetPrompt(t, store.Key{Namespace: p.Namespace, Name: p.Name}); !controllerutil.ContainsFinalizer(now, v1alpha1.PromptFinalizer) {
				return fmt.Errorf("%s: the finalizers are %v", name, now.Finalizers)
			}
			return nil
		})
	}
}

func (w *world) dropFinalizers(t *testing.T, p *v1alpha1.Prompt) error {
	patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
	return w.Client.Patch(t.Context(), p.DeepCopy(), patch)
}

// fightingWriterCausesNoLoop drops the finalizer whenever it sees it, and counts: each time takes twice as long as the one
// before, so that a count stands for a least time, however slow the machine is.
func fightingWriterCausesNoLoop(t *testing.T, w *world) {
	p := w.publish(t, "contested", "text")
	began, dropped := time.Now(), 0
	for dropped < 4 { // after the 1st none is waited for; then 1 s, 2 s and 4 s less what the writer takes
		require.Eventually(t, func() error {
			now := w.GetPrompt(t, store.Key{Namespace: p.Namespace, Name: p.Name})
			if !controllerutil.ContainsFinalizer(now, v1alpha1.PromptFinalizer) {
				return errors.New("the finalizer is off")
			}
			return w.dropFinalizers(t, now)
		})
		dropped++
	}
	if took := time.Since(began); took < 2*time.Second {
		t.Errorf("the finalizer came back %d times in %s", dropped-1, took)
	}
	// Meanwhile edits are published.
	p = w.GetPrompt(t, store.Key{Namespace: p.Namespace, Name: p.Name})
	w.EditPrompt(t, p, func(p *v1alpha1.Prompt) { p.Spec.Text = "edited" })
	require.Eventually(t, func() error {
		if got, err := w.servedText(t, p); err != nil || got != "edited" {
			return fmt.Errorf("served is %q, %v", got, err)
		}
		return nil
	})
}

// TestFinalizerLosses runs through losses on a clock of its own.
func TestFinalizerLosses(t *testing.T) {
	c := clocktesting.NewFakeClock(time.Unix(1000, 0))
	var l finalizerLosses
	losses := l.start(c)
	var waits []time.Duration
	for range 8 {
		if losses.IsInBackOffSinceUpdate("a", c.Now()) {
			t.Fatal("waits longer than it says")
		}
		losses.Next("a", c.Now())
		waits = append(waits, losses.Get("a"))
		if !losses.IsInBackOffSinceUpdate("a", c.Now()) || losses.IsInBackOffSinceUpdate("b", c.Now()) {
			t.Fatal("the one that was lost again is waited for, and no other")
		}
		c.Step(losses.Get("a"))
	}
	want := []time.Duration{1, 2, 4, 8, 16, 30, 30, 30}
	for i := range want {
		want[i] *= time.Second
	}
	if !slices.Equal(waits, want) {
		t.Errorf("waits are %v, want %v", waits, want)
	}
	c.Step(2*maxFinalizerWait + time.Second)
	losses.GC()
	if got := losses.Get("a"); got != 0 {
		t.Errorf("after a quiet minute %s are remembered", got)
	}
}

// deleteWithoutFinalizer deletes an object whose finalizer is off, so that nothing holds it, and the controller hears of it by
// the event alone. It fights for the finalizer until the backoff leaves it the time.
func (w *world) deleteWithoutFinalizer(t *testing.T, p *v1alpha1.Prompt) {
	t.Helper()
	key := client.ObjectKeyFromObject(p)
	require.Eventually(t, func() error {
		var now v1alpha1.Prompt
		require.NoError(t, w.Client.Get(t.Context(), key, &now))
		if len(now.Finalizers) > 0 {
			require.NoError(t, w.dropFinalizers(t, &now))
			require.NoError(t, w.Client.Get(t.Context(), key, &now))
		}
		if len(now.Finalizers) > 0 {
			return errors.New("the finalizer is back")
		}
		at := client.Preconditions{UID: &now.UID, ResourceVersion: &now.ResourceVersion}
		return w.Client.Delete(t.Context(), &now, at)
	})
	if err := w.Client.Get(t.Context(), key, &v1alpha1.Prompt{}); !apierrors.IsNotFound(err) {
		t.Fatalf("after its deletion the object gives %v", err)
	}
}

func (w *world) waitUntilNotServed(t *testing.T, p *v1alpha1.Prompt) {
	t.Helper()
	require.Eventually(t, func() error {
		if got, err := w.servedText(t, p); !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("%s is still served: %q, %v", p.Name, got, err)
		}
		return nil
	})
}

func objectGoneWithoutFinalizerIsRemoved(t *testing.T, w *world) {
	p := w.publish(t, "gone", "text")
	w.deleteWithoutFinalizer(t, p)
	w.waitUntilNotServed(t, p)
	again := w.publish(t, "gone", "second life")
	if got, err := w.servedText(t, again); err != nil || got != "second life" {
		t.Errorf("made again, %q is served, %v", got, err)
	}
}

// anotherObjectKeepsItsRow: the deletion of an object is heard of when another one has its name and its row.
func anotherObjectKeepsItsRow(t *testing.T, w *world) {
	first := w.publish(t, "name", "first")
	require.NoError(t, w.Client.Delete(t.Context(), first))
	w.waitUntilNotServed(t, first)
	require.Eventually(t, func() error {
		return w.Client.Create(t.Context(), controllerstest.NewPrompt(w.namespace, "name", "second"))
	})
	second := w.waitForReason(t, first, v1alpha1.ReasonPublished)
	if second.UID == first.UID {
		t.Fatal("it is the same object")
	}
	r := &Reconciler{Client: w.Client, Live: w.Client, Store: w.reconciler.Store, Clock: clock.RealClock{}}
	r.deletions.noteGone(first, false)
	require.NoError(t, r.removeGone(t.Context(), client.ObjectKeyFromObject(first)))
	if got, err := w.servedText(t, second); err != nil || got != "second" {
		t.Errorf("%q is served, %v", got, err)
	}
	if left := r.deletions.pendingOf(client.ObjectKeyFromObject(first)); len(left) > 0 {
		t.Errorf("still pending are %v", left)
	}
}

// liveObjectIsNeverRemoved: an event says that the object is gone, and the API server has it.
func liveObjectIsNeverRemoved(t *testing.T, w *world) {
	p := w.publish(t, "alive", "text")
	r := &Reconciler{Client: w.Client, Live: w.Client, Store: w.reconciler.Store, Clock: clock.RealClock{}}
	r.deletions.noteGone(p, true)
	require.NoError(t, r.removeGone(t.Context(), client.ObjectKeyFromObject(p)))
	if got, err := w.servedText(t, p); err != nil || got != "text" {
		t.Errorf("%q is served, %v", got, err)
	}
}

func TestDeletionEventHandler(t *testing.T) {
	for name, tc := range map[string]struct {
		objects   int
		unwatched bool
		released  bool
		want      int
	}{
		"each that went away":                        {objects: 50, want: 50},
		"none that was released":                     {objects: 50, released: true, want: 0},
		"a few that went away unwatched":             {objects: 3, unwatched: true, want: 3},
		"not a whole cluster that is gone unwatched": {objects: 50, unwatched: true, want: unwatchedBurst},
		"none that was released, unwatched":          {objects: 50, unwatched: true, released: true, want: 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Reconciler{}
			q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
			defer q.ShutDown()
			for i := range tc.objects {
				p := controllerstest.NewPrompt("ns", fmt.Sprint("p", i), "text")
				p.UID = types.UID(fmt.Sprint("uid", i))
				if tc.released {
					r.deletions.noteReleased(p.UID)
				}
				r.deletionEventHandler().Delete(t.Context(), event.DeleteEvent{Object: p, DeleteStateUnknown: tc.unwatched}, q)
			}
			if q.Len() != tc.want || len(r.deletions.pending) != tc.want {
				t.Errorf("%d are enqueued and %d pending, want %d", q.Len(), len(r.deletions.pending), tc.want)
			}
			if len(r.deletions.released) > 0 {
				t.Errorf("%d released ones are remembered after their events", len(r.deletions.released))
			}
		})
	}
}
