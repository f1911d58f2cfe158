package controllers

import (
	"context"
	"fmt"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/retry"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/status"
	"github.com/lectern-dev/lectern/internal/connectionobject"
	"github.com/lectern-dev/lectern/internal/promptobject"
)

// releasePageSize bounds how many objects are in memory at once.
const releasePageSize = 250

// heldKind is a kind of object that controllers hold by a finalizer.
type heldKind struct {
	noun, finalizer string
	newList         func() client.ObjectList
	controllerOf    func(status.Object) string
}

var (
	heldPrompts = heldKind{
		noun: "prompts", finalizer: v1alpha1.PromptFinalizer,
		newList:      func() client.ObjectList { return &v1alpha1.PromptList{} },
		controllerOf: func(o status.Object) string { return promptobject.ControllerOf(o.(*v1alpha1.Prompt)) },
	}
	heldConnections = heldKind{
		noun: "connections", finalizer: v1alpha1.SDPConnectionFinalizer,
		newList:      func() client.ObjectList { return &v1alpha1.SDPConnectionList{} },
		controllerOf: func(o status.Object) string { return connectionobject.ControllerOf(o.(*v1alpha1.SDPConnection)) },
	}
)

// released counts what became of the objects of a kind.
type released struct {
	objects int
	// others are the objects left alone, by who reconciles them.
	others map[string]int
}

// releaseAll drops the finalizer of each object, and clears who reconciles it.
func (r *releaser) releaseAll(ctx context.Context) error {
	if err := r.releaseKind(ctx, heldConnections, false); err != nil {
		return err
	}
	return r.releaseKind(ctx, heldPrompts, true)
}

// releaseKind does so for one kind. Where there is none of it, that is said only where it is wanted.
func (r *releaser) releaseKind(ctx context.Context, kind heldKind, saysNone bool) error {
	done := released{others: map[string]int{}}
	err := r.releaseWatched(ctx, kind, &done)
	if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
		if saysNone {
			r.say("The API server knows no %s: there is nothing to release.", kind.noun)
		}
		return nil
	}
	if apierrors.IsForbidden(err) && !saysNone { // a role of before connections, with which a controller held none
		r.say("This account may not list %s, so none is released: %v.", kind.noun, err)
		return nil
	}
	if saysNone || done.objects > 0 {
		r.say("Released %d %s.", done.objects, kind.noun)
	}
	for _, controller := range slices.Sorted(maps.Keys(done.others)) {
		r.say("Left %d %s alone, which %s reconciles.", done.others[controller], kind.noun, controller)
	}
	return err
}

func (r *releaser) releaseWatched(ctx context.Context, kind heldKind, done *released) error {
	if r.cluster.watched.IsAll() {
		return r.releaseListed(ctx, kind, done)
	}
	for _, namespace := range r.cluster.watched.Names() {
		if err := r.releaseListed(ctx, kind, done, client.InNamespace(namespace)); err != nil {
			return err
		}
	}
	return nil
}

func (r *releaser) releaseListed(ctx context.Context, kind heldKind, done *released, in ...client.ListOption) error {
	for next := ""; ; {
		page := kind.newList()
		if err := r.api.List(ctx, page, append(in, client.Limit(releasePageSize), client.Continue(next))...); err != nil {
			return fmt.Errorf("list %s: %w", kind.noun, err)
		}
		err := meta.EachListItem(page, func(item runtime.Object) error {
			o := item.(status.Object)
			other := kind.controllerOf(o)
			switch {
			case other != "" && other != r.cluster.controllerName():
				done.others[other]++
			case controllerutil.ContainsFinalizer(o, kind.finalizer) || *o.Controller() != "":
				if err := r.releaseOne(ctx, kind, o); err != nil {
					return fmt.Errorf("release %s/%s: %w", o.GetNamespace(), o.GetName(), err)
				}
				done.objects++
			}
			return nil
		})
		if err != nil {
			return err
		}
		if next = page.GetContinue(); next == "" {
			return nil
		}
	}
}

// releaseOne drops the finalizer of one object, then who reconciles it, reading it again when somebody changed it meanwhile.
// What another controller took meanwhile is its own.
func (r *releaser) releaseOne(ctx context.Context, kind heldKind, o status.Object) error {
	writer := status.Writer{Client: r.api}
	err := retry.RetryOnConflict(retry.DefaultRetry, func() error {
		if other := kind.controllerOf(o); other != "" && other != r.cluster.controllerName() {
			return nil
		}
		err := writer.DropFinalizer(ctx, o, kind.finalizer)
		if err == nil {
			err = writer.SetController(ctx, o, "")
		}
		if apierrors.IsConflict(err) {
			if err := r.api.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
				return err
			}
		}
		return err
	})
	return client.IgnoreNotFound(err)
}
