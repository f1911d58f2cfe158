package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestPrometheusRule: the resource has the alerts as they are.
func TestPrometheusRule(t *testing.T) {
	root, err := testenv.Root()
	require.NoError(t, err)
	alerts, err := os.ReadFile(filepath.Join(root, alertsPath))
	require.NoError(t, err)
	rule, err := os.ReadFile(filepath.Join(root, rulePath))
	require.NoError(t, err)
	if diff := cmp.Diff(wrapAlerts(string(alerts)), string(rule)); diff != "" {
		t.Errorf("run `go run ./hack/monitoring` (-alerts +resource):\n%s", diff)
	}
}
