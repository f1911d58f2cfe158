package scenarios

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/controllerstest"
	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// bindPolicies applies config/policies until the test ends, and returns once all of them are enforced.
func (s *scenario) bindPolicies(t *testing.T) {
	t.Helper()
	root, err := testenv.Root()
	require.NoError(t, err)
	folder := filepath.Join(root, "config", "policies")
	t.Cleanup(func() {
		ctx := context.Background()
		_, err := s.ControlPlane.Kubectl(ctx, "delete", "--kustomize="+folder)
		require.NoError(t, err)
		require.NoError(t, wait.Until(ctx, func(ctx context.Context) error { return s.checkPolicies(ctx, false) }))
	})
	_, err = s.ControlPlane.Kubectl(t.Context(), "apply", "--kustomize="+folder)
	require.NoError(t, err)
	s.grantEditor(t)
	require.NoError(t, wait.Until(t.Context(), func(ctx context.Context) error { return s.checkPolicies(ctx, true) }))
}

// editor is an account of the scenario's namespace that may edit prompts.
func (s *scenario) editor() string { return "system:serviceaccount:" + s.namespace + ":editor" }

func (s *scenario) grantEditor(t *testing.T) {
	t.Helper()
	_, err := s.ControlPlane.Kubectl(t.Context(), "create", "rolebinding", "editor", "--namespace="+s.namespace,
		"--clusterrole=lectern-edit", "--serviceaccount="+s.namespace+":editor")
	require.NoError(t, err)
}

// kubectlAs runs kubectl as somebody else, in the scenario's namespace.
func (s *scenario) kubectlAs(ctx context.Context, subject string, args ...string) error {
	_, err := s.ControlPlane.Kubectl(ctx, append([]string{"--as=" + subject, "--namespace=" + s.namespace}, args...)...)
	return err
}

// checkPolicies returns an error unless creations are guarded, and given the finalizer, as wanted.
func (s *scenario) checkPolicies(ctx context.Context, wanted bool) error {
	p := s.newPrompt("probe", "Hello")
	p.Namespace = metav1.NamespaceDefault // the scenario's own may be gone
	if err := s.api.Create(ctx, p, client.DryRunAll); err != nil {
		return err
	}
	if slices.Contains(p.Finalizers, v1alpha1.PromptFinalizer) != wanted {
		return fmt.Errorf("a creation has finalizers %q", p.Finalizers)
	}
	if !wanted {
		return nil
	}
	err := s.kubectlAs(ctx, s.editor(), "create", "--dry-run=server", "--filename="+filepath.Join("testdata", "policies", "with-channel.yaml"))
	if err == nil || !strings.Contains(err.Error(), "lectern-channels") {
		return fmt.Errorf("a creation with a channel is not refused: %w", err)
	}
	return nil
}

// writeOverMCP has the first agent call a tool that writes; the error is what it is told.
func (s *scenario) writeOverMCP(ctx context.Context, tool, name string, arguments map[string]any) error {
	return s.writeAs(ctx, s.agents[0], tool, name, arguments)
}

func (s *scenario) writeAs(ctx context.Context, a *agent, tool, name string, arguments map[string]any) error {
	call := map[string]any{"id": s.namespace + "/" + name}
	maps.Copy(call, arguments)
	result, err := callUntilFinal(ctx, a.session, tool, call)
	if err == nil && result.IsError {
		err = errors.New(textOf(result))
	}
	return err
}

// testPolicies has all policies bound while an agent, an editor and the controller write.
func testPolicies(t *testing.T) {
	s := startScenario(t, releasedStack(t))
	s.bindPolicies(t)
	ctx := t.Context()
	require.NoError(t, s.addPromptOverMCP(ctx, s.agents[0], "Greeting"))
	s.wantNoWriteOfFinalizer(t, "greeting")

	// Over MCP the writer is the controller, which has the verbs.
	require.NoError(t, s.writeOverMCP(ctx, "update_prompt", "greeting", map[string]any{"content": "Second"}))
	require.NoError(t, s.writeOverMCP(ctx, "update_prompt", "greeting", map[string]any{"content": "Third"}))
	require.NoError(t, s.writeOverMCP(ctx, "set_prompt_channel", "greeting", map[string]any{"channel": "production", "version": 1}))
	require.NoError(t, s.writeOverMCP(ctx, "delete_prompt", "greeting", map[string]any{"version": 2}))

	// An editor changes all but the channels, and the controller's own writes pass.
	err := s.kubectlAs(ctx, s.editor(), "patch", "prompt", "greeting", "--type=merge", `--patch={"spec":{"channels":[{"name":"production","version":3}]}}`)
	if err == nil || !strings.Contains(err.Error(), "bind the ClusterRole lectern-promoter there") {
		t.Errorf("an editor moves a channel: %v", err)
	}
	require.NoError(t, s.kubectlAs(ctx, s.editor(), "annotate", "prompt", "greeting", v1alpha1.AgentsAnnotation+"=all"))
	require.NoError(t, s.kubectlAs(ctx, s.editor(), "patch", "prompt", "greeting", "--type=merge", `--patch={"spec":{"text":"Fourth"}}`))
	p, err := s.waitForReason(ctx, "greeting", v1alpha1.ReasonPublished)
	require.NoError(t, err)
	if p.Status.Version != 4 || p.Status.ServedVersion != 1 {
		t.Errorf("version %d is the newest and %d served; want 4 and 1", p.Status.Version, p.Status.ServedVersion)
	}
	s.wantRefusedWithoutVerb(t)
	require.NoError(t, s.writeOverMCP(ctx, "delete_prompt", "greeting", nil))
	require.NoError(t, s.waitUntilGone(ctx, "greeting"))
	s.wantHeldWithoutController(t)
	s.wantNamespaceGone(t)
}

// wantNoWriteOfFinalizer has the controller find its finalizer on an object, rather than write it.
func (s *scenario) wantNoWriteOfFinalizer(t *testing.T, name string) {
	t.Helper()
	p, err := s.waitForReason(t.Context(), name, v1alpha1.ReasonPublished)
	require.NoError(t, err)
	if !slices.Equal(p.Finalizers, []string{v1alpha1.PromptFinalizer}) {
		t.Errorf("finalizers %q", p.Finalizers)
	}
	for _, m := range p.ManagedFields {
		if strings.Contains(m.FieldsV1.GetRawString(), "f:finalizers") {
			t.Errorf("%s wrote finalizers", m.Manager)
		}
	}
}

// wantRefusedWithoutVerb takes the verb from the controller: then no agent moves a channel, whoever they are.
func (s *scenario) wantRefusedWithoutVerb(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "lectern-controller"}}
	require.NoError(t, s.api.Get(ctx, client.ObjectKeyFromObject(role), role))
	before := role.DeepCopy()
	for i := range role.Rules {
		role.Rules[i].Verbs = slices.DeleteFunc(role.Rules[i].Verbs, func(verb string) bool { return verb == "promote" })
	}
	require.NoError(t, s.api.Update(ctx, role))
	require.NoError(t, s.waitForRight(ctx, "promote", false))
	err := s.writeOverMCP(ctx, "set_prompt_channel", "greeting", map[string]any{"channel": "production", "version": 3})
	if err == nil || !strings.Contains(err.Error(), "the API server does not let Lectern write prompts in namespace "+s.namespace) {
		t.Errorf("a controller without the verb moves a channel: %v", err)
	}
	before.ResourceVersion = role.ResourceVersion
	require.NoError(t, s.api.Update(ctx, before))
	require.NoError(t, s.waitForRight(ctx, "promote", true))
}

// waitForRight waits until the controller may, or may not.
func (s *scenario) waitForRight(ctx context.Context, verb string, wanted bool) error {
	return wait.Until(ctx, func(ctx context.Context) error {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User:               testenv.ControllerUser,
			ResourceAttributes: &authorizationv1.ResourceAttributes{Group: "lectern.dev", Resource: "prompts", Verb: verb, Namespace: s.namespace},
		}}
		if err := s.api.Create(ctx, review); err != nil {
			return err
		}
		if review.Status.Allowed != wanted {
			return fmt.Errorf("the controller may %s: %t", verb, review.Status.Allowed)
		}
		return nil
	})
}

// wantHeldWithoutController has a prompt that no controller ever saw be held until one did.
func (s *scenario) wantHeldWithoutController(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	s.Terminate(testenv.Controller)
	require.NoError(t, s.createPrompts(ctx, s.newPrompt("unseen", "Hello")))
	require.NoError(t, s.deletePrompts(ctx, "unseen"))
	var p v1alpha1.Prompt
	require.NoError(t, s.api.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: "unseen"}, &p))
	if p.DeletionTimestamp.IsZero() {
		t.Error("the prompt is not being deleted")
	}
	// Releasing it would be in vain: the next one would be held again.
	said, err := s.Command(ctx, "release", "--all", "--kubeconfig="+s.ControlPlane.Kubeconfig, "--leader-election-namespace="+testenv.SystemNamespace).CombinedOutput()
	if err == nil || !strings.Contains(string(said), "kubectl delete mutatingadmissionpolicybinding lectern-finalizer") {
		t.Errorf("lectern release --all beside the policy: %v\n%s", err, said)
	}
	require.NoError(t, s.Restart(ctx, testenv.Controller))
	require.NoError(t, s.waitUntilGone(ctx, "unseen"))
}

// wantNamespaceGone deletes a namespace with a channel in it as Kubernetes' own controller does, and lets Lectern's do its part.
func (s *scenario) wantNamespaceGone(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	p := s.newPrompt("channelled", "Hello")
	p.Spec.Channels = []v1alpha1.Channel{{Name: "production"}}
	require.NoError(t, s.createPrompts(ctx, p))
	_, err := s.waitForReason(ctx, p.Name, v1alpha1.ReasonPublished)
	require.NoError(t, err)
	_, err = s.ControlPlane.Kubectl(ctx, "delete", "namespace", s.namespace, "--wait=false")
	require.NoError(t, err)
	require.NoError(t, wait.Until(ctx, func(ctx context.Context) error {
		return s.kubectlAs(ctx, "system:serviceaccount:kube-system:namespace-controller",
			"delete", "--raw=/apis/lectern.dev/v1alpha1/namespaces/"+s.namespace+"/prompts")
	}))
	require.NoError(t, s.waitUntilGone(ctx, p.Name))
}

// testCallersReview has an agent that may edit and not promote try to move a channel, with the policies bound. The API server sees
// the controller write, which may; so it is the controller's own review of the caller that refuses, and with it gone nothing does.
func testCallersReview(t *testing.T) {
	s := openNamespace(t, authenticatedStack(t))
	s.bindPolicies(t)
	ctx := t.Context()
	editor, deliverer := testenv.Account{Namespace: s.namespace, Name: "editor"}, testenv.Account{Namespace: s.namespace, Name: "deliverer"}
	tokens := s.requestTokens(t, editor, deliverer)
	for _, role := range []string{"lectern-edit", "lectern-promoter"} {
		_, err := s.ControlPlane.Kubectl(ctx, "create", "rolebinding", "deliverer-"+role, "--namespace="+s.namespace,
			"--clusterrole="+role, "--serviceaccount="+s.namespace+":deliverer")
		require.NoError(t, err)
	}
	s.connectAgents(t, tokens)
	require.Eventually(t, func() error { return s.addPromptOverMCP(ctx, s.agents[1], "Greeting") })
	require.NoError(t, s.writeAs(ctx, s.agents[1], "update_prompt", "greeting", map[string]any{"content": "Second"}))
	require.NoError(t, s.writeAs(ctx, s.agents[1], "set_prompt_channel", "greeting", map[string]any{"channel": "production", "version": 1}))

	// At the server there is no such tool for whoever may not; the controller refuses should a server not ask, or a deletion be
	// the way around.
	err := s.writeAs(ctx, s.agents[0], "set_prompt_channel", "greeting", map[string]any{"channel": "production", "version": 2})
	if err == nil || !strings.Contains(err.Error(), `no such tool as "set_prompt_channel"`) {
		t.Errorf("at the server: %v", err)
	}
	err = s.writeAs(ctx, s.agents[0], "delete_prompt", "greeting", nil)
	if err == nil || !strings.Contains(err.Error(), "has channels, which a deletion removes; you may not promote prompt") {
		t.Errorf("a deletion: %v", err)
	}
	move := func() store.ChangeOutcome { return s.moveChannelPastServer(t, editor, tokens[0], 2) }
	if end := move(); end.State != store.ChangeRefused || end.Reason != store.ReasonForbidden || !strings.Contains(end.Message, "you may not promote prompt "+s.namespace+"/greeting") {
		t.Errorf("past the server: %+v", end)
	}
	s.wantServedVersion(t, "greeting", 1)

	require.NoError(t, s.Restart(ctx, testenv.Controller, "LECTERN_CHANGES=unproven"))
	if end := move(); end.State != store.ChangePublished {
		t.Errorf("past the server, without the review: %+v", end)
	}
	s.wantServedVersion(t, "greeting", 2)
	require.NoError(t, s.Restart(ctx, testenv.Controller))
}

// requestTokens makes the accounts, and returns a token of each for the stack's servers.
func (s *scenario) requestTokens(t *testing.T, accounts ...testenv.Account) (tokens [2]string) {
	t.Helper()
	callers, err := s.ControlPlane.Callers()
	require.NoError(t, err)
	for i, account := range accounts {
		require.NoError(t, callers.CreateAccount(t.Context(), account))
		tokens[i], err = callers.RequestToken(t.Context(), account, testenv.TokenOptions{Audiences: []string{testenv.Audience}})
		require.NoError(t, err)
	}
	return tokens
}

// moveChannelPastServer stores the request to move a channel as a server would, with the caller's sealed token, but without asking
// whether the caller may. It returns what became of it.
func (s *scenario) moveChannelPastServer(t *testing.T, as testenv.Account, token string, version int64) store.ChangeOutcome {
	t.Helper()
	keys, err := seal.OpenPublicKeys(s.IntakePublicKeyFile, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	request := store.ChangeRequest{
		ID: uuid.NewString(), Key: store.Key{Namespace: s.namespace, Name: "greeting"}, Action: store.ActionUpdate,
		Edit: store.Edit{Channel: &store.ChannelEdit{Name: "production", Version: version}}, Subject: as.Subject(),
		Proof: &store.CallerProof{
			TokenFingerprint: store.FingerprintToken(token, as.Subject()),
			Seal:             func(c store.ProofContext) ([]byte, error) { return keys.Seal([]byte(token), c.Encode()) },
		},
	}
	return controllerstest.RequestAndWait(t, s.openChangeStore(t), request)
}

func (s *scenario) wantServedVersion(t *testing.T, name string, want int64) {
	t.Helper()
	p, err := s.waitForReason(t.Context(), name, v1alpha1.ReasonPublished)
	require.NoError(t, err)
	if p.Status.ServedVersion != want {
		t.Errorf("version %d is served; want %d", p.Status.ServedVersion, want)
	}
}
