package policies_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestKustomizations_HaveEveryFile has no file that is forgotten when the folder is applied.
func TestKustomizations_HaveEveryFile(t *testing.T) {
	for _, dir := range []string{".", "channels", "erasure", "finalizer", "../rbac"} {
		text, err := os.ReadFile(filepath.Join(dir, "kustomization.yaml"))
		require.NoError(t, err)
		var listed struct{ Resources, Configurations []string }
		require.NoError(t, yaml.Unmarshal(text, &listed))
		var there []string
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		for _, entry := range entries {
			if entry.IsDir() || strings.HasSuffix(entry.Name(), ".yaml") && entry.Name() != "kustomization.yaml" {
				there = append(there, entry.Name())
			}
		}
		got := slices.Concat(listed.Resources, listed.Configurations)
		slices.Sort(got)
		if diff := cmp.Diff(there, got); diff != "" {
			t.Errorf("%s (-files +listed):\n%s", dir, diff)
		}
	}
}

// TestKustomize_Renamed has a prefix reach what refers to the names.
func TestKustomize_Renamed(t *testing.T) {
	for _, folder := range []string{"channels", "erasure", "finalizer"} {
		text, err := plane.Kubectl(t.Context(), "kustomize", overlay(t, folder, "-two", "support", ""))
		require.NoError(t, err)
		if !strings.Contains(text, "\n  name: lectern-"+folder+"-two\n") || !strings.Contains(text, "\n  policyName: lectern-"+folder+"-two\n") {
			t.Errorf("%s is renamed to\n%s", folder, text)
		}
	}
}
