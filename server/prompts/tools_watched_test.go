package prompts_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/namespaces"
	"github.com/lectern-dev/lectern/server"
	"github.com/lectern-dev/lectern/server/auth/authtest"
)

// TestTools_NotWatched: a change where no controller would carry it out is refused at once, before anything is read or stored;
// what may be read is served all the same, and who may not make the change learns nothing of other namespaces.
func TestTools_NotWatched(t *testing.T) {
	t.Parallel()
	const refused = "this installation changes no prompts in namespace it, only in support (--watch-namespaces=support, watch.namespaces of its chart); " +
		"name one of these, or ask its operator to add it"
	author := collection(t)
	author.RunController()
	watching := func(d *server.Deps) { d.Watched = namespaces.New("support") }
	box := connectTools(t, start(t, author, untouched, watching), "/mcp")
	stranger := connectTools(t, start(t, author, withTools(author), withChanges(author), watching, func(d *server.Deps) {
		d.Authorizer = authtest.OnlyNamespace{Namespace: "support"}
	}), "/mcp")
	for tool, arguments := range map[string]string{
		"add_prompt":         `{"name":"New","content":"x","namespace":"it"}`,
		"update_prompt":      `{"id":"it/notes","content":"x"}`,
		"delete_prompt":      `{"id":"it/notes"}`,
		"set_prompt_channel": `{"id":"it/notes","channel":"production"}`,
	} {
		if said := box.text(t, tool, arguments); !strings.HasSuffix(said, ": "+refused) {
			t.Errorf("%s: %s", tool, said)
		}
		if said := stranger.text(t, tool, arguments); strings.Contains(said, "watch") {
			t.Errorf("%s tells who may not make the change: %s", tool, said)
		}
	}
	reader := connectTools(t, start(t, author, withTools(author), withChanges(author), watching), "/mcp")
	if said := reader.text(t, "get_prompt", `{"id":"it/notes"}`); !strings.Contains(said, "Notes of {{today}}") {
		t.Errorf("get_prompt: %s", said)
	}
	want := `Created prompt "New" with ID: support/new`
	if diff := cmp.Diff(want, reader.text(t, "add_prompt", `{"name":"New","content":"x","namespace":"support"}`)); diff != "" {
		t.Errorf("in a watched namespace (-want +got):\n%s", diff)
	}
}
