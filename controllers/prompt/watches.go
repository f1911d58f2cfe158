package prompt

import (
	"context"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/lectern-dev/lectern/api/v1alpha1"
)

// includesIndex finds prompts by the names they include.
const includesIndex = "spec.includes"

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// SetUp registers the reconciler with the manager. drifted brings prompts that upkeep found to
// differ from their rows.
func (r *Reconciler) SetUp(ctx context.Context, mgr ctrl.Manager, drifted <-chan event.GenericEvent) error {
	err := mgr.GetFieldIndexer().IndexField(ctx, &v1alpha1.Prompt{}, includesIndex, func(obj client.Object) []string {
		return includedNames(specOf(obj.(*v1alpha1.Prompt)))
	})
	if err != nil {
		return err
	}
	asked := predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return e.ObjectOld.GetAnnotations()[v1alpha1.RequestedAtAnnotation] != e.ObjectNew.GetAnnotations()[v1alpha1.RequestedAtAnnotation]
	}}
	return ctrl.NewControllerManagedBy(mgr).
		Named("prompt").
		For(&v1alpha1.Prompt{}, builder.WithPredicates(predicate.Or[client.Object](
			predicate.GenerationChangedPredicate{}, predicate.LabelChangedPredicate{}, deletionBegan, asked))).
		Watches(&v1alpha1.Prompt{}, r.dependents()).
		WatchesRawSource(source.Channel(drifted, &handler.EnqueueRequestForObject{})).
		WithOptions(controller.Options{MaxConcurrentReconciles: r.Concurrency}).
		Complete(reconcile.AsReconciler(mgr.GetClient(), r))
}

// deletionBegan lets the start of a deletion through whatever it does to the generation.
var deletionBegan = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	return e.ObjectOld.GetDeletionTimestamp().IsZero() != e.ObjectNew.GetDeletionTimestamp().IsZero()
}}

// dependents wakes what includes a prompt when something changed that its includers see.
func (r *Reconciler) dependents() handler.EventHandler {
	appeared := func(ctx context.Context, obj client.Object, q queue) {
		r.wake(ctx, q, obj.GetNamespace(), r.includers(ctx, obj.GetNamespace(), obj.GetName()))
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { appeared(ctx, e.Object, q) },
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) { appeared(ctx, e.Object, q) },
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			before, after := e.ObjectOld.(*v1alpha1.Prompt), e.ObjectNew.(*v1alpha1.Prompt)
			was, is := includedNames(specOf(before)), includedNames(specOf(after))
			if !slices.Equal(was, is) {
				// A cycle may have opened or closed anywhere along the way.
				r.wake(ctx, q, after.Namespace, r.connected(ctx, after.Namespace, after.Name, was))
				return
			}
			if includersSee(before) != includersSee(after) ||
				!equality.Semantic.DeepEqual(before.Status.Channels, after.Status.Channels) {
				appeared(ctx, after, q)
			}
		},
	}
}

// visible is what includers of a prompt see of it, besides its channels.
type visible struct{ digest, reason string }

func includersSee(p *v1alpha1.Prompt) visible {
	v := visible{digest: p.Status.Digest}
	if ready := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady); ready != nil {
		v.reason = ready.Reason
	}
	return v
}

// includers are the prompts of a namespace that include one by name.
func (r *Reconciler) includers(ctx context.Context, namespace, name string) []string {
	var found v1alpha1.PromptList
	err := r.Client.List(ctx, &found, client.InNamespace(namespace), client.MatchingFields{includesIndex: name},
		client.UnsafeDisableDeepCopy)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Cannot list the prompts that include one", "namespace", namespace, "name", name)
		return nil
	}
	names := make([]string, 0, len(found.Items))
	for i := range found.Items {
		names = append(names, found.Items[i].Name)
	}
	return names
}

// connected is everything reachable from a prompt along includes, in either direction; was are the
// names it included before.
func (r *Reconciler) connected(ctx context.Context, namespace, name string, was []string) []string {
	edges := r.graph(ctx, namespace)
	seen := map[string]bool{}
	todo := append([]string{name}, was...)
	for len(todo) > 0 {
		next := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[next] {
			continue
		}
		seen[next] = true
		todo = append(todo, edges.of(next)...)
		todo = append(todo, r.includers(ctx, namespace, next)...)
	}
	delete(seen, name) // its own event brings it
	return slices.Sorted(maps.Keys(seen))
}

// wake enqueues prompts behind those that people changed themselves.
func (r *Reconciler) wake(_ context.Context, q queue, namespace string, names []string) {
	low := handler.LowPriority
	for _, name := range names {
		request := reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}
		if pq, ok := q.(priorityqueue.PriorityQueue[reconcile.Request]); ok {
			pq.AddWithOpts(priorityqueue.AddOpts{Priority: &low}, request)
		} else {
			q.Add(request)
		}
	}
}
