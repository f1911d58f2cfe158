package chart

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"

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

// TestUninstall_HookReachesEveryKind: what the hook releases is objects of each kind that a controller holds, and a namespace that is
// deleted loses the controller's Role before they are let go.
func TestUninstall_HookReachesEveryKind(t *testing.T) {
	t.Parallel()
	rights := map[string][]string{} // of the ClusterRoles of hook and controller, by resource
	for _, object := range parseObjects(t, cases(t)["second-release"].render(t)) {
		if object.GetKind() != "ClusterRole" {
			continue
		}
		var role rbacv1.ClusterRole
		require.NoError(t, runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &role))
		for _, rule := range role.Rules {
			for _, resource := range rule.Resources {
				at := role.Labels["app.kubernetes.io/component"] + " " + resource
				rights[at] = append(rights[at], rule.Verbs...)
			}
		}
	}
	for _, kind := range []string{"prompts", "sdpconnections"} {
		for at, verbs := range map[string][]string{"release " + kind: {"get", "list", "patch"}, "release " + kind + "/status": {"patch"}, "controller " + kind: {"patch"}} {
			for _, verb := range verbs {
				if !slices.Contains(rights[at], verb) {
					t.Errorf("%s: the verb %s is not among %v", at, verb, rights[at])
				}
			}
		}
	}
}
