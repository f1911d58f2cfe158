package status

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/excerpt"
)

// MaxMessageBytes bounds a condition message, in bytes; the API allows 32 KiB, a terminal does not.
const MaxMessageBytes = 1024

// conflictRequeue is how long a cache that was behind gets to catch up.
const conflictRequeue = 500 * time.Millisecond

// Object is an object whose status this package writes.
type Object interface {
	client.Object
	// Observe stamps status.observedGeneration.
	Observe(generation int64)
	// Conditions points to status.conditions.
	Conditions() *[]metav1.Condition
	// Controller points to status.controller.
	Controller() *string
}

// Writer writes status, finalizers and events.
type Writer struct {
	Client   client.Client
	Recorder events.EventRecorder
}

// EnsureFinalizer adds the finalizer as a field manager, if it is not there. Call it before anything is written outside the
// cluster: of two controllers that meet a new object, one is refused by a conflict.
func (w Writer) EnsureFinalizer(ctx context.Context, obj client.Object, finalizer, manager string) error {
	return w.patchFinalizers(ctx, obj, func() bool { return controllerutil.AddFinalizer(obj, finalizer) }, client.FieldOwner(manager))
}

// DropFinalizer removes the finalizer, so that a deleted object can go.
func (w Writer) DropFinalizer(ctx context.Context, obj client.Object, finalizer string) error {
	return w.patchFinalizers(ctx, obj, func() bool { return controllerutil.RemoveFinalizer(obj, finalizer) })
}

func (w Writer) patchFinalizers(ctx context.Context, obj client.Object, change func() bool, options ...client.PatchOption) error {
	before := obj.DeepCopyObject().(client.Object)
	if !change() {
		return nil
	}
	// The list of finalizers is replaced whole, so another's addition meanwhile must be a conflict.
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := w.Client.Patch(ctx, obj, patch, options...); err != nil {
		return fmt.Errorf("patch finalizers: %w", err)
	}
	return nil
}

// SetController writes who reconciles obj into its status, if it does not say so; the patch holds the resourceVersion, so that of
// two controllers one is refused. Empty is nobody, and then the status speaks of no generation any more: who waits for Ready waits
// for the next controller.
func (w Writer) SetController(ctx context.Context, obj Object, controller string) error {
	if *obj.Controller() == controller {
		return nil
	}
	before := obj.DeepCopyObject().(Object)
	*obj.Controller() = controller
	if controller == "" {
		obj.Observe(-1)
	}
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := w.Client.Status().Patch(ctx, obj, patch); err != nil {
		return fmt.Errorf("patch status.controller: %w", err)
	}
	return nil
}

// Record writes a change of the status that has to be known before what follows it is done. before is the object as it was read; it
// and obj, which may carry other changes, go on from what was written.
func (w Writer) Record(ctx context.Context, before, obj client.Object, change func(client.Object)) error {
	now := before.DeepCopyObject().(client.Object)
	change(now)
	if err := w.Client.Status().Patch(ctx, now, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		return fmt.Errorf("patch status: %w", err)
	}
	for _, each := range []client.Object{before, obj} {
		change(each)
		each.SetResourceVersion(now.GetResourceVersion())
	}
	return nil
}

// Finish writes the outcome into the status of obj, if that changes it, and returns when to reconcile again.
//
// before is the object as it was read; obj may carry other changes of its status. The patch holds
// the resourceVersion that was read: a deposed leader, or a reconcile of an object that has been
// deleted and made again, is refused by the API server instead of overwriting newer news.
func (w Writer) Finish(ctx context.Context, before, obj Object, o Outcome) (ctrl.Result, error) {
	reasonBefore := readyReason(before)
	SetConditions(obj, o)
	if !equality.Semantic.DeepEqual(before, obj) {
		patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
		if err := w.Client.Status().Patch(ctx, obj, patch); err != nil {
			result, err := ResultOfPatch(fmt.Errorf("patch status: %w", err))
			return result, errors.Join(o.err, err)
		}
		if worthAnEvent(reasonBefore, o) {
			w.RecordEvent(obj, o.eventType, o.reason, o.message)
		}
	}
	if o.err != nil {
		return ctrl.Result{}, o.err
	}
	// Coming back by itself is never urgent. It has to say so: an object that waits in the queue keeps
	// the highest priority it was added with, and being woken for an include would become urgent too.
	low := handler.LowPriority
	return ctrl.Result{RequeueAfter: addJitter(o.requeueAfter), Priority: &low}, nil
}

// ResultOfPatch returns the result of a reconcile that ends with a patch: nothing more when the object is gone, a requeue
// when it changed meanwhile. Neither is an error: the cache was behind, and its event is on the way.
func ResultOfPatch(err error) (ctrl.Result, error) {
	switch {
	case apierrors.IsNotFound(err):
		return ctrl.Result{}, nil
	case apierrors.IsConflict(err):
		return ctrl.Result{RequeueAfter: addJitter(conflictRequeue)}, nil
	default:
		return ctrl.Result{}, err
	}
}

// RecordEvent records an event on obj; its action is Reconcile.
func (w Writer) RecordEvent(obj client.Object, eventType, reason, message string) {
	w.Recorder.Eventf(obj, nil, eventType, reason, "Reconcile", "%s", excerpt.TruncateBytes(message, MaxMessageBytes))
}

// RecordWarning records a warning event that is not the outcome of a reconcile.
func (w Writer) RecordWarning(obj client.Object, reason, message string) {
	w.RecordEvent(obj, corev1.EventTypeWarning, reason, message)
}

// SetConditions writes the conditions of o into obj and stamps observedGeneration, as Finish does before it patches.
func SetConditions(obj Object, o Outcome) {
	obj.Observe(obj.GetGeneration())
	conditions := obj.Conditions()
	set := func(kind string, status metav1.ConditionStatus) {
		meta.SetStatusCondition(conditions, metav1.Condition{
			Type: kind, Status: status, ObservedGeneration: obj.GetGeneration(),
			Reason: o.reason, Message: excerpt.TruncateBytes(o.message, MaxMessageBytes),
		})
	}
	set(v1alpha1.ConditionReady, o.ready)
	for _, kind := range []string{v1alpha1.ConditionReconciling, v1alpha1.ConditionStalled} {
		if kind == o.abnormal {
			set(kind, metav1.ConditionTrue)
		} else {
			meta.RemoveStatusCondition(conditions, kind)
		}
	}
}

// readyReason returns the reason of the Ready condition, or nothing.
func readyReason(obj Object) string {
	ready := meta.FindStatusCondition(*obj.Conditions(), v1alpha1.ConditionReady)
	if ready == nil {
		return ""
	}
	return ready.Reason
}

// worthAnEvent reports whether the reason changed. A new object that becomes Ready is the normal course, which its status
// tells; an event for each would be a third more writes when a thousand prompts are applied at once.
func worthAnEvent(before string, o Outcome) bool {
	return before != o.reason && (before != "" || o.kind != KindReady)
}

// addJitter returns d, give or take a tenth.
func addJitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return wait.Jitter(d*9/10, 2.0/9)
}
