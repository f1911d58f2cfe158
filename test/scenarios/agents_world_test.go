package scenarios

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// callTimeout is how long an agent waits for an answer before they take it as on its way.
const callTimeout = 10 * time.Second

// sharedPrompts are the prompts that everybody edits, kept those that are somebody's alone.
var (
	sharedPrompts = []string{"p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9"}
	ownedPrompts  = map[string]func(*v1alpha1.Prompt){
		"argo":     func(p *v1alpha1.Prompt) { p.Annotations = map[string]string{"argocd.argoproj.io/tracking-id": "app:x"} },
		"flux":     func(p *v1alpha1.Prompt) { p.Labels = map[string]string{"kustomize.toolkit.fluxcd.io/name": "apps"} },
		"helm":     func(p *v1alpha1.Prompt) { p.Annotations = map[string]string{"meta.helm.sh/release-name": "r"} },
		"manager":  func(*v1alpha1.Prompt) {},
		"channels": func(p *v1alpha1.Prompt) { p.Annotations = map[string]string{v1alpha1.AgentsAnnotation: "channels"} },
	}
)

// agentCall is what one agent asked and was told.
type agentCall struct {
	// id is the request's where the agent knows it; text is what the edit says, unique to the call.
	id, name, text string
	action         store.Action
	// told is the answer by its state; empty for an error that names no state.
	told    store.ChangeState
	version int64
	words   string
}

// world is everybody who writes, and what they remember.
type world struct {
	*scenario
	changeStore *postgres.Store

	mu    sync.Mutex
	calls []agentCall
	// humanTexts are the texts that others than agents wrote and were told are in, by prompt.
	humanTexts map[string][]string
	kills      atomic.Int64
}

// testFiftyAgents has fifty agents work on ten prompts, with kubectl apply and a second field manager at the same ones, and the
// controller killed all the while.
func testFiftyAgents(t *testing.T) {
	c := &world{scenario: startScenario(t, killableStack(t)), humanTexts: map[string][]string{}}
	c.changeStore = c.openChangeStore(t)
	require.NoError(t, c.retainEdits(t.Context()))
	require.NoError(t, c.createEverything(t.Context()))
	watched := c.recordWrites(t)
	require.NoError(t, c.runEverybody(t))

	ctx := t.Context()
	require.NoError(t, c.waitUntilAllFinal(ctx))
	require.NoError(t, c.waitUntilPublished(ctx))
	events := watched(ctx)
	o := invariants{world: c, events: events}
	require.NoError(t, o.readDatabase(ctx))
	for _, wrong := range o.verify() {
		t.Error(wrong)
	}
	t.Logf("%d kills, %d calls, %d writes of objects; requests ended: %v", c.kills.Load(), len(c.calls), o.countWrites(), o.countOutcomes())
}

func (c *world) createEverything(ctx context.Context) error {
	for _, name := range sharedPrompts {
		p := c.newPrompt(name, "begins")
		p.Annotations = map[string]string{v1alpha1.AgentsAnnotation: "all"}
		if err := c.createPrompts(ctx, p); err != nil {
			return err
		}
		c.humanTexts[name] = []string{"begins"}
	}
	for name, mark := range ownedPrompts {
		p := c.newPrompt(name, "begins")
		mark(p)
		if err := c.api.Create(ctx, p, client.FieldOwner("keeper")); err != nil {
			return err
		}
		c.humanTexts[name] = []string{"begins"}
	}
	return c.waitUntilPublished(ctx)
}

// kubectlApply applies a manifest from a file, as a person does.
func (c *world) kubectlApply(ctx context.Context, folder string, r *rand.Rand, n int) error {
	name, text := sharedPrompts[r.IntN(len(sharedPrompts))], fmt.Sprintf("kubectl %d", n)
	manifest := fmt.Sprintf(`{"apiVersion":"lectern.dev/v1alpha1","kind":"Prompt",
		"metadata":{"namespace":%q,"name":%q,"annotations":{%q:"all"}},"spec":{"text":%q}}`,
		c.namespace, name, v1alpha1.AgentsAnnotation, text)
	file := filepath.Join(folder, "prompt.json")
	if err := os.WriteFile(file, []byte(manifest), 0o600); err != nil {
		return err
	}
	// It may lose against other writers, and says so then; what it wrote all the same is in the history.
	_, _ = c.ControlPlane.Kubectl(ctx, "apply", "--filename", file)
	c.rememberText(name, text)
	return nil
}

// applyAsPipeline writes as a second field manager. It takes what it wants by force, the text or only the description.
func (c *world) applyAsPipeline(ctx context.Context, r *rand.Rand, n int) error {
	name, text := sharedPrompts[r.IntN(len(sharedPrompts))], fmt.Sprintf("pipeline %d", n)
	obj := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"text": text}}}
	if n%2 == 0 {
		obj.Object["spec"] = map[string]any{"description": text}
	}
	obj.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("Prompt"))
	obj.SetNamespace(c.namespace)
	obj.SetName(name)
	obj.SetAnnotations(map[string]string{v1alpha1.AgentsAnnotation: "all"})
	err := c.api.Apply(ctx, client.ApplyConfigurationFromUnstructured(obj), client.FieldOwner("pipeline"), client.ForceOwnership)
	if apierrors.IsInvalid(err) || apierrors.IsConflict(err) { // a description alone makes no prompt
		return nil
	}
	c.rememberText(name, text)
	return err
}

// editOwned edits what is one writer's alone.
func (c *world) editOwned(ctx context.Context, r *rand.Rand, n int) error {
	names := []string{"argo", "flux", "helm", "manager", "channels"}
	name, text := names[r.IntN(len(names))], fmt.Sprintf("keeper %d", n)
	c.rememberText(name, text)
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"text":%q}}`, text))
	return c.api.Patch(ctx, c.newPrompt(name, ""), patch, client.FieldOwner("keeper"))
}

// runAgent asks for one change after the other: over MCP, or where a name must be chosen, as a server does.
func (c *world) runAgent(ctx context.Context, who int) error {
	mcpAgent, err := connect(ctx, c.Endpoints[who%2], "")
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer mcpAgent.close()
	r := c.randomFor(who)
	for n := 0; ctx.Err() == nil; n++ {
		name, text := sharedPrompts[r.IntN(len(sharedPrompts))], fmt.Sprintf("agent %d.%d", who, n)
		var err error
		switch dice := r.IntN(100); {
		case dice < 45:
			err = c.updateOverMCP(ctx, mcpAgent, name, text, dice < 15)
		case dice < 65:
			edit := store.Edit{Content: &text}
			if dice < 50 {
				edit.Description = &text
			}
			err = c.requestAndWait(ctx, name, store.ActionUpdate, edit)
		case dice < 70:
			err = c.deleteOverMCP(ctx, mcpAgent, name)
		case dice < 73:
			err = c.requestAndWait(ctx, name, store.ActionDelete, store.Edit{})
		case dice < 88:
			err = c.requestAndWait(ctx, name, store.ActionAdd, store.Edit{Content: &text})
		default:
			err = c.askForOwned(ctx, mcpAgent, r, text)
		}
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("agent %d: %w", who, err)
		}
	}
	return nil
}

// askForOwned asks for what is somebody else's.
func (c *world) askForOwned(ctx context.Context, a *agent, r *rand.Rand, text string) error {
	names := []string{"argo", "flux", "helm", "manager", "channels"}
	name := names[r.IntN(len(names))]
	switch r.IntN(4) {
	case 0:
		return c.updateOverMCP(ctx, a, name, text, false)
	case 1:
		return c.requestAndWait(ctx, name, store.ActionUpdate, store.Edit{Content: &text})
	case 2:
		return c.requestAndWait(ctx, name, store.ActionUpdate, store.Edit{Channel: &store.ChannelEdit{Name: "production", Version: 1}})
	default:
		return c.requestAndWait(ctx, name, store.ActionDelete, store.Edit{})
	}
}

// requestAndWait makes a request and waits for its end as long as a tool does.
func (c *world) requestAndWait(ctx context.Context, name string, action store.Action, edit store.Edit) error {
	id, err := c.requestChange(ctx, c.changeStore, name, action, edit)
	if err != nil {
		return err
	}
	said := agentCall{id: id, name: name, action: action, told: store.ChangePending} // until it is told more
	if edit.Content != nil {
		said.text = *edit.Content
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_ = wait.Until(ctx, func(ctx context.Context) error {
		found, err := c.changeStore.ChangeOutcomes(ctx, requester, []string{id})
		if err != nil || len(found) != 1 {
			return fmt.Errorf("found %d, %w", len(found), err)
		}
		said.told, said.version, said.words = found[0].State, found[0].Version, found[0].Message
		if !found[0].State.IsFinal() {
			return errors.New("not yet")
		}
		return nil
	})
	c.recordCall(said)
	return nil
}

func (c *world) recordCall(said agentCall) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, said)
}

// callTool calls a tool that writes, and returns what it tells of the change.
func (c *world) callTool(ctx context.Context, a *agent, tool string, arguments map[string]any, said agentCall) error {
	arguments["idempotencyKey"] = uuid.NewString()
	result, err := a.session.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: arguments})
	if err != nil {
		return fmt.Errorf("%s: %w", tool, err)
	}
	for _, content := range result.Content {
		if text, is := content.(*mcp.TextContent); is {
			said.words += text.Text
		}
	}
	if !result.IsError {
		var told struct {
			ChangeID string `json:"changeId"`
			State    string `json:"state"`
			Version  int64  `json:"version"`
		}
		if err := decodeStructured(result, &told); err != nil {
			return fmt.Errorf("%s: %w", tool, err)
		}
		said.id, said.version = told.ChangeID, told.Version
		said.told = map[string]store.ChangeState{
			"published": store.ChangePublished, "pending": store.ChangePending, "applied": store.ChangeApplied}[told.State]
		if said.told == "" {
			return fmt.Errorf("%s tells of state %q as a success", tool, told.State)
		}
	}
	c.recordCall(said)
	return nil
}

// decodeStructured returns what a tool gives beside its text.
func decodeStructured(result *mcp.CallToolResult, into any) error {
	text, err := json.Marshal(result.StructuredContent)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

func (c *world) updateOverMCP(ctx context.Context, a *agent, name, text string, careful bool) error {
	id := c.namespace + "/" + name
	arguments := map[string]any{"id": id, "content": text}
	if careful {
		result, err := a.session.CallTool(ctx, &mcp.CallToolParams{Name: "get_prompt", Arguments: map[string]any{"id": id + "@latest"}})
		if err != nil || result.IsError { // an agent cannot know the version of what they cannot read
			return err
		}
		var read struct {
			LatestVersion int64 `json:"latestVersion"`
		}
		if err := decodeStructured(result, &read); err != nil {
			return err
		}
		arguments["expectedVersion"] = read.LatestVersion
	}
	return c.callTool(ctx, a, "update_prompt", arguments, agentCall{name: name, text: text, action: store.ActionUpdate})
}

func (c *world) deleteOverMCP(ctx context.Context, a *agent, name string) error {
	return c.callTool(ctx, a, "delete_prompt", map[string]any{"id": c.namespace + "/" + name}, agentCall{name: name, action: store.ActionDelete})
}

// waitUntilAllFinal waits until every request has an end.
func (c *world) waitUntilAllFinal(ctx context.Context) error {
	return wait.Until(ctx, func(ctx context.Context) error {
		var open int
		err := c.queryRow(ctx, []any{&open}, "select count(*) from prompt_changes where namespace = $1 and settled_at is null", c.namespace)
		if err == nil && open > 0 {
			err = fmt.Errorf("%d change requests have no end", open)
		}
		return err
	})
}
