package edit

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/hack/promptcsv"
	"github.com/lectern-dev/lectern/internal/manifest"
)

// collection is the real prompts as one file each, or nil where there are none.
func collection(tb testing.TB) []manifest.File {
	tb.Helper()
	folder := os.Getenv("LECTERN_TESTDATA")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "..", "shared", "data")
	}
	content, err := os.ReadFile(filepath.Join(folder, "prompts.csv"))
	if err != nil {
		if os.Getenv("CI") == "true" {
			tb.Fatalf("shared test inputs: %v; set LECTERN_TESTDATA", err)
		}
		tb.Logf("shared test inputs: %v; working on the cases written here only", err)
		return nil
	}
	prompts, err := promptcsv.Convert(bytes.NewReader(content))
	if err != nil {
		tb.Fatal(err)
	}
	var files []manifest.File
	for i := range prompts {
		text, err := promptcsv.YAML(&prompts[i])
		if err != nil {
			tb.Fatal(err)
		}
		files = append(files, manifest.File{Name: prompts[i].Name + ".yaml", Content: text})
	}
	return files
}

// Every twenty-third real prompt gets the text of the next, in its file, and back: the texts are those of people.
func TestRewriteSpec_RealCollection(t *testing.T) {
	t.Parallel()
	files := collection(t)
	for i := 0; i+1 < len(files); i += 23 {
		one, two := only(t, files[i]), only(t, files[i+1])
		spec := *one.Prompt.Spec.DeepCopy()
		spec.Text = two.Prompt.Spec.Text
		got, err := RewriteSpec(files[i].Content, one.Key(), spec)
		if err != nil {
			t.Fatalf("%s: %v", files[i].Name, err)
		}
		if diff := cmp.Diff(spec, specIn(t, string(got), one.Prompt.Name), sameMetadata); diff != "" {
			t.Errorf("%s: spec (-want +got)\n%s", files[i].Name, diff)
		}
		again, err := RewriteSpec(got, one.Key(), one.Prompt.Spec)
		if err != nil {
			t.Fatalf("%s: back: %v", files[i].Name, err)
		}
		if diff := cmp.Diff(one.Prompt.Spec, specIn(t, string(again), one.Prompt.Name), sameMetadata); diff != "" {
			t.Errorf("%s: spec, back (-want +got)\n%s", files[i].Name, diff)
		}
		fresh, err := FormatPrompt(two.Prompt)
		if err != nil {
			t.Fatalf("%s: new: %v", files[i+1].Name, err)
		}
		if diff := cmp.Diff(two.Prompt.Spec, specIn(t, string(fresh), two.Prompt.Name), sameMetadata); diff != "" {
			t.Errorf("%s: new (-want +got)\n%s", files[i+1].Name, diff)
		}
	}
}

var reader = sync.OnceValues(manifest.NewReader)

func read(t *testing.T, files ...manifest.File) manifest.Set {
	t.Helper()
	r, err := reader()
	if err != nil {
		t.Fatal(err)
	}
	return r.Read(files...)
}

// only is the one prompt of a file.
func only(t *testing.T, file manifest.File) *manifest.Manifest {
	t.Helper()
	set := read(t, file)
	if len(set.Manifests) != 1 || len(set.Problems) != 0 {
		t.Fatalf("%s: %d prompts: %v", file.Name, len(set.Manifests), set.Problems)
	}
	return set.Manifests[0]
}

func BenchmarkReadCollection(b *testing.B) {
	files := collection(b)
	if files == nil {
		b.Skip("no collection")
	}
	r, err := manifest.NewReader()
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for b.Loop() {
		set := r.Read(files...)
		compiled, _ := set.CompileAll()
		if len(compiled) != len(files) {
			b.Fatalf("%d of %d", len(compiled), len(files))
		}
	}
	b.ReportMetric(float64(len(files)), "prompts/op")
}

func BenchmarkNewReader(b *testing.B) {
	for b.Loop() {
		if _, err := manifest.NewReader(); err != nil {
			b.Fatal(err)
		}
	}
}

// Real prompts have lines of dashes. Written at column 0 they end the manifest, which must be noticed; indented they are text.
func TestRead_RealTextsWithSeparators(t *testing.T) {
	t.Parallel()
	tried := 0
	for _, file := range collection(t) {
		if !bytes.Contains(file.Content, []byte("---")) {
			continue // reading it takes the most time
		}
		text := only(t, file).Prompt.Spec.Text
		lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
		at := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "---") })
		if at <= 0 || at == len(lines)-1 || strings.HasPrefix(text, " ") {
			continue
		}
		tried++
		var indented, atColumn0 strings.Builder
		for _, line := range lines {
			indented.WriteString(strings.TrimRight("    "+line, " ") + "\n")
			if strings.HasPrefix(line, "---") {
				atColumn0.WriteString(line + "\n")
			} else {
				atColumn0.WriteString("    " + line + "\n")
			}
		}
		start := head + "  syntax: Plain\n  text: |\n"
		set := read(t, manifest.File{Name: file.Name, Content: []byte(start + indented.String())})
		if len(set.Manifests) != 1 || strings.TrimRight(set.Manifests[0].Prompt.Spec.Text, "\n") != trimLineEnds(lines) {
			t.Errorf("%s: indented it is not the text: %v", file.Name, set.Problems)
		}
		set = read(t, manifest.File{Name: file.Name, Content: []byte(start + atColumn0.String())})
		if len(set.Manifests) != 0 || len(set.Problems) == 0 || !strings.Contains(set.Problems[0].Message, "indent") {
			t.Errorf("%s: at column 0: %d prompts, %v", file.Name, len(set.Manifests), set.Problems)
		}
	}
	t.Logf("%d real texts have such a line", tried)
}

func trimLineEnds(lines []string) string {
	trimmed := make([]string, len(lines))
	for i, line := range lines {
		trimmed[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(trimmed, "\n")
}
