package changes

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/client-go/util/workqueue"

	"github.com/lectern-dev/lectern/internal/store"
)

const (
	// maxPromptsPerRead bounds the prompts that are read at once.
	maxPromptsPerRead = 500
	// inFlightPerWorker is how many requests are on their way for each worker: they wait for one, are with one, or are written
	// and wait for their publish in the reconciler's queue, which knows no turns. Whoever asks now comes after them.
	inFlightPerWorker = 2
)

// turns gives prompts with open requests to workers, a few at a time, in the order of the database, where subjects and
// namespaces take turns.
type turns struct {
	*Changes
	// queue holds the prompts that wait for a worker. It never gives one out twice at a time.
	queue workqueue.TypedRateLimitingInterface[store.Key]
	woken chan struct{}
	// crowded says that requests may have been left in the database: there was no room, or their prompt was with a worker.
	crowded atomic.Bool

	mu sync.Mutex
	// inFlight are the prompts that wait for a worker or are with one.
	inFlight map[store.Key]struct{}
}

func newTurns(c *Changes) *turns {
	return &turns{
		Changes: c, woken: make(chan struct{}, 1), inFlight: make(map[store.Key]struct{}),
		queue: workqueue.NewTypedRateLimitingQueueWithConfig(
			workqueue.NewTypedItemExponentialFailureRateLimiter[store.Key](minBackoff, maxBackoff),
			workqueue.TypedRateLimitingQueueConfig[store.Key]{Name: "changes"}),
	}
}

// wake has the open requests read soon.
func (t *turns) wake() {
	select {
	case t.woken <- struct{}{}:
	default:
	}
}

// enqueue gives a prompt to the workers. It returns false when they have it already.
func (t *turns) enqueue(key store.Key) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, is := t.inFlight[key]; is {
		return false
	}
	t.inFlight[key] = struct{}{}
	t.queue.Add(key)
	return true
}

// finish takes a prompt back from a worker.
func (t *turns) finish(key store.Key) {
	t.queue.Done(key)
	t.mu.Lock()
	delete(t.inFlight, key)
	t.mu.Unlock()
	if t.crowded.Load() {
		t.wake()
	}
}

func (t *turns) countInFlight() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.inFlight)
}

// enqueueOpen enqueues the prompts with open requests, whenever woken and every pollInterval, until ctx ends. It logs once
// that the database is unavailable.
func (t *turns) enqueueOpen(ctx context.Context) {
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	unavailable := false
	for polled := true; ; {
		err := t.enqueueNext(ctx, polled)
		if err != nil && !unavailable && ctx.Err() == nil {
			t.Log.Error(err, "Cannot read change requests, retrying until it works")
		}
		if polled || err != nil { // a round that was only woken does not find out whether all works again
			unavailable = err != nil
		}
		select {
		case <-ctx.Done():
			return
		case <-t.woken:
			polled = false
		case <-poll.C:
			polled = true
		}
	}
}

// enqueueNext reads the open requests and enqueues as many as there is room for. It expires those that waited too long when it
// was not woken.
func (t *turns) enqueueNext(ctx context.Context, polled bool) error {
	t.crowded.Store(true) // until it is known: a worker that finishes meanwhile wakes for nothing, at worst
	if !polled && t.queue.Len() > t.Concurrency/2 {
		return nil // the workers have enough until there is room for several
	}
	applied, err := t.Store.CountAppliedChanges(ctx)
	room := t.Concurrency*inFlightPerWorker - applied - t.countInFlight()
	if room <= 0 && !polled {
		return err // a worker wakes, or a publish
	}
	keys, failed := t.Store.PromptsWithOpenChanges(ctx, maxPromptsPerRead)
	if err = errors.Join(err, failed); err == nil && polled {
		err = t.Store.ExpireChanges(ctx)
	}
	left := false
	for _, key := range keys {
		switch {
		case t.queue.NumRequeues(key) > 0: // what failed comes back by itself
		case room > 0 && t.enqueue(key):
			room--
		default:
			left = true
		}
	}
	t.crowded.Store(left)
	return err
}
