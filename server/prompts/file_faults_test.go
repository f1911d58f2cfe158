package prompts_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/folder"
	"github.com/lectern-dev/lectern/internal/store/memory"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server"
)

// TestFileFaults: who misses a prompt of a folder hears which files have faults, and where.
func TestFileFaults(t *testing.T) {
	t.Parallel()
	manifest := func(name, more string) string {
		return fmt.Sprintf("apiVersion: lectern.dev/v1alpha1\nkind: Prompt\nmetadata:\n  name: %s\nspec:\n  text: Hello\n%s", name, more)
	}
	root := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o600))
	}
	write("good.yaml", manifest("good", ""))
	write("sub/bad.yaml", manifest("bad", "  titel: x\n"))
	serve := func() *toolClient {
		kept := memory.New()
		from, err := folder.Open(t.Context(), root, kept, slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		return connectTools(t, start(t, kept, func(d *server.Deps) {
			d.Library, d.FileFaults, d.DefaultNamespace, d.HomeNamespace, d.ResultLimit = kept, from, "default", "default", 8000
		}), "/mcp/default")
	}
	const one = `1 fault in the files of the prompts keeps a prompt from being served as its file says: sub/bad.yaml:7:3: unknown field "spec.titel"`
	box := serve()
	if got := box.text(t, "get_prompt", `{"id":"bad"}`); !strings.Contains(got, "Prompt with id 'bad' not found. "+one) {
		t.Errorf("get_prompt answers\n%s", got)
	}
	for _, call := range [][2]string{{"list_prompts", `{}`}, {"search_prompts", `{"query":"bad"}`}} {
		if got := box.call(t, call[0], call[1]).texts; len(got) != 2 || !strings.HasPrefix(got[1], one) {
			t.Errorf("%s answers\n%s", call[0], got)
		}
	}
	if got := box.text(t, "get_prompt", `{"id":"good"}`); strings.Contains(got, "fault") {
		t.Errorf("of a prompt that is there get_prompt answers\n%s", got)
	}
	if got := box.text(t, "get_prompt", `{"id":"good","version":7}`); !strings.Contains(got, "version 7 of default/good is not there") || strings.Contains(got, "in the files") {
		t.Errorf("of a version that is not there get_prompt answers\n%s", got)
	}

	for i := range 150 {
		write(fmt.Sprintf("many/%03d.yaml", i), manifest(fmt.Sprintf("m%03d", i), "  "+strings.Repeat("x", 3000)+": y\n"))
	}
	box = serve()
	got := box.text(t, "get_prompt", `{"id":"bad"}`)
	if !strings.Contains(got, "151 faults") || !strings.Contains(got, "and 148 more") || len(got) > 2048 {
		t.Errorf("of many faults get_prompt answers %d bytes:\n%.3000s", len(got), got)
	}

	require.NoError(t, os.RemoveAll(filepath.Join(root, "many")))
	require.NoError(t, os.RemoveAll(filepath.Join(root, "sub")))
	box = serve()
	if got := box.text(t, "get_prompt", `{"id":"bad"}`); strings.Contains(got, "fault") {
		t.Errorf("without faults get_prompt answers\n%s", got)
	}
	if got := box.call(t, "list_prompts", `{}`).texts; len(got) != 1 {
		t.Errorf("without faults list_prompts answers\n%s", got)
	}
}
