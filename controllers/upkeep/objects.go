package upkeep

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/status"
	"github.com/lectern-dev/lectern/internal/namespaces"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
)

// listedObjects are all objects of some namespaces.
type listedObjects struct {
	namespaces namespaces.Watched
	all        map[store.Key]liveObject
}

// listWatched lists the objects of the namespaces that are watched. One that may not be read, as when its Role went with the
// namespace, is left out: of its objects nothing is known, so no row of it is compared.
func (r *Runner) listWatched(ctx context.Context) (listedObjects, error) {
	listed := listedObjects{namespaces: r.Watched, all: map[store.Key]liveObject{}}
	if r.Watched.IsAll() {
		return listed, r.listObjects(ctx, listed.all)
	}
	var readable []string
	for _, namespace := range r.Watched.Names() {
		err := r.listObjects(ctx, listed.all, client.InNamespace(namespace))
		switch {
		case apierrors.IsForbidden(err):
			r.Log.Error(err, "Compared no rows of a namespace whose prompts may not be read", "namespace", namespace)
		case err != nil:
			return listed, err
		default:
			readable = append(readable, namespace)
		}
	}
	if r.Unreadable != nil {
		r.Unreadable(len(r.Watched.Names()) - len(readable))
	}
	if len(readable) == 0 { // which would stand for all
		return listed, errors.New("none of the watched namespaces may be read")
	}
	listed.namespaces = namespaces.New(readable...)
	return listed, nil
}

func (r *Runner) listObjects(ctx context.Context, all map[store.Key]liveObject, in ...client.ListOption) error {
	for next := ""; ; {
		var page v1alpha1.PromptList
		if err := r.Live.List(ctx, &page, append(in, client.Limit(objectPageSize), client.Continue(next))...); err != nil {
			return fmt.Errorf("list objects: %w", err)
		}
		if next == "" { // the later pages are of the same version
			if err := r.checkNotRestored(page.ResourceVersion); err != nil {
				return err
			}
		}
		for i := range page.Items {
			p := &page.Items[i]
			all[store.Key{Namespace: p.Namespace, Name: p.Name}] = r.observeObject(p)
		}
		if next = page.Continue; next == "" {
			return nil
		}
	}
}

// observeObject reduces an object to what the comparison needs. What another controller reconciles is there, so a row of it
// stays, and is not ours to publish.
func (r *Runner) observeObject(p *v1alpha1.Prompt) liveObject {
	isOthers := promptobject.IsOfAnotherController(p, r.Controller)
	observed := liveObject{
		owner:       store.Owner{UID: string(p.UID), Generation: p.Generation},
		digest:      prompt.Digest(p.Status.Digest),
		recorded:    p.Status.ObservedGeneration == p.Generation && meta.IsStatusConditionTrue(p.Status.Conditions, v1alpha1.ConditionReady),
		unpublished: !p.DeletionTimestamp.IsZero() || p.Spec.Suspend || isOthers,
	}
	if !isOthers {
		observed.outcome = status.KindOf(p.Status.Conditions)
	}
	return observed
}
