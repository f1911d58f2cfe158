package monitoring

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// notSeen are metrics that a stack that nothing happens to does not have, and why.
var notSeen = map[string]string{
	"lectern_tls_certificate_expiry_timestamp_seconds": "the servers have no certificate",
	"lectern_server_password_rotations_total":          "no password is rotated",
	"lectern_server_password_delivery_seconds":         "no password is rotated",
	"lectern_server_password_interval_seconds":         "no password is rotated",
	"lectern_changes_applied_total":                    "no agent changed a prompt",
	"lectern_changes_rejected_total":                   "no agent changed a prompt",
	"lectern_sdp_connection_reconciles_total":          "there is no connection",
	"lectern_sdp_calls_total":                          "there is no connection",
	"lectern_sdp_rate_wait_seconds_total":              "there is no connection",
	"lectern_sdp_throttled_total":                      "there is no connection",
	"lectern_tool_calls_total":                         "nobody calls a tool",
	"lectern_prompt_uses_total":                        "prompts have no metric of their own",
	"lectern_audit_log_lines_lost_total":               "rows are not logged",
	"lectern_sdp_rate_refusals_total":                  "there is no connection",
	"lectern_sdp_writes_total":                         "there is no connection",
	"lectern_sdp_writes_pending":                       "there is no connection",
	"lectern_sdp_writes_oldest_pending_seconds":        "there is no connection",
	"lectern_sdp_token_waits_total":                    "there is no connection",
	"lectern_sdp_token_refusals_reported_total":        "there is no connection",
	"lectern_sdp_token_expiry_timestamp_seconds":       "there is no connection",
}

// declared is how the code names a metric of ours.
var declared = regexp.MustCompile(`(?:Name:\s*|NewDesc\(\s*)"((?:lectern|mcp)_\w+)"`)

// readDeclaredMetrics returns the metrics that the program's code declares.
func readDeclaredMetrics(t *testing.T) map[string]bool {
	t.Helper()
	root, err := testenv.Root()
	require.NoError(t, err)
	names := map[string]bool{}
	for _, room := range []string{"controllers", "internal", "server"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, room), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, found := range declared.FindAllSubmatch(text, -1) {
				names[string(found[1])] = true
			}
			return err
		}))
	}
	return names
}

func scrape(ctx context.Context, url string) (map[string]*dto.MetricFamily, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	return parser.TextToMetricFamilies(response.Body)
}

// startAndScrape starts all of Lectern, has it publish a prompt and refuse a caller, and returns the metrics of the controller and a
// server, by family.
func startAndScrape(t *testing.T) (controller, server map[string]*dto.MetricFamily) {
	t.Helper()
	stack, err := testenv.StartStack(t.Context(), testenv.StackOptions{Authenticate: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, stack.Stop()) })
	manifest := filepath.Join(t.TempDir(), "prompt.yaml")
	require.NoError(t, os.WriteFile(manifest, []byte("apiVersion: lectern.dev/v1alpha1\nkind: Prompt\nmetadata: {name: watched, namespace: default}\nspec: {text: Hello}\n"), 0o600))
	_, err = stack.ControlPlane.Kubectl(t.Context(), "create", "--filename="+manifest)
	require.NoError(t, err)

	callers, err := stack.ControlPlane.Callers()
	require.NoError(t, err)
	account := testenv.Account{Namespace: "default", Name: "watcher"}
	require.NoError(t, callers.CreateAccount(t.Context(), account))
	token, err := callers.RequestToken(t.Context(), account, testenv.TokenOptions{Audiences: []string{testenv.Audience}})
	require.NoError(t, err)
	for _, bearer := range []string{"", token} {
		ping(t, stack.Endpoints[0], bearer)
	}
	require.Eventually(t, func() (err error) {
		if controller, err = scrape(t.Context(), stack.MetricsURL(testenv.Controller)); err != nil {
			return err
		}
		if server, err = scrape(t.Context(), stack.MetricsURL(testenv.Server1)); err != nil {
			return err
		}
		for name, families := range map[string]map[string]*dto.MetricFamily{
			"lectern_prompt_reconciles_total": controller, "lectern_database_bytes": controller, "lectern_prompts": controller,
			"lectern_changes_open": controller, "lectern_catalog_feed_age_seconds": server, "lectern_access_review_duration_seconds": server,
		} {
			if families[name] == nil {
				return fmt.Errorf("there is no %s yet", name)
			}
		}
		return nil
	})
	return controller, server
}

// ping sends a request of the older revision, which says nothing about itself.
func ping(t *testing.T, endpoint, bearer string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, text/event-stream")
	request.Header.Set("Mcp-Protocol-Version", "2025-11-25")
	if bearer != "" {
		request.Header.Set("Authorization", "Bearer "+bearer)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
}

// TestMetrics holds what the programs export against what their code declares, what docs/metrics.md lists, and what alerts and
// dashboard ask for.
func TestMetrics(t *testing.T) {
	controller, server := startAndScrape(t)
	exported := map[string]bool{}
	for _, families := range []map[string]*dto.MetricFamily{controller, server} {
		for name := range families {
			exported[name] = true
		}
	}
	declared := readDeclaredMetrics(t)
	for name := range exported {
		if isOurs(name) && !declared[name] {
			t.Errorf("%s is exported, and its declaration was not found", name)
		}
	}
	for name := range declared {
		if !exported[name] && notSeen[name] == "" {
			t.Errorf("%s is declared, and neither program exports it", name)
		}
	}
	for _, families := range []map[string]*dto.MetricFamily{controller, server} {
		if got := len(families["lectern_store_query_duration_seconds"].GetMetric()); got < 80 {
			t.Errorf("a program has histograms of %d queries", got)
		}
	}

	documented := readDocumentedMetrics(t)
	for name := range declared {
		if !documented[name] {
			t.Errorf("%s is not in docs/metrics.md", name)
		}
	}
	for name := range documented {
		if !declared[name] && !exported[name] {
			t.Errorf("docs/metrics.md has %s, which neither program exports", name)
		}
	}

	for _, a := range readAlerts(t) {
		requireExported(t, "alert "+a.Alert, a.Expr, declared, exported, documented)
	}
	for _, e := range readDashboard(t).expressions() {
		requireExported(t, "the dashboard", e, declared, exported, documented)
	}
}

// requireExported fails for metrics in an expression that neither program has, or that are not documented.
func requireExported(t *testing.T, who, expression string, declared, exported, documented map[string]bool) {
	t.Helper()
	names := metricsIn(expression)
	if len(names) == 0 {
		t.Errorf("%s asks for no metric: %s", who, expression)
	}
	for _, name := range names {
		family := name
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if of := strings.TrimSuffix(name, suffix); of != name && (declared[of] || exported[of]) {
				family = of
			}
		}
		switch {
		case family == "up": // Prometheus' own
		case !declared[family] && !exported[family]:
			t.Errorf("%s asks for %s, which neither program exports", who, name)
		case !documented[family]:
			t.Errorf("%s asks for %s, which is not in docs/metrics.md", who, name)
		}
	}
}

func isOurs(name string) bool {
	return strings.HasPrefix(name, "lectern_") || strings.HasPrefix(name, "mcp_")
}

// readDocumentedMetrics returns the names in the first column of the tables of docs/metrics.md.
func readDocumentedMetrics(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, found := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\|").FindAllSubmatch(readFile(t, "docs/metrics.md"), -1) {
		if name := string(found[1]); names[name] {
			t.Errorf("docs/metrics.md has %s twice", name)
		} else {
			names[name] = true
		}
	}
	return names
}

// What is no metric in an expression: matchers, ranges, strings, lists of labels, functions and keywords.
var (
	matchers   = regexp.MustCompile(`\{[^}]*\}|\[[^\]]*\]|"[^"]*"|\b(by|on|ignoring|without|group_left|group_right)\s*\([^)]*\)`)
	functions  = regexp.MustCompile(`\b\w+\s*\(`)
	keywords   = []string{"and", "or", "unless", "bool", "offset"}
	identifier = regexp.MustCompile(`\b[a-zA-Z_]\w*\b`)
	durations  = regexp.MustCompile(`\b\d+[a-z]+\b|\b\d\S*\b`)
)

// metricsIn returns the names of the metrics in an expression.
func metricsIn(expression string) []string {
	for _, other := range []*regexp.Regexp{matchers, functions, durations} {
		expression = other.ReplaceAllString(expression, " ")
	}
	found := map[string]bool{}
	for _, name := range identifier.FindAllString(expression, -1) {
		if !slices.Contains(keywords, name) {
			found[name] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func TestMetricsIn(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		`sum by (namespace, job) (rate(a_total{b="c and d"}[5m])) / sum(rate(e_count[5m])) > 0.01`: "a_total e_count",
		`max by (x) (a - on (x) group_right () b) > 7 * 86400 unless on (y) c == 0`:                "a b c",
		`time() - max(a offset 1d) or absent(b) and up`:                                            "a b up",
	} {
		if got := strings.Join(metricsIn(expression), " "); got != want {
			t.Errorf("%s: got %s, want %s", expression, got, want)
		}
	}
}
