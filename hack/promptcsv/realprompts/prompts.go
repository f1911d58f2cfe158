// Package realprompts gives tests the prompts of people.
package realprompts

import (
	"os"
	"path/filepath"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/hack/promptcsv"
	"github.com/lectern-dev/lectern/internal/testenv"
)

// Read returns the samples of this repository and, where it is there, the real collection of the shared test inputs.
func Read(tb testing.TB) []v1alpha1.Prompt {
	tb.Helper()
	return append(readSamples(tb), readCollection(tb)...)
}

func readCollection(tb testing.TB) []v1alpha1.Prompt {
	tb.Helper()
	path, err := testenv.TestData("prompts.csv")
	if err != nil {
		tb.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		if os.Getenv("CI") == "true" {
			tb.Fatalf("shared test inputs: %v; set LECTERN_TESTDATA", err)
		}
		tb.Logf("shared test inputs: %v; working on the samples only", err)
		return nil
	}
	defer file.Close() //nolint:errcheck // it was only read
	prompts, err := promptcsv.Convert(file)
	if err != nil {
		tb.Fatal(err)
	}
	return prompts
}

func readSamples(tb testing.TB) []v1alpha1.Prompt {
	tb.Helper()
	root, err := testenv.Root()
	if err != nil {
		tb.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, "config", "samples", "*.yaml"))
	if err != nil || len(files) == 0 {
		tb.Fatalf("no samples in %s: %v", root, err)
	}
	prompts := make([]v1alpha1.Prompt, len(files))
	for i, path := range files {
		text, err := os.ReadFile(path)
		if err == nil {
			err = yaml.UnmarshalStrict(text, &prompts[i])
		}
		if err != nil {
			tb.Fatalf("%s: %v", path, err)
		}
	}
	return prompts
}
