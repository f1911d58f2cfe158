package monitoring

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// alert is one of config/monitoring/alerts.yaml.
type alert struct {
	Alert, Expr         string
	Labels, Annotations map[string]string
}

func readAlerts(t *testing.T) []alert {
	t.Helper()
	var file struct {
		Groups []struct{ Rules []alert }
	}
	require.NoError(t, yaml.Unmarshal(readFile(t, "config/monitoring/alerts.yaml"), &file))
	var alerts []alert
	for _, group := range file.Groups {
		alerts = append(alerts, group.Rules...)
	}
	if len(alerts) < 25 {
		t.Fatalf("only %d alerts were read", len(alerts))
	}
	return alerts
}

// readFile reads a file of the repository.
func readFile(t *testing.T, path string) []byte {
	t.Helper()
	root, err := testenv.Root()
	require.NoError(t, err)
	content, err := os.ReadFile(filepath.Join(root, path))
	require.NoError(t, err)
	return content
}

// runPromtool runs it in config/monitoring.
func runPromtool(t *testing.T, args ...string) {
	t.Helper()
	promtool, err := testenv.PinnedProgram(t.Context(), "promtool")
	require.NoError(t, err)
	root, err := testenv.Root()
	require.NoError(t, err)
	command := exec.CommandContext(t.Context(), promtool, args...)
	command.Dir = filepath.Join(root, "config", "monitoring")
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestAlerts_Promtool(t *testing.T) {
	t.Parallel()
	runPromtool(t, "check", "rules", "--lint=all", "--lint-fatal", "alerts.yaml")
	runPromtool(t, "test", "rules", "alerts_test.yaml", "alerts_growth_test.yaml")
}

// TestAlerts_BothWays: promtool is asked for each alert when it fires and when it does not.
func TestAlerts_BothWays(t *testing.T) {
	t.Parallel()
	type asked struct{ fires, quiet bool }
	tested := map[string]asked{}
	for _, path := range []string{"config/monitoring/alerts_test.yaml", "config/monitoring/alerts_growth_test.yaml"} {
		var file struct {
			Tests []struct {
				Expressions []struct {
					Expr    string `json:"expr"`
					Samples []any  `json:"exp_samples"`
				} `json:"promql_expr_test"`
			}
		}
		require.NoError(t, yaml.Unmarshal(readFile(t, path), &file))
		for _, group := range file.Tests {
			for _, e := range group.Expressions {
				name := regexp.MustCompile(`alertname="(\w+)"`).FindStringSubmatch(e.Expr)[1]
				tested[name] = asked{fires: tested[name].fires || len(e.Samples) > 0, quiet: tested[name].quiet || len(e.Samples) == 0}
			}
		}
	}
	want := map[string]asked{}
	for _, a := range readAlerts(t) {
		want[a.Alert] = asked{true, true}
	}
	if diff := cmp.Diff(want, tested, cmp.AllowUnexported(asked{})); diff != "" {
		t.Errorf("what is tested (-want +got):\n%s", diff)
	}
}

// TestAlerts_Explained: each alert has what people read, and a section of the page that its runbook_url names.
func TestAlerts_Explained(t *testing.T) {
	t.Parallel()
	const page = "https://github.com/lectern-dev/lectern/blob/main/docs/alerts.md#"
	sections := map[string]bool{}
	for _, heading := range regexp.MustCompile(`(?m)^## (\w+)$`).FindAllSubmatch(readFile(t, "docs/alerts.md"), -1) {
		sections[strings.ToLower(string(heading[1]))] = true
	}
	for _, a := range readAlerts(t) {
		if a.Annotations["summary"] == "" || a.Annotations["description"] == "" {
			t.Errorf("%s has no summary or no description", a.Alert)
		}
		if !slices.Contains([]string{"critical", "warning"}, a.Labels["severity"]) {
			t.Errorf("%s has severity %q", a.Alert, a.Labels["severity"])
		}
		anchor, is := strings.CutPrefix(a.Annotations["runbook_url"], page)
		if !is || anchor != strings.ToLower(a.Alert) || !sections[anchor] {
			t.Errorf("%s has the runbook_url %q; want %s%s, and that section in docs/alerts.md", a.Alert, a.Annotations["runbook_url"], page, strings.ToLower(a.Alert))
		}
		delete(sections, anchor)
	}
	if len(sections) > 0 {
		t.Errorf("docs/alerts.md has sections of alerts that there are not: %v", slices.Sorted(maps.Keys(sections)))
	}
}

// writeRules writes expressions as rules, which promtool can check.
func writeRules(t *testing.T, expressions []string) (path string) {
	t.Helper()
	var rules []map[string]string
	for i, e := range expressions {
		rules = append(rules, map[string]string{"record": fmt.Sprintf("panel:%d", i), "expr": e})
	}
	content, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "panels", "rules": rules}}})
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), "rules.yaml")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}
