package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// applyWithPolicy applies with the controller at work, where the API server sets the finalizer on what is created.
func (b *bench) applyWithPolicy(ctx context.Context, namespace string, prompts []v1alpha1.Prompt) (one applyRun, err error) {
	t, err := newTenant(ctx, b.stack.ControlPlane, namespace+"-policy")
	if err != nil {
		return applyRun{}, err
	}
	defer t.close()
	if err := t.bindFinalizerPolicy(ctx); err != nil {
		return applyRun{}, err
	}
	defer func() { err = errors.Join(err, t.unbindFinalizerPolicy(ctx)) }()
	return b.applyWithController(ctx, namespace, prompts)
}

// bindFinalizerPolicy applies the policy, and returns once it is enforced.
func (t *tenant) bindFinalizerPolicy(ctx context.Context) error {
	if err := t.runOnPolicy(ctx, "apply"); err != nil {
		return err
	}
	return t.waitForFinalizer(ctx, true)
}

// unbindFinalizerPolicy deletes the policy, and returns once it is not enforced any more.
func (t *tenant) unbindFinalizerPolicy(ctx context.Context) error {
	if err := t.runOnPolicy(ctx, "delete"); err != nil {
		return err
	}
	return t.waitForFinalizer(ctx, false)
}

func (t *tenant) runOnPolicy(ctx context.Context, verb string) error {
	root, err := testenv.Root()
	if err != nil {
		return err
	}
	_, err = t.cluster.Kubectl(ctx, verb, "--kustomize="+filepath.Join(root, "config", "policies", "finalizer"))
	return err
}

// waitForFinalizer waits until creations have the finalizer, or have none.
func (t *tenant) waitForFinalizer(ctx context.Context, wanted bool) error {
	object := fmt.Sprintf(`{"apiVersion":%q,"kind":"Prompt","metadata":{"name":"dry"},"spec":{"text":"Hello"}}`, v1alpha1.GroupVersion)
	return wait.Until(ctx, func(ctx context.Context) error {
		var created v1alpha1.Prompt
		if err := t.send(ctx, http.MethodPost, t.objectPath("")+"?dryRun=All", "application/json", object, &created); err != nil {
			return err
		}
		if slices.Contains(created.Finalizers, v1alpha1.PromptFinalizer) != wanted {
			return fmt.Errorf("a creation has finalizers %q", created.Finalizers)
		}
		return nil
	})
}
