package gitops

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// Patience bounds every wait: what synchronises asks again only every few seconds, and machines are shared.
const Patience = 4 * time.Minute

// World is a stack of Lectern with clients.
type World struct {
	*testenv.Stack
	API     client.Client
	callers *testenv.Callers
}

// StartWorld starts a stack that authenticates its callers, with the admission policies of config/policies.
func StartWorld(ctx context.Context) (*World, error) {
	stack, err := testenv.StartStack(ctx, testenv.StackOptions{Authenticate: true})
	if err != nil {
		return nil, err
	}
	w := &World{Stack: stack}
	scheme := runtime.NewScheme()
	err = errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme))
	if err == nil {
		w.API, err = client.New(stack.ControlPlane.Config, client.Options{Scheme: scheme})
	}
	if err == nil {
		w.callers, err = stack.ControlPlane.Callers()
	}
	if err == nil {
		err = w.applyPolicies(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, stack.Stop())
	}
	return w, nil
}

func (w *World) applyPolicies(ctx context.Context) error {
	root, err := testenv.Root()
	if err != nil {
		return err
	}
	return w.Kubectl(ctx, "apply", "--kustomize", filepath.Join(root, "config", "policies"))
}

// Kubectl runs kubectl.
func (w *World) Kubectl(ctx context.Context, args ...string) error {
	_, err := w.ControlPlane.Kubectl(ctx, args...)
	return err
}

// Until waits for a condition as long as Patience, and no longer than the controller runs.
func (w *World) Until(ctx context.Context, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	return wait.Until(ctx, func(ctx context.Context) error {
		if err := w.CheckRunning(testenv.Controller); err != nil {
			return err
		}
		return try(ctx)
	})
}

// WaitForReason waits until the controller has said reason about the object as it is.
func (w *World) WaitForReason(ctx context.Context, namespace, name, reason string) error {
	return w.Until(ctx, func(ctx context.Context) error {
		var p v1alpha1.Prompt
		if err := w.API.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &p); err != nil {
			return err
		}
		ready := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady)
		if ready == nil || ready.Reason != reason || p.Status.ObservedGeneration != p.Generation {
			return fmt.Errorf("%s is at generation %d with status %+v; want reason %s", name, p.Generation, p.Status, reason)
		}
		return nil
	})
}

// WaitUntilGone waits until a prompt's object is let go.
func (w *World) WaitUntilGone(ctx context.Context, namespace, name string) error {
	return w.Until(ctx, func(ctx context.Context) error {
		err := w.API.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &v1alpha1.Prompt{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(fmt.Errorf("%s is still there", name), err)
	})
}

// EditText changes the text of a prompt that has one, as `kubectl edit` does.
func (w *World) EditText(ctx context.Context, namespace, name, text string) error {
	p := &v1alpha1.Prompt{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"text":%q}}`, text))
	return w.API.Patch(ctx, p, patch, client.FieldOwner("kubectl-edit"))
}

// VerifyChannel holds that the spec of a prompt has a channel.
func (w *World) VerifyChannel(ctx context.Context, namespace, name, channel string) error {
	var p v1alpha1.Prompt
	if err := w.API.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &p); err != nil {
		return err
	}
	if !slices.ContainsFunc(p.Spec.Channels, func(c v1alpha1.Channel) bool { return c.Name == channel }) {
		return fmt.Errorf("%s has channels %v, without %s", name, p.Spec.Channels, channel)
	}
	return nil
}

// BuildFolder runs hack/NAME/build.sh and returns the folder it prints.
func BuildFolder(ctx context.Context, name string) (string, error) {
	root, err := testenv.Root()
	if err != nil {
		return "", err
	}
	command := exec.CommandContext(ctx, filepath.Join(root, "hack", name, "build.sh"))
	var complaint strings.Builder
	command.Stderr = &complaint
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("hack/%s/build.sh: %w\n%s", name, err, complaint.String())
	}
	return strings.TrimSpace(string(out)), nil
}
