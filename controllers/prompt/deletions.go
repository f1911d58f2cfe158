package prompt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/flowcontrol"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
)

// How many objects that went away while the watch was broken are removed by that alone: ten at once, then one in thirty
// seconds. More than that look like an API server restored from a backup, and are the comparison's, which has a limit.
const (
	unwatchedBurst    = 10
	unwatchedInterval = 30 * time.Second
)

// deletions remembers which objects are gone, or about to go, until their rows are tombstones. The zero value is ready.
type deletions struct {
	mu sync.Mutex
	// released are objects whose row is a tombstone and whose deletion event is still to come.
	released map[types.UID]bool
	// pending are objects that went away without that, as one does whose finalizer another writer dropped.
	pending map[types.NamespacedName][]goneObject
	// unwatched bounds those of which no event told.
	unwatched flowcontrol.PassiveRateLimiter
}

// goneObject is what is needed of an object after its end.
type goneObject struct {
	uid    types.UID
	retain bool
}

// lock locks d, made ready for use.
func (d *deletions) lock() {
	d.mu.Lock()
	if d.unwatched == nil {
		d.released = map[types.UID]bool{}
		d.pending = map[types.NamespacedName][]goneObject{}
		d.unwatched = flowcontrol.NewTokenBucketPassiveRateLimiter(1/float32(unwatchedInterval.Seconds()), unwatchedBurst)
	}
}

// noteReleased notes that the row of an object is a tombstone, so that its deletion event needs nothing.
func (d *deletions) noteReleased(uid types.UID) {
	d.lock()
	defer d.mu.Unlock()
	d.released[uid] = true
}

func (d *deletions) isReleased(uid types.UID) bool {
	d.lock()
	defer d.mu.Unlock()
	return d.released[uid]
}

// noteGone takes the deletion event of an object and reports whether its row is still to be removed.
func (d *deletions) noteGone(p *v1alpha1.Prompt, unwatched bool) bool {
	d.lock()
	defer d.mu.Unlock()
	if d.released[p.UID] {
		delete(d.released, p.UID)
		return false
	}
	if unwatched && !d.unwatched.TryAccept() {
		return false
	}
	key := client.ObjectKeyFromObject(p)
	d.pending[key] = append(d.pending[key], goneObject{uid: p.UID, retain: promptobject.RetainsTexts(p)})
	return true
}

func (d *deletions) pendingOf(key types.NamespacedName) []goneObject {
	d.lock()
	defer d.mu.Unlock()
	return slices.Clone(d.pending[key])
}

func (d *deletions) forget(key types.NamespacedName, gone goneObject) {
	d.lock()
	defer d.mu.Unlock()
	delete(d.released, gone.uid)
	rest := slices.DeleteFunc(d.pending[key], func(g goneObject) bool { return g == gone })
	if len(rest) > 0 {
		d.pending[key] = rest
	} else {
		delete(d.pending, key)
	}
}

// deletionEventHandler enqueues objects that went away without their row being removed.
func (r *Reconciler) deletionEventHandler() handler.EventHandler {
	return handler.Funcs{DeleteFunc: func(_ context.Context, e event.DeleteEvent, q requestQueue) {
		p := e.Object.(*v1alpha1.Prompt)
		if promptobject.IsOfAnotherController(p, r.Controller) {
			r.others.forget(client.ObjectKeyFromObject(p))
			return
		}
		if r.deletions.noteGone(p, e.DeleteStateUnknown) {
			q.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(p)})
		}
	}}
}

// removeGone leaves tombstones for the objects of a name that went away without. The API server is asked past the cache, and
// the row goes only while it is that object's: another object of the name, with another UID, keeps its row.
func (r *Reconciler) removeGone(ctx context.Context, key types.NamespacedName) error {
	for _, gone := range r.deletions.pendingOf(key) {
		var live v1alpha1.Prompt
		err := r.Live.Get(ctx, key, &live)
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("ask the API server whether the object is gone: %w", err)
		}
		if err == nil && live.UID == gone.uid { // its own events bring it
			r.deletions.forget(key, gone)
			continue
		}
		err = r.Store.Remove(ctx, store.Key{Namespace: key.Namespace, Name: key.Name}, string(gone.uid), gone.retain)
		if foreign, is := errors.AsType[*store.ForeignClusterError](err); is && foreign.Owner != "" {
			err = nil // in another cluster's database no row is ours
		}
		if err != nil {
			return err
		}
		r.deletions.forget(key, gone)
		removedAfterDeletion.Inc()
		ctrl.LoggerFrom(ctx).Info("Removed a prompt whose object went away without its finalizer", "uid", gone.uid)
	}
	return nil
}

// deletionsFirst is a reconciler that removes what is gone of a name before it reconciles what is there.
type deletionsFirst struct {
	*Reconciler
	objects reconcile.Reconciler
}

// Reconcile removes what is gone under the name of the request, then reconciles the object of that name, if there is one.
func (d deletionsFirst) Reconcile(ctx context.Context, request reconcile.Request) (ctrl.Result, error) {
	if err := d.removeGone(ctx, request.NamespacedName); err != nil {
		return ctrl.Result{}, err
	}
	return d.objects.Reconcile(ctx, request)
}
