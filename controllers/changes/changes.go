package changes

import (
	"context"
	"errors"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

const (
	// pollEvery is how often the database is asked: it is the truth, and being woken only a hint.
	pollEvery = 2 * time.Second
	// roundSize bounds the prompts one look at the database brings.
	roundSize = 500
	// The backoff of a request that cannot be gone on with now.
	firstBackoff   = 50 * time.Millisecond
	longestBackoff = 3 * time.Second
)

// Store is what is needed of the database.
type Store interface {
	LoadFragments(ctx context.Context, namespace string, refs []prompt.Ref) (map[prompt.Ref]prompt.Fragment, error)
	PublishedState(ctx context.Context, key store.Key) (store.PublishedState, error)
	PromptsWithOpenChanges(ctx context.Context, limit int) ([]store.Key, error)
	NextChange(ctx context.Context, key store.Key) (store.OpenChange, error)
	BeginChange(ctx context.Context, change store.OpenChange, intent store.Intent) error
	MarkChangeApplied(ctx context.Context, id, uid string, generation int64) error
	FinalizeChange(ctx context.Context, change store.OpenChange, state store.ChangeState, reason, message string) error
	FinalizeAppliedChange(ctx context.Context, carried store.AppliedChange, reason, message string) error
	ExpireChanges(ctx context.Context) error
	RemoveKeepingPolicy(ctx context.Context, key store.Key, uid string) error
}

// Changes is a leader-only runnable.
type Changes struct {
	// Objects asks the API server itself, never a cache, and gives each call store.ObjectWriteTimeout.
	Objects client.Client
	Store   Store
	// Listen calls wake when there may be something to do, until it returns.
	Listen   func(ctx context.Context, wake func()) error
	Recorder events.EventRecorder
	Log      logr.Logger
	// Unproven takes requests without proof of who asks.
	Unproven bool
	// Concurrency is how many prompts are worked on at the same time.
	Concurrency int
	// Drifted takes objects that wait too long for their publish to the reconciler.
	Drifted chan<- event.GenericEvent
}

// NeedLeaderElection makes it run on the leader only.
func (c *Changes) NeedLeaderElection() bool { return true }

// Start works until ctx ends. The queue holds prompts, not requests: it never gives one out twice at a time, which keeps
// the requests of a prompt in order.
func (c *Changes) Start(ctx context.Context) error {
	queue := workqueue.NewTypedRateLimitingQueueWithConfig(
		workqueue.NewTypedItemExponentialFailureRateLimiter[store.Key](firstBackoff, longestBackoff),
		workqueue.TypedRateLimitingQueueConfig[store.Key]{Name: "changes"})
	var group errgroup.Group
	woken := make(chan struct{}, 1)
	wake := func() {
		select {
		case woken <- struct{}{}:
		default:
		}
	}
	group.Go(func() error { c.listen(ctx, wake); return nil })
	for range c.Concurrency {
		group.Go(func() error { c.work(ctx, queue); return nil })
	}
	c.fill(ctx, queue, woken)
	queue.ShutDown()
	return group.Wait()
}

// listen goes on listening until ctx ends.
func (c *Changes) listen(ctx context.Context, wake func()) {
	wait.UntilWithContext(ctx, func(ctx context.Context) {
		if err := c.Listen(ctx, wake); err != nil && ctx.Err() == nil {
			c.Log.V(1).Info("Not listening for change requests, polling", "reason", err.Error())
		}
	}, pollEvery)
}

// fill brings prompts with open requests to the queue, whenever woken and every pollEvery. That the database is away is
// told once.
func (c *Changes) fill(ctx context.Context, queue workqueue.TypedRateLimitingInterface[store.Key], woken <-chan struct{}) {
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	away := false
	for polled := true; ; {
		keys, err := c.Store.PromptsWithOpenChanges(ctx, roundSize)
		if err == nil && polled {
			err = c.Store.ExpireChanges(ctx)
		}
		if err != nil && !away && ctx.Err() == nil {
			c.Log.Error(err, "Cannot look after change requests, trying until it works")
		}
		if polled || err != nil { // a round that was only woken does not find out whether all works again
			away = err != nil
		}
		for _, key := range keys {
			if queue.NumRequeues(key) == 0 { // what failed comes back by itself
				queue.Add(key)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-woken:
			polled = false
		case <-poll.C:
			polled = true
		}
	}
}

func (c *Changes) work(ctx context.Context, queue workqueue.TypedRateLimitingInterface[store.Key]) {
	for {
		key, ended := queue.Get()
		if ended {
			return
		}
		switch err := c.goOn(ctx, key); {
		case err == nil, ctx.Err() != nil:
			queue.Forget(key)
		default:
			c.failed(key, err)
			queue.AddRateLimited(key)
		}
		queue.Done(key)
	}
}

// failed tells of a request that is tried again, but not for each that the database is away.
func (c *Changes) failed(key store.Key, err error) {
	log := c.Log.WithValues("namespace", key.Namespace, "name", key.Name)
	switch {
	case errors.Is(err, errLater):
		return
	case errors.Is(err, store.ErrUnavailable): // fill has told it
		log.V(1).Info("Cannot go on with a change request while the database is away", "reason", err.Error())
	default:
		log.Error(err, "Cannot go on with a change request, trying again")
	}
	failures.Inc()
}

// errLater says that there is no saying yet.
var errLater = errors.New("not yet")
