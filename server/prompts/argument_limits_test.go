package prompts

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/prompt"
)

// TestArgumentBytes_OfEveryTool: no tool is without a limit, no limit without a tool, and what is legal fits in.
func TestArgumentBytes_OfEveryTool(t *testing.T) {
	t.Parallel()
	var registered []string
	for _, one := range everyTool().Server().Tools {
		name := one.Definition.Name
		registered = append(registered, name)
		if one.ArgumentBytes == 0 || one.ArgumentBytes != argumentBytes[name] {
			t.Errorf("%s takes %d bytes", name, one.ArgumentBytes)
		}
		if one.MemberBytes["metadata"] != 96<<10 {
			t.Errorf("%s takes %d bytes of metadata", name, one.MemberBytes["metadata"])
		}
	}
	slices.Sort(registered)
	if diff := cmp.Diff(registered, slices.Sorted(maps.Keys(argumentBytes))); diff != "" {
		t.Errorf("tools that are offered and tools that have a limit\n%s", diff)
	}
	for name, largest := range map[string]int{
		"add_prompt": prompt.MaxText, "update_prompt": prompt.MaxText, "find_similar_prompts": prompt.MaxText, "apply_template": prompt.MaxValues,
	} {
		if want := 6*largest + 64<<10; argumentBytes[name] != want {
			t.Errorf("%s takes %d bytes, want %d", name, argumentBytes[name], want)
		}
	}
}
