package scenarios

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
	"github.com/lectern-dev/lectern/test/argohealth"
	"github.com/lectern-dev/lectern/test/kstatus"
)

// scenario is a namespace of a stack, with those who act in it.
type scenario struct {
	*testenv.Stack
	api       client.Client
	namespace string
	agents    [2]*agent // one at each server
}

// startScenario opens a scenario for a test. At the end it verifies the status of every object in it; of a test
// that failed it prints the logs, and repairs the stack for those who come next.
func startScenario(t *testing.T, stack *testenv.Stack) *scenario {
	t.Helper()
	s := openNamespace(t, stack)
	s.connectAgents(t, [2]string{})
	return s
}

// openNamespace is startScenario without agents.
func openNamespace(t *testing.T, stack *testenv.Stack) *scenario {
	t.Helper()
	api, err := newClient(stack.ControlPlane.Config)
	require.NoError(t, err)
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "scenario-"}}
	s := &scenario{Stack: stack, api: api}
	t.Cleanup(func() { s.finish(t) })
	require.NoError(t, api.Create(t.Context(), ns))
	s.namespace = ns.Name
	return s
}

// connectAgents connects one agent to each server, with a token each where callers are authenticated.
func (s *scenario) connectAgents(t *testing.T, tokens [2]string) {
	t.Helper()
	for i, endpoint := range s.Endpoints {
		var err error
		s.agents[i], err = connectWithToken(t.Context(), endpoint, "", tokens[i])
		require.NoError(t, err)
	}
}

func (s *scenario) finish(t *testing.T) {
	t.Helper()
	ctx := context.Background()
	if !t.Failed() { // else nobody knows what to expect
		if err := s.verifyVerdicts(ctx); err != nil {
			t.Error(err)
		}
	}
	for _, a := range s.agents {
		a.close()
	}
	if t.Failed() {
		t.Log(s.LogTails(ctx))
		if err := s.Repair(ctx); err != nil {
			t.Errorf("repair the stack: %v", err)
		}
	}
}

func newClient(config *rest.Config) (client.Client, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	return client.New(config, client.Options{Scheme: scheme})
}

// newPrompt builds a prompt of one text.
func (s *scenario) newPrompt(name, body string) *v1alpha1.Prompt {
	return &v1alpha1.Prompt{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name},
		Spec:       v1alpha1.PromptSpec{Text: body},
	}
}

func (s *scenario) createPrompts(ctx context.Context, prompts ...*v1alpha1.Prompt) error {
	for _, p := range prompts {
		if err := s.api.Create(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// editText changes the text, as `kubectl edit` would.
func (s *scenario) editText(ctx context.Context, name, body string) error {
	p := s.newPrompt(name, "")
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"text":%q}}`, body))
	return s.api.Patch(ctx, p, patch)
}

func (s *scenario) deletePrompts(ctx context.Context, names ...string) error {
	for _, name := range names {
		if err := s.api.Delete(ctx, s.newPrompt(name, "")); err != nil {
			return err
		}
	}
	return nil
}

// deleteBehindController takes an object away without the controller: its finalizer torn off, then deleted.
func (s *scenario) deleteBehindController(ctx context.Context, names ...string) error {
	for _, name := range names {
		patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))
		if err := s.api.Patch(ctx, s.newPrompt(name, ""), patch); err != nil {
			return err
		}
	}
	return s.deletePrompts(ctx, names...)
}

// waitWhileControllerRuns returns eventually for what the controller does, which it never will once it has ended by itself.
func (s *scenario) waitWhileControllerRuns(ctx context.Context, try func(context.Context) error) error {
	return wait.Until(ctx, func(ctx context.Context) error {
		if err := s.CheckRunning(testenv.Controller); err != nil {
			return err
		}
		return try(ctx)
	})
}

// waitUntilGone waits until objects are let go.
func (s *scenario) waitUntilGone(ctx context.Context, names ...string) error {
	for _, name := range names {
		err := s.waitWhileControllerRuns(ctx, func(ctx context.Context) error {
			err := s.api.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: name}, &v1alpha1.Prompt{})
			if apierrors.IsNotFound(err) {
				return nil
			}
			return errors.Join(fmt.Errorf("%s is still there", name), err)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// waitForReason waits until the controller has said reason about the object as it is, and returns it.
func (s *scenario) waitForReason(ctx context.Context, name, reason string) (*v1alpha1.Prompt, error) {
	var p v1alpha1.Prompt
	err := s.waitWhileControllerRuns(ctx, func(ctx context.Context) error {
		if err := s.api.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: name}, &p); err != nil {
			return err
		}
		if said, _ := readyCondition(&p); said != reason || p.Status.ObservedGeneration != p.Generation {
			return fmt.Errorf("%s has generation %d and status %+v; want reason %s", name, p.Generation, p.Status, reason)
		}
		return nil
	})
	return &p, err
}

// waitUntilPublished waits until every prompt of the scenario is published as it is now.
func (s *scenario) waitUntilPublished(ctx context.Context) error {
	for {
		var all v1alpha1.PromptList
		if err := s.listObjects(ctx, &all); err != nil {
			return err
		}
		behind := slices.DeleteFunc(all.Items, func(p v1alpha1.Prompt) bool {
			said, _ := readyCondition(&p)
			return said == v1alpha1.ReasonPublished && p.Status.ObservedGeneration == p.Generation
		})
		if len(behind) == 0 {
			return nil
		}
		// Asked for one by one: listing a thousand again and again would slow down what is waited for.
		for i := range behind {
			if _, err := s.waitForReason(ctx, behind[i].Name, v1alpha1.ReasonPublished); err != nil {
				return err
			}
		}
	}
}

// readyCondition returns what the Ready condition says.
func readyCondition(p *v1alpha1.Prompt) (reason, message string) {
	condition := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady)
	if condition == nil {
		return "", ""
	}
	return condition.Reason, condition.Message
}

// expectedVerdict returns what kstatus must make of a reason.
func expectedVerdict(reason string) kstatus.Verdict {
	switch reason {
	case v1alpha1.ReasonPublished, v1alpha1.ReasonSuspended:
		return kstatus.Current
	case v1alpha1.ReasonIncludeMissing, v1alpha1.ReasonStoreUnavailable:
		return kstatus.InProgress
	default:
		return kstatus.Failed
	}
}

// verifyVerdicts holds the verdict on every object of the scenario against the reason it gives.
func (s *scenario) verifyVerdicts(ctx context.Context) error {
	var wrong []error
	err := s.waitWhileControllerRuns(ctx, func(ctx context.Context) error {
		wrong = nil
		all := &unstructured.UnstructuredList{}
		all.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("PromptList"))
		if err := s.api.List(ctx, all, client.InNamespace(s.namespace)); err != nil {
			return err
		}
		for i := range all.Items {
			var p v1alpha1.Prompt
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(all.Items[i].Object, &p); err != nil {
				return err
			}
			reason, _ := readyCondition(&p)
			if p.Status.ObservedGeneration != p.Generation || reason == "" || !p.DeletionTimestamp.IsZero() {
				return fmt.Errorf("the controller has not said the last word about %s: status %+v", p.Name, p.Status)
			}
			if got, err := kstatus.VerdictOf(all.Items[i].Object); err != nil || got != expectedVerdict(reason) {
				wrong = append(wrong, fmt.Errorf("%s, %s: kstatus says %s (%w), want %s", p.Name, reason, got, err, expectedVerdict(reason)))
			}
			health, err := argohealth.Of(ctx, all.Items[i].Object)
			if err != nil || !argohealth.Agrees(health, expectedVerdict(reason)) {
				wrong = append(wrong, fmt.Errorf("%s: Argo CD says %s %q (%w), want %s", p.Name, health.Status, health.Message, err, expectedVerdict(reason)))
			}
		}
		return nil
	})
	return errors.Join(err, errors.Join(wrong...))
}

func (s *scenario) listObjects(ctx context.Context, all *v1alpha1.PromptList) error {
	return s.api.List(ctx, all, client.InNamespace(s.namespace))
}
