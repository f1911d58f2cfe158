package architecture

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMake_Test asks make which runs `make test` consists of: the module or PG of each, and how much it tests.
func TestMake_Test(t *testing.T) {
	t.Parallel()
	const (
		raced   = "./... | grep -v /test/scenarios"
		bench   = "hack/bench ./..."
		stacks  = "./test/rollout ./test/scenarios"
		shipped = "./ ./controllers/prompt ./internal/manifest/... ./internal/store/... ./internal/testenv/... " + stacks
	)
	for name, tc := range map[string]struct {
		env  []string
		want []string
	}{
		"both versions":    {want: []string{"PG=15 " + raced, bench, "PG=18 " + shipped}},
		"one version":      {env: []string{"PG=17"}, want: []string{"PG=17 " + raced, bench, "PG=17 " + stacks}},
		"a server is lent": {env: []string{"LECTERN_TEST_DATABASE_URL=postgres://h/$db"}, want: []string{raced, bench, stacks}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var runs []string
			for line := range strings.Lines(runMake(t, root, tc.env, "--dry-run", "test")) {
				before, packages, isRun := strings.Cut(line, "go test ")
				if !isRun {
					continue
				}
				packages, _, _ = strings.Cut(packages, " || ")
				run := packages[strings.Index(packages, " ./")+1:]
				for word := range strings.FieldsSeq(before) {
					if folder, is := strings.CutSuffix(word, ";"); is || strings.HasPrefix(word, "PG=") {
						run = folder + " " + run
					}
				}
				runs = append(runs, strings.TrimRight(run, " );\\\n"))
			}
			if diff := cmp.Diff(tc.want, runs); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestMake_State has verify's fingerprint of the tree see every change, a deletion included.
func TestMake_State(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	write("Makefile", string(makefile))
	for _, name := range []string{"api/a.go", "api/b.go", "config/c.yaml", "hack/tools/go.mod", "hack/tools/go.sum", "controllers/d.go", "internal/e.sql"} {
		write(name, name)
	}
	for _, args := range [][]string{{"init", "--quiet"}, {"add", "."}} {
		if out, err := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v\n%s", args[0], err, out)
		}
	}
	state := func() string {
		t.Helper()
		return runMake(t, dir, nil, "--eval", "state: ; @$(STATE)", "state")
	}
	seen := map[string]string{state(): "nothing"}
	for _, change := range []struct {
		name string
		make func()
	}{
		{"an edit", func() { write("config/c.yaml", "other") }},
		{"a new file", func() { write("api/f.go", "new") }},
		{"a deletion that is not staged", func() {
			if err := os.Remove(filepath.Join(dir, "api/b.go")); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		change.make()
		now := state()
		if before, known := seen[now]; known {
			t.Errorf("%s looks like %s", change.name, before)
		}
		seen[now] = change.name
	}
}

// runMake runs make without what a surrounding `make test` passes on, and returns what it printed.
func runMake(t *testing.T, dir string, env []string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "make", append([]string{"--no-print-directory", "--directory", dir}, args...)...)
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		switch name {
		case "PG", "LECTERN_TEST_DATABASE_URL", "MAKEFLAGS", "MAKEOVERRIDES", "MFLAGS", "MAKELEVEL":
		default:
			cmd.Env = append(cmd.Env, entry)
		}
	}
	cmd.Env = append(cmd.Env, env...)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("make %s: %v\n%s%s", strings.Join(args, " "), err, out, complaint.String())
	}
	return string(out)
}
