package prompt

import (
	"context"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/controller/priorityqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/lectern-dev/lectern/api/v1alpha1"
)

// includesIndex finds prompts by the names they include: those the spec states, and those that went into
// the newest version through a fragment, whose own spec may long say something else.
const includesIndex = "includes"

// The backoff after an error. It stays short, because what failed is most often a database that is back
// again, and because a deleted object must be let go in time.
const (
	minBackoff = 5 * time.Millisecond
	maxBackoff = 15 * time.Second
)

type requestQueue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// SetupWithManager registers the reconciler with the manager. drifted brings prompts that upkeep found to
// differ from their rows.
func (r *Reconciler) SetupWithManager(ctx context.Context, mgr ctrl.Manager, drifted <-chan event.GenericEvent) error {
	if err := r.indexIncludes(ctx, mgr.GetCache()); err != nil {
		return err
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named("prompt").
		For(&v1alpha1.Prompt{}, builder.WithPredicates(predicate.Or[client.Object](
			predicate.GenerationChangedPredicate{}, predicate.LabelChangedPredicate{}, predicate.Funcs{UpdateFunc: needsReconcile}))).
		Watches(&v1alpha1.Prompt{}, r.includerEventHandler()).
		Watches(&v1alpha1.Prompt{}, r.deletionEventHandler()).
		WatchesRawSource(source.Channel(drifted, &handler.EnqueueRequestForObject{})).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: r.Concurrency,
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](minBackoff, maxBackoff),
		}).
		Complete(deletionsFirst{Reconciler: r, objects: reconcile.AsReconciler(mgr.GetClient(), r)})
}

// indexIncludes keeps the index of includes, and with it the memory of them: the index is written together with the cache, so
// that no reconcile knows an object whose includes are not remembered.
func (r *Reconciler) indexIncludes(ctx context.Context, objects cache.Cache) error {
	err := objects.IndexField(ctx, &v1alpha1.Prompt{}, includesIndex, func(obj client.Object) []string {
		p := obj.(*v1alpha1.Prompt)
		names := slices.Clone(r.includes.remember(p))
		for _, include := range p.Status.Includes {
			names = append(names, include.Name)
		}
		slices.Sort(names)
		return slices.Compact(names)
	})
	if err != nil {
		return err
	}
	informer, err := objects.GetInformer(ctx, &v1alpha1.Prompt{}, cache.BlockUntilSynced(false))
	if err != nil {
		return err
	}
	_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{DeleteFunc: r.includes.OnDelete})
	return err
}

// needsReconcile reports whether an update that left generation and labels alone needs a reconcile all the same: one was
// requested, an agent asked for what the spec already says, a deletion began, the object is another one (created again, or
// restored, while the watch was broken), another writer dropped the finalizer, its controller let go of it, or its status came
// to speak of another generation.
func needsReconcile(e event.UpdateEvent) bool {
	before, after := e.ObjectOld.(*v1alpha1.Prompt), e.ObjectNew.(*v1alpha1.Prompt)
	return before.Annotations[v1alpha1.RequestedAtAnnotation] != after.Annotations[v1alpha1.RequestedAtAnnotation] ||
		before.Annotations[v1alpha1.LastChangeAnnotation] != after.Annotations[v1alpha1.LastChangeAnnotation] ||
		before.DeletionTimestamp.IsZero() != after.DeletionTimestamp.IsZero() ||
		before.UID != after.UID ||
		before.Status.Controller != "" && before.Status.Controller != after.Status.Controller ||
		controllerutil.ContainsFinalizer(before, v1alpha1.PromptFinalizer) && !controllerutil.ContainsFinalizer(after, v1alpha1.PromptFinalizer) ||
		before.Status.ObservedGeneration != after.Status.ObservedGeneration && after.Status.ObservedGeneration != after.Generation
}

// includerEventHandler enqueues what includes a prompt when something changed that its includers see.
func (r *Reconciler) includerEventHandler() handler.EventHandler {
	appeared := func(ctx context.Context, obj client.Object, q requestQueue) {
		enqueueLowPriority(q, obj.GetNamespace(), r.listIncluders(ctx, obj.GetNamespace(), obj.GetName()))
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q requestQueue) { appeared(ctx, e.Object, q) },
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q requestQueue) {
			r.includes.OnDelete(e.Object) // before its includers are reconciled
			appeared(ctx, e.Object, q)
		},
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q requestQueue) {
			before, after := e.ObjectOld.(*v1alpha1.Prompt), e.ObjectNew.(*v1alpha1.Prompt)
			was, is := r.includes.parse(before).names, r.includes.parse(after).names
			if !slices.Equal(was, is) {
				// A cycle may have opened or closed anywhere along the way.
				enqueueLowPriority(q, after.Namespace, r.affectedByIncludeChange(ctx, after.Namespace, after.Name, was))
				return
			}
			if includerViewOf(before) != includerViewOf(after) ||
				!equality.Semantic.DeepEqual(before.Status.Channels, after.Status.Channels) {
				appeared(ctx, after, q)
			}
		},
	}
}

// includerView is what includers of a prompt see of it, besides its channels.
type includerView struct{ digest, reason string }

// includerViewOf reads the view from the status.
func includerViewOf(p *v1alpha1.Prompt) includerView {
	v := includerView{digest: p.Status.Digest}
	if ready := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady); ready != nil {
		v.reason = ready.Reason
	}
	return v
}

// listIncluders lists the prompts of a namespace that include one by name.
func (r *Reconciler) listIncluders(ctx context.Context, namespace, name string) []string {
	var found v1alpha1.PromptList
	err := r.Client.List(ctx, &found, client.InNamespace(namespace), client.MatchingFields{includesIndex: name},
		client.UnsafeDisableDeepCopy)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Cannot list the includers of a prompt", "namespace", namespace, "name", name)
		return nil
	}
	names := make([]string, 0, len(found.Items))
	for i := range found.Items {
		names = append(names, found.Items[i].Name)
	}
	return names
}

// affectedByIncludeChange lists the prompts with which a change of a prompt's includes may open or close a cycle: all it
// includes or included before, directly or not, and all that include it. Prompts that only share a fragment with it are
// not among them.
func (r *Reconciler) affectedByIncludeChange(ctx context.Context, namespace, name string, was []string) []string {
	found := reachableNames(append([]string{name}, was...), r.includes.names(namespace))
	maps.Copy(found, reachableNames([]string{name}, func(of string) []string { return r.listIncluders(ctx, namespace, of) }))
	delete(found, name) // its own event brings it
	return slices.Sorted(maps.Keys(found))
}

// reachableNames returns the names reachable along next, the start included.
func reachableNames(start []string, next func(string) []string) map[string]bool {
	seen := map[string]bool{}
	unvisited := slices.Clone(start)
	for len(unvisited) > 0 {
		name := unvisited[len(unvisited)-1]
		unvisited = unvisited[:len(unvisited)-1]
		if !seen[name] {
			seen[name] = true
			unvisited = append(unvisited, next(name)...)
		}
	}
	return seen
}

// enqueueLowPriority enqueues prompts behind those that people changed themselves.
func enqueueLowPriority(q requestQueue, namespace string, names []string) {
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
