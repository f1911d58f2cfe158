package scenarios

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/metrics"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// testComparison takes objects away behind the controller's back and lets it compare: few of them
// are tombstoned, and what looks like a fault of the cluster removes nothing.
//
// Its scenario counts all live rows of the stack, so it is alone on it but for tombstones.
func testComparison(t *testing.T) {
	ctx := t.Context()
	s := startScenario(t, killableStack(t))
	names := make([]string, 30)
	for i := range names {
		names[i] = fmt.Sprintf("p-%02d", i)
		require.NoError(t, s.createPrompts(ctx, s.newPrompt(names[i], "Text of "+names[i])))
	}
	require.NoError(t, s.waitUntilPublished(ctx))
	require.NoError(t, s.waitUntilListed(ctx, names...))

	w := &comparingController{s}
	w.restartAfter(t, func() { require.NoError(t, s.deleteBehindController(ctx, names[:5]...)) })
	require.NoError(t, s.waitUntilListed(ctx, names[5:]...))
	require.NoError(t, s.waitUntilRefused(ctx, names[0], nil, -32602, "no such prompt"))
	require.NoError(t, wait.Until(ctx, w.metricReaches(5, "lectern_upkeep_swept_rows_total")))

	// 11 of 25 rows are more than max(10, 20 %).
	w.restartAfter(t, func() { require.NoError(t, s.deleteBehindController(ctx, names[5:16]...)) })
	w.verifyNothingRemoved(t, "SweepLimit", names[5:])

	w.restartAfter(t, func() { require.NoError(t, s.deleteBehindController(ctx, names[16:]...)) })
	w.verifyNothingRemoved(t, "EmptyList", names[5:])

	crds := filepath.Join("..", "..", "config", "crd")
	_, err := s.ControlPlane.Kubectl(ctx, "delete", "--filename", crds)
	require.NoError(t, err)
	w.verifyNothingRemoved(t, "CRDMissing", names[5:])

	// The objects come back, as from Git, and find their rows as they were.
	w.restartAfter(t, func() {
		require.NoError(t, s.ControlPlane.InstallCRDs(ctx, ""))
		for _, name := range names[5:] {
			require.NoError(t, s.createPrompts(ctx, s.newPrompt(name, "Text of "+name)))
		}
	})
	require.NoError(t, s.waitUntilPublished(ctx))
	require.NoError(t, s.waitUntilListed(ctx, names[5:]...))
	var versions int
	require.NoError(t, s.queryRow(ctx, []any{&versions}, `
		select sum(highest_version)::int from prompts where namespace = $1 and deleted_at is null`, s.namespace))
	if versions != 25 {
		t.Errorf("25 prompts that never changed have %d versions", versions)
	}
	require.NoError(t, s.deletePrompts(ctx, names[5:]...))
	require.NoError(t, s.waitUntilGone(ctx, names[5:]...))
	require.NoError(t, s.Restart(ctx, testenv.Controller)) // to compare as seldom as it usually does
}

// comparingController is a stack whose controller compares all the time.
type comparingController struct{ *scenario }

// restartAfter does something while the controller is down.
func (w *comparingController) restartAfter(t *testing.T, meanwhile func()) {
	t.Helper()
	w.Terminate(testenv.Controller)
	meanwhile()
	require.NoError(t, w.Restart(t.Context(), testenv.Controller,
		"LECTERN_COMPARISON_INTERVAL=1s", "LECTERN_COMPARISON_GRACE=0s"))
}

// verifyNothingRemoved waits for the third comparison that stopped, and expects all to be there still.
func (w *comparingController) verifyNothingRemoved(t *testing.T, reason string, names []string) {
	t.Helper()
	ctx := t.Context()
	require.NoError(t, wait.Until(ctx, w.metricReaches(3, "lectern_upkeep_comparisons_stopped_total", "reason", reason)))
	require.NoError(t, wait.Until(ctx, func(ctx context.Context) error {
		var events eventsv1.EventList
		if err := w.api.List(ctx, &events, client.InNamespace(testenv.SystemNamespace)); err != nil {
			return err
		}
		if !slices.ContainsFunc(events.Items, func(e eventsv1.Event) bool { return e.Reason == reason && e.Type == "Warning" }) {
			return fmt.Errorf("no warning event has the reason %s", reason)
		}
		return nil
	}))
	require.NoError(t, w.waitUntilListed(ctx, names...))
	var live []string
	require.NoError(t, w.queryRow(ctx, []any{&live}, `
		select array_agg(name order by name) from prompts where namespace = $1 and deleted_at is null`, w.namespace))
	if diff := cmp.Diff(names, live); diff != "" {
		t.Errorf("%s: live rows (-want +got):\n%s", reason, diff)
	}
}

// metricReaches returns what says whether a metric has come to at least n.
func (w *comparingController) metricReaches(n float64, name string, labels ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		read, err := metrics.Read(ctx, w.MetricsURL(testenv.Controller))
		if err != nil {
			return err
		}
		if got, found := read.Sum(name, labels...); !found || got < n {
			return fmt.Errorf("%s %q is %v, found %t; want %v", name, labels, got, found, n)
		}
		return nil
	}
}
