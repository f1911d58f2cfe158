package changes

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/lectern-dev/lectern/internal/access"
	"github.com/lectern-dev/lectern/internal/namespaces"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

const (
	// pollInterval is how often the database is asked: it is the truth, and a notification only a hint.
	pollInterval = 2 * time.Second
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
	CountAppliedChanges(ctx context.Context) (int, error)
	UnprovenChanges(ctx context.Context, limit int) ([]store.OpenChange, error)
	MarkChangeProven(ctx context.Context, id string) error
	DeferProofs(ctx context.Context, ids []string) error
	RefuseUnproven(ctx context.Context, refusals []store.UnprovenRefusal) error
	DeferChange(ctx context.Context, key store.Key) error
	ExpireChanges(ctx context.Context) error
	RemoveKeepingPolicy(ctx context.Context, key store.Key, uid string) error
}

// Changes writes change requests into objects. It is a runnable of the leader alone.
type Changes struct {
	// Objects asks the API server itself, never a cache, and gives each call store.ObjectWriteTimeout.
	Objects client.Client
	Store   Store
	// Watched are the namespaces whose prompts are changed; requests for others are refused.
	Watched namespaces.Watched
	// Controller names this controller in status.controller.
	Controller string
	// Listen calls wake when there may be something to do, until ctx ends.
	Listen   func(ctx context.Context, wake func())
	Recorder events.EventRecorder
	Log      logr.Logger
	// AllowUnproven takes requests without proof of who asks.
	AllowUnproven bool
	// Prover tells what is proven; nil where nothing can be, and then nothing is.
	Prover *Prover
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
	t := newTurns(c)
	in := newIntake(c, t.wake)
	var group errgroup.Group
	group.Go(func() error { c.Listen(ctx, func() { in.wake(); t.wake() }); return nil })
	if !c.AllowUnproven {
		group.Go(func() error { in.proveAll(ctx); return nil })
	}
	for range c.Concurrency {
		group.Go(func() error { c.runWorker(ctx, t); return nil })
	}
	t.enqueueOpen(ctx)
	t.queue.ShutDown()
	return group.Wait()
}

func (c *Changes) runWorker(ctx context.Context, t *turns) {
	for {
		key, ended := t.queue.Get()
		if ended {
			return
		}
		switch err := c.processRecovering(ctx, key); {
		case err == nil, ctx.Err() != nil:
			t.queue.Forget(key)
		default:
			c.reportFailure(key, err)
			c.deferChange(ctx, key, err)
			t.queue.AddRateLimited(key)
		}
		t.finish(key)
	}
}

// processRecovering is processNext, of which a panic is a failure like others: what one asks for must not end the controller for all,
// and again at each start, because the request is still there.
func (c *Changes) processRecovering(ctx context.Context, key store.Key) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return c.processNext(ctx, key)
}

// deferChange records that a request had its turn: what it waits from then on is its own. While the database is
// unavailable nobody has one.
func (c *Changes) deferChange(ctx context.Context, key store.Key, cause error) {
	if errors.Is(cause, store.ErrUnavailable) {
		return
	}
	if err := c.Store.DeferChange(ctx, key); err != nil && ctx.Err() == nil {
		c.Log.V(1).Info("Cannot record that a change request is deferred", "namespace", key.Namespace, "name", key.Name, "reason", err.Error())
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
	case errors.Is(err, access.ErrUnavailable): // which says so itself
		log.V(1).Info("Cannot process a change request while callers cannot be reviewed", "reason", err.Error())
	default:
		log.Error(err, "Cannot process a change request, retrying")
	}
	failures.Inc()
}
