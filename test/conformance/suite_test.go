package conformance

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"sigs.k8s.io/yaml"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
	"github.com/lectern-dev/lectern/test/conformance/fixtures"
)

// TestConformanceSuite: every scenario that a revision requires passes, but for those that are listed with the
// reason why they cannot. One that is listed and passes is a failure, too: the list is then out of
// date.
func TestConformanceSuite(t *testing.T) {
	t.Parallel()
	o := requirePrograms(t)
	for revision, required := range map[string]int{"2026-07-28": 37, "2025-11-25": 30} {
		t.Run(revision, func(t *testing.T) {
			t.Parallel()
			scored := readScenarios(t, o.modulePath("@modelcontextprotocol/conformance/requirements/"+revision+".yaml"))
			if len(scored) != required {
				t.Fatalf("the suite requires %d scenarios, not %d", len(scored), required)
			}
			expected := readScenarios(t, "expected-failures-"+revision+".yaml")
			for range *times {
				failed := o.runSuite(t, revision, scored)
				if diff := cmp.Diff(expected, failed, cmpopts.EquateEmpty()); diff != "" {
					t.Fatalf("failed scenarios (-expected +got)\n%s", diff)
				}
				t.Logf("%d of %d scored scenarios passed", len(scored)-len(failed), len(scored))
			}
		})
	}
}

// startWitness holds what the fixtures answer against the official schemas, which the suite does only in part.
func startWitness(t *testing.T) *transporttest.SchemaChecker {
	t.Helper()
	folder, err := testenv.TestData("mcp-schema")
	require.NoError(t, err)
	w := transporttest.NewSchemaChecker(folder)
	switch {
	case w.NoSchemas() && os.Getenv("CI") == "true":
		t.Fatalf("CI needs the official schemas in %s", folder)
	case w.NoSchemas():
		t.Log("Without the official schemas this test covers less; set LECTERN_TESTDATA")
	}
	return w
}

// readScenarios returns those of a server in a list of the suite's form, sorted.
func readScenarios(t *testing.T, path string) []string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Clean(path))
	require.NoError(t, err)
	var list struct{ Server []string }
	require.NoError(t, yaml.Unmarshal(raw, &list))
	slices.Sort(list.Server)
	return list.Server
}

// outcomePattern is a line of the suite's summary.
var outcomePattern = regexp.MustCompile(`(?m)^([✓✗]) ([a-z0-9-]+): `)

// runSuite runs the suite once against fresh fixtures, and returns the scored scenarios that failed.
func (o nodePrograms) runSuite(t *testing.T, revision string, scored []string) []string {
	t.Helper()
	endpoint := fixtures.New(slog.New(slog.DiscardHandler))
	server := httptest.NewServer(startWitness(t).Wrap(t, endpoint))
	defer server.Close()
	defer endpoint.Stop()
	results := t.TempDir()
	out, err := o.nodeCommand(t, o.modulePath("@modelcontextprotocol/conformance/dist/index.js"),
		"server", "--url", server.URL+"/mcp", "--requirements", revision, "--timeout", "30000", "--output-dir", results).CombinedOutput()
	_, summary, found := strings.Cut(string(out), "=== SUMMARY ===")
	if !found {
		t.Fatalf("the suite came to no end: %v\n%s", err, out)
	}
	passed := make(map[string]bool)
	for _, line := range outcomePattern.FindAllStringSubmatch(summary, -1) {
		passed[line[2]] = line[1] == "✓"
	}
	var failed []string
	for _, scenario := range scored {
		if !passed[scenario] {
			failed = append(failed, scenario)
			t.Logf("%s: %s", scenario, readComplaints(t, results, scenario))
		}
	}
	return failed
}

// readComplaints returns what the suite found wrong in a scenario.
func readComplaints(t *testing.T, results, scenario string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(results, "server-"+scenario+"-2*", "checks.json"))
	require.NoError(t, err)
	var found []string
	for _, file := range files {
		raw, err := os.ReadFile(filepath.Clean(file))
		require.NoError(t, err)
		var checks []struct{ ID, Status, ErrorMessage string }
		require.NoError(t, json.Unmarshal(raw, &checks))
		for _, check := range checks {
			if check.Status == "FAILURE" {
				found = append(found, fmt.Sprintf("%s: %s", check.ID, check.ErrorMessage))
			}
		}
	}
	return strings.Join(found, "\n")
}
