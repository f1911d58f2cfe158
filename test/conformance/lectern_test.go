package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
)

var handover = store.Key{Namespace: "support", Name: "incident-handover"}

// publishPrompt publishes the next version of the prompt that everybody asks for.
func publishPrompt(author *catalogtest.Author, text string) {
	spec := catalogtest.Text(text)
	brief := "brief"
	spec.Title, spec.Description = "Incident handover", "Hand an incident over"
	spec.Arguments = []prompt.Declaration{
		{Name: "ticket", Description: "Ticket number"},
		{Name: "tone", Enum: []string{"brief", "detailed"}, Default: &brief},
	}
	author.Publish(handover, spec)
}

// startLectern runs `lectern server` on a database of the test's own, and returns its author and the
// server's endpoint.
func startLectern(t *testing.T) (*catalogtest.Author, string) {
	t.Helper()
	author := catalogtest.NewAuthor(t)
	publishPrompt(author, "Write a {{tone}} handover for {{ticket}}.")
	author.Publish(store.Key{Namespace: "it", Name: "greeting"}, catalogtest.Text("Hello."))

	binary, err := testenv.Build(t.Context(), "")
	require.NoError(t, err)
	var ports [2]int
	for i := range ports {
		ports[i], err = testenv.FreePort()
		require.NoError(t, err)
	}
	dsn := filepath.Join(t.TempDir(), "dsn")
	require.NoError(t, os.WriteFile(dsn, []byte(pgtest.AsServerRole(t, author.Owner).URL), 0o600))
	endpoint, probes := fmt.Sprintf("127.0.0.1:%d", ports[0]), fmt.Sprintf("127.0.0.1:%d", ports[1])
	server, err := testenv.StartStandalone(t.Context(), testenv.Process{
		Name: "server", Path: binary, Ready: "http://" + probes + "/readyz",
		Args: []string{"server", "--auth=none", "--address=" + endpoint, "--metrics-address=" + probes, "--database-url-file=" + dsn},
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return author, "http://" + endpoint + "/mcp"
}
