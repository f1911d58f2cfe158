//go:build argocd

package argocd

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv/gitops"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// promptsSource is the repository that config/argocd names.
const promptsSource = "https://git.example.com/service-desk/prompts.git"

// namespace is the one that config/argocd names.
const namespace = "support"

// TestPrompts follows the prompts of a repository from the first commit to the last. Each step begins where the one before ended.
func TestPrompts(t *testing.T) {
	ctx := t.Context()
	repository, err := gitops.NewRepository(ctx, t.TempDir())
	require.NoError(t, err)
	p := &prompts{repository: repository, application: application{"prompts"}}
	p.agent, err = world.Connect(ctx, namespace)
	require.NoError(t, err)
	t.Cleanup(p.agent.Close)
	for _, step := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"the samples become healthy, and nothing differs", p.testSync},
		{"a change by hand is put back", p.testSelfHeal},
		{"an agent's change is refused with the patch", p.testRefusal},
		{"an agent that is let in moves a channel, and it stays", p.testAgentsChannel},
		{"a commit is published as a new version", p.testCommit},
		{"it is progressing while Postgres is away", p.testOutage},
		{"a prompt that is refused makes it degraded, with our words", p.testDegraded},
		{"a suspended prompt makes it suspended", p.testSuspended},
		{"manifests that go take their rows along", p.testPrune},
		{"deleting the Application deletes the prompts", p.testDeletion},
	} {
		if !t.Run(step.name, step.run) {
			t.Fatal("the next step begins where this one should have ended")
		}
	}
}

// prompts is a repository that is synchronised.
type prompts struct {
	repository  *gitops.Repository
	application application
	agent       *gitops.Agent
}

// commit commits the repository as it is and has Argo CD look.
func (p *prompts) commit(ctx context.Context) (revision string, err error) {
	if revision, err = p.repository.Commit(ctx, "Change prompts"); err != nil {
		return "", err
	}
	_, err = p.application.waitUntilCompared(ctx)
	return revision, err
}

func (p *prompts) testSync(t *testing.T) {
	ctx := t.Context()
	require.NoError(t, createApplication(ctx, "prompts.yaml", map[string]string{promptsSource: "file://" + p.repository.Dir}))
	said, err := p.application.waitUntil(ctx, "", "Healthy")
	require.NoError(t, err)
	healthy := 0
	for _, r := range said.Status.Resources {
		if r.Kind == "Prompt" && r.Health.Status == "Healthy" && strings.HasPrefix(r.Health.Message, "Published: serving version 1") {
			healthy++
		}
	}
	if healthy != 6 {
		t.Errorf("%d prompts are healthy by our script, want 6: %v", healthy, said.Status.Resources)
	}
	before := p.listVersions(t)
	for range 2 {
		said, err = p.application.waitUntilCompared(ctx)
		require.NoError(t, err)
		if said.Status.Sync.Status != "Synced" || len(said.Status.History) != 1 {
			t.Errorf("compared again it is %s, with a history of %d syncs, want Synced and 1: %v", said.Status.Sync.Status, len(said.Status.History), said.Status.Resources)
		}
	}
	if after := p.listVersions(t); after != before {
		t.Errorf("objects changed without a change:\n%s\n%s", before, after)
	}
	require.NoError(t, p.agent.WaitUntilServed(ctx, "ticket-triage", map[string]string{"subject": "Printer on fire", "body": "Help"}, "Printer on fire"))
}

// listVersions returns the names of all objects with their resourceVersions.
func (p *prompts) listVersions(t *testing.T) string {
	t.Helper()
	var all v1alpha1.PromptList
	require.NoError(t, world.API.List(t.Context(), &all, client.InNamespace(namespace)))
	var said strings.Builder
	for _, object := range all.Items {
		fmt.Fprintf(&said, "%s at %s; ", object.Name, object.ResourceVersion)
	}
	return said.String()
}

func (p *prompts) testSelfHeal(t *testing.T) {
	ctx := t.Context()
	require.NoError(t, world.EditText(ctx, namespace, "house-style", "Shout."))
	require.NoError(t, world.Until(ctx, func(ctx context.Context) error {
		var object v1alpha1.Prompt
		if err := world.API.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "house-style"}, &object); err != nil {
			return err
		}
		if !strings.Contains(object.Spec.Text, "Plain words") {
			return fmt.Errorf("the text is still %q", object.Spec.Text)
		}
		return nil
	}))
	require.NoError(t, world.WaitForReason(ctx, namespace, "house-style", v1alpha1.ReasonPublished))
	_, err := p.application.waitUntil(ctx, "", "Healthy")
	require.NoError(t, err)
}

func (p *prompts) testRefusal(t *testing.T) {
	for tool, arguments := range map[string]map[string]any{
		"update_prompt":      {"id": namespace + "/change-risk-check", "description": "Changed by an agent"},
		"set_prompt_channel": {"id": namespace + "/change-risk-check", "channel": "gamma", "version": 1},
		"delete_prompt":      {"id": namespace + "/change-risk-check"},
	} {
		said, refused, err := p.agent.Call(t.Context(), tool, arguments)
		require.NoError(t, err)
		t.Logf("%s: %s", tool, said)
		if !refused || !strings.Contains(said, "Argo CD (prompts:lectern.dev/Prompt:support/change-risk-check)") {
			t.Errorf("%s says %q, refused %t", tool, said, refused)
		}
		if tool == "update_prompt" && (!strings.Contains(said, "description: Changed by an agent") || !strings.Contains(said, "spec:")) {
			t.Errorf("%s lacks the patch: %s", tool, said)
		}
	}
}

func (p *prompts) testAgentsChannel(t *testing.T) {
	ctx := t.Context()
	const annotation = "  annotations:\n"
	require.NoError(t, p.repository.Replace("post-incident-review.yaml", annotation, annotation+"    lectern.dev/agents: channels\n"))
	revision, err := p.commit(ctx)
	require.NoError(t, err)
	_, err = p.application.waitUntil(ctx, revision, "Healthy")
	require.NoError(t, err)
	said, refused, err := p.agent.Call(ctx, "set_prompt_channel", map[string]any{"id": namespace + "/post-incident-review", "channel": "production", "version": 1})
	require.NoError(t, err)
	if refused {
		t.Fatalf("the agent is refused: %s", said)
	}
	compared, err := p.application.waitUntilCompared(ctx)
	require.NoError(t, err)
	if compared.Status.Sync.Status != "Synced" {
		t.Errorf("an agent's channel makes it %s: %v", compared.Status.Sync.Status, compared.Status.Resources)
	}
	require.NoError(t, world.VerifyChannel(ctx, namespace, "post-incident-review", "production"))
}

func (p *prompts) testCommit(t *testing.T) {
	ctx := t.Context()
	require.NoError(t, p.repository.Replace("house-style.yaml", "no blame.", "no blame, no jokes."))
	revision, err := p.commit(ctx)
	require.NoError(t, err)
	_, err = p.application.waitUntil(ctx, revision, "Healthy")
	require.NoError(t, err)
	require.NoError(t, p.agent.WaitUntilServed(ctx, "incident-handover", map[string]string{"ticket": "INC-1", "notes": "none"}, "no jokes"))
	require.NoError(t, world.VerifyChannel(ctx, namespace, "post-incident-review", "production")) // after a sync, too
	var source string
	require.NoError(t, queryRow(ctx, []any{&source}, "select coalesce(provenance->>'tracking', '') from prompt_versions v join prompts p on p.id = v.prompt_id "+
		"where p.namespace = $1 and p.name = 'house-style' order by v.version desc limit 1", namespace))
	if source != "argocd:prompts:lectern.dev/Prompt:support/house-style" {
		t.Errorf("the version is tracked to %q", source)
	}
}

// healthOf returns what the Application says of one prompt.
func (a *applied) healthOf(name string) (status, message string) {
	for _, r := range a.Status.Resources {
		if r.Kind == "Prompt" && r.Name == name {
			return r.Health.Status, r.Health.Message
		}
	}
	return "", ""
}

func (p *prompts) testOutage(t *testing.T) {
	ctx := t.Context()
	require.NoError(t, world.Postgres.StopServer(ctx))
	require.NoError(t, p.repository.Replace("reply-draft.yaml", "120 words", "100 words"))
	revision, err := p.commit(ctx)
	require.NoError(t, err)
	require.NoError(t, world.WaitForReason(ctx, namespace, "reply-draft", v1alpha1.ReasonStoreUnavailable))
	said, err := p.application.waitUntil(ctx, revision, "Progressing")
	require.NoError(t, err)
	if status, message := said.healthOf("reply-draft"); status != "Progressing" || !strings.HasPrefix(message, "StoreUnavailable: ") {
		t.Errorf("the prompt is %s: %s", status, message)
	}
	require.NoError(t, world.Postgres.StartServer(ctx))
	_, err = p.application.waitUntil(ctx, revision, "Healthy")
	require.NoError(t, err)
}

func (p *prompts) testDegraded(t *testing.T) {
	ctx := t.Context()
	good, err := p.repository.Read("reply-draft.yaml")
	require.NoError(t, err)
	require.NoError(t, p.repository.Replace("reply-draft.yaml", "{{/resolved}}", ""))
	revision, err := p.commit(ctx)
	require.NoError(t, err)
	said, err := p.application.waitUntil(ctx, revision, "Degraded")
	require.NoError(t, err)
	status, message := said.healthOf("reply-draft")
	t.Logf("a prompt that is refused: %s: %s", status, message)
	if status != "Degraded" || !strings.HasPrefix(message, "InvalidTemplate: line ") {
		t.Errorf("the prompt is %s: %s", status, message)
	}
	// What was good is served on.
	require.NoError(t, p.agent.WaitUntilServed(ctx, "reply-draft", map[string]string{"request": "r", "findings": "f", "resolved": "true"}, "100 words"))
	require.NoError(t, p.repository.Write("reply-draft.yaml", good))
	revision, err = p.commit(ctx)
	require.NoError(t, err)
	_, err = p.application.waitUntil(ctx, revision, "Healthy")
	require.NoError(t, err)
}

func (p *prompts) testSuspended(t *testing.T) {
	ctx := t.Context()
	require.NoError(t, p.repository.Replace("house-style.yaml", "  exposure: Fragment", "  exposure: Fragment\n  suspend: true"))
	revision, err := p.commit(ctx)
	require.NoError(t, err)
	_, err = p.application.waitUntil(ctx, revision, "Suspended")
	require.NoError(t, err)
	require.NoError(t, p.repository.Replace("house-style.yaml", "\n  suspend: true", ""))
	revision, err = p.commit(ctx)
	require.NoError(t, err)
	_, err = p.application.waitUntil(ctx, revision, "Healthy")
	require.NoError(t, err)
}

func (p *prompts) testPrune(t *testing.T) {
	ctx := t.Context()
	require.NoError(t, p.repository.Remove("ticket-triage.yaml", "reply-draft.yaml"))
	revision, err := p.commit(ctx)
	require.NoError(t, err)
	_, err = p.application.waitUntil(ctx, revision, "Healthy")
	require.NoError(t, err)
	for _, name := range []string{"ticket-triage", "reply-draft"} {
		require.NoError(t, world.WaitUntilGone(ctx, namespace, name))
	}
	wantRows(t, 4, 2)
}

func (p *prompts) testDeletion(t *testing.T) {
	ctx := t.Context()
	require.NoError(t, world.Kubectl(ctx, "delete", "--namespace=argocd", "application", "prompts", "--timeout=4m"))
	for _, name := range []string{"house-style", "incident-handover", "post-incident-review", "change-risk-check"} {
		require.NoError(t, world.WaitUntilGone(ctx, namespace, name))
	}
	wantRows(t, 0, 6)
}

// wantRows counts the rows of the namespace's prompts that are live and that are tombstones.
func wantRows(t *testing.T, live, tombstones int) {
	t.Helper()
	require.NoError(t, world.Until(t.Context(), func(ctx context.Context) error {
		var gotLive, gotTombstones int
		err := queryRow(ctx, []any{&gotLive, &gotTombstones},
			"select count(*) filter (where deleted_at is null), count(*) filter (where deleted_at is not null) from prompts where namespace = $1", namespace)
		if err == nil && (gotLive != live || gotTombstones != tombstones) {
			err = fmt.Errorf("%d rows are live and %d tombstones; want %d and %d", gotLive, gotTombstones, live, tombstones)
		}
		return err
	}))
}

func queryRow(ctx context.Context, into []any, sql string, args ...any) error {
	conn, err := pgx.Connect(ctx, world.OwnerURL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return conn.QueryRow(ctx, sql, args...).Scan(into...)
}
