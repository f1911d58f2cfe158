package access

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// callResult is what a tool answered.
type callResult struct {
	Result struct {
		IsError           bool
		Content           []struct{ Text string }
		StructuredContent struct{ ChangeID, State, ID string }
	}
}

// change calls a tool that writes until it tells what became of the change, which may take a busy machine longer than a call waits. A
// repeat under the same key is the same request.
func (w *world) change(t *testing.T, c *caller, endpoint, tool string, arguments object) (reply transporttest.Reply) {
	t.Helper()
	arguments["idempotencyKey"] = uuid.NewString()
	require.Eventually(t, func() error {
		reply = w.ask(t, c, endpoint, transporttest.CallTool(tool, arguments))
		if strings.Contains(reply.Body, `"state":"pending"`) || strings.Contains(reply.Body, `"state":"applied"`) {
			return fmt.Errorf("%s has no end: %s", tool, reply.Body)
		}
		return nil
	})
	return reply
}

// callTool calls a tool at an endpoint, and returns what it answered.
func (w *world) callTool(t *testing.T, c *caller, endpoint, name string, arguments object) callResult {
	t.Helper()
	return parseCall(t, name, w.ask(t, c, endpoint, transporttest.CallTool(name, arguments)))
}

// parseCall returns what a tool answered.
func parseCall(t *testing.T, name string, reply transporttest.Reply) callResult {
	t.Helper()
	var result callResult
	if err := json.Unmarshal([]byte(reply.Body), &result); err != nil || len(result.Result.Content) == 0 {
		t.Fatalf("%s: %d %s", name, reply.Status, reply.Body)
	}
	return result
}

// removeAdded deletes the prompts of red that were not there from the beginning, and waits until a caller finds them nowhere.
func (w *world) removeAdded(t *testing.T, c *caller) {
	t.Helper()
	ctx := t.Context()
	var all v1alpha1.PromptList
	require.NoError(t, w.api.List(ctx, &all, client.InNamespace(red)))
	for i := range all.Items {
		if p := &all.Items[i]; !slices.Contains([]string{handover, greeting, fragment, "only-" + red}, p.Name) {
			require.NoError(t, w.api.Delete(ctx, p))
		}
	}
	require.Eventually(t, func() error {
		for range w.Endpoints {
			reply := w.send(t, c, "/mcp/"+red, transporttest.CallTool("get_stats", object{}))
			if !slices.Contains(readTotals(reply.Body), listedInEach) {
				return fmt.Errorf("added prompts are still there: %s", reply.Body)
			}
		}
		var left v1alpha1.PromptList
		if err := w.api.List(ctx, &left, client.InNamespace(red)); err != nil || len(left.Items) != listedInEach+1 {
			return fmt.Errorf("%d objects are there, %w", len(left.Items), err)
		}
		return w.checkListed(t, c, red)
	})
}

// checkListed returns an error unless both servers list the prompts of a namespace that were there from the beginning, and no others.
func (w *world) checkListed(t *testing.T, c *caller, namespace string) error {
	t.Helper()
	for _, endpoint := range w.Endpoints {
		var listed struct {
			Result struct{ Prompts []struct{ Name string } }
		}
		reply := w.remoteAt(endpoint).Send(t, c.sign("/mcp/"+namespace, transporttest.Request{RPC: "prompts/list"}))
		if err := json.Unmarshal([]byte(reply.Body), &listed); err != nil || len(listed.Result.Prompts) != listedInEach {
			return fmt.Errorf("%s lists %s (%w)", endpoint, reply.Body, err)
		}
		for _, p := range listed.Result.Prompts {
			if !slices.Contains([]string{handover, greeting, "only-" + namespace}, p.Name) {
				return fmt.Errorf("%s lists %s", endpoint, p.Name)
			}
		}
	}
	return nil
}

// TestWhoMayChange has callers change what they may: every tool that writes works for who has its verb, at both endpoints, and
// not for a token that is good elsewhere too, whatever its owner may.
func TestWhoMayChange(t *testing.T) {
	w := getWorld(t)
	everything := testenv.Grant{Namespace: red, Verbs: everyVerb}
	writer, err := w.newCaller(t.Context(), "writer", testenv.TokenOptions{}, everything)
	require.NoError(t, err)
	shared, err := w.newCaller(t.Context(), "writer-of-two", testenv.TokenOptions{Audiences: []string{testenv.Audience, "https://elsewhere.test"}}, everything)
	require.NoError(t, err)
	defer w.removeAdded(t, writer)
	for _, endpoint := range []string{"", red} {
		for _, c := range []*caller{writer, shared} {
			w.waitForRights(t, c)
			name := fmt.Sprintf("scratch-%d-%s", len(endpoint), c.name)
			object := newPrompt(red, name)
			object.Spec.Channels = nil
			require.NoError(t, w.api.Create(t.Context(), object))
			require.NoError(t, w.waitUntilPublished(t.Context()))
			before := w.describeObjects(t)
			a := target{endpoint, red, name}
			for _, step := range []struct {
				tool      string
				arguments map[string]any
			}{
				{"update_prompt", map[string]any{"id": a.id(), "description": "Changed by " + c.name}},
				{"set_prompt_channel", map[string]any{"id": a.id(), "channel": "beta", "version": 1}},
				{"delete_prompt", map[string]any{"id": a.id()}},
				{"add_prompt", map[string]any{"namespace": red, "name": name + " again", "content": "Added."}},
			} {
				result := parseCall(t, step.tool, w.change(t, c, endpoint, step.tool, step.arguments)).Result
				if published := result.StructuredContent.State == "published"; published == c.mayNotChange {
					t.Errorf("%s at /mcp/%s: %s is %q: %s", c.name, endpoint, step.tool, result.StructuredContent.State, result.Content[0].Text)
				}
			}
			if after := w.describeObjects(t); c.mayNotChange && !cmp.Equal(before, after) {
				t.Errorf("%s changed something: %s", c.name, cmp.Diff(before, after))
			}
		}
	}
}

// TestChangesOfOthers: what became of a change is for who asked for it.
func TestChangesOfOthers(t *testing.T) {
	w := getWorld(t)
	everything := testenv.Grant{Verbs: everyVerb}
	asker, err := w.newCaller(t.Context(), "asker", testenv.TokenOptions{}, everything)
	require.NoError(t, err)
	other, err := w.newCaller(t.Context(), "as-mighty", testenv.TokenOptions{}, everything)
	require.NoError(t, err)
	stranger, err := w.newCaller(t.Context(), "stranger", testenv.TokenOptions{})
	require.NoError(t, err)
	defer w.removeAdded(t, asker)
	w.waitForRights(t, asker)
	w.waitForRights(t, other)
	added := w.callTool(t, asker, "", "add_prompt", object{"namespace": red, "name": "Of the asker", "content": "Added."}).Result
	id := added.StructuredContent.ChangeID
	if id == "" {
		t.Fatalf("no change: %+v", added)
	}
	if own := w.callTool(t, asker, "", "get_prompt_change", object{"changeId": id}).Result; own.IsError || own.StructuredContent.ChangeID != id {
		t.Errorf("the asker is told %+v", own)
	}
	madeUp := uuid.NewString()
	for _, endpoint := range endpoints {
		for _, c := range []*caller{other, stranger} {
			answers := map[string]string{}
			for what, changeID := range map[string]string{"another's": id, "made up": madeUp} {
				reply := w.ask(t, c, endpoint, transporttest.CallTool("get_prompt_change", object{"changeId": changeID}))
				if answers[what] = strings.ReplaceAll(reply.Body, changeID, "ID"); strings.Contains(answers[what], red) {
					t.Errorf("%s at /mcp/%s is told of %s: %s", c.name, endpoint, what, reply.Body)
				}
			}
			if diff := cmp.Diff(answers["made up"], answers["another's"]); diff != "" {
				t.Errorf("%s at /mcp/%s can tell another's change from one made up (-made up +another's)\n%s", c.name, endpoint, diff)
			}
		}
	}
}
