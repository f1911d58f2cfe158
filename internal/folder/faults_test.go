package folder_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/lectern-dev/lectern/internal/store/memory"
	"github.com/lectern-dev/lectern/internal/testenv/logbuffer"
)

// TestFaults: what keeps prompts from being served is known by file and place, until it is mended.
func TestFaults(t *testing.T) {
	t.Parallel()
	d := open(t, map[string]string{
		"sub/good.yaml": manifest("good", "x"),
		"sub/two.yaml":  manifest("two", "x", "  titel: y\n") + "---\n" + manifest("three", "{{> nobody}}"),
		"values.yaml":   "a: b\n",
		"served.yaml":   manifest("served", "x", "  title:\n"), // refused by kubectl apply --server-side alone
	})
	first, total := d.folder.Faults(9)
	if total != 2 || len(first) != 2 || !strings.HasPrefix(first[0], `sub/two.yaml:7:3: unknown field "spec.titel"`) ||
		!strings.HasPrefix(first[1], "sub/two.yaml:14:") || !strings.Contains(first[1], "prompt default/three is not served") {
		t.Errorf("%d faults: %q", total, first)
	}
	if first, total := d.folder.Faults(1); total != 2 || len(first) != 1 {
		t.Errorf("of %d the first is %q", total, first)
	}
	if d.log.Count(`msg="Serving a folder" folder=`+d.dir+" prompts=2 files=4 faults=2") != 1 {
		t.Errorf("the log does not say how many prompts of how many files are served:\n%s", d.log.String())
	}
	d.save("sub/two.yaml", manifest("two", "mended"))
	d.soonServed("two", "mended")
	d.soon("there are no faults any more", func() bool { _, total := d.folder.Faults(9); return total == 0 })
}

// TestFaults_AreBounded, and so is what is logged of them.
func TestFaults_AreBounded(t *testing.T) {
	t.Parallel()
	d := &harness{T: t, dir: t.TempDir(), store: memory.New(), log: &logbuffer.Buffer{}}
	for i := range 300 {
		d.writeOld(fmt.Sprintf("f%03d.yaml", i), manifest(fmt.Sprintf("p%03d", i), "x", "  "+strings.Repeat("é", 2000)+": y\n"))
	}
	d.follow()
	first, total := d.folder.Faults(1000)
	if total != 300 || len(first) != 100 {
		t.Errorf("%d faults of %d are kept", len(first), total)
	}
	for _, fault := range first {
		if len(fault) > 400 || !utf8.ValidString(fault) {
			t.Fatalf("a fault has %d bytes: %q", len(fault), fault)
		}
	}
	if logged := d.log.Count("Problem in a manifest"); logged != 200 || d.log.Count("More problems in manifests") != 1 {
		t.Errorf("%d problems are logged, want 200 and how many more there are", logged)
	}
}
