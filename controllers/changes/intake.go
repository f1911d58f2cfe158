package changes

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lectern-dev/lectern/internal/faultpoint"
	"github.com/lectern-dev/lectern/internal/store"
)

const (
	// maxProofsPerRead bounds the requests that are read with their proofs at once, of 24 KiB each at most.
	maxProofsPerRead = 100
	// proofsAtATime are opened and verified at the same time.
	proofsAtATime = 16
)

// intake proves change requests as they come, before they take turns: turns go by subjects that are proven. It is asked again
// about each request before it is written; here nothing is decided but whose turns it takes.
type intake struct {
	*Changes
	woken chan struct{}
	// proven is called when requests may take their turns.
	proven func()
}

func newIntake(c *Changes, proven func()) *intake {
	return &intake{Changes: c, woken: make(chan struct{}, 1), proven: proven}
}

// wake has the requests read soon.
func (i *intake) wake() {
	select {
	case i.woken <- struct{}{}:
	default:
	}
}

// proveAll proves what there is, whenever woken and every pollInterval, until ctx ends. It logs once that it cannot.
func (i *intake) proveAll(ctx context.Context) {
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	failed := false
	for {
		more, err := i.proveNext(ctx)
		if err != nil && !failed && ctx.Err() == nil && !errors.Is(err, store.ErrUnavailable) { // which enqueueOpen logs
			i.Log.Error(err, "Cannot read or store who asks for changes, retrying until it works")
		}
		failed = err != nil
		if more && err == nil && ctx.Err() == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-i.woken:
		case <-poll.C:
		}
	}
}

// found is what came of the requests that were read at once.
type found struct {
	mu       sync.Mutex
	refused  []store.UnprovenRefusal
	flaws    []*flaw
	deferred []string
	proven   int
}

func (f *found) refuse(id string, why *flaw) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flaws = append(f.flaws, why)
	f.refused = append(f.refused, store.UnprovenRefusal{ID: id, Reason: why.rejection.Reason, Message: why.rejection.Message})
}

// proveNext proves some requests, and reports whether there may be more.
func (i *intake) proveNext(ctx context.Context) (more bool, err error) {
	open, err := i.Store.UnprovenChanges(ctx, maxProofsPerRead)
	if err != nil || len(open) == 0 {
		return false, err
	}
	var all found
	var group errgroup.Group
	group.SetLimit(proofsAtATime)
	for n := range open {
		group.Go(func() error { return i.proveOne(ctx, &open[n], &all) })
	}
	err = group.Wait()
	if all.proven > 0 {
		faultpoint.Hit(faultpoint.ChangeProven)
		i.proven()
	}
	if len(all.refused) > 0 {
		failed := i.Store.RefuseUnproven(ctx, all.refused)
		if failed == nil {
			for _, why := range all.flaws {
				unproven.WithLabelValues(why.name).Inc()
				rejected.WithLabelValues(string(why.rejection.State), why.rejection.Reason).Inc()
			}
		}
		err = errors.Join(err, failed)
	}
	if len(all.deferred) > 0 {
		err = errors.Join(err, i.Store.DeferProofs(ctx, all.deferred))
	}
	return len(open) == maxProofsPerRead, err
}

// proveOne finds out about one request. Its error is the database's.
func (i *intake) proveOne(ctx context.Context, request *store.OpenChange, all *found) error {
	_, why, err := i.Prover.identify(ctx, request)
	switch {
	case why != nil:
		all.refuse(request.ID, why)
		return nil
	case err != nil:
		i.Log.V(1).Info("Cannot find out who asks for a change", "change", request.ID, "reason", err.Error())
		failures.Inc()
		all.mu.Lock()
		defer all.mu.Unlock()
		all.deferred = append(all.deferred, request.ID)
		return nil
	}
	err = i.Store.MarkChangeProven(ctx, request.ID)
	if errors.Is(err, store.ErrIdempotencyKeyReused) {
		all.refuse(request.ID, newFlaw("IdempotencyKeyReused", store.ReasonIdempotencyKeyReused,
			"another request of yours came first under its idempotency key; ask again with the same key to learn what became of that one"))
		return nil
	}
	if err != nil {
		return err
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	all.proven++
	return nil
}
