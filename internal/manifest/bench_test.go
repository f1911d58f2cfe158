package manifest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/lectern-dev/lectern/hack/promptcsv"
)

// collection is the real prompts as one file each, or nil where there are none.
func collection(tb testing.TB) []File {
	tb.Helper()
	folder := os.Getenv("LECTERN_TESTDATA")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared", "data")
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
	var files []File
	for i := range prompts {
		text, err := promptcsv.YAML(&prompts[i])
		if err != nil {
			tb.Fatal(err)
		}
		files = append(files, File{Name: prompts[i].Name + ".yaml", Content: text})
	}
	return files
}

func BenchmarkReadCollection(b *testing.B) {
	files := collection(b)
	if files == nil {
		b.Skip("no collection")
	}
	r, err := NewReader()
	if err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for b.Loop() {
		set := r.Read(files...)
		compiled, _ := set.Compile()
		if len(compiled) != len(files) {
			b.Fatalf("%d of %d", len(compiled), len(files))
		}
	}
	b.ReportMetric(float64(len(files)), "prompts/op")
}

func BenchmarkNewReader(b *testing.B) {
	for b.Loop() {
		if _, err := NewReader(); err != nil {
			b.Fatal(err)
		}
	}
}
