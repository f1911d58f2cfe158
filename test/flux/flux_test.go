//go:build flux

package flux

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/gitops"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/test/kstatus"
)

// namespace is the one that config/flux/prompts.yaml names.
const namespace = "support"

// TestFlux follows the prompts of a repository from the first commit to the last. Each step begins where the one before ended.
func TestFlux(t *testing.T) {
	ctx := t.Context()
	require.NoError(t, world.Kubectl(ctx, "create", "namespace", namespace))
	repository, err := gitops.NewRepository(ctx, t.TempDir())
	require.NoError(t, err)
	f := &flux{world: world, repository: repository, source: newSource(t, world, repository, "prompts")}
	f.agent, err = world.Connect(ctx, namespace)
	require.NoError(t, err)
	t.Cleanup(f.agent.Close)
	for _, step := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"the samples are ready by kstatus", f.testApply},
		{"a change by hand is put back", f.testDrift},
		{"an agent's change is refused with the patch", f.testRefusal},
		{"an agent that is let in moves a channel, and it stays", f.testAgentsChannel},
		{"a commit is published as a new version", f.testCommit},
		{"variables of Flux stay where they are disabled", f.testSubstitution},
		{"it waits while Postgres is away", f.testOutage},
		{"a prompt that is refused fails the Kustomization at once", f.testStalled},
		{"manifests that go take their rows along", f.testPrune},
		{"deleting the Kustomization deletes the prompts", f.testDeletion},
	} {
		if !t.Run(step.name, step.run) {
			t.Fatal("the next step begins where this one should have ended")
		}
	}
}

// flux is a repository that is applied.
type flux struct {
	world      *gitops.World
	repository *gitops.Repository
	source     *source
	agent      *gitops.Agent
}

// readKustomization returns the Kustomization as it stands.
func (f *flux) readKustomization(ctx context.Context) (*unstructured.Unstructured, error) {
	k := &unstructured.Unstructured{}
	k.SetAPIVersion("kustomize.toolkit.fluxcd.io/v1")
	k.SetKind("Kustomization")
	return k, f.world.API.Get(ctx, client.ObjectKey{Namespace: "flux-system", Name: "prompts"}, k)
}

// waitUntil waits until the Kustomization's condition Ready is so about a revision, and returns its message.
func (f *flux) waitUntil(ctx context.Context, revision, status, reason string) (message string, err error) {
	err = f.world.Until(ctx, func(ctx context.Context) error {
		k, err := f.readKustomization(ctx)
		if err != nil {
			return err
		}
		attempted, _, _ := unstructured.NestedString(k.Object, "status", "lastAttemptedRevision")
		conditions, _, _ := unstructured.NestedSlice(k.Object, "status", "conditions")
		for _, c := range conditions {
			condition, _ := c.(map[string]any)
			if condition["type"] != "Ready" {
				continue
			}
			if message, _ = condition["message"].(string); condition["status"] == status && condition["reason"] == reason && attempted == revision {
				return nil
			}
		}
		return fmt.Errorf("the Kustomization attempted %s and says %v; want Ready %s, %s, of %s", attempted, conditions, status, reason, revision)
	})
	return message, err
}

func (f *flux) waitUntilReady(ctx context.Context, revision string) error {
	_, err := f.waitUntil(ctx, revision, "True", "ReconciliationSucceeded")
	return err
}

func (f *flux) testApply(t *testing.T) {
	ctx := t.Context()
	root, err := testenv.Root()
	require.NoError(t, err)
	// What helm-controller, which is not here, would read has to fit its definition, and the chart.
	require.NoError(t, f.world.Kubectl(ctx, "apply", "--kustomize", filepath.Join(root, "config", "flux")))
	require.NoError(t, renderRelease(ctx, root))
	revision, err := f.source.publish(ctx)
	require.NoError(t, err)
	require.NoError(t, f.waitUntilReady(ctx, revision))
	require.NoError(t, f.world.Kubectl(ctx, "wait", "kustomizations.kustomize.toolkit.fluxcd.io/prompts", "--namespace=flux-system",
		"--for=condition=Ready", "--timeout=5m"))
	require.NoError(t, f.verifyAllCurrent(ctx, 6))
	require.NoError(t, f.agent.WaitUntilServed(ctx, "ticket-triage", map[string]string{"subject": "Printer on fire", "body": "Help"}, "Printer on fire"))
}

// renderRelease renders the chart with the values of config/flux/lectern.yaml.
func renderRelease(ctx context.Context, root string) error {
	content, err := os.ReadFile(filepath.Join(root, "config", "flux", "lectern.yaml"))
	if err != nil {
		return err
	}
	_, document, _ := strings.Cut(string(content), "\n---\n")
	var release struct {
		Spec struct {
			ReleaseName, TargetNamespace string
			Values                       map[string]any
		}
	}
	if err := yaml.Unmarshal([]byte(document), &release); err != nil {
		return err
	}
	values, err := yaml.Marshal(release.Spec.Values)
	if err != nil {
		return err
	}
	helm, err := testenv.PinnedProgram(ctx, "helm")
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, helm, "template", release.Spec.ReleaseName, filepath.Join(root, "charts", "lectern"),
		"--namespace", release.Spec.TargetNamespace, "--values", "-")
	command.Stdin = bytes.NewReader(values)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("helm template with the values of config/flux/lectern.yaml: %w\n%s", err, out)
	}
	return nil
}

// verifyAllCurrent holds that so many prompts are there and each is done.
func (f *flux) verifyAllCurrent(ctx context.Context, number int) error {
	all := &unstructured.UnstructuredList{}
	all.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("PromptList"))
	if err := f.world.API.List(ctx, all, client.InNamespace(namespace)); err != nil {
		return err
	}
	if len(all.Items) != number {
		return fmt.Errorf("there are %d prompts, want %d", len(all.Items), number)
	}
	var wrong error
	for _, item := range all.Items {
		if verdict, err := kstatus.VerdictOf(item.Object); err != nil || verdict != kstatus.Current {
			wrong = errors.Join(wrong, fmt.Errorf("%s is %s (%w)", item.GetName(), verdict, err))
		}
	}
	return wrong
}

func (f *flux) testDrift(t *testing.T) {
	ctx := t.Context()
	require.NoError(t, f.world.EditText(ctx, namespace, "house-style", "Shout."))
	require.NoError(t, f.world.WaitForReason(ctx, namespace, "house-style", v1alpha1.ReasonPublished))
	require.NoError(t, f.world.Kubectl(ctx, "annotate", "--namespace=flux-system", "kustomization.kustomize.toolkit.fluxcd.io/prompts",
		"--field-manager=flux-client-side-apply", "--overwrite", "reconcile.fluxcd.io/requestedAt=now"))
	require.NoError(t, f.world.Until(ctx, func(ctx context.Context) error {
		var p v1alpha1.Prompt
		if err := f.world.API.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "house-style"}, &p); err != nil {
			return err
		}
		if !strings.Contains(p.Spec.Text, "Plain words") {
			return fmt.Errorf("the text is still %q", p.Spec.Text)
		}
		return nil
	}))
	require.NoError(t, f.world.WaitForReason(ctx, namespace, "house-style", v1alpha1.ReasonPublished))
}

func (f *flux) testRefusal(t *testing.T) {
	for tool, arguments := range map[string]map[string]any{
		"update_prompt":      {"id": namespace + "/change-risk-check", "description": "Changed by an agent"},
		"set_prompt_channel": {"id": namespace + "/change-risk-check", "channel": "gamma", "version": 1},
		"delete_prompt":      {"id": namespace + "/change-risk-check"},
	} {
		said, refused, err := f.agent.Call(t.Context(), tool, arguments)
		require.NoError(t, err)
		t.Logf("%s: %s", tool, said)
		if !refused || !strings.Contains(said, "Flux (kustomize prompts)") {
			t.Errorf("%s says %q, refused %t", tool, said, refused)
		}
		if tool == "update_prompt" && (!strings.Contains(said, "description: Changed by an agent") || !strings.Contains(said, "spec:")) {
			t.Errorf("%s lacks the patch: %s", tool, said)
		}
	}
}

func (f *flux) testAgentsChannel(t *testing.T) {
	ctx := t.Context()
	const annotation = "  annotations:\n"
	require.NoError(t, f.repository.Replace("post-incident-review.yaml", annotation, annotation+"    lectern.dev/agents: channels\n"))
	revision, err := f.source.publish(ctx)
	require.NoError(t, err)
	require.NoError(t, f.waitUntilReady(ctx, revision))
	said, refused, err := f.agent.Call(ctx, "set_prompt_channel", map[string]any{"id": namespace + "/post-incident-review", "channel": "production", "version": 1})
	require.NoError(t, err)
	if refused {
		t.Fatalf("the agent is refused: %s", said)
	}
	require.NoError(t, f.world.VerifyChannel(ctx, namespace, "post-incident-review", "production"))
}

func (f *flux) testCommit(t *testing.T) {
	ctx := t.Context()
	require.NoError(t, f.repository.Replace("house-style.yaml", "no blame.", "no blame, no jokes."))
	revision, err := f.source.publish(ctx)
	require.NoError(t, err)
	require.NoError(t, f.waitUntilReady(ctx, revision))
	require.NoError(t, f.agent.WaitUntilServed(ctx, "incident-handover", map[string]string{"ticket": "INC-1", "notes": "none"}, "no jokes"))
	require.NoError(t, f.world.VerifyChannel(ctx, namespace, "post-incident-review", "production")) // after it was applied again, too
	var source string
	require.NoError(t, f.queryRow(ctx, []any{&source}, "select coalesce(provenance->>'tracking', '') from prompt_versions v join prompts p on p.id = v.prompt_id "+
		"where p.namespace = $1 and p.name = 'house-style' order by v.version desc limit 1", namespace))
	if source != "flux-kustomize:flux-system/prompts" {
		t.Errorf("the version is tracked to %q", source)
	}
}

func (f *flux) testSubstitution(t *testing.T) {
	ctx := t.Context()
	const manifest = `apiVersion: lectern.dev/v1alpha1
kind: Prompt
metadata:
  name: NAME
  annotations: {note: "ANNOTATION"}
spec: {text: "Run echo ${HOME_CLUSTER} in {{shell}}"}
`
	name := strings.NewReplacer("NAME", "replaced", "{note: \"ANNOTATION\"}", "{note: none}").Replace(manifest)
	kept := strings.NewReplacer("NAME", "kept", "note: \"ANNOTATION\"", "kustomize.toolkit.fluxcd.io/substitute: disabled").Replace(manifest)
	require.NoError(t, errors.Join(f.repository.Write("replaced.yaml", name), f.repository.Write("kept.yaml", kept)))
	require.NoError(t, f.world.Kubectl(ctx, "patch", "--namespace=flux-system", "kustomization.kustomize.toolkit.fluxcd.io/prompts", "--type=merge",
		"--patch", `{"spec":{"postBuild":{"substitute":{"HOME_CLUSTER":"north"}}}}`))
	revision, err := f.source.publish(ctx)
	require.NoError(t, err)
	require.NoError(t, f.waitUntilReady(ctx, revision))
	require.NoError(t, f.agent.WaitUntilServed(ctx, "replaced", map[string]string{"shell": "bash"}, "Run echo north in bash"))
	require.NoError(t, f.agent.WaitUntilServed(ctx, "kept", map[string]string{"shell": "bash"}, "Run echo ${HOME_CLUSTER} in bash"))
}

func (f *flux) testOutage(t *testing.T) {
	ctx := t.Context()
	require.NoError(t, f.world.Postgres.StopServer(ctx))
	require.NoError(t, f.repository.Replace("reply-draft.yaml", "120 words", "100 words"))
	revision, err := f.source.publish(ctx)
	require.NoError(t, err)
	require.NoError(t, f.world.WaitForReason(ctx, namespace, "reply-draft", v1alpha1.ReasonStoreUnavailable))
	message, err := f.waitUntil(ctx, revision, "Unknown", "Progressing")
	require.NoError(t, err)
	t.Logf("while Postgres is away: %s", message)
	require.NoError(t, f.world.Postgres.StartServer(ctx))
	require.NoError(t, f.waitUntilReady(ctx, revision))
}

func (f *flux) testStalled(t *testing.T) {
	ctx := t.Context()
	good, err := f.repository.Read("reply-draft.yaml")
	require.NoError(t, err)
	require.NoError(t, f.repository.Replace("reply-draft.yaml", "{{/resolved}}", ""))
	revision, err := f.source.publish(ctx)
	require.NoError(t, err)
	message, err := f.waitUntil(ctx, revision, "False", "HealthCheckFailed")
	require.NoError(t, err)
	t.Logf("a stalled prompt: %s", message)
	if !strings.Contains(message, "Prompt/support/reply-draft") {
		t.Errorf("the message names no prompt: %s", message)
	}
	require.NoError(t, f.world.WaitForReason(ctx, namespace, "reply-draft", v1alpha1.ReasonInvalidTemplate))
	// What was good is served on.
	require.NoError(t, f.agent.WaitUntilServed(ctx, "reply-draft", map[string]string{"request": "r", "findings": "f", "resolved": "true"}, "100 words"))
	require.NoError(t, f.repository.Write("reply-draft.yaml", good))
	revision, err = f.source.publish(ctx)
	require.NoError(t, err)
	require.NoError(t, f.waitUntilReady(ctx, revision))
}

func (f *flux) testPrune(t *testing.T) {
	ctx := t.Context()
	require.NoError(t, f.repository.Remove("ticket-triage.yaml", "kept.yaml", "replaced.yaml"))
	revision, err := f.source.publish(ctx)
	require.NoError(t, err)
	require.NoError(t, f.waitUntilReady(ctx, revision))
	for _, name := range []string{"ticket-triage", "kept", "replaced"} {
		require.NoError(t, f.world.WaitUntilGone(ctx, namespace, name))
	}
	f.wantRows(t, 5, 3)
}

func (f *flux) testDeletion(t *testing.T) {
	ctx := t.Context()
	require.NoError(t, f.world.Kubectl(ctx, "delete", "--namespace=flux-system", "kustomization.kustomize.toolkit.fluxcd.io/prompts", "--timeout=4m"))
	for _, name := range []string{"house-style", "incident-handover", "post-incident-review"} {
		require.NoError(t, f.world.WaitUntilGone(ctx, namespace, name))
	}
	f.wantRows(t, 0, 8)
	require.NoError(t, f.world.Kubectl(ctx, "delete", "helmreleases.helm.toolkit.fluxcd.io", "lectern", "--namespace=flux-system", "--timeout=4m"))
}

// wantRows counts the rows of the namespace's prompts that are live and that are tombstones.
func (f *flux) wantRows(t *testing.T, live, tombstones int) {
	t.Helper()
	require.NoError(t, f.world.Until(t.Context(), func(ctx context.Context) error {
		var gotLive, gotTombstones int
		err := f.queryRow(ctx, []any{&gotLive, &gotTombstones},
			"select count(*) filter (where deleted_at is null), count(*) filter (where deleted_at is not null) from prompts where namespace = $1", namespace)
		if err == nil && (gotLive != live || gotTombstones != tombstones) {
			err = fmt.Errorf("%d rows are live and %d tombstones; want %d and %d", gotLive, gotTombstones, live, tombstones)
		}
		return err
	}))
}

func (f *flux) queryRow(ctx context.Context, into []any, sql string, args ...any) error {
	conn, err := pgx.Connect(ctx, f.world.OwnerURL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return conn.QueryRow(ctx, sql, args...).Scan(into...)
}
