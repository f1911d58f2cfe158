package prompt

import (
	"context"
	"sync"
	"time"

	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/lectern-dev/lectern/api/v1alpha1"
)

// How long the finalizer stays off an object whose other writer keeps dropping it: each loss doubles the wait after it, and a
// minute without one forgets them.
const (
	minFinalizerWait = time.Second
	maxFinalizerWait = 30 * time.Second
)

// finalizerLosses remembers how often other writers dropped the finalizer lately, by UID. The zero value is ready.
type finalizerLosses struct {
	once    sync.Once
	backoff *flowcontrol.Backoff
}

func (l *finalizerLosses) start(c clock.Clock) *flowcontrol.Backoff {
	l.once.Do(func() {
		l.backoff = flowcontrol.NewBackOff(minFinalizerWait, maxFinalizerWait)
		l.backoff.Clock = c
	})
	return l.backoff
}

// keepFinalizer puts the finalizer on p: on a new object, and at once on one that lost it, as by `kubectl replace`. The write names
// this controller as its field manager, which says to others whose the object is until its status does.
//
// While another writer fights for the object it is left off for a time, which retryAfter is; zero means that it is on. Such an
// object goes on being published all the same: it has a row already, and a deletion that nothing holds up is heard of by its
// event.
func (r *Reconciler) keepFinalizer(ctx context.Context, p *v1alpha1.Prompt) (retryAfter time.Duration, err error) {
	if controllerutil.ContainsFinalizer(p, v1alpha1.PromptFinalizer) {
		return 0, nil
	}
	if p.Status.ObservedGeneration <= 0 { // never reconciled before: there was none to lose
		return 0, r.Status.EnsureFinalizer(ctx, p, v1alpha1.PromptFinalizer, r.Controller)
	}
	losses, id := r.losses.start(r.Clock), string(p.UID)
	losses.GC()
	if losses.IsInBackOffSinceUpdate(id, r.Clock.Now()) {
		return losses.Get(id), nil
	}
	if err := r.Status.EnsureFinalizer(ctx, p, v1alpha1.PromptFinalizer, r.Controller); err != nil {
		return 0, err
	}
	losses.Next(id, r.Clock.Now())
	finalizersRestored.Inc()
	ctrl.LoggerFrom(ctx).Info("Restored the finalizer that another writer dropped", "uid", p.UID, "backoff", losses.Get(id))
	return 0, nil
}
