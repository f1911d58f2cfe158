package manifest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// minified is a List of so many bytes on one line, of prompts like those of a catalogue.
func minified(bytes int) []byte {
	text := strings.Repeat(`Say \"hello\" to {{name}}, and be kind: é.\n`, 100)
	var b strings.Builder
	b.Grow(bytes + 8<<10)
	b.WriteString(`{"apiVersion":"v1","kind":"List","items":[`)
	for i := 0; b.Len() < bytes-6<<10; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"apiVersion":"lectern.dev/v1alpha1","kind":"Prompt","metadata":{"name":"p%d"},"spec":{"title":"T","tags":["a","b"],"arguments":[{"name":"name"}],"text":"%s"}}`, i, text)
	}
	b.WriteString(`]}`)
	b.WriteString(strings.Repeat(" ", max(bytes-b.Len(), 0)))
	return []byte(b.String())
}

// dense is a List of so many bytes on one line, of prompts with as many values as fit.
func dense(bytes int) []byte {
	values := strings.TrimSuffix(strings.Repeat(`{"a":1,"b":[true,null]},`, 400), ",")
	var b strings.Builder
	b.WriteString(`{"apiVersion":"v1","kind":"List","items":[`)
	for i := 0; b.Len() < bytes-11<<10; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"apiVersion":"lectern.dev/v1alpha1","kind":"Prompt","metadata":{"name":"p%d"},"spec":{"text":"x","metadata":{"a":[%s]}}}`, i, values)
	}
	b.WriteString(`]}`)
	return []byte(b.String())
}

// TestRead_LargeJSON: the work grows as the file does. A factor of 2.5 is asked of twice the size in what is allocated; of the
// time, which the log shows, only that it is not another one each time: what would not grow so takes minutes.
func TestRead_LargeJSON(t *testing.T) {
	for name, tc := range map[string]struct {
		write func(int) []byte
		small int
	}{
		"a catalogue": {minified, 2 << 20},
		"many values": {dense, 1 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			const attempts = 3
			for attempt := 1; ; attempt++ {
				took, bytes := readTwice(t, tc.write, tc.small)
				if bytes > 2.5 {
					t.Errorf("twice the size allocates %.2f times as much", bytes)
				}
				if took <= 12 {
					return
				}
				if attempt == attempts {
					t.Fatalf("twice the size takes %.2f times as long", took)
				}
			}
		})
	}
}

// readTwice reads a file and one of twice its size, and returns how many times as long and as much memory the second takes.
func readTwice(t *testing.T, write func(int) []byte, small int) (timeRatio, bytesRatio float64) {
	t.Helper()
	var took [2]time.Duration
	var bytes [2]uint64
	for i := range took {
		content := write(small << i)
		begun := time.Now()
		bytes[i] = allocated(t, func() {
			set := read(t, File{Name: "f.json", Content: content})
			if len(set.Problems) != 0 || len(set.Manifests) < 50 {
				t.Fatalf("%d manifests, %v", len(set.Manifests), set.Problems)
			}
		})
		took[i] = time.Since(begun)
	}
	timeRatio, bytesRatio = took[1].Seconds()/took[0].Seconds(), float64(bytes[1])/float64(bytes[0])
	t.Logf("%d MiB: %s and %d bytes allocated; %d MiB: %s and %d: %.2f and %.2f times", small>>20, took[0], bytes[0], small>>19, took[1], bytes[1], timeRatio, bytesRatio)
	return timeRatio, bytesRatio
}

// A file is refused by its size, and by how many values it has, before anything is made of it.
func TestRead_RefusesBeforeTheWork(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "f.yaml")
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(name, 8<<30); err != nil { // it has no blocks
		t.Fatal(err)
	}
	for what, tc := range map[string]struct {
		read func() []Problem
		want string
	}{
		"a large file": {func() []Problem {
			_, problems, err := ReadFolder(t.Context(), dir)
			if err != nil {
				t.Fatal(err)
			}
			return problems
		}, name + ": cannot be read: the file has more than 16777216 bytes (16 MiB); split it"},
		"many values of JSON": {func() []Problem {
			return read(t, File{Name: "f.json", Content: []byte(`{"lectern.dev/":[` + strings.Repeat("0,", 4<<20) + "0]}")}).Problems
		}, "f.json:1:1: the document has more than 2500000 values, or as many commas and lines; split it"},
		"many values of YAML": {func() []Problem {
			return read(t, File{Name: "f.yaml", Content: []byte("lectern.dev/:\n" + strings.Repeat("- 0\n", 2<<20))}).Problems
		}, "f.yaml:1:1: the document has more than 2500000 values, or as many commas and lines; split it"},
	} {
		t.Run(what, func(t *testing.T) {
			var problems []Problem
			bytes := allocated(t, func() { problems = tc.read() })
			if len(problems) != 1 || problems[0].String() != tc.want {
				t.Errorf("got %v, want %s", problems, tc.want)
			}
			if bytes > 64<<20 {
				t.Errorf("%d bytes were allocated", bytes)
			}
		})
	}
}

// BenchmarkReadLargeJSON reads the largest file there may be.
func BenchmarkReadLargeJSON(b *testing.B) {
	r, err := reader()
	if err != nil {
		b.Fatal(err)
	}
	for _, size := range []int{8 << 20, 16 << 20} {
		content := minified(size)
		b.Run(fmt.Sprintf("%dMiB", size>>20), func(b *testing.B) {
			b.SetBytes(int64(len(content)))
			for b.Loop() {
				if set := r.Read(File{Name: "f.json", Content: content}); len(set.Problems) != 0 {
					b.Fatal(set.Problems)
				}
			}
		})
	}
}
