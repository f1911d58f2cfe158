//go:build !race

package rollout

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
	"github.com/lectern-dev/lectern/test/rollout/load"
)

const (
	// namespace has all prompts; readPrompts of them are read by everybody, editedPrompts edited by people.
	namespace                  = "support"
	readPrompts, editedPrompts = 20, 5
	// callers is how many identities call.
	callers = 14
	// controller2 is the second controller, which waits for the Lease of the first.
	controller2 = "controller-2"
)

// world is a stack with two controllers and two servers behind a service, and those who call it.
type world struct {
	*testenv.Stack
	api     client.Client
	service *service
	callers []load.Caller
	names   []string
	// serverRole is the servers' in the database.
	serverRole string

	mu sync.Mutex
	// texts are what people's prompts say, by name.
	texts map[string]string
}

// newWorld starts everything.
func newWorld(t *testing.T, f form) *world {
	t.Helper()
	ctx := t.Context()
	stack, err := testenv.StartStack(ctx, testenv.StackOptions{
		Authenticate: true, ServerArgs: []string{"--drain-delay=" + f.drainDelay.String()},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stack.Stop()) })
	w := &world{Stack: stack, texts: map[string]string{}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(stack.LogTails(context.Background()))
		}
	})
	scheme := runtime.NewScheme()
	require.NoError(t, errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)))
	w.api, err = client.New(stack.ControlPlane.Config, client.Options{Scheme: scheme})
	require.NoError(t, err)
	require.NoError(t, w.startSecondController(ctx))
	require.NoError(t, w.api.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}))
	require.NoError(t, w.createCallers(ctx))
	require.NoError(t, w.createPrompts(ctx))
	var endpoints []endpoint
	for i, name := range servers {
		at, err := url.Parse(stack.Endpoints[i])
		require.NoError(t, err)
		endpoints = append(endpoints, endpoint{at.Host, stack.ReadyURL(name)})
	}
	w.service = startService(t, f.minLag, f.maxLag, endpoints...)
	return w
}

// startSecondController starts a controller beside the stack's own, which leads until it is restarted.
func (w *world) startSecondController(ctx context.Context) error {
	at, err := url.Parse(w.ServerURL)
	if err != nil {
		return err
	}
	w.serverRole = at.User.Username()
	database := filepath.Join(w.Dir, controller2+".url")
	if err := os.WriteFile(database, []byte(w.OwnerURL+"\n"), 0o600); err != nil {
		return err
	}
	var ports [2]int
	for i := range ports {
		if ports[i], err = testenv.FreePort(); err != nil {
			return err
		}
	}
	probes := fmt.Sprintf("127.0.0.1:%d", ports[0])
	return w.StartProcess(ctx, testenv.Process{Name: controller2, Path: w.Binary, Ready: "http://" + probes + "/readyz", Args: []string{
		"controller", "--kubeconfig=" + w.ControlPlane.ControllerKubeconfig, "--leader-election-namespace=" + testenv.SystemNamespace,
		"--leader-election-lease-duration=30s", "--leader-election-renew-deadline=20s",
		"--database-url-file=" + database, "--server-role=" + w.serverRole,
		"--auth=kubernetes", "--audience=" + testenv.Audience, "--intake-key-file=" + w.IntakeKeyFile,
		"--probe-address=" + probes, fmt.Sprintf("--metrics-address=127.0.0.1:%d", ports[1]),
	}})
}

// createCallers makes ServiceAccounts that may read and edit the prompts.
func (w *world) createCallers(ctx context.Context) error {
	made, err := w.ControlPlane.Callers()
	if err != nil {
		return err
	}
	for i := range callers {
		account := testenv.Account{Namespace: "agents", Name: fmt.Sprintf("agent-%02d", i)}
		if err := made.CreateAccount(ctx, account); err != nil {
			return err
		}
		if err := made.Grant(ctx, testenv.Grant{Name: account.Name, Namespace: namespace, Account: account, Verbs: []string{"get", "list", "patch"}}); err != nil {
			return err
		}
		token, err := made.RequestToken(ctx, account, testenv.TokenOptions{Audiences: []string{testenv.Audience}})
		if err != nil {
			return err
		}
		w.callers = append(w.callers, load.Caller{Token: token, Own: account.Name})
	}
	return nil
}

// createPrompts makes the prompts and waits until they are published.
func (w *world) createPrompts(ctx context.Context) error {
	for i := range readPrompts {
		w.names = append(w.names, fmt.Sprintf("read-%02d", i))
	}
	all := map[string]string{}
	for _, name := range w.names {
		all[name] = "I am " + name
	}
	for _, c := range w.callers {
		all[c.Own] = "Nobody edited me"
	}
	for i := range editedPrompts {
		all[fmt.Sprintf("edited-%d", i)] = "Nobody edited me"
	}
	for name, text := range all {
		p := &v1alpha1.Prompt{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Annotations: map[string]string{v1alpha1.AgentsAnnotation: "all"}},
			Spec:       v1alpha1.PromptSpec{Text: text},
		}
		if err := w.api.Create(ctx, p); err != nil {
			return err
		}
	}
	return w.waitUntilPublished(ctx)
}

// waitUntilPublished waits until every object is published as it is.
func (w *world) waitUntilPublished(ctx context.Context) error {
	return wait.Until(ctx, func(ctx context.Context) error {
		var all v1alpha1.PromptList
		if err := w.api.List(ctx, &all); err != nil {
			return err
		}
		for i := range all.Items {
			p := &all.Items[i]
			ready := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady)
			if ready == nil || ready.Status != metav1.ConditionTrue || p.Status.ObservedGeneration != p.Generation {
				return fmt.Errorf("%s is not published: %+v", p.Name, ready)
			}
		}
		return nil
	})
}

// editObject changes the text of one of people's prompts, as `kubectl edit` does.
func (w *world) editObject(ctx context.Context, n int) error {
	name, text := fmt.Sprintf("edited-%d", n%editedPrompts), fmt.Sprintf("Edit %d", n)
	p := &v1alpha1.Prompt{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"text":%q}}`, text))
	if err := w.api.Patch(ctx, p, patch); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.texts[name] = text
	return nil
}

// editObjects edits until ctx ends, and returns how often.
func (w *world) editObjects(ctx context.Context, every time.Duration) (edits int, err error) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return edits, nil
		case <-tick.C:
			if err := w.editObject(context.WithoutCancel(ctx), edits); err != nil {
				return edits, err
			}
			edits++
		}
	}
}

// waitUntilServed waits until both servers serve these texts, by name.
func (w *world) waitUntilServed(ctx context.Context, texts map[string]string) error {
	for _, endpoint := range w.Endpoints {
		for name, text := range texts {
			if err := w.waitUntilServedAt(ctx, endpoint, name, text); err != nil {
				return err
			}
		}
	}
	return nil
}

// waitUntilServedAt waits until an endpoint serves a prompt as this text.
func (w *world) waitUntilServedAt(ctx context.Context, endpoint, name, text string) error {
	return wait.Until(ctx, func(ctx context.Context) error {
		got, err := load.ReadPrompt(ctx, endpoint, w.callers[0].Token, namespace+"."+name)
		if err == nil && got != text {
			err = fmt.Errorf("%s serves %s as %q; want %q", endpoint, name, got, text)
		}
		return err
	})
}

// changeList changes the title of a prompt, which the list shows.
func (w *world) changeList(ctx context.Context, n int) error {
	p := &v1alpha1.Prompt{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: w.names[0]}}
	return w.api.Patch(ctx, p, client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"title":"Title %d"}}`, n)))
}
