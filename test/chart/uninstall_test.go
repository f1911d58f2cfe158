package chart

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestUninstall_HookLeavesNothing has the command that NOTES and the documentation give for a hook that failed reach all it had.
func TestUninstall_HookLeavesNothing(t *testing.T) {
	t.Parallel()
	command := regexp.MustCompile(`kubectl delete (job,[a-z,]+) --namespace \S.*\\\n\s*-l app.kubernetes.io/instance=.*,app.kubernetes.io/component=(\w+)\n`)
	for _, path := range []string{lecternChart + "/templates/NOTES.txt", "../../docs/operations.md"} {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		said := command.FindStringSubmatch(string(text))
		if said == nil {
			t.Fatalf("%s gives no such command", path)
		}
		had := 0
		for _, object := range parseObjects(t, cases(t)["second-release"].render(t)) {
			if object.GetAnnotations()["helm.sh/hook"] != "pre-delete" {
				continue
			}
			had++
			labels := object.GetLabels()
			if !slices.Contains(strings.Split(said[1], ","), strings.ToLower(object.GetKind())) ||
				labels["app.kubernetes.io/component"] != said[2] || labels["app.kubernetes.io/instance"] != "second" {
				t.Errorf("%s: %s leaves %s %s with the labels %v", path, said[0], object.GetKind(), object.GetName(), labels)
			}
		}
		if had < 6 {
			t.Errorf("only %d objects are the hook's", had)
		}
	}
}
