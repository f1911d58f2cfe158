package installations

import (
	"fmt"
	"strings"
	"testing"

	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/controllerstest"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

const others = "lectern_prompts_of_other_controllers"

// testOverlap: of two installations that watch a namespace, one reconciles an object until it is let go; then the other does.
func testOverlap(t *testing.T, cluster *controllerstest.Cluster) {
	team := cluster.CreateNamespace(t)
	a := install(t, cluster, team)
	p := a.publish(t, team, "notes", "Notes of A")
	b := install(t, cluster, team)
	b.waitForMetric(t, others, 1)
	b.waitForComparison(t)
	wantUnchanged(t, cluster, p)
	wantRows(t, b)
	wantEvent(t, cluster, p, "controller "+b.name()+" leaves this prompt alone, because "+a.name()+" reconciles it")
	refused := b.change(t, promptobject.KeyOf(p), store.ActionUpdate, "Written by B")
	wantOutcome(t, refused, store.ChangeRefused, store.ReasonOwnedElsewhere)
	if !strings.Contains(refused.Message, "another installation of Lectern ("+a.name()+")") {
		t.Errorf("the refusal says %q", refused.Message)
	}

	cluster.EditPrompt(t, p, func(p *v1alpha1.Prompt) { p.Spec.Text = "Edited" })
	p = a.waitUntilPublished(t, p)
	if p.Status.Version != 2 {
		t.Errorf("after an edit it has version %d", p.Status.Version)
	}

	// B cannot take what A has not let go, though A is away.
	a.stop()
	said, err := b.release(t.Context(), cluster.Kubeconfig, "--while-controller-runs")
	if want := "Released 0 prompts.\nLeft 1 prompts alone, which " + a.name() + " reconciles.\n"; err != nil || said != want {
		t.Errorf("release of B: %q, %v", said, err)
	}
	wantUnchanged(t, cluster, p)

	// A is gone for good.
	said, err = a.release(t.Context(), cluster.Kubeconfig)
	if err != nil || said != "Released 1 prompts.\n" {
		t.Errorf("release of A: %q, %v", said, err)
	}
	p = b.waitUntilPublished(t, p)
	b.waitForMetric(t, others, 0)
	wantRows(t, b, team+"/notes")

	// And if it is not, it finds its objects taken.
	a.start(t)
	a.waitForMetric(t, others, 1)
	a.waitForComparison(t)
	wantUnchanged(t, cluster, p)
	require.NoError(t, cluster.Client.Delete(t.Context(), p))
	waitUntilGone(t, cluster, p)
	wantRows(t, b)
	a.waitForMetric(t, others, 0)
	require.Eventually(t, func() error { // what it had published before
		if rows := a.rows(t); len(rows) > 0 {
			return fmt.Errorf("%s still has rows %q", a.name(), rows)
		}
		return nil
	})
}

// testRace: two controllers meet new objects at the same time, those with a finalizer too, as an admission policy sets it. Each
// object is in one database, and its status says in which.
func testRace(t *testing.T, cluster *controllerstest.Cluster) {
	team := cluster.CreateNamespace(t)
	both := map[string]*installation{}
	for range 2 {
		i := install(t, cluster, team)
		both[i.name()] = i
	}
	const prompts = 40
	for n := range prompts {
		p := controllerstest.NewPrompt(team, fmt.Sprintf("p-%02d", n), "Text")
		if n%2 == 0 {
			p.Finalizers = []string{v1alpha1.PromptFinalizer}
		}
		cluster.CreatePrompt(t, p)
	}
	want := map[string][]string{}
	for n := range prompts {
		key := store.Key{Namespace: team, Name: fmt.Sprintf("p-%02d", n)}
		require.Eventually(t, func() error {
			if p := cluster.GetPrompt(t, key); p.Status.Version != 1 || both[p.Status.Controller] == nil {
				return fmt.Errorf("%s has status %+v", key, p.Status)
			}
			return nil
		})
		by := cluster.GetPrompt(t, key).Status.Controller
		want[by] = append(want[by], key.String())
	}
	for name, i := range both {
		t.Logf("%s reconciles %d of %d", name, len(want[name]), prompts)
		i.waitForMetric(t, others, float64(prompts-len(want[name])))
		i.waitForComparison(t)
		wantRows(t, i, want[name]...)
	}
}

// wantEvent waits for an event about an object that begins with words.
func wantEvent(t *testing.T, cluster *controllerstest.Cluster, p *v1alpha1.Prompt, words string) {
	t.Helper()
	require.Eventually(t, func() error {
		var all eventsv1.EventList
		if err := cluster.Client.List(t.Context(), &all, client.InNamespace(p.Namespace)); err != nil {
			return err
		}
		var said []string
		for _, e := range all.Items {
			if e.Regarding.UID == p.UID && e.Reason == v1alpha1.ReasonOtherController && e.Type == "Warning" && strings.HasPrefix(e.Note, words) {
				return nil
			}
			said = append(said, e.Reason+": "+e.Note)
		}
		return fmt.Errorf("no event says %q, only %q", words, said)
	})
}
