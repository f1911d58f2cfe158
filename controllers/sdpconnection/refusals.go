package sdpconnection

import (
	"context"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/connectionlogin"
	"github.com/lectern-dev/lectern/internal/store"
)

// refusals are the open refusals of tokens, as they were last read.
type refusals struct {
	mu    sync.Mutex
	byUID map[types.UID]store.TokenRefusal
	// woken is when the reconcile of a connection was last asked for because of one.
	woken map[types.UID]time.Time
}

// of returns the refusal of the current token of a connection.
func (r *refusals) of(uid types.UID, token *store.StoredToken) (store.TokenRefusal, bool) {
	if token == nil {
		return store.TokenRefusal{}, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	found, has := r.byUID[uid]
	if !has || found.TokenID != token.ID {
		return store.TokenRefusal{}, false
	}
	return found, true
}

// forget forgets one that is disproved.
func (r *refusals) forget(refusal store.TokenRefusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byUID[types.UID(refusal.UID)].TokenID == refusal.TokenID {
		delete(r.byUID, types.UID(refusal.UID))
		delete(r.woken, types.UID(refusal.UID))
	}
}

// replace remembers what was read, and returns those whose connections are to be reconciled: new ones, and those that are still
// there after wakePause.
func (r *refusals) replace(read []store.TokenRefusal, now time.Time) []store.TokenRefusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, woken := r.byUID, r.woken
	r.byUID, r.woken = map[types.UID]store.TokenRefusal{}, map[types.UID]time.Time{}
	var wake []store.TokenRefusal
	for _, refusal := range read {
		uid := types.UID(refusal.UID)
		r.byUID[uid], r.woken[uid] = refusal, woken[uid]
		if before[uid].TokenID != refusal.TokenID || !now.Before(woken[uid].Add(wakePause)) {
			r.woken[uid] = now
			wake = append(wake, refusal)
		}
	}
	return wake
}

const (
	// refusalPoll is the time between two reads of refusals, though nothing was heard of any.
	refusalPoll = 2 * time.Second
	// wakePause is the time between two reconciles because of one refusal.
	wakePause = connectionlogin.ProofPause
	// maxRefusals is how many are read; there is at most one a connection.
	maxRefusals = 10_000
)

// RefusalReader reads which tokens servers were refused, and has their connections be reconciled. It runs where the reconciler does.
type RefusalReader struct {
	Reconciler *Reconciler
	// Listen calls wake when a server may have reported one, until ctx ends.
	Listen func(ctx context.Context, wake func())
	// Refused brings the connections to the reconciler.
	Refused chan<- event.GenericEvent
	Log     logr.Logger

	isFailing bool
}

// NeedLeaderElection has the leader alone read.
func (r *RefusalReader) NeedLeaderElection() bool { return true }

// Start reads until ctx ends.
func (r *RefusalReader) Start(ctx context.Context) error {
	woken := make(chan struct{}, 1)
	var listening sync.WaitGroup
	defer listening.Wait()
	listening.Go(func() {
		r.Listen(ctx, func() {
			select {
			case woken <- struct{}{}:
			default:
			}
		})
	})
	tick := r.Reconciler.Clock.NewTicker(refusalPoll)
	defer tick.Stop()
	for {
		r.read(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-woken:
		case <-tick.C():
		}
	}
}

func (r *RefusalReader) read(ctx context.Context) {
	read, err := r.Reconciler.Store.TokenRefusals(ctx, maxRefusals)
	if err != nil {
		if !r.isFailing && ctx.Err() == nil {
			r.Log.Error(err, "Cannot read which tokens are refused, trying again")
		}
		r.isFailing = true
		return
	}
	r.isFailing = false
	for _, refusal := range r.Reconciler.refusals.replace(read, r.Reconciler.Clock.Now()) {
		of := &v1alpha1.SDPConnection{}
		of.Namespace, of.Name = refusal.Key.Namespace, refusal.Key.Name
		select {
		case r.Refused <- event.GenericEvent{Object: of}:
		case <-ctx.Done():
			return
		}
	}
}
