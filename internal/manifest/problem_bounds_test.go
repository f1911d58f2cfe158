package manifest

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/testenv"
)

// allocated is how many bytes a function allocates, what the first reading of all makes of the definitions not among them. Other
// tests must not run beside it.
func allocated(t *testing.T, f func()) uint64 {
	t.Helper()
	read(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// numbers is a list of so many whole numbers.
func numbers(count int) string {
	var b strings.Builder
	for i := range count {
		fmt.Fprintf(&b, ",%d", i)
	}
	return "[" + b.String()[1:] + "]"
}

// TestRead_BoundsProblems: what is wrong all through is said in a bounded number of bounded messages, and they are not made
// and then thrown away: twice the faults cost twice the reading, and not twice the list in each of twice the messages.
func TestRead_BoundsProblems(t *testing.T) {
	many := 24_000
	if testenv.RaceDetector {
		many = 6_000 // it makes reading ten times as long
	}
	long := strings.Repeat("long ", 40_000)
	for name, tc := range map[string]struct {
		file string
		more bool // problems than are made
	}{
		"a list of numbers":       {head + "  text: x\n  tags: " + numbers(many) + "\n", false},
		"a list of numbers, JSON": {`{"apiVersion":"lectern.dev/v1alpha1","kind":"Prompt","metadata":{"name":"a"},"spec":{"text":"x","tags":` + numbers(many) + "}}", false},
		"lists of numbers":        {head + "  text: x\n  arguments:\n" + keys("  - {name: a%d, enum: "+numbers(64)+"}\n", 128), true},
		"equal tags":              {head + "  text: x\n  tags: [" + strings.TrimSuffix(strings.Repeat("a, ", many), ", ") + "]\n", false},
		"equal values of an enum": {head + "  text: x\n  arguments: [{name: a, enum: [" + strings.TrimSuffix(strings.Repeat("a, ", 5_000), ", ") + "]}]\n", false},
		"labels":                  {"apiVersion: lectern.dev/v1alpha1\nkind: Prompt\nmetadata:\n  name: a\n  labels: {" + strings.TrimSuffix(keys("b c%d: d, ", many), ", ") + "}\nspec: {text: x}\n", true},
		"unknown fields":          {head + "  text: x\n" + keys("  x%d: y\n", many), true},
		"fields without values":   {head + "  text: x\n  arguments:\n" + keys("  - {name: a%d, description: }\n", many), true},
		"keys written twice":      {head + "  text: x\n" + strings.Repeat("  title: y\n", many), true},
		"a status":                {head + "  text: x\nstatus:\n  channels:\n" + keys("  - {name: a, version: v%d}\n", many), true},
		"documents":               {head + "  text: x\n---\n" + strings.Repeat("a: b\n---\n", 5_000), true},
		"anchors":                 {head + "  text: x\n  metadata: {" + keys("a%d: &b c, ", many) + "d: e}\n", true},
		"a long name":             {head + "  text: x\n  " + strings.ReplaceAll(long, " ", "_") + ": y\n", false},
		"a long number":           {head + "  text: x\n  title: " + strings.Repeat("9", 200_000) + "\n", false},
		"a long text for a list":  {head + "  text: x\n  tags: " + long + "\n", false},
		"a long line of no YAML":  {head + "  text: " + long + ": " + long + "\n", false},
		"a long text, quoted":     {head + "  text: \"" + long + "\" and " + long + "\n", false},
		"a long enum":             {head + "  text: x\n  syntax: " + long + "\n", false},
		"a long include":          {head + "  text: \"{{> " + strings.ReplaceAll(long, " ", "_") + "}}\"\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			content := []byte(tc.file)
			var said []Problem
			bytes := allocated(t, func() {
				set := read(t, File{Name: "f.yaml", Content: content})
				_, more := set.CompileAll()
				said = append(set.Problems, more...)
			})
			t.Logf("%d bytes, %d problems, %d bytes allocated", len(content), len(said), bytes)
			if len(said) == 0 || len(said) > maxFileProblems+2 {
				t.Errorf("%d problems, want 1 to %d", len(said), maxFileProblems+2)
			}
			for _, p := range said {
				if len(p.Message) > maxMessage+100 {
					t.Errorf("a message of %d bytes: %.200s", len(p.Message), p.Message)
				}
			}
			if more := slices.ContainsFunc(said, func(p Problem) bool { return strings.Contains(p.Message, "more problems in f.yaml") }); more != tc.more {
				t.Errorf("there are more problems: %t, the last is %s", more, said[len(said)-1])
			}
			if bound := uint64(256<<20 + 300*len(content)); bytes > bound {
				t.Errorf("%d bytes were allocated, want at most %d", bytes, bound)
			}
		})
	}
}

// keys repeats a line with a number in it.
func keys(format string, count int) string {
	var b strings.Builder
	for i := range count {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// TestRead_BoundsProblemsOfAllFiles: beyond the bound they are counted, and verdicts do not change.
func TestRead_BoundsProblemsOfAllFiles(t *testing.T) {
	t.Parallel()
	var files []File
	for i := range 30 {
		bad := strings.Replace(named("a"), "{name: a}", fmt.Sprintf("{name: a%d}", i), 1) + strings.Repeat("  x: y\n", 80)
		files = append(files, File{Name: fmt.Sprintf("f%02d.yaml", i), Content: []byte(bad + "---\n" + named(fmt.Sprintf("b%d", i)))})
	}
	set := read(t, files...)
	if len(set.Problems) > maxSetProblems+30 || len(set.Manifests) != 30 {
		t.Errorf("%d problems and %d manifests", len(set.Problems), len(set.Manifests))
	}
	if last := set.Problems[len(set.Problems)-1].String(); !strings.Contains(last, "1343 more problems in further files") {
		t.Errorf("the last problem is %q", last)
	}
}

// TestRead_TellsProblemsInOneOrder, and each once: validators go through maps.
func TestRead_TellsProblemsInOneOrder(t *testing.T) {
	t.Parallel()
	file := File{Name: "f.yaml", Content: []byte("apiVersion: lectern.dev/v1alpha1\nkind: Prompt\nmetadata: {name: A.b, labels: {a b: c d, e f: g h}}\nspec: {syntax: x, exposure: y, historyLimit: 0.5, deletionPolicy: z, arguments: [{}, {}], messages: [{}, {}], withdrawnVersions: [1e400, 1.5]}\n")}
	first := read(t, file).Problems
	once := map[Problem]bool{}
	for _, p := range first {
		if once[p] {
			t.Errorf("twice: %s", p)
		}
		once[p] = true
	}
	for range 20 {
		if again := read(t, file).Problems; !slices.Equal(first, again) {
			t.Fatalf("another time\n%s\nfirst\n%s", strings.Join(said(again), "\n"), strings.Join(said(first), "\n"))
		}
	}
}

// TestRead_CountsNoMapping: annotations are too long together, and have no characters to count.
func TestRead_CountsNoMapping(t *testing.T) {
	content := "apiVersion: lectern.dev/v1alpha1\nkind: Prompt\nmetadata:\n  name: a\n  annotations: {b: " + strings.Repeat("c", 256<<10) + "}\nspec: {text: x}\n"
	set := read(t, File{Name: "a.yaml", Content: []byte(content)})
	want := "a.yaml:5:3: metadata.annotations: Too long: may not be more than 262144 bytes; shorten it"
	if len(set.Problems) != 1 || set.Problems[0].String() != want {
		t.Errorf("got  %.300q\nwant %q", set.Problems, want)
	}
}

// TestProblem_NamesFilesPrintably: the name of a file may be anything, and a terminal shows it without doing what it says.
func TestProblem_NamesFilesPrintably(t *testing.T) {
	for name, want := range map[string]string{
		"a b/über ”.yaml":          "a b/über ”.yaml",
		"\x1b[2J\x1b]0;x\a\n.yaml": `\x1b[2J\x1b]0;x\a\n.yaml`,
		"\u009b31m\u202e\xff.yaml": `\u009b31m\u202e\xff.yaml`,
	} {
		for _, line := range []int{0, 3} {
			got := Problem{Place: Place{File: name, Line: line, Column: 1}, Message: "x"}.String()
			if !strings.HasPrefix(got, want+":") {
				t.Errorf("got %q, want %s", got, want)
			}
		}
	}
}
