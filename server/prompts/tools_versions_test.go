package prompts_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
)

// TestListPromptVersions_By: who asked for a version stands beside the manager of the write, and a version nobody wrote says so.
func TestListPromptVersions_By(t *testing.T) {
	t.Parallel()
	author := catalogtest.NewLibrary(t)
	var want []any
	for i, made := range []struct {
		by   string
		from store.Provenance
	}{
		{"kubectl", store.Provenance{Manager: "kubectl"}},
		{"system:serviceaccount:agents:triage (lectern-mcp)", store.Provenance{Manager: "lectern-mcp", ChangedBy: "system:serviceaccount:agents:triage"}},
		{"lectern (included prompts changed: style from version 1 to 2)", store.Provenance{Cause: "included prompts changed: style from version 1 to 2"}},
	} {
		author.Publish(catalogtest.GreetingKey, catalogtest.Text(fmt.Sprintf("Hello %d.", i)), func(p *store.Publication) { p.Provenance = made.from })
		want = append([]any{made.by}, want...)
	}
	box := connectTools(t, start(t, author, withTools(author)), "/mcp")
	var got []any
	for _, line := range anyList(box.call(t, "list_prompt_versions", `{"id":"it/greeting"}`).structured["versions"]) {
		got = append(got, line["by"])
	}
	if diff := cmp.Diff(want, got[:len(want)]); diff != "" {
		t.Errorf("by (-want +got):\n%s", diff)
	}
}

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
