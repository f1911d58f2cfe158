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
	// pollInterval is how often the database is asked: it is the truth, and a notification only a hint.
	pollInterval = 2 * time.Second
	// maxPromptsPerPoll bounds the prompts that are enqueued at once.
	maxPromptsPerPoll = 500
	// minBackoff and maxBackoff bound how long a request waits that cannot be processed now.
	minBackoff = 50 * time.Millisecond
	maxBackoff = 3 * time.Second
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
	FinalizeAppliedChange(ctx context.Context, change store.AppliedChange, reason, message string) error
	ExpireChanges(ctx context.Context) error
	RemoveKeepingPolicy(ctx context.Context, key store.Key, uid string) error
}

// Changes writes change requests into objects. It is a runnable of the leader alone.
type Changes struct {
	// Objects asks the API server itself, never a cache, and gives each call store.ObjectWriteTimeout.
	Objects client.Client
	Store   Store
	// Listen calls wake when there may be something to do, until it returns.
	Listen   func(ctx context.Context, wake func()) error
	Recorder events.EventRecorder
	Log      logr.Logger
	// AllowUnproven takes requests without proof of who asks.
	AllowUnproven bool
	// Concurrency is how many prompts are processed at the same time.
	Concurrency int
	// Drifted hands objects that wait too long for their publish to the reconciler.
	Drifted chan<- event.GenericEvent
}

// NeedLeaderElection makes it run on the leader only.
func (c *Changes) NeedLeaderElection() bool { return true }

// Start processes change requests until ctx ends. The queue holds prompts, not requests: it never gives one out twice at a
// time, which keeps the requests of a prompt in order.
func (c *Changes) Start(ctx context.Context) error {
	queue := workqueue.NewTypedRateLimitingQueueWithConfig(
		workqueue.NewTypedItemExponentialFailureRateLimiter[store.Key](minBackoff, maxBackoff),
		workqueue.TypedRateLimitingQueueConfig[store.Key]{Name: "changes"})
	var group errgroup.Group
	woken := make(chan struct{}, 1)
	wake := func() {
		select {
		case woken <- struct{}{}:
		default:
		}
	}
	group.Go(func() error { c.keepListening(ctx, wake); return nil })
	for range c.Concurrency {
		group.Go(func() error { c.runWorker(ctx, queue); return nil })
	}
	c.enqueueOpen(ctx, queue, woken)
	queue.ShutDown()
	return group.Wait()
}

// keepListening listens for notifications until ctx ends.
func (c *Changes) keepListening(ctx context.Context, wake func()) {
	wait.UntilWithContext(ctx, func(ctx context.Context) {
		if err := c.Listen(ctx, wake); err != nil && ctx.Err() == nil {
			c.Log.V(1).Info("Not listening for notifications of change requests, polling", "reason", err.Error())
		}
	}, pollInterval)
}

// enqueueOpen enqueues the prompts with open requests, whenever woken and every pollInterval, until ctx ends. It logs once
// that the database is unavailable.
func (c *Changes) enqueueOpen(ctx context.Context, queue workqueue.TypedRateLimitingInterface[store.Key], woken <-chan struct{}) {
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	unavailable := false
	for polled := true; ; {
		keys, err := c.Store.PromptsWithOpenChanges(ctx, maxPromptsPerPoll)
		if err == nil && polled {
			err = c.Store.ExpireChanges(ctx)
		}
		if err != nil && !unavailable && ctx.Err() == nil {
			c.Log.Error(err, "Cannot read change requests, retrying until it works")
		}
		if polled || err != nil { // a round that was only woken does not find out whether all works again
			unavailable = err != nil
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

func (c *Changes) runWorker(ctx context.Context, queue workqueue.TypedRateLimitingInterface[store.Key]) {
	for {
		key, ended := queue.Get()
		if ended {
			return
		}
		switch err := c.processNext(ctx, key); {
		case err == nil, ctx.Err() != nil:
			queue.Forget(key)
		default:
			c.reportFailure(key, err)
			queue.AddRateLimited(key)
		}
		queue.Done(key)
	}
}

// reportFailure logs and counts a request that is retried. That the database is unavailable is logged by enqueueOpen.
func (c *Changes) reportFailure(key store.Key, err error) {
	log := c.Log.WithValues("namespace", key.Namespace, "name", key.Name)
	switch {
	case errors.Is(err, errNotYet):
		return
	case errors.Is(err, store.ErrUnavailable):
		log.V(1).Info("Cannot process a change request while the database is unavailable", "reason", err.Error())
	default:
		log.Error(err, "Cannot process a change request, retrying")
	}
	failures.Inc()
}
