package changes

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/change"
	"github.com/lectern-dev/lectern/internal/faultpoint"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
)

// errNotYet says that a request cannot be decided now, and is to be retried.
var errNotYet = errors.New("not yet")

// processNext works on the oldest open request of a prompt until it is written or rejected. It does nothing when another
// controller ended the request, or works on it.
func (c *Changes) processNext(ctx context.Context, key store.Key) error {
	var lost attemptID
	for attempt := 1; ; attempt++ {
		var err error
		lost, err = c.attemptNext(ctx, key, lost, attempt > change.MaxAttempts)
		if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrNotYours) {
			return nil
		}
		if err != nil || lost == (attemptID{}) {
			return err
		}
		contentions.Inc()
	}
}

// attemptNext reads, decides, and does what was decided. When another writer came first it returns which attempt that
// ended, and zero otherwise. With last it rejects the request rather than write again.
func (c *Changes) attemptNext(ctx context.Context, key store.Key, knownConflict attemptID, last bool) (lost attemptID, err error) {
	request, err := c.Store.NextChange(ctx, key)
	if err != nil {
		return attemptID{}, err
	}
	if !c.Watched.Contains(key.Namespace) {
		return attemptID{}, c.refuseUnwatched(ctx, request)
	}
	if request.State == store.ChangeApplied {
		return attemptID{}, c.checkApplied(ctx, request)
	}
	s, err := c.readSnapshot(ctx, request)
	if err != nil {
		return attemptID{}, err
	}
	s.knownConflict = knownConflict
	v, edited := s.view()
	switch verdict := change.Decide(v); verdict.Step {
	case change.StepWait:
		return attemptID{}, errNotYet
	case change.StepForget:
		return attemptID{}, c.Store.RemoveKeepingPolicy(ctx, key, request.Intent.UID)
	case change.StepRecord:
		// The object may have gone on since; what was written is the generation that was to come of it.
		return attemptID{}, c.recordApplied(ctx, request, s.object, request.Intent.Generation)
	case change.StepReject:
		return attemptID{}, c.finalizeRejected(ctx, request, verdict.Rejection)
	}
	if last {
		return attemptID{}, c.rejectOnceOver(ctx, request, &v, change.RejectContended())
	}
	return c.writeObject(ctx, request, s.object, &v, edited)
}

// readSnapshot asks first whether the request is the asker's to make, so that nobody else learns of the object. Then it reads
// the object: what is published may be ahead of it, but then the write on it fails.
func (c *Changes) readSnapshot(ctx context.Context, request store.OpenChange) (*snapshot, error) {
	s := &snapshot{request: request, controller: c.Controller}
	var err error
	if s.unproven, err = c.findUnproven(ctx, &request); err != nil {
		return nil, err
	}
	if s.object, err = c.getObject(ctx, request.Key); err != nil {
		return nil, err
	}
	if s.unproven == nil {
		if s.unproven, err = c.findUnprovenRemoval(ctx, &request, s.object); err != nil {
			return nil, err
		}
	}
	if request.ExpectedVersion != 0 {
		if s.published, err = c.Store.PublishedState(ctx, request.Key); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// getObject returns the object as the API server has it, or nil.
func (c *Changes) getObject(ctx context.Context, key store.Key) (*v1alpha1.Prompt, error) {
	var p v1alpha1.Prompt
	err := c.Objects.Get(ctx, client.ObjectKey{Namespace: key.Namespace, Name: key.Name}, &p)
	if isAbsent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the object: %w", err)
	}
	return &p, nil
}

// writeObject makes one attempt at the object, after recording it in the database, and returns it when another writer came
// first.
func (c *Changes) writeObject(ctx context.Context, request store.OpenChange, object *v1alpha1.Prompt, v *change.View, spec v1alpha1.PromptSpec) (lost attemptID, err error) {
	if request.Action != store.ActionDelete {
		_, err := promptobject.ResolveAndCompile(ctx, c.Store, request.Key.Namespace, promptobject.SpecOf(&spec))
		if promptobject.ReasonFor(err) != "" {
			return attemptID{}, c.rejectOnceOver(ctx, request, v, change.NewRefusal(store.ReasonInvalid, "%v", err))
		}
		if err != nil {
			return attemptID{}, err
		}
	}
	write, err := newWrite(request.ChangeRequest, object, spec)
	if err != nil {
		return attemptID{}, err
	}
	earlier := v.MayStillLand()
	if earlier { // a rejection would have to wait for it, and an attempt of ours make that wait longer: so try it dry first
		_, err := write.send(ctx, client.NewDryRunClient(c.Objects))
		if rejectionOf(request.Key, spec, err) != nil || sizeOf(spec) > etcdMaxRequest { // which no dry run asks
			return attemptID{}, errNotYet
		}
	}
	// Begun and sent within the timeout: who takes over after a crash counts on it.
	timely, cancel := context.WithTimeout(ctx, store.ObjectWriteTimeout)
	defer cancel()
	if err := c.Store.BeginChange(timely, request, write.intent); err != nil {
		return attemptID{}, err
	}
	request.Attempt++
	faultpoint.Hit(faultpoint.ChangeBegun)
	written, err := write.send(timely, c.Objects)
	if isConflict(request.Action, err) {
		return attemptID{request.ID, request.Attempt}, nil
	}
	if err != nil {
		if rejection := rejectionOf(request.Key, spec, err); rejection != nil && !earlier {
			c.Log.Info("The API server refuses a change", "prompt", request.Key, "change", request.ID, "err", err)
			return attemptID{}, c.finalizeRejected(ctx, request, rejection)
		}
		return attemptID{}, fmt.Errorf("write the object: %w", err)
	}
	faultpoint.Hit(faultpoint.ChangeWritten)
	if request.Action == store.ActionDelete && isReleased(written) {
		applied.WithLabelValues(string(request.Action)).Inc()
		return attemptID{}, c.Store.RemoveKeepingPolicy(ctx, request.Key, string(written.UID))
	}
	return attemptID{}, c.recordApplied(ctx, request, written, written.Generation)
}

// recordApplied records in the database, and in an event, that the object has the edit since a generation.
func (c *Changes) recordApplied(ctx context.Context, request store.OpenChange, object *v1alpha1.Prompt, generation int64) error {
	if err := c.Store.MarkChangeApplied(ctx, request.ID, string(object.UID), generation); err != nil {
		return err
	}
	faultpoint.Hit(faultpoint.ChangeApplied)
	applied.WithLabelValues(string(request.Action)).Inc()
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("Prompt"))
	c.Recorder.Eventf(object, nil, corev1.EventTypeNormal, "ChangedByAgent", "Change", "%s %s (change %s)",
		request.Subject, describeEdit(request.ChangeRequest), request.ID)
	return nil
}

// rejectOnceOver rejects a request for what no rule knows, once no earlier write of it can succeed any more.
func (c *Changes) rejectOnceOver(ctx context.Context, request store.OpenChange, v *change.View, rejection *change.Rejection) error {
	if v.MayStillLand() {
		return errNotYet
	}
	return c.finalizeRejected(ctx, request, rejection)
}

func (c *Changes) finalizeRejected(ctx context.Context, request store.OpenChange, rejection *change.Rejection) error {
	if err := c.Store.FinalizeChange(ctx, request, rejection.State, rejection.Reason, rejection.Message); err != nil {
		return err
	}
	rejected.WithLabelValues(string(rejection.State), rejection.Reason).Inc()
	return nil
}

// checkApplied finds out why a publish takes long: it finishes the request of an object that is gone or rolled back, and
// enqueues the object of any other.
func (c *Changes) checkApplied(ctx context.Context, request store.OpenChange) error {
	if !request.Stuck {
		return nil
	}
	object, err := c.getObject(ctx, request.Key)
	if err != nil {
		return err
	}
	if object == nil || string(object.UID) != request.Intent.UID || !object.DeletionTimestamp.IsZero() && isReleased(object) {
		return c.Store.RemoveKeepingPolicy(ctx, request.Key, request.Intent.UID)
	}
	if isRolledBack(request, object) {
		return c.Store.FinalizeAppliedChange(ctx, store.AppliedChange{ID: request.ID}, "", "")
	}
	if promptobject.IsOfAnotherController(object, c.Controller) {
		return c.Store.FinalizeAppliedChange(ctx, store.AppliedChange{ID: request.ID, Intact: true}, v1alpha1.ReasonOtherController,
			fmt.Sprintf("%s reconciles the prompt, and publishes it in its own database", otherInstallation(object)))
	}
	select {
	case c.Drifted <- event.GenericEvent{Object: &v1alpha1.Prompt{ObjectMeta: metav1.ObjectMeta{Namespace: object.Namespace, Name: object.Name}}}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// isReleased reports whether the reconciler has nothing more to say about an object that is deleted: it is gone, or held
// by others only.
func isReleased(deleted *v1alpha1.Prompt) bool {
	return !controllerutil.ContainsFinalizer(deleted, v1alpha1.PromptFinalizer)
}

// isRolledBack reports whether what was written is undone, as after a restore of the API server's own store.
func isRolledBack(request store.OpenChange, object *v1alpha1.Prompt) bool {
	if request.Action == store.ActionDelete {
		return object.DeletionTimestamp.IsZero()
	}
	return object.Generation < request.Intent.Generation && object.Annotations[v1alpha1.LastChangeAnnotation] != request.ID
}
