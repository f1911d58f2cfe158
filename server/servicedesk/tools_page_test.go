package servicedesk_test

import (
	"os"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/audit"
	"github.com/lectern-dev/lectern/server/servicedesk"
)

// TestToolsPage: docs/tools.md names each tool, alias and toolset, and the README each tool that is listed.
func TestToolsPage(t *testing.T) {
	h := newHouse(t)
	h.connect(helpdesk, startFake(t, sdptest.Options{}), everything)
	r := h.serve()
	named := append(r.service.ToolNames(), audit.SearchTool, audit.Toolset)
	requireNamed(t, "../../docs/tools.md", append(named, servicedesk.Toolsets()...))
	listed := []string{audit.SearchTool}
	own := ownTools(r.service)
	for name := range r.list("") {
		if own[name] {
			listed = append(listed, name)
		}
	}
	requireNamed(t, "../../README.md", listed)
}

// requireNamed fails for names that a page does not have in backticks.
func requireNamed(t *testing.T, path string, names []string) {
	t.Helper()
	page, err := os.ReadFile(path)
	require.NoError(t, err)
	if len(names) < 20 {
		t.Fatalf("only %d names are looked for in %s", len(names), path)
	}
	for _, name := range names {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("%s does not name `%s`", path, name)
		}
	}
}
