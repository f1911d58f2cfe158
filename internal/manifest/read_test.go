package manifest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var reader = sync.OnceValues(NewReader)

func read(t *testing.T, files ...File) Set {
	t.Helper()
	r, err := reader()
	if err != nil {
		t.Fatal(err)
	}
	return r.Read(files...)
}

// said are the messages of problems, with their places.
func said(problems []Problem) []string {
	var all []string
	for _, p := range problems {
		all = append(all, p.String())
	}
	return all
}

// judged is what is said of one file, compiled and all.
func judged(t *testing.T, content string) []string {
	t.Helper()
	set := read(t, File{Name: "f.yaml", Content: []byte(content)})
	_, more := set.CompileAll()
	return said(append(set.Problems, more...))
}

func samples(t testing.TB, pattern string, least int) []File {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "..", "config", "samples", pattern))
	if err != nil || len(paths) < least {
		t.Fatalf("%s matches %d files, want at least %d (%v)", pattern, len(paths), least, err)
	}
	var all []File
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, File{Name: filepath.Base(path), Content: content})
	}
	return all
}

func TestRead_AcceptsSamples(t *testing.T) {
	t.Parallel()
	files := samples(t, "*.yaml", 5)
	set := read(t, files...)
	compiled, more := set.CompileAll()
	if diff := cmp.Diff([]string(nil), said(append(set.Problems, more...))); diff != "" {
		t.Error(diff)
	}
	if len(compiled) != len(files) || len(set.Manifests) != len(files) {
		t.Errorf("%d manifests and %d compiled, of %d files", len(set.Manifests), len(compiled), len(files))
	}
}

// TestRead_AcceptsConnectionSamples passes over the Secret that stands beside one.
func TestRead_AcceptsConnectionSamples(t *testing.T) {
	t.Parallel()
	files := samples(t, "connections/*.yaml", 4)
	set := read(t, files...)
	if diff := cmp.Diff([]string(nil), said(slices.Concat(set.Problems, set.Foreign))); diff != "" {
		t.Error(diff)
	}
	if len(set.Connections) != len(files) || len(set.Manifests) != 0 {
		t.Errorf("%d connections and %d prompts, of %d files", len(set.Connections), len(set.Manifests), len(files))
	}
}

// The same files are refused by a real API server with the same words: api/v1alpha1/admission_test.go.
func TestRead_RefusesInvalidSamplesInTheWordsOfTheAPIServer(t *testing.T) {
	t.Parallel()
	for _, file := range slices.Concat(samples(t, "invalid/*.yaml", 39), samples(t, "connections/invalid/*.yaml", 40)) {
		t.Run(file.Name, func(t *testing.T) {
			t.Parallel()
			first, _, _ := strings.Cut(string(file.Content), "\n")
			want, ok := strings.CutPrefix(first, "# expect: ")
			if !ok {
				t.Fatal("the first line does not say what to expect")
			}
			set := read(t, file)
			if len(set.Manifests)+len(set.Connections) != 0 {
				t.Fatal("accepted")
			}
			all := strings.Join(said(set.Problems), "\n")
			if !strings.Contains(all, want) {
				t.Errorf("refused, but not with %q:\n%s", want, all)
			}
			t.Log(all)
		})
	}
}
