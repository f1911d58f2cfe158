package releases

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

const chart = "../../charts/lectern"

// renamed are values that have another name now, as they stand in a file: the old name, which works until it is taken away, and the new one.
var renamed = map[string]string{"listenURLKey": "directURLKey"}

// TestValues renders the chart with the files of values of every release, and those with a value that has another name now once more
// under that name: it has to come to the same.
func TestValues(t *testing.T) {
	t.Parallel()
	h := newHelm(t)
	found := map[string]bool{}
	for _, release := range released(t) {
		files, err := filepath.Glob(filepath.Join(release, "values", "*.yaml"))
		require.NoError(t, err)
		if len(files) < 8 {
			t.Errorf("%s has only %d files of values", release, len(files))
		}
		for _, file := range files {
			text, err := os.ReadFile(filepath.Clean(file))
			require.NoError(t, err)
			before := h.render(t, file)
			for old, now := range renamed {
				key := regexp.MustCompile(`(?m)^( *)` + old + `:`)
				if !key.Match(text) {
					continue
				}
				found[old] = true
				changed := filepath.Join(t.TempDir(), filepath.Base(file))
				require.NoError(t, os.WriteFile(changed, key.ReplaceAll(text, []byte("${1}"+now+":")), 0o600))
				if diff := cmp.Diff(before, h.render(t, changed)); diff != "" {
					t.Errorf("%s (-%s +%s):\n%s", file, old, now, diff)
				}
				if notes := h.readNotes(t, file); !strings.Contains(notes, "Deprecated: database.external."+old+" is called") {
					t.Errorf("%s: the notes say nothing of %s:\n%s", file, old, notes)
				}
				if notes := h.readNotes(t, changed); strings.Contains(notes, "Deprecated") {
					t.Errorf("%s: the notes warn without need:\n%s", changed, notes)
				}
			}
		}
	}
	for old := range renamed {
		if !found[old] {
			t.Errorf("no file of values has %s", old)
		}
	}
}

// helm runs Helm without the settings of whoever runs the test.
type helm struct {
	program string
	env     []string
}

func newHelm(t *testing.T) helm {
	t.Helper()
	program, err := testenv.PinnedProgram(context.WithoutCancel(t.Context()), "helm")
	require.NoError(t, err)
	home := t.TempDir()
	env := os.Environ()
	for _, name := range []string{"HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"} {
		env = append(env, name+"="+filepath.Join(home, name))
	}
	return helm{program, append(env, "KUBECONFIG="+filepath.Join(home, "none"))}
}

func (h helm) run(t *testing.T, args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), h.program, args...)
	command.Env = h.env
	var complaint strings.Builder
	command.Stderr = &complaint
	output, err := command.Output()
	if err != nil {
		t.Fatalf("helm %s: %v\n%s", strings.Join(args, " "), err, complaint.String())
	}
	return string(output)
}

// render returns the objects that the chart makes of a file of values.
func (h helm) render(t *testing.T, values string) string {
	t.Helper()
	return h.run(t, "template", "lectern", chart, "--namespace=lectern-system", "--kube-version=1.37.1", "--api-versions=apps/v1/Deployment", "--values="+values)
}

// readNotes returns what an installation with a file of values would say at its end.
func (h helm) readNotes(t *testing.T, values string) string {
	t.Helper()
	_, notes, found := strings.Cut(h.run(t, "install", "lectern", chart, "--namespace=lectern-system", "--dry-run=client", "--values="+values), "\nNOTES:\n")
	if !found {
		t.Fatal("helm install --dry-run=client prints no notes")
	}
	return notes
}
