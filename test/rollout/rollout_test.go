//go:build !race

package rollout

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/test/rollout/load"
)

// form is how much there is of a rollout under load.
type form struct {
	// rounds is how often everything is restarted.
	rounds                         int
	readsPerSecond, editsPerSecond float64
	drainDelay, minLag, maxLag     time.Duration
	// tolerant says that the machine may be so busy that Kubernetes answers nothing in 3 s: all tests run beside this one.
	tolerant bool
}

// countFailed returns how many calls failed that must not.
func (f form) countFailed(report *load.Report) int {
	if f.tolerant {
		return report.Failed - report.Unchecked
	}
	return report.Failed
}

var (
	// shortForm leaves a machine that runs all tests at once time to answer: a server that ends serves for 20 s more, in which the
	// service has to see that it is not ready, by probes that a busy machine answers late.
	shortForm = form{rounds: 1, readsPerSecond: 20, editsPerSecond: 2, drainDelay: 20 * time.Second, minLag: 500 * time.Millisecond, maxLag: time.Second, tolerant: true}
	fullForm  = form{rounds: 4, readsPerSecond: 200, editsPerSecond: 4, drainDelay: 5 * time.Second, minLag: time.Second, maxLag: 2 * time.Second}
)

var (
	servers     = []string{testenv.Server1, testenv.Server2}
	controllers = []string{testenv.Controller, controller2}
)

func TestRollout(t *testing.T) {
	f := shortForm
	if os.Getenv("LECTERN_ROLLOUT") == "full" {
		f = fullForm
	}
	w := newWorld(t, f)
	t.Run("restarts under load fail no call", func(t *testing.T) { restartUnderLoad(t, w, f) })
	t.Run("a read-only root is enough", func(t *testing.T) { runReadOnly(t, w) })
}

// restartUnderLoad restarts servers and controllers in turns while agents read, edit and follow prompts and people edit objects.
// Not one call fails, streams end with their result and go on at another server, and what was edited is served.
func restartUnderLoad(t *testing.T, w *world, f form) {
	ctx := t.Context()
	agents, err := load.Start(ctx, load.Options{
		Endpoint: "http://" + w.service.listener.Addr().String() + "/mcp", Callers: w.callers, Namespace: namespace, Prompts: w.names,
		ReadsPerSecond: f.readsPerSecond, EditsPerSecond: f.editsPerSecond,
	})
	require.NoError(t, err)
	editing, stopEditing := context.WithCancel(ctx)
	var people errgroup.Group
	var edits int
	people.Go(func() (err error) {
		edits, err = w.editObjects(editing, 500*time.Millisecond)
		return err
	})
	failed := w.restartAll(ctx, t, agents, f.rounds)
	stopEditing()
	require.NoError(t, people.Wait())
	report := agents.Finish()
	t.Logf("%d rounds: %s; %d edits of objects; %d connections refused", f.rounds, &report, edits, w.service.countRefused())
	require.NoError(t, failed)
	if failed := f.countFailed(&report); failed > 0 || report.Calls < f.rounds*100 {
		t.Errorf("%d of %d calls failed", failed, report.Calls)
	}
	if want := len(servers) * f.rounds; report.StreamEnds < want {
		t.Errorf("%d streams ended with their result and were opened again; want at least %d", report.StreamEnds, want)
	}
	require.NoError(t, w.waitUntilServed(ctx, report.Texts))
	require.NoError(t, w.waitUntilServed(ctx, w.texts))
	require.NoError(t, w.waitUntilPublished(ctx))
}

// restartAll restarts everything so often, the next as soon as the one before is ready, which the service does not know yet.
// After each round the followers hear of changes.
func (w *world) restartAll(ctx context.Context, t *testing.T, agents *load.Load, rounds int) error {
	t.Helper()
	added := 0
	for round := range rounds {
		for _, name := range append(append([]string{}, servers...), controllers...) {
			began := time.Now()
			if err := w.restart(ctx, name); err != nil {
				return err
			}
			t.Logf("round %d: restarted %s in %s", round+1, name, time.Since(began).Round(time.Millisecond))
		}
		err := agents.WaitForChange(ctx, func(ctx context.Context) error {
			added++
			return w.changeList(ctx, added)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// restart ends a process as the kubelet does, and starts it again once it has ended.
func (w *world) restart(ctx context.Context, name string) error {
	w.Terminate(name)
	if state := w.WaitForExit(ctx, name); state == nil || !state.Success() {
		return fmt.Errorf("%s ended with %s; want 0", name, strings.TrimSpace(fmt.Sprint(state)))
	}
	if err := w.Launch(name); err != nil {
		return err
	}
	return w.WaitUntilReady(ctx, name)
}
