package prompts_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
)

// TestListPromptVersions_Limits: a history is one text unless the server cut it: who asked for one version knows that there may be more.
func TestListPromptVersions_Limits(t *testing.T) {
	t.Parallel()
	author := catalogtest.NewLibrary(t)
	for i := range 50 {
		author.Publish(catalogtest.GreetingKey, catalogtest.Text(fmt.Sprintf("Hello %d.", i)))
	}
	box := connectTools(t, start(t, author, withTools(author)), "/mcp")
	type shown struct{ Texts, Versions int }
	for arguments, want := range map[string]shown{
		`{"id":"it/greeting"}`:             {2, 50},
		`{"id":"it/greeting","limit":1}`:   {1, 1},
		`{"id":"it/greeting","limit":50}`:  {1, 50},
		`{"id":"it/greeting","limit":100}`: {1, 51},
	} {
		got := box.call(t, "list_prompt_versions", arguments)
		if diff := cmp.Diff(want, shown{len(got.texts), len(anyList(got.structured["versions"]))}); diff != "" {
			t.Errorf("%s (-want +got)\n%s", arguments, diff)
		}
		if _, more := got.structured["nextCursor"]; more != (want.Versions < 51) {
			t.Errorf("%s: a cursor is there: %t", arguments, more)
		}
	}
}
