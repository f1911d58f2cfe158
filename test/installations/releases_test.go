package installations

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/controllerstest"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// testTwoReleases: each has its own objects, rows, change requests and comparison, and goes without the other.
func testTwoReleases(t *testing.T, cluster *controllerstest.Cluster) {
	teamA, teamB := cluster.CreateNamespace(t), cluster.CreateNamespace(t)
	a, b := install(t, cluster, teamA), install(t, cluster, teamB)
	ofA := a.publish(t, teamA, "notes", "Notes of A")
	ofB := b.publish(t, teamB, "notes", "Notes of B")

	refused := a.change(t, store.Key{Namespace: teamB, Name: "notes"}, store.ActionUpdate, "Written by A")
	wantOutcome(t, refused, store.ChangeRefused, store.ReasonNotWatched)
	if want := "this installation changes no prompts in namespace " + teamB + ", only in " + teamA; !strings.HasPrefix(refused.Message, want) {
		t.Errorf("the refusal says %q, want %q", refused.Message, want)
	}
	wantOutcome(t, a.change(t, store.Key{Namespace: teamB, Name: "new"}, store.ActionAdd, "Written by A"), store.ChangeRefused, store.ReasonNotWatched)
	wantOutcome(t, a.change(t, store.Key{Namespace: teamA, Name: "new"}, store.ActionAdd, "Written by A"), store.ChangePublished, "")

	a.waitForComparison(t)
	b.waitForComparison(t)
	wantRows(t, a, teamA+"/new", teamA+"/notes")
	wantRows(t, b, teamB+"/notes")
	wantUnchanged(t, cluster, ofA, ofB)

	// A goes: its objects are let go, and nothing of B is touched.
	a.stop()
	said, err := a.release(t.Context(), cluster.Kubeconfig)
	if err != nil || said != "Released 2 prompts.\n" {
		t.Errorf("release: %q, %v", said, err)
	}
	released := cluster.GetPrompt(t, promptobject.KeyOf(ofA))
	if len(released.Finalizers) != 0 || released.Status.Controller != "" || released.Status.ObservedGeneration != -1 {
		t.Errorf("the released prompt has finalizers %q and status %+v", released.Finalizers, released.Status)
	}
	wantUnchanged(t, cluster, ofB)
	wantRows(t, a, teamA+"/new", teamA+"/notes")
	require.NoError(t, cluster.Client.Delete(t.Context(), ofB))
	waitUntilGone(t, cluster, ofB)
	wantRows(t, b)
}

// testNarrowedList: what left the list is served as it was, however often rows are compared, and its objects are let go while the
// controller runs.
func testNarrowedList(t *testing.T, cluster *controllerstest.Cluster) {
	kept, dropped := cluster.CreateNamespace(t), cluster.CreateNamespace(t)
	i := install(t, cluster, kept, dropped)
	i.publish(t, kept, "stays", "Here")
	p := i.publish(t, dropped, "left", "There")
	i.stop()
	i.watched = []string{kept}
	i.start(t, "--sweep-limit=1000")
	i.waitForComparison(t)
	i.waitForComparison(t)
	wantRows(t, i, dropped+"/left", kept+"/stays")

	i.watched = []string{dropped}
	said, err := i.release(t.Context(), cluster.Kubeconfig)
	if err == nil || !strings.Contains(said, "still runs and would put the finalizers back") {
		t.Errorf("release beside a controller that may watch the namespace: %q, %v", said, err)
	}
	said, err = i.release(t.Context(), cluster.Kubeconfig, "--while-controller-runs")
	if err != nil || said != "Released 1 prompts.\n" {
		t.Errorf("release: %q, %v", said, err)
	}
	require.NoError(t, cluster.Client.Delete(t.Context(), p))
	waitUntilGone(t, cluster, p)
	i.watched = []string{kept}
	i.waitForComparison(t)
	wantRows(t, i, dropped+"/left", kept+"/stays")
}

// testUnreadableNamespace: a namespace without Role, as one that was deleted and made again, is left out.
func testUnreadableNamespace(t *testing.T, cluster *controllerstest.Cluster) {
	readable, lost := cluster.CreateNamespace(t), cluster.CreateNamespace(t)
	i := prepare(t, cluster, readable, lost)
	i.watched = append(i.watched, cluster.CreateNamespace(t), "not-there")
	i.start(t)
	i.publish(t, readable, "notes", "Notes")
	i.waitForMetric(t, "lectern_unreadable_namespaces", 2)
	i.waitForComparison(t)
	wantRows(t, i, readable+"/notes")
	binding := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: lost, Name: i.clusterWideName()}}
	require.NoError(t, cluster.Client.Delete(t.Context(), binding)) // as with a namespace that is deleted and made again
	i.waitForMetric(t, "lectern_unreadable_namespaces", 3)
}

// publish creates a prompt, and waits until the installation has published it.
func (i *installation) publish(t *testing.T, namespace, name, text string) *v1alpha1.Prompt {
	t.Helper()
	return i.waitUntilPublished(t, i.CreatePrompt(t, controllerstest.NewPrompt(namespace, name, text)))
}

// waitUntilPublished waits until the installation has published a prompt as it is now.
func (i *installation) waitUntilPublished(t *testing.T, p *v1alpha1.Prompt) *v1alpha1.Prompt {
	t.Helper()
	var now v1alpha1.Prompt
	require.Eventually(t, func() error {
		if err := i.Client.Get(t.Context(), client.ObjectKeyFromObject(p), &now); err != nil {
			return err
		}
		if now.Status.Controller != i.name() || now.Status.ObservedGeneration != now.Generation || !meta.IsStatusConditionTrue(now.Status.Conditions, v1alpha1.ConditionReady) {
			return fmt.Errorf("%s has generation %d and status %+v; want it published by %s", client.ObjectKeyFromObject(p), now.Generation, now.Status, i.name())
		}
		return nil
	})
	return &now
}

// change asks for a change, as an agent of the installation's servers does, and returns its final outcome.
func (i *installation) change(t *testing.T, key store.Key, action store.Action, text string) store.ChangeOutcome {
	t.Helper()
	office, err := postgres.Open(t.Context(), pgtest.AsServerRole(t, i.database))
	require.NoError(t, err)
	defer office.Close()
	return controllerstest.RequestAndWait(t, office, controllerstest.NewRequest(key, action, store.Edit{Title: &text, Content: &text}))
}

// waitForComparison has a row without object swept, so that a comparison began and ended since.
func (i *installation) waitForComparison(t *testing.T) {
	t.Helper()
	var system corev1.Namespace
	require.NoError(t, i.Client.Get(t.Context(), types.NamespacedName{Name: "kube-system"}, &system))
	id := uuid.NewString()
	orphan := controllerstest.NewPrompt(i.watched[0], "orphan-"+id, "No object")
	orphan.UID, orphan.Generation = types.UID(id), 1
	compiled, err := promptobject.ResolveAndCompile(t.Context(), i.db, orphan.Namespace, promptobject.SpecOf(&orphan.Spec))
	require.NoError(t, err)
	writer := i.db.Writer(string(system.UID))
	require.NoError(t, writer.ClaimDatabase(t.Context()))
	_, err = writer.Publish(t.Context(), promptobject.PublicationOf(orphan, compiled, 10))
	require.NoError(t, err)
	require.Eventually(t, func() error {
		if slices.Contains(i.rows(t), promptobject.KeyOf(orphan).String()) {
			return errors.New("no comparison removed the row without object")
		}
		return nil
	})
}

func wantOutcome(t *testing.T, got store.ChangeOutcome, state store.ChangeState, reason string) {
	t.Helper()
	if got.State != state || got.Reason != reason {
		t.Errorf("the change ended %s, %s (%s); want %s, %s", got.State, got.Reason, got.Message, state, reason)
	}
}

func wantRows(t *testing.T, i *installation, want ...string) {
	t.Helper()
	slices.Sort(want)
	got := i.rows(t)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%s has rows %q, want %q", i.name(), got, want)
	}
}

// wantUnchanged fails where an object was written since.
func wantUnchanged(t *testing.T, cluster *controllerstest.Cluster, prompts ...*v1alpha1.Prompt) {
	t.Helper()
	for _, p := range prompts {
		now := cluster.GetPrompt(t, promptobject.KeyOf(p))
		if diff := cmp.Diff(p.Status, now.Status); diff != "" || now.ResourceVersion != p.ResourceVersion {
			t.Errorf("%s was written (-before +after):\n%s", promptobject.KeyOf(p), diff)
		}
	}
}

// waitUntilGone waits until objects are gone.
func waitUntilGone(t *testing.T, cluster *controllerstest.Cluster, prompts ...*v1alpha1.Prompt) {
	t.Helper()
	for _, p := range prompts {
		require.Eventually(t, func() error {
			var now v1alpha1.Prompt
			err := cluster.Client.Get(context.Background(), client.ObjectKeyFromObject(p), &now)
			if err == nil {
				return fmt.Errorf("%s is still there, with finalizers %q", client.ObjectKeyFromObject(p), now.Finalizers)
			}
			return client.IgnoreNotFound(err)
		})
	}
}
