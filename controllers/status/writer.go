package status

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

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
)

// maxMessageBytes bounds a condition message, in bytes; the API allows 32 KiB, a terminal does not.
const maxMessageBytes = 1024

// conflictRequeue is how long a cache that was behind gets to catch up.
const conflictRequeue = 500 * time.Millisecond

// Object is an object whose status this package writes.
type Object interface {
	client.Object
	// Observe stamps status.observedGeneration.
	Observe(generation int64)
	// Conditions points to status.conditions.
	Conditions() *[]metav1.Condition
}

// Writer writes status, finalizers and events.
type Writer struct {
	Client   client.Client
	Recorder events.EventRecorder
}

// EnsureFinalizer adds the finalizer, if it is not there. Call it before anything is written outside the cluster.
func (w Writer) EnsureFinalizer(ctx context.Context, obj client.Object, finalizer string) error {
	return w.patchFinalizers(ctx, obj, func() bool { return controllerutil.AddFinalizer(obj, finalizer) })
}

// DropFinalizer removes the finalizer, so that a deleted object can go.
func (w Writer) DropFinalizer(ctx context.Context, obj client.Object, finalizer string) error {
	return w.patchFinalizers(ctx, obj, func() bool { return controllerutil.RemoveFinalizer(obj, finalizer) })
}

func (w Writer) patchFinalizers(ctx context.Context, obj client.Object, change func() bool) error {
	before := obj.DeepCopyObject().(client.Object)
	if !change() {
		return nil
	}
	// The list of finalizers is replaced whole, so another's addition meanwhile must be a conflict.
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := w.Client.Patch(ctx, obj, patch); err != nil {
		return fmt.Errorf("patch finalizers: %w", err)
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
	setConditions(obj, o)
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
	w.Recorder.Eventf(obj, nil, eventType, reason, "Reconcile", "%s", truncateMessage(message))
}

// RecordWarning records a warning event that is not the outcome of a reconcile.
func (w Writer) RecordWarning(obj client.Object, reason, message string) {
	w.RecordEvent(obj, corev1.EventTypeWarning, reason, message)
}

// setConditions writes the conditions of o into obj and stamps observedGeneration.
func setConditions(obj Object, o Outcome) {
	obj.Observe(obj.GetGeneration())
	conditions := obj.Conditions()
	set := func(kind string, status metav1.ConditionStatus) {
		meta.SetStatusCondition(conditions, metav1.Condition{
			Type: kind, Status: status, ObservedGeneration: obj.GetGeneration(),
			Reason: o.reason, Message: truncateMessage(o.message),
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

// truncateMessage cuts a message at maxMessageBytes, never inside a character.
func truncateMessage(message string) string {
	const ellipsis = "…"
	if len(message) <= maxMessageBytes {
		return message
	}
	cut := maxMessageBytes - len(ellipsis)
	for !utf8.RuneStart(message[cut]) {
		cut--
	}
	return message[:cut] + ellipsis
}
