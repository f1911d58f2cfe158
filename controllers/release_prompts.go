package controllers

import (
	"context"
	"fmt"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/status"
	"github.com/lectern-dev/lectern/internal/promptobject"
)

// releasePageSize bounds how many objects are in memory at once.
const releasePageSize = 250

// released counts what became of the objects.
type released struct {
	prompts int
	// others are the objects left alone, by who reconciles them.
	others map[string]int
}

// releaseAll drops the finalizer of each object, and clears who reconciles it.
func (r *releaser) releaseAll(ctx context.Context) error {
	done := released{others: map[string]int{}}
	err := r.releaseWatched(ctx, &done)
	if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
		r.say("The API server knows no prompts: there is nothing to release.")
		return nil
	}
	r.say("Released %d prompts.", done.prompts)
	for _, controller := range slices.Sorted(maps.Keys(done.others)) {
		r.say("Left %d prompts alone, which %s reconciles.", done.others[controller], controller)
	}
	return err
}

func (r *releaser) releaseWatched(ctx context.Context, done *released) error {
	if r.cluster.watched.IsAll() {
		return r.releaseListed(ctx, done)
	}
	for _, namespace := range r.cluster.watched.Names() {
		if err := r.releaseListed(ctx, done, client.InNamespace(namespace)); err != nil {
			return err
		}
	}
	return nil
}

func (r *releaser) releaseListed(ctx context.Context, done *released, in ...client.ListOption) error {
	for next := ""; ; {
		var page v1alpha1.PromptList
		if err := r.api.List(ctx, &page, append(in, client.Limit(releasePageSize), client.Continue(next))...); err != nil {
			return fmt.Errorf("list prompts: %w", err)
		}
		for i := range page.Items {
			p := &page.Items[i]
			switch {
			case promptobject.IsOfAnotherController(p, r.cluster.controllerName()):
				done.others[promptobject.ControllerOf(p)]++
			case isHeld(p):
				if err := r.releaseOne(ctx, p); err != nil {
					return fmt.Errorf("release %s/%s: %w", p.Namespace, p.Name, err)
				}
				done.prompts++
			}
		}
		if next = page.Continue; next == "" {
			return nil
		}
	}
}

// isHeld reports whether an object has something of a controller that keeps it, or another controller, from going on.
func isHeld(p *v1alpha1.Prompt) bool {
	return controllerutil.ContainsFinalizer(p, v1alpha1.PromptFinalizer) || p.Status.Controller != ""
}

// releaseOne drops the finalizer of one object, then who reconciles it, reading it again when somebody changed it meanwhile.
// What another controller took meanwhile is its own.
func (r *releaser) releaseOne(ctx context.Context, p *v1alpha1.Prompt) error {
	writer := status.Writer{Client: r.api}
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		if promptobject.IsOfAnotherController(p, r.cluster.controllerName()) {
			return nil
		}
		err := writer.DropFinalizer(ctx, p, v1alpha1.PromptFinalizer)
		if err == nil {
			err = writer.SetController(ctx, p, "")
		}
		if apierrors.IsConflict(err) {
			if err := r.api.Get(ctx, client.ObjectKeyFromObject(p), p); err != nil {
				return err
			}
		}
		return err
	})
	return client.IgnoreNotFound(err)
}
