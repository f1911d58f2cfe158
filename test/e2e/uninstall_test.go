//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// testUninstall removes the chart before the objects. What is left is what NOTES lists, and a release of the same name goes on with it.
func (r release) testUninstall(t *testing.T) {
	notes := r.run(t, "status")
	begun := time.Now()
	r.uninstall(t)
	took := time.Since(begun)
	want := []string{
		"PersistentVolumeClaim/data-" + r.fullName() + "-postgres-0", "PersistentVolumeClaim/" + r.fullName() + "-backup",
		"Secret/" + r.fullName() + "-server-database", "Secret/" + r.fullName() + "-trial",
		"CustomResourceDefinition/prompts.lectern.dev", "CustomResourceDefinition/sdpconnections.lectern.dev",
	}
	if diff := cmp.Diff(want, r.leftovers(t)); diff != "" {
		t.Errorf("what is left (-wanted +there):\n%s", diff)
	}
	for _, left := range want {
		_, name, _ := strings.Cut(left, "/")
		if !strings.Contains(notes, name) {
			t.Errorf("NOTES do not list %s:\n%s", left, notes)
		}
	}
	var all v1alpha1.PromptList
	require.NoError(t, r.objects.List(t.Context(), &all, client.InNamespace(prompts)))
	for i := range all.Items {
		if p := &all.Items[i]; len(p.Finalizers) > 0 {
			t.Errorf("%s still has the finalizers %v", p.Name, p.Finalizers)
		}
	}
	before := published(t, all.Items, "greeting")
	r.record(t, "helm uninstall with %d prompts left: %.0f s, left are %s", len(all.Items), took.Seconds(), strings.Join(want, ", "))

	r.install(t, r.values()...)
	r.waitUntilPublished(t, prompts, "greeting")
	var p v1alpha1.Prompt
	require.NoError(t, r.objects.Get(t.Context(), client.ObjectKey{Namespace: prompts, Name: "greeting"}, &p))
	if after := published(t, []v1alpha1.Prompt{p}, "greeting"); after != before {
		t.Errorf("the release after it serves version %d, before it was %d", after, before)
	}
	r.record(t, "installed again over what was kept: the same version %d is served", before)
	r.uninstall(t)
}

// published returns the version that an object's status says is the newest.
func published(t *testing.T, all []v1alpha1.Prompt, name string) int64 {
	t.Helper()
	for i := range all {
		if all[i].Name == name {
			return all[i].Status.Version
		}
	}
	t.Fatalf("there is no %s", name)
	return 0
}

// TestUninstallOrders takes things away in other orders: nothing may be left in Terminating.
func TestUninstallOrders(t *testing.T) {
	r := release{world: cluster, name: "orders", namespace: "orders"}
	r.createNamespace(t, r.namespace)
	r.createNamespace(t, "objects")
	r.createNamespace(t, "more-objects")
	r.installOverKept(t, r.values("--set", "watch.namespaces={objects,more-objects}", "--set", "controller.releaseTimeout=20s")...)
	for _, namespace := range []string{"objects", "more-objects"} {
		r.apply(t, namespace, greeting)
		r.waitUntilPublished(t, namespace, "greeting")
	}

	t.Run("a namespace of objects while Postgres is away", func(t *testing.T) {
		postgres := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: r.namespace, Name: r.fullName() + "-postgres"}}
		require.NoError(t, r.objects.Patch(t.Context(), postgres, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"replicas":0}}`))))
		r.waitUntilGone(t, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: r.namespace, Name: postgres.Name + "-0"}})
		begun := time.Now()
		r.deleteNamespace(t, "more-objects")
		r.record(t, "with controller.releaseTimeout=20s the namespace is gone after %.0f s", time.Since(begun).Seconds())
		require.NoError(t, r.objects.Patch(t.Context(), postgres, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"replicas":1}}`))))
		r.waitForRollout(t, r.namespace, r.fullName()+"-controller")
		r.waitForRollout(t, r.namespace, r.fullName()+"-server")
	})
	t.Run("the custom resource definition", func(t *testing.T) {
		crd := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: "prompts.lectern.dev"}}
		begun := time.Now()
		require.NoError(t, r.objects.Delete(t.Context(), crd))
		r.waitUntilGone(t, crd)
		r.record(t, "deleted with an object in it, while the controller runs: gone after %.0f s", time.Since(begun).Seconds())
		r.run(t, "upgrade", append([]string{chart, "--wait", "--timeout", "5m"}, r.values("--set", "watch.namespaces={objects}", "--set", "controller.releaseTimeout=20s")...)...)
	})
	t.Run("objects before the chart", func(t *testing.T) {
		r.apply(t, "objects", greeting)
		r.waitUntilPublished(t, "objects", "greeting")
		r.deleteNamespace(t, "objects")
		begun := time.Now()
		r.uninstall(t)
		r.record(t, "the namespace of objects, then the chart, whose uninstall took %.0f s", time.Since(begun).Seconds())
	})
}

// TestNamespaceOfAll deletes the namespace that holds the release and its objects both: the controller is gone first, and
// docs/operations.md has the command that ends it.
func TestNamespaceOfAll(t *testing.T) {
	r := release{world: cluster, name: "all", namespace: "all"}
	r.createNamespace(t, r.namespace)
	r.installOverKept(t, r.values("--set", "watch.namespaces={all}")...)
	r.apply(t, r.namespace, greeting)
	r.waitUntilPublished(t, r.namespace, "greeting")
	begun := time.Now()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: r.namespace}}
	require.NoError(t, r.objects.Delete(t.Context(), namespace))
	pods := client.MatchingLabels{"app.kubernetes.io/instance": r.name}
	eventually(t, "the end of all pods", func(ctx context.Context) error {
		left, err := r.listPods(ctx, r.namespace, pods)
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("%d pods are left", len(left))
		}
		return err
	})
	held := "by itself"
	p := &v1alpha1.Prompt{ObjectMeta: metav1.ObjectMeta{Namespace: r.namespace, Name: "greeting"}}
	if err := r.objects.Get(t.Context(), client.ObjectKeyFromObject(p), p); err == nil && len(p.Finalizers) > 0 {
		held = "after the documented command"
		require.NoError(t, r.objects.Patch(t.Context(), p, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))))
	}
	r.waitUntilGone(t, namespace)
	r.record(t, "a namespace with the release and a prompt: gone %s, %.0f s after it was deleted", held, time.Since(begun).Seconds())

	// Nobody uninstalls a release whose record is gone: what it had in the cluster goes by its label.
	for _, kind := range []client.Object{&rbacv1.ClusterRoleBinding{}, &rbacv1.ClusterRole{}} {
		require.NoError(t, r.objects.DeleteAllOf(t.Context(), kind, pods))
	}
	if diff := cmp.Diff([]string{"CustomResourceDefinition/prompts.lectern.dev", "CustomResourceDefinition/sdpconnections.lectern.dev"}, r.leftovers(t)); diff != "" {
		t.Errorf("what is left (-wanted +there):\n%s", diff)
	}
}
