//go:build unix

package prompt

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/controllerstest"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// countOf returns what a metric of the reconciler has counted, all labels together.
func countOf(t *testing.T, name string) int {
	t.Helper()
	families, err := metrics.Registry.Gather()
	require.NoError(t, err)
	sum := 0
	for _, family := range families {
		if family.GetName() == name {
			for _, metric := range family.GetMetric() {
				sum += int(metric.GetCounter().GetValue() + metric.GetGauge().GetValue()) // of which it is one
			}
		}
	}
	return sum
}

// readWork returns what the reconciler did so far.
func readWork(t *testing.T) map[string]int {
	work := map[string]int{}
	for _, name := range []string{"reconciles", "includes_parsed", "include_visits", "fragments_loaded"} {
		work[name] = countOf(t, "lectern_prompt_"+name+"_total")
	}
	return work
}

// usedCPU returns the processor time of this process, which is that of the reconciler but for its clients here.
func usedCPU(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// editCostsItsDependents edits one fragment that every page includes, and counts what is done for it. Nothing else may happen
// in the process meanwhile. With the race detector, which makes it ten times as long, there are fewer pages.
func editCostsItsDependents(t *testing.T, w *world) {
	refused, published := 200, 50
	if testenv.RaceDetector {
		refused, published = 20, 10
	}
	for name, tc := range map[string]struct {
		pages        int
		fragmentText int
		reason       string
	}{
		"pages of 80 KB that are too large with 60 fragments of 80 KB": {pages: refused, fragmentText: 80_000, reason: v1alpha1.ReasonLimitExceeded},
		"pages of 80 KB that are published with 60 small fragments":    {pages: published, fragmentText: 500, reason: v1alpha1.ReasonPublished},
	} {
		t.Run(name, func(t *testing.T) {
			const fragments = 60
			w := w.inNamespace(t)
			line := "A line of text that is as long as lines are, with {{a}} value.\n"
			var includes strings.Builder
			for i := range fragments {
				w.CreatePrompt(t, controllerstest.NewPrompt(w.namespace, fmt.Sprintf("fragment-%d", i), strings.Repeat(line, 1+tc.fragmentText/len(line))))
				fmt.Fprintf(&includes, "{{> fragment-%d}}\n", i)
			}
			for i := range fragments {
				w.waitForReason(t, controllerstest.NewPrompt(w.namespace, fmt.Sprintf("fragment-%d", i), ""), v1alpha1.ReasonPublished)
			}
			var create errgroup.Group
			create.SetLimit(4)
			for i := range tc.pages {
				create.Go(func() error {
					page := controllerstest.NewPrompt(w.namespace, fmt.Sprintf("page-%d", i), includes.String()+strings.Repeat(line, 80_000/len(line)))
					return w.Client.Create(t.Context(), page)
				})
			}
			require.NoError(t, create.Wait())
			for i := range tc.pages {
				w.waitForReason(t, controllerstest.NewPrompt(w.namespace, fmt.Sprintf("page-%d", i), ""), tc.reason)
			}
			w.waitUntilQuiet(t)

			before, statuses, began := readWork(t), w.readyMessages(t), usedCPU(t)
			w.EditPrompt(t, controllerstest.NewPrompt(w.namespace, "fragment-30", ""), func(p *v1alpha1.Prompt) { p.Spec.Text = "edited {{a}}" })
			require.Eventually(t, func() error {
				if done := countOf(t, "lectern_prompt_reconciles_total") - before["reconciles"]; done < tc.pages+1 {
					return fmt.Errorf("%d reconciles, want %d", done, tc.pages+1)
				}
				return nil
			})
			w.waitUntilQuiet(t)
			work, used := readWork(t), usedCPU(t)-began
			for name := range work {
				work[name] -= before[name]
			}
			t.Logf("one edit: %v, %s of CPU", work, used)
			// Four reconciles at once may each read the new fragment, and each try once more.
			if work["reconciles"] > tc.pages+1+8 || work["includes_parsed"] != 1 || work["include_visits"] != 0 || work["fragments_loaded"] > 4 {
				t.Errorf("one edit cost %v, want %d reconciles, 1 text parsed, no walk and 1 fragment loaded", work, tc.pages+1)
			}
			after := w.readyMessages(t)
			if tc.reason == v1alpha1.ReasonPublished {
				for name := range statuses {
					if strings.HasPrefix(name, "page-") || name == "fragment-30" {
						statuses[name] = "Published: serving version 2"
					}
				}
			} else {
				statuses["fragment-30"] = "Published: serving version 2"
			}
			if diff := cmp.Diff(statuses, after); diff != "" {
				t.Errorf("statuses (-before +after):\n%s", diff)
			}

			if n := w.rememberedObjects(); n != tc.pages+fragments {
				t.Errorf("the includes of %d objects are remembered, want %d", n, tc.pages+fragments)
			}
			require.NoError(t, w.Client.DeleteAllOf(t.Context(), &v1alpha1.Prompt{}, client.InNamespace(w.namespace)))
			require.Until(t, "nothing is remembered of what is gone", func() bool { return w.rememberedObjects() == 0 })
		})
	}
}

// readyMessages returns reason and message of every object, by name.
func (w *world) readyMessages(t *testing.T) map[string]string {
	t.Helper()
	var all v1alpha1.PromptList
	require.NoError(t, w.Client.List(t.Context(), &all, client.InNamespace(w.namespace)))
	said := map[string]string{}
	for _, p := range all.Items {
		if ready := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionReady); ready != nil {
			said[p.Name] = ready.Reason + ": " + ready.Message
		}
	}
	return said
}

// waitUntilQuiet waits until the reconciler has nothing to do: its queue is empty and no reconcile is under way, however long one
// takes, and it stays so for a second.
func (w *world) waitUntilQuiet(t *testing.T) {
	t.Helper()
	last, since := -1, time.Now()
	require.Eventually(t, func() error {
		busy := countOf(t, "workqueue_depth") + countOf(t, "controller_runtime_active_workers")
		if now := countOf(t, "lectern_prompt_reconciles_total"); now != last || busy > 0 {
			last, since = now, time.Now()
		}
		if time.Since(since) < time.Second {
			return errors.New("the reconciler still has work")
		}
		return nil
	})
}

func (w *world) rememberedObjects() int {
	memory := &w.reconciler.includes
	memory.mu.Lock()
	defer memory.mu.Unlock()
	if ns := memory.namespaces[w.namespace]; ns != nil {
		return len(ns.objects)
	}
	return 0
}
