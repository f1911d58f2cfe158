package chart

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestKustomize_RunsWhatTheChartDoes has config/manager be the chart with its default values and connection strings in one Secret. It
// sets fewer flags: the others are at their defaults.
func TestKustomize_RunsWhatTheChartDoes(t *testing.T) {
	t.Parallel()
	compareInstallations(t, kustomizations(t)["default"])
}

// TestKustomize_Connections has the same be true where connections are served.
func TestKustomize_Connections(t *testing.T) {
	t.Parallel()
	text, err := plane.Kubectl(t.Context(), "kustomize", "testdata/connections")
	require.NoError(t, err)
	for _, flag := range []string{
		"--connection-namespaces=support", "--seal-key-secret=lectern-seal", "--seal-key-file=/etc/lectern/seal/keyset.json", "--sdp-allowed-hosts=",
	} {
		if !strings.Contains(text, flag) {
			t.Errorf("%s is not in what kustomize builds", flag)
		}
	}
	compareInstallations(t, text, "--set=connections.namespaces={support}", "--set=sdp.allowedHosts={desk.example.org:8443}")
}

// compareInstallations holds what kustomize builds against the chart with some values.
func compareInstallations(t *testing.T, built string, values ...string) {
	t.Helper()
	const secret = "lectern-database"
	chart := release{"lectern", "lectern-system", lecternChart, append([]string{
		"--set=database.external.controller.existingSecret=" + secret, "--set=database.external.controller.urlKey=url",
		"--set=database.external.server.existingSecret=" + secret, "--set=database.external.server.urlKey=server-url",
	}, values...)}
	want, wantFlags := runningSpecs(t, chart.render(t))
	got, flags := runningSpecs(t, built)
	if diff := cmp.Diff(want, got); diff != "" || len(got) != 4 {
		t.Errorf("%d objects differ (-chart +config/manager):\n%s", len(got), diff)
	}
	for name, set := range flags {
		for _, flag := range set {
			if !slices.Contains(wantFlags[name], flag) {
				t.Errorf("%s of config/manager sets %s, which the chart does not: %q", name, flag, wantFlags[name])
			}
		}
	}
}

// runningSpecs returns the specs of what runs and of what leads to it, by kind and name, without what tells releases apart and without
// flags. Those it returns by the same names, variables that stand for flags among them.
func runningSpecs(t *testing.T, text string) (specs map[string]any, flags map[string][]string) {
	t.Helper()
	specs, flags = map[string]any{}, map[string][]string{}
	for _, object := range parseObjects(t, text) {
		name := object.GetKind() + " " + object.GetName()
		switch object.GetKind() {
		case "Deployment":
			for _, c := range containers(podTemplate(object)) {
				flags[name] = c.Args
				for _, e := range c.Env {
					if option, isFlag := strings.CutPrefix(e.Name, "LECTERN_"); isFlag {
						flags[name] = append(flags[name], "--"+strings.ToLower(strings.ReplaceAll(option, "_", "-"))+"="+e.Value)
					}
				}
			}
		case "PodDisruptionBudget", "Service":
		default:
			continue
		}
		specs[name] = dropKeys(object.Object["spec"], "app.kubernetes.io/instance", "args", "env")
	}
	return specs, flags
}

// dropKeys returns a value without keys of these names, at any depth.
func dropKeys(value any, names ...string) any {
	switch v := value.(type) {
	case map[string]any:
		kept := map[string]any{}
		for key, below := range v {
			if !slices.Contains(names, key) {
				kept[key] = dropKeys(below, names...)
			}
		}
		return kept
	case []any:
		kept := make([]any, len(v))
		for i, below := range v {
			kept[i] = dropKeys(below, names...)
		}
		return kept
	}
	return value
}
