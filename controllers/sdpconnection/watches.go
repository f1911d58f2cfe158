package sdpconnection

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/connectionobject"
)

// The backoff after an error. It stays short: what failed is most often a database that is back again.
const (
	minBackoff = 5 * time.Millisecond
	maxBackoff = 15 * time.Second
)

// SetupWithManager registers the reconciler with the manager. refused brings connections whose token a server was refused.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, refused <-chan event.GenericEvent) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("sdpconnection").
		For(&v1alpha1.SDPConnection{}, builder.WithPredicates(predicate.Or[client.Object](
			predicate.GenerationChangedPredicate{}, predicate.Funcs{UpdateFunc: needsReconcile}))).
		WatchesRawSource(source.Channel(refused, &handler.EnqueueRequestForObject{})).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: r.Concurrency,
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](minBackoff, maxBackoff),
		}).
		Complete(reconcile.Func(r.reconcileName))
}

// reconcileName reconciles the object of a name, and forgets what is remembered of one that is gone.
func (r *Reconciler) reconcileName(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	var c v1alpha1.SDPConnection
	err := r.Client.Get(ctx, request.NamespacedName, &c)
	if apierrors.IsNotFound(err) {
		r.memories.forget(request.NamespacedName)
		return ctrl.Result{}, nil
	}
	if err != nil {
		return ctrl.Result{}, err
	}
	return r.Reconcile(ctx, &c)
}

// needsReconcile reports whether an update that left the generation alone needs a reconcile all the same: one was requested, a
// deletion began, the object is another one, or its controller let go of it. A finalizer that another writer dropped is put back by
// the next reconcile that is due, so that two writers who disagree make no loop.
func needsReconcile(e event.UpdateEvent) bool {
	was, wasOne := e.ObjectOld.(*v1alpha1.SDPConnection)
	now, isOne := e.ObjectNew.(*v1alpha1.SDPConnection)
	if !wasOne || !isOne {
		return false
	}
	return was.UID != now.UID ||
		was.Annotations[v1alpha1.RequestedAtAnnotation] != now.Annotations[v1alpha1.RequestedAtAnnotation] ||
		was.DeletionTimestamp.IsZero() != now.DeletionTimestamp.IsZero() ||
		connectionobject.ControllerOf(was) != connectionobject.ControllerOf(now)
}
