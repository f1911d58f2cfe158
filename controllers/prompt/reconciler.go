package prompt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/status"
	"github.com/lectern-dev/lectern/internal/faultpoint"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
)

const (
	// maxPublishAttempts bounds how often one reconcile starts a publish again because a fragment or the
	// row changed under it.
	maxPublishAttempts = 5
	// releaseMargin is how much before the end of ReleaseTimeout a deleted object is let go: the next attempt would come after
	// the longest backoff and the longest call.
	releaseMargin = 30 * time.Second
	// waitingRequeue is how soon a prompt that waits for another is reconciled again, should no watch come
	// first.
	waitingRequeue = time.Minute
)

// Store is what a reconcile needs of the database.
type Store interface {
	LoadFragments(ctx context.Context, namespace string, refs []prompt.Ref) (map[prompt.Ref]prompt.Fragment, error)
	FragmentVersions(ctx context.Context, namespace string, refs []prompt.Ref) (map[prompt.Ref]store.FragmentVersion, error)
	Publish(ctx context.Context, p store.Publication) (store.Published, error)
	Remove(ctx context.Context, key store.Key, uid string, retain bool) error
	AppliedChange(ctx context.Context, key store.Key, owner store.Owner, lastChange string) (*store.AppliedChange, error)
	FinalizeAppliedChange(ctx context.Context, change store.AppliedChange, reason, message string) error
}

// Reconciler publishes Prompts.
type Reconciler struct {
	// Client reads from the cache; Live asks the API server itself.
	Client client.Client
	Live   client.Reader
	Store  Store
	Status status.Writer
	Clock  clock.Clock
	// HistoryLimit is how many versions are kept where an object does not say.
	HistoryLimit int
	// HistoryBytes is how many bytes of texts the versions of one prompt may have; zero for no limit.
	HistoryBytes int64
	// Controller names this controller in status.controller: namespace and name of its Lease.
	Controller string
	// ReleaseTimeout is how long a deleted object waits for an unreachable database, at the latest, before it is released
	// without its row, which the comparison tombstones later.
	ReleaseTimeout time.Duration
	// Resync is how often a prompt is reconciled though nothing happened.
	Resync time.Duration
	// Concurrency is how many prompts are reconciled at the same time.
	Concurrency int

	losses    finalizerLosses
	deletions deletions
	others    othersObjects
	includes  includeMemory
	fragments fragmentMemory
}

// Reconcile publishes p, or releases it when it is being deleted, and writes the outcome into its status.
func (r *Reconciler) Reconcile(ctx context.Context, p *v1alpha1.Prompt) (ctrl.Result, error) {
	faultpoint.Hit(faultpoint.Fetched)
	if promptobject.IsOfAnotherController(p, r.Controller) {
		r.reportOther(ctx, p)
		return ctrl.Result{}, nil
	}
	r.others.forget(client.ObjectKeyFromObject(p))
	if !p.DeletionTimestamp.IsZero() {
		return r.release(ctx, p)
	}
	finalizerAfter, err := r.keepFinalizer(ctx, p)
	if err == nil && promptobject.ControllerOf(p) != r.Controller { // the finalizer was there, so the write of it did not say so
		err = r.Status.SetController(ctx, p, r.Controller)
	}
	if err != nil {
		return status.ResultOfPatch(err)
	}
	faultpoint.Hit(faultpoint.FinalizerSet)

	before := p.DeepCopy()
	p.Status.Controller = r.Controller
	outcome, err := r.publish(ctx, p)
	if err != nil {
		if errors.Is(err, errStale) {
			// Another object is live under this name, and its event is on the way. Only a deposed
			// leader would still write here.
			ctrl.LoggerFrom(ctx).V(1).Info("Skipped an object that is no longer live", "uid", p.UID, "generation", p.Generation)
			return ctrl.Result{}, nil
		}
		outcome = r.outcomeOf(err)
	}
	reconcilesTotal.WithLabelValues(string(outcome.Kind()), outcome.Reason()).Inc()
	if outcome.Kind() != status.KindRetry { // a request is not done while it is tried again
		p.Status.LastHandledReconcileAt = p.Annotations[v1alpha1.RequestedAtAnnotation]
	}
	finalized := r.finalizeUnpublishedChange(ctx, p, outcome)
	result, err := r.Status.Finish(ctx, before, p, outcome)
	if finalizerAfter > 0 && (result.RequeueAfter == 0 || finalizerAfter < result.RequeueAfter) {
		result.RequeueAfter = finalizerAfter
	}
	return result, errors.Join(err, finalized)
}

// publish compiles p, publishes it and writes into p.Status what is live.
func (r *Reconciler) publish(ctx context.Context, p *v1alpha1.Prompt) (status.Outcome, error) {
	if p.Spec.Suspend {
		return suspendedOutcome(p), nil
	}
	includes := r.includes.parse(p)
	if err := cmp.Or(includes.err, r.includes.check(p, includes)); err != nil {
		return status.Outcome{}, err
	}
	spec := promptobject.SpecOf(&p.Spec)
	change, err := r.findAppliedChange(ctx, p)
	if err != nil {
		return status.Outcome{}, err
	}
	var takeover *store.Fence
	for attempt := 1; ; attempt++ {
		compiled, err := promptobject.ResolveRefsAndCompile(ctx, fragmentReader{r.Store, &r.fragments}, p.Namespace, spec, includes.refs)
		if err != nil {
			return status.Outcome{}, err
		}
		faultpoint.Hit(faultpoint.Compiled)
		publication := promptobject.PublicationOf(p, compiled, r.HistoryLimit)
		publication.HistoryBytes = r.HistoryBytes
		publication.Takeover, publication.Change = takeover, change
		if author := promptobject.AuthorOf(p, change); author != "" {
			publication.Provenance.ChangedBy, publication.Provenance.Manager = author, promptobject.AgentFieldManager
		}
		live, err := r.Store.Publish(ctx, publication)
		faultpoint.Hit(faultpoint.Published)

		fenced, isFenced := errors.AsType[*store.FencedError](err)
		switch {
		case err == nil:
			return r.recordPublished(p, compiled, live), nil
		case attempt == maxPublishAttempts:
			return status.Outcome{}, err
		case isFenced:
			publishesFenced.Inc()
			if err := r.confirmLive(ctx, p); err != nil {
				return status.Outcome{}, err
			}
			takeover = &fenced.Row
		case errors.Is(err, store.ErrFragmentsMoved):
			takeover = nil
		default:
			return status.Outcome{}, err
		}
	}
}

// recordPublished writes what is live into the status of p and returns the outcome.
func (r *Reconciler) recordPublished(p *v1alpha1.Prompt, compiled *prompt.Compiled, live store.Published) status.Outcome {
	copyToStatus(&p.Status, live)
	if live.NewVersion {
		versionsPublished.Inc()
		// The author is told, not everyone who includes a fragment that changed.
		if p.Status.ObservedGeneration != p.Generation && compiled.EveryArgumentOptional() {
			r.Status.RecordWarning(p, "AllArgumentsOptional",
				"every argument is optional; at least one common MCP client cannot invoke such a prompt")
		}
	}
	if reason, message := promptobject.UnmetReason(live); reason != "" {
		return status.Blocked(reason, message).RequeueAfter(r.Resync)
	}
	return status.Ready(v1alpha1.ReasonPublished, publishedMessage(live)).RequeueAfter(r.Resync)
}

// release tombstones the row and lets the object go. It is reached before every other gate.
func (r *Reconciler) release(ctx context.Context, p *v1alpha1.Prompt) (ctrl.Result, error) {
	if r.deletions.isReleased(p.UID) && !controllerutil.ContainsFinalizer(p, v1alpha1.PromptFinalizer) {
		return ctrl.Result{}, nil // another's finalizer holds the object: nothing of ours is left
	}
	err := r.Store.Remove(ctx, promptobject.KeyOf(p), string(p.UID), promptobject.RetainsTexts(p))
	faultpoint.Hit(faultpoint.Removed)
	foreign, isForeign := errors.AsType[*store.ForeignClusterError](err)
	switch {
	case err == nil, isForeign && foreign.Owner != "": // in another cluster's database no row is ours
		r.deletions.noteReleased(p.UID)
	case r.Clock.Since(p.DeletionTimestamp.Time) >= r.releaseDeadline():
		releasedWithoutRow.Inc()
		r.Status.RecordWarning(p, v1alpha1.ReasonReleased, fmt.Sprintf("the database stayed away for %s, so the object is let go; "+
			"the prompt is served until a comparison with the database back removes it", duration.HumanDuration(r.ReleaseTimeout)))
	default:
		before := p.DeepCopy()
		return r.Status.Finish(ctx, before, p, r.outcomeOf(err))
	}
	return status.ResultOfPatch(r.Status.DropFinalizer(ctx, p, v1alpha1.PromptFinalizer))
}

// releaseDeadline returns how long after its deletion an object is released without its row. Backoff doubles, so that what is
// left of a short timeout is enough for one more attempt.
func (r *Reconciler) releaseDeadline() time.Duration {
	return max(r.ReleaseTimeout-releaseMargin, r.ReleaseTimeout/2)
}

// errStale says that the object of this reconcile is not the one the API server holds.
var errStale = errors.New("the object is no longer live")

// confirmLive asks the API server whether p is the live object of its name, at its generation.
func (r *Reconciler) confirmLive(ctx context.Context, p *v1alpha1.Prompt) error {
	var live v1alpha1.Prompt
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(p), &live); err != nil {
		if client.IgnoreNotFound(err) == nil {
			return errStale
		}
		return fmt.Errorf("ask the API server for the live object: %w", err)
	}
	if live.UID != p.UID || live.Generation != p.Generation || !live.DeletionTimestamp.IsZero() {
		return errStale
	}
	return nil
}
