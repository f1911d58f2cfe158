package architecture

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var requirement = regexp.MustCompile(`(?m)^\t(\S+) (v\S+)(?: // indirect)?$`)

// parseRequirements returns the modules that a go.mod requires, with their versions.
func parseRequirements(content []byte) map[string]string {
	found := map[string]string{}
	for _, line := range requirement.FindAllSubmatch(content, -1) {
		found[string(line[1])] = string(line[2])
	}
	return found
}

// findDifferences returns the modules that two modules build with in different versions.
func findDifferences(product, bench map[string]string) []string {
	var found []string
	for name, version := range bench {
		if other, both := product[name]; both && other != version {
			found = append(found, fmt.Sprintf("%s: %s in the product, %s in the bench", name, other, version))
		}
	}
	slices.Sort(found)
	return found
}

// TestModulesAgree holds that the bench measures the product with what the product is built with.
func TestModulesAgree(t *testing.T) {
	t.Parallel()
	var modules [2]map[string]string
	for i, folder := range []string{".", "hack/bench"} {
		content, err := os.ReadFile(filepath.Join(root, folder, "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		if modules[i] = parseRequirements(content); len(modules[i]) < 20 {
			t.Fatalf("%s/go.mod requires only %d modules", folder, len(modules[i]))
		}
	}
	if diff := cmp.Diff([]string(nil), findDifferences(modules[0], modules[1])); diff != "" {
		t.Error(diff)
	}
}

func TestFindDifferences(t *testing.T) {
	t.Parallel()
	product := parseRequirements([]byte("require (\n\tk8s.io/api v0.37.1\n\tgolang.org/x/sync v0.24.0\n)\n"))
	bench := parseRequirements([]byte("require (\n\tk8s.io/api v0.37.2 // indirect\n\tgolang.org/x/sync v0.24.0\n\texample.org/x v1.0.0\n)\n"))
	want := []string{"k8s.io/api: v0.37.1 in the product, v0.37.2 in the bench"}
	if diff := cmp.Diff(want, findDifferences(product, bench)); diff != "" {
		t.Error(diff)
	}
}
