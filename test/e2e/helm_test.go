//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

const (
	chart        = "../../charts/lectern"
	samplesChart = "../../charts/lectern-samples"
)

// release is one installation of a chart.
type release struct {
	*world
	name, namespace string
	// program is the helm that is used; Helm 4 when empty.
	program string
	// settings are flags of each of its installs and upgrades.
	settings []string
}

// endpoint is where agents in the cluster call the servers of the release.
func (r release) endpoint() string {
	return fmt.Sprintf("http://%s.%s.svc/mcp", r.fullName(), r.namespace)
}

// fullName is what the names of the release's objects begin with.
func (r release) fullName() string {
	if strings.Contains(r.name, "lectern") {
		return r.name
	}
	return r.name + "-lectern"
}

// values are the flags of helm that install what is tested here, with a trial database.
func (w *world) values(more ...string) []string {
	repository, tag, _ := strings.Cut(w.image, ":")
	flags := []string{"--set", "image.repository=" + repository, "--set-string", "image.tag=" + tag, "--set", "database.mode=trial"}
	if repository, tag, is := strings.Cut(w.postgresImage, ":"); is {
		flags = append(flags, "--set", "database.trial.image.repository="+repository, "--set-string", "database.trial.image.tag="+tag)
	}
	return append(flags, more...)
}

// values are those of the world, and the release's own.
func (r release) values(more ...string) []string {
	return r.world.values(slices.Concat(r.settings, more)...)
}

// run runs helm for the release, and ends the test when that fails.
func (r release) run(t *testing.T, command string, args ...string) string {
	t.Helper()
	output, err := r.try(t.Context(), command, args...)
	if err != nil {
		r.logState(t)
		t.Fatalf("helm %s %s: %v\n%s", command, r.name, err, output)
	}
	return output
}

// try runs helm for the release.
func (r release) try(ctx context.Context, command string, args ...string) (string, error) {
	program := r.program
	if program == "" {
		program = r.helm
	}
	args = append([]string{command, r.name}, args...)
	args = append(args, "--namespace", r.namespace)
	output, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	return string(output), err
}

// install installs the chart and waits as long as helm does, and returns how long that took.
func (r release) install(t *testing.T, flags ...string) time.Duration {
	t.Helper()
	begun := time.Now()
	r.run(t, "install", append([]string{chart, "--wait", "--timeout", "6m"}, flags...)...)
	return time.Since(begun)
}

// installOverKept installs the chart where an uninstalled release of another name left the custom resource definition.
func (r release) installOverKept(t *testing.T, flags ...string) time.Duration {
	t.Helper()
	return r.install(t, append(flags, "--take-ownership")...)
}

// uninstall removes the release, and waits until what it had is gone.
func (r release) uninstall(t *testing.T) string {
	t.Helper()
	return r.run(t, "uninstall", "--wait", "--timeout", "5m")
}

// logState logs what there is in the release's namespace, for whoever has to find out why it is not as it should be.
func (r release) logState(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	pods, err := r.listPods(ctx, r.namespace)
	require.NoError(t, err)
	for i := range pods {
		pod := &pods[i]
		t.Logf("pod %s: %s", pod.Name, describePod(pod))
		if !isReady(pod) {
			t.Logf("log of %s:\n%s", pod.Name, r.readLog(ctx, pod))
		}
	}
	events, err := r.listEvents(ctx, r.namespace)
	require.NoError(t, err)
	t.Logf("events:\n%s", strings.Join(events, "\n"))
}
