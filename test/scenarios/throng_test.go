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

// callPatience is how long an agent waits for an answer before he takes it as on its way.
const callPatience = 10 * time.Second

// shared are the prompts that everybody edits, kept those that are somebody's alone.
var (
	shared = []string{"p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9"}
	kept   = map[string]func(*v1alpha1.Prompt){
		"argo":     func(p *v1alpha1.Prompt) { p.Annotations = map[string]string{"argocd.argoproj.io/tracking-id": "app:x"} },
		"flux":     func(p *v1alpha1.Prompt) { p.Labels = map[string]string{"kustomize.toolkit.fluxcd.io/name": "apps"} },
		"helm":     func(p *v1alpha1.Prompt) { p.Annotations = map[string]string{"meta.helm.sh/release-name": "r"} },
		"manager":  func(*v1alpha1.Prompt) {},
		"channels": func(p *v1alpha1.Prompt) { p.Annotations = map[string]string{v1alpha1.AgentsAnnotation: "channels"} },
	}
)

// call is what one agent asked and was told.
type call struct {
	// id is the request's where the agent knows it; text is what the edit says, unique to the call.
	id, name, text string
	action         store.Action
	// told is the answer by its state; empty for an error that names no state.
	told    store.ChangeState
	version int64
	words   string
}

// throng is everybody who writes, and what they remember.
type throng struct {
	*scene
	office *postgres.Store
	seed   uint64

	mu    sync.Mutex
	calls []call
	// people are the texts that others than agents wrote and were told are in, by prompt.
	people map[string][]string
	kills  atomic.Int64
}

// crowdOfAgents is fifty agents on ten prompts, with kubectl apply and a second field manager at the same ones, and the
// controller killed all the while.
func crowdOfAgents(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	c := &throng{scene: play(t, mortal(t)), seed: seed, people: map[string][]string{}}
	c.office = c.scene.office(t)
	require.NoError(t, c.keepEdits(t.Context()))
	require.NoError(t, c.furnish(t.Context()))
	watched := c.watch(t)
	require.NoError(t, c.rush(t))

	ctx := t.Context()
	require.NoError(t, c.settledAll(ctx))
	require.NoError(t, c.published(ctx))
	events := watched(ctx)
	o := oracle{throng: c, events: events}
	require.NoError(t, o.read(ctx))
	for _, wrong := range o.judge() {
		t.Error(wrong)
	}
	t.Logf("%d kills, %d calls, %d writes of objects; requests ended: %v", c.kills.Load(), len(c.calls), o.seen(), o.tally())
}

func (c *throng) furnish(ctx context.Context) error {
	for _, name := range shared {
		p := c.text(name, "begins")
		p.Annotations = map[string]string{v1alpha1.AgentsAnnotation: "all"}
		if err := c.create(ctx, p); err != nil {
			return err
		}
		c.people[name] = []string{"begins"}
	}
	for name, mark := range kept {
		p := c.text(name, "begins")
		mark(p)
		if err := c.api.Create(ctx, p, client.FieldOwner("keeper")); err != nil {
			return err
		}
		c.people[name] = []string{"begins"}
	}
	return c.published(ctx)
}

// kubectlApply applies a manifest from a file, as a person does.
func (c *throng) kubectlApply(ctx context.Context, folder string, r *rand.Rand, n int) error {
	name, text := shared[r.IntN(len(shared))], fmt.Sprintf("kubectl %d", n)
	manifest := fmt.Sprintf(`{"apiVersion":"lectern.dev/v1alpha1","kind":"Prompt",
		"metadata":{"namespace":%q,"name":%q,"annotations":{%q:"all"}},"spec":{"text":%q}}`,
		c.namespace, name, v1alpha1.AgentsAnnotation, text)
	file := filepath.Join(folder, "prompt.json")
	if err := os.WriteFile(file, []byte(manifest), 0o600); err != nil {
		return err
	}
	// It may lose against other writers, and says so then; what it wrote all the same is in the history.
	_, _ = c.ControlPlane.Kubectl(ctx, "apply", "--filename", file)
	c.remember(name, text)
	return nil
}

// pipeline is the second field manager. It takes what it wants by force, the text or only the description.
func (c *throng) pipeline(ctx context.Context, r *rand.Rand, n int) error {
	name, text := shared[r.IntN(len(shared))], fmt.Sprintf("pipeline %d", n)
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
	c.remember(name, text)
	return err
}

// keeper edits what is his alone.
func (c *throng) keeper(ctx context.Context, r *rand.Rand, n int) error {
	names := []string{"argo", "flux", "helm", "manager", "channels"}
	name, text := names[r.IntN(len(names))], fmt.Sprintf("keeper %d", n)
	c.remember(name, text)
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"spec":{"text":%q}}`, text))
	return c.api.Patch(ctx, c.text(name, ""), patch, client.FieldOwner("keeper"))
}

// agent asks for one change after the other: over MCP, or where a name must be chosen, as a server does.
func (c *throng) agent(ctx context.Context, who int) error {
	mcpAgent, err := connect(ctx, c.Endpoints[who%2], "")
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer mcpAgent.close()
	r := c.random(who)
	for n := 0; ctx.Err() == nil; n++ {
		name, text := shared[r.IntN(len(shared))], fmt.Sprintf("agent %d.%d", who, n)
		var err error
		switch dice := r.IntN(100); {
		case dice < 45:
			err = c.updateOverMCP(ctx, mcpAgent, name, text, dice < 15)
		case dice < 65:
			edit := store.Edit{Content: &text}
			if dice < 50 {
				edit.Description = &text
			}
			err = c.ask(ctx, name, store.ActionUpdate, edit)
		case dice < 70:
			err = c.deleteOverMCP(ctx, mcpAgent, name)
		case dice < 73:
			err = c.ask(ctx, name, store.ActionDelete, store.Edit{})
		case dice < 88:
			err = c.ask(ctx, name, store.ActionAdd, store.Edit{Content: &text})
		default:
			err = c.meddle(ctx, mcpAgent, r, text)
		}
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("agent %d: %w", who, err)
		}
	}
	return nil
}

// meddle asks for what is somebody else's.
func (c *throng) meddle(ctx context.Context, a *agent, r *rand.Rand, text string) error {
	names := []string{"argo", "flux", "helm", "manager", "channels"}
	name := names[r.IntN(len(names))]
	switch r.IntN(4) {
	case 0:
		return c.updateOverMCP(ctx, a, name, text, false)
	case 1:
		return c.ask(ctx, name, store.ActionUpdate, store.Edit{Content: &text})
	case 2:
		return c.ask(ctx, name, store.ActionUpdate, store.Edit{Channel: &store.ChannelEdit{Name: "production", Version: 1}})
	default:
		return c.ask(ctx, name, store.ActionDelete, store.Edit{})
	}
}

// ask makes a request and waits for its end as long as a tool does.
func (c *throng) ask(ctx context.Context, name string, action store.Action, edit store.Edit) error {
	id, err := c.request(ctx, c.office, name, action, edit)
	if err != nil {
		return err
	}
	said := call{id: id, name: name, action: action, told: store.ChangePending} // until it is told more
	if edit.Content != nil {
		said.text = *edit.Content
	}
	ctx, cancel := context.WithTimeout(ctx, callPatience)
	defer cancel()
	_ = wait.Until(ctx, func(ctx context.Context) error {
		found, err := c.office.ChangeOutcomes(ctx, asker, []string{id})
		if err != nil || len(found) != 1 {
			return fmt.Errorf("found %d, %w", len(found), err)
		}
		said.told, said.version, said.words = found[0].State, found[0].Version, found[0].Message
		if !found[0].State.IsFinal() {
			return errors.New("not yet")
		}
		return nil
	})
	c.note(said)
	return nil
}

func (c *throng) note(said call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, said)
}

// tool calls a tool that writes, and returns what it tells of the change.
func (c *throng) tool(ctx context.Context, a *agent, tool string, arguments map[string]any, said call) error {
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
		if err := structured(result, &told); err != nil {
			return fmt.Errorf("%s: %w", tool, err)
		}
		said.id, said.version = told.ChangeID, told.Version
		said.told = map[string]store.ChangeState{
			"published": store.ChangePublished, "pending": store.ChangePending, "applied": store.ChangeApplied}[told.State]
		if said.told == "" {
			return fmt.Errorf("%s tells of state %q as a success", tool, told.State)
		}
	}
	c.note(said)
	return nil
}

// structured is what a tool gives beside its text.
func structured(result *mcp.CallToolResult, into any) error {
	text, err := json.Marshal(result.StructuredContent)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

func (c *throng) updateOverMCP(ctx context.Context, a *agent, name, text string, careful bool) error {
	id := c.namespace + "/" + name
	arguments := map[string]any{"id": id, "content": text}
	if careful {
		result, err := a.session.CallTool(ctx, &mcp.CallToolParams{Name: "get_prompt", Arguments: map[string]any{"id": id + "@latest"}})
		if err != nil || result.IsError { // an agent cannot know the version of what he cannot read
			return err
		}
		var read struct {
			LatestVersion int64 `json:"latestVersion"`
		}
		if err := structured(result, &read); err != nil {
			return err
		}
		arguments["expectedVersion"] = read.LatestVersion
	}
	return c.tool(ctx, a, "update_prompt", arguments, call{name: name, text: text, action: store.ActionUpdate})
}

func (c *throng) deleteOverMCP(ctx context.Context, a *agent, name string) error {
	return c.tool(ctx, a, "delete_prompt", map[string]any{"id": c.namespace + "/" + name}, call{name: name, action: store.ActionDelete})
}

// settledAll waits until every request has an end.
func (c *throng) settledAll(ctx context.Context) error {
	return wait.Until(ctx, func(ctx context.Context) error {
		var open int
		err := c.query(ctx, []any{&open}, "select count(*) from prompt_changes where namespace = $1 and settled_at is null", c.namespace)
		if err == nil && open > 0 {
			err = fmt.Errorf("%d change requests have no end", open)
		}
		return err
	})
}
