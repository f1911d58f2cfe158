package scenarios

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"sigs.k8s.io/yaml"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// testLargePrompts has prompts of the sizes of the two largest met in public collections, by kubectl and by the tools of
// agents, and what is too large for etcd.
func testLargePrompts(t *testing.T) {
	s := startScenario(t, releasedStack(t))
	ctx, a := t.Context(), s.agents[0]
	sized := func(size int, line string) string { return strings.Repeat(line, size/len(line)+1)[:size] }
	first, second := sized(231_376, "Say \"what\" you <saw>, & when.\n"), sized(149_235, "Sag’s kürzer.\n")
	second = strings.ToValidUTF8(second, "x")

	for _, text := range []string{first, second} {
		require.NoError(t, s.applyServerSide(ctx, t.TempDir(), "by-kubectl", text))
		require.NoError(t, s.waitUntilPublished(ctx))
		require.Eventually(t, func() error {
			got, err := a.getPrompt(ctx, s.namespace+".by-kubectl", nil)
			if err == nil && got != text {
				err = fmt.Errorf("by kubectl: got %s", abbreviate(got))
			}
			return err
		})
	}

	change := func(tool string, arguments map[string]any) (string, bool) {
		t.Helper()
		result, err := callUntilFinal(ctx, a.session, tool, arguments)
		require.NoError(t, err)
		return textOf(result), result.IsError
	}
	id := s.namespace + "/by-tools"
	if text, failed := change("add_prompt", map[string]any{"namespace": s.namespace, "name": "By tools", "content": first}); failed {
		t.Fatal(text)
	}
	if text, failed := change("update_prompt", map[string]any{"id": id, "content": second}); failed {
		t.Fatal(text)
	}
	for selector, want := range map[string]string{"@1": strings.TrimSpace(first), "@2": strings.TrimSpace(second)} {
		got, err := a.getPrompt(ctx, s.namespace+".by-tools"+selector, nil)
		if err != nil || strings.TrimSpace(got) != want {
			t.Errorf("version %s: %v, got %s", selector, err, abbreviate(got))
		}
		shown, err := a.session.CallTool(ctx, &mcp.CallToolParams{Name: "get_prompt", Arguments: map[string]any{"id": id + selector}})
		require.NoError(t, err)
		if text := textOf(shown); shown.IsError || len(text) < len(want) {
			t.Errorf("get_prompt of %s shows %d bytes: %s", selector, len(text), abbreviate(text))
		}
	}
	for name, tc := range map[string]struct{ content, want string }{
		"a byte too many": {strings.Repeat("x", prompt.MaxText+1), "have 262145 bytes; at most 262144 (256 KiB) are allowed; " + prompt.TextRemedy},
		"for etcd":        {strings.Repeat("<", prompt.MaxText), "refuses it for its size: the spec has 1572"},
	} {
		got, failed := change("add_prompt", map[string]any{"namespace": s.namespace, "name": name, "content": tc.content})
		if !failed || !strings.Contains(got, tc.want) {
			t.Errorf("%s: got %s, want %s in it", name, abbreviate(got), tc.want)
		}
	}
}

// applyServerSide applies a prompt of one text as a person does whose prompt is too large for an annotation.
func (s *scenario) applyServerSide(ctx context.Context, dir, name, text string) error {
	p := s.newPrompt(name, text)
	p.APIVersion, p.Kind, p.Spec.Syntax = v1alpha1.GroupVersion.String(), "Prompt", v1alpha1.SyntaxPlain
	manifest, err := yaml.Marshal(p)
	if err != nil {
		return err
	}
	file := filepath.Join(dir, name+".yaml")
	if err := os.WriteFile(file, manifest, 0o600); err != nil {
		return err
	}
	if _, err := s.ControlPlane.Kubectl(ctx, "apply", "--server-side", "--force-conflicts", "--filename="+file); err != nil {
		return fmt.Errorf("apply %s of %d bytes: %w", name, len(text), err)
	}
	return nil
}
