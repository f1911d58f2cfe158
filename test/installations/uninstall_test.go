package installations

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/controllerstest"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// testChartFirst is `helm uninstall`: the hook deletes the policies, stops the controller and releases. Then objects, and their
// namespace, go without anybody.
func testChartFirst(t *testing.T, cluster *controllerstest.Cluster) {
	team := cluster.CreateNamespace(t)
	i := install(t, cluster, team)
	i.createDeployment(t)
	policy := i.bindFinalizerPolicy(t, team)
	p := i.publish(t, team, "notes", "Notes")
	i.allowRelease(t)
	ended := i.playDeployment(t)
	said, err := i.release(t.Context(), i.kubeconfig, "--stop-controller="+lease, "--delete-policies="+policy+",not-there")
	<-ended
	want := "Deleted MutatingAdmissionPolicyBinding " + policy + ".\nDeleted MutatingAdmissionPolicy " + policy + ".\n" +
		"Stopped the controller of Deployment " + i.name() + ".\nReleased 1 prompts.\n"
	if err != nil || said != want {
		t.Errorf("release: %v\n%s\nwant\n%s", err, said, want)
	}
	left := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: i.namespace, Name: lease}}
	if err := cluster.Client.Get(t.Context(), client.ObjectKeyFromObject(left), left); !apierrors.IsNotFound(err) {
		t.Errorf("the Lease is left: %v %v", left, err)
	}
	want = "Stopped the controller of Deployment " + i.name() + ".\nReleased 0 prompts.\n"
	if said, err := i.release(t.Context(), i.kubeconfig, "--stop-controller="+lease, "--delete-policies="+policy); err != nil || said != want {
		t.Errorf("release, done again: %v\n%s", err, said)
	}
	late := cluster.CreatePrompt(t, controllerstest.NewPrompt(team, "late", "Nobody is there"))
	deleteNamespace(t, cluster, team)
	waitUntilGone(t, cluster, p, late)

	// Installed again over what was kept, it takes the namespace from the database, too.
	i.start(t)
	require.Eventually(t, func() error {
		if rows := i.rows(t); len(rows) > 1 { // EmptyList keeps more
			return fmt.Errorf("rows %q", rows)
		}
		return nil
	})
}

// testObjectsFirst: the controller removes the rows of objects that go while it runs, and then goes itself.
func testObjectsFirst(t *testing.T, cluster *controllerstest.Cluster) {
	team := cluster.CreateNamespace(t)
	i := install(t, cluster, team)
	i.createDeployment(t)
	p := i.publish(t, team, "notes", "Notes")
	require.NoError(t, cluster.Client.DeleteAllOf(t.Context(), &v1alpha1.Prompt{}, client.InNamespace(team)))
	waitUntilGone(t, cluster, p)
	wantRows(t, i)
	i.allowRelease(t)
	ended := i.playDeployment(t)
	said, err := i.release(t.Context(), i.kubeconfig, "--stop-controller="+lease)
	<-ended
	if want := "Stopped the controller of Deployment " + i.name() + ".\nReleased 0 prompts.\n"; err != nil || said != want {
		t.Errorf("release: %v\n%s", err, said)
	}
	deleteNamespace(t, cluster, team)
}

// testFailedUninstall: a controller that does not end, and a policy of somebody's own, keep the release from being half done; it
// is done when they are gone.
func testFailedUninstall(t *testing.T, cluster *controllerstest.Cluster) {
	team := cluster.CreateNamespace(t)
	i := install(t, cluster, team)
	i.createDeployment(t)
	own, foreign := i.bindFinalizerPolicy(t, team), i.bindFinalizerPolicy(t, team)
	p := i.publish(t, team, "notes", "Notes")
	i.allowRelease(t)
	uninstall := func(timeout string) (string, error) {
		return i.release(t.Context(), i.kubeconfig, "--stop-controller="+lease, "--delete-policies="+own, "--release-timeout="+timeout)
	}
	said, err := uninstall("4s")
	if want := "lectern: not done after 4s (--release-timeout): wait until the controller has ended: "; err == nil || !strings.Contains(said, want) ||
		!strings.Contains(said, "run it again, what is done stays done") {
		t.Errorf("release beside a controller that does not end: %v\n%s\nwant %s", err, said, want)
	}
	<-i.playDeployment(t) // it was scaled down
	said, err = uninstall("1m")
	if want := "delete its binding first: kubectl delete mutatingadmissionpolicybinding " + foreign; err == nil || !strings.Contains(said, want) {
		t.Errorf("release under another's policy: %v\n%s\nwant %s", err, said, want)
	}
	if now := i.GetPrompt(t, promptobject.KeyOf(p)); len(now.Finalizers) != 1 || now.Status.Controller != i.name() {
		t.Errorf("the prompt was released: finalizers %q, controller %q", now.Finalizers, now.Status.Controller)
	}
	_, err = cluster.Kubectl(t.Context(), "delete", "mutatingadmissionpolicybinding", foreign)
	require.NoError(t, err)
	if said, err = uninstall("1m"); err != nil || !strings.HasSuffix(said, "Released 1 prompts.\n") {
		t.Errorf("release, at last: %v\n%s", err, said)
	}
	deleteNamespace(t, cluster, team)
}

// testNamespaceOfObjects: the RoleBinding goes before the objects, and Postgres is away. The namespace ends all the same.
func testNamespaceOfObjects(t *testing.T, cluster *controllerstest.Cluster) {
	team, other := cluster.CreateNamespace(t), cluster.CreateNamespace(t)
	i := prepare(t, cluster, team, other)
	forwarder, err := testenv.StartForwarder(i.database.URL)
	require.NoError(t, err)
	i.route = forwarder.Route
	i.start(t, "--release-timeout=4s")
	p := i.publish(t, team, "notes", "Notes")
	require.NoError(t, forwarder.Stop())
	deleteNamespace(t, cluster, team)
	waitUntilGone(t, cluster, p)
	wantRows(t, i, team+"/notes") // until a comparison with the database back
}

// testNamespaceOfBoth: pods go first, so nobody is left to let the objects go. One command does, which may be run by whoever
// deletes namespaces.
func testNamespaceOfBoth(t *testing.T, cluster *controllerstest.Cluster) {
	i, p := deleteBoth(t, cluster)
	// The Lease of a controller that was killed is good for a while, which --stop-controller waits for; its Deployment may be gone.
	require.NoError(t, cluster.Client.Delete(t.Context(), &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: i.namespace, Name: lease}}))
	said, err := i.release(t.Context(), cluster.Kubeconfig, "--stop-controller="+lease)
	if err != nil || !strings.HasSuffix(said, "Released 2 prompts.\n") {
		t.Errorf("release: %v\n%s", err, said)
	}
	waitUntilGone(t, cluster, p)
	deleteNamespace(t, cluster, i.namespace)
}

// testNamespaceOfBothByKubectl runs the command that docs/operations.md has for whoever has kubectl alone.
func testNamespaceOfBothByKubectl(t *testing.T, cluster *controllerstest.Cluster) {
	i, p := deleteBoth(t, cluster)
	root, err := testenv.Root()
	require.NoError(t, err)
	page, err := os.ReadFile(filepath.Join(root, "docs", "operations.md"))
	require.NoError(t, err)
	_, script, found := strings.Cut(string(page), "```sh\nkubectl get prompts -n NAMESPACE -o name")
	script, _, closed := strings.Cut(script, "```")
	if !found || !closed {
		t.Fatal("docs/operations.md has no command for kubectl alone")
	}
	script = strings.ReplaceAll("kubectl get prompts -n NAMESPACE -o name"+script, "NAMESPACE", i.namespace)
	command := exec.CommandContext(t.Context(), "sh", "-c", script)
	command.Env = append(os.Environ(), "KUBECONFIG="+cluster.Kubeconfig, "KUBECACHEDIR="+t.TempDir(), "PATH="+cluster.Assets+":"+os.Getenv("PATH"))
	if said, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
	waitUntilGone(t, cluster, p)
	deleteNamespace(t, cluster, i.namespace)
}

// deleteBoth begins to delete the namespace of an installation, in which its prompt is as well: the controller is gone, the prompt held.
func deleteBoth(t *testing.T, cluster *controllerstest.Cluster) (*installation, *v1alpha1.Prompt) {
	t.Helper()
	i := prepare(t, cluster)
	i.watched = []string{i.namespace}
	i.createRole(t, i.namespace, i.clusterWideName(), whereWatched)
	i.start(t, "--leader-election-lease-duration=6s", "--leader-election-renew-deadline=4s")
	i.createDeployment(t)
	i.createServerPod(t)
	p := i.publish(t, i.namespace, "notes", "Notes")
	i.publish(t, i.namespace, "more", "More")
	i.kill()
	deleteContent(t, cluster, i.namespace)
	if now := i.GetPrompt(t, promptobject.KeyOf(p)); now.DeletionTimestamp.IsZero() || len(now.Finalizers) != 1 {
		t.Errorf("the prompt has finalizers %q and deletion %v", now.Finalizers, now.DeletionTimestamp)
	}
	return i, p
}

// testCRDDeletion: the API server deletes every object, and waits for their finalizers.
func testCRDDeletion(t *testing.T, cluster *controllerstest.Cluster, running bool) {
	i := install(t, cluster)
	team := cluster.CreateNamespace(t)
	for n := range 5 {
		i.publish(t, team, fmt.Sprintf("p-%d", n), "Text")
	}
	if !running {
		i.stop()
	}
	_, err := cluster.Kubectl(t.Context(), "delete", "crd", "prompts.lectern.dev", "--wait=false")
	require.NoError(t, err)
	if !running {
		said, err := i.release(t.Context(), cluster.Kubeconfig)
		if err != nil || said != "Released 5 prompts.\n" {
			t.Errorf("release: %v\n%s", err, said)
		}
	}
	_, err = cluster.Kubectl(t.Context(), "wait", "--for=delete", "crd", "prompts.lectern.dev", "--timeout=60s")
	require.NoError(t, err)
	if running {
		wantRows(t, i)
		i.stop()
	}
	said, err := i.release(t.Context(), cluster.Kubeconfig)
	if err != nil || said != "The API server knows no prompts: there is nothing to release.\n" {
		t.Errorf("release without CRD: %v\n%s", err, said)
	}
}

// createDeployment makes the Deployment of the controller, of which nobody makes pods here.
func (i *installation) createDeployment(t *testing.T) {
	t.Helper()
	labels := map[string]string{"app.kubernetes.io/component": "controller"}
	require.NoError(t, i.Client.Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: i.namespace, Name: lease},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "controller", Image: "lectern"}}},
			},
		},
	}))
}

// createServerPod makes a pod of another Deployment, which nobody has to wait for.
func (i *installation) createServerPod(t *testing.T) {
	t.Helper()
	isController := true
	pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "server", Image: "lectern"}}}}
	pod.Namespace, pod.Name, pod.Labels = i.namespace, "lectern-server-1", map[string]string{"app.kubernetes.io/component": "server"}
	pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "lectern-server", UID: "1", Controller: &isController}}
	require.NoError(t, i.Client.Create(t.Context(), pod))
}

// playDeployment ends the controller, as its pod, once the Deployment is scaled to zero. It closes what it returns then.
func (i *installation) playDeployment(t *testing.T) <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		err := wait.Until(context.Background(), func(ctx context.Context) error {
			var d appsv1.Deployment
			if err := i.Client.Get(ctx, client.ObjectKey{Namespace: i.namespace, Name: lease}, &d); err != nil {
				return err
			}
			if *d.Spec.Replicas != 0 {
				return errors.New("the Deployment is not scaled to zero")
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		i.stop()
	}()
	return ended
}

// bindFinalizerPolicy installs config/policies/finalizer under a name of its own, bound to one namespace, and returns the name.
func (i *installation) bindFinalizerPolicy(t *testing.T, namespace string) string {
	t.Helper()
	root, err := testenv.Root()
	require.NoError(t, err)
	prefix := i.CreateNamespace(t) + "-" // which nobody else has
	folder := t.TempDir()
	from, err := filepath.Rel(folder, filepath.Join(root, "config", "policies", "finalizer"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "kustomization.yaml"), fmt.Appendf(nil, `
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namePrefix: %s
resources: [%s]
patches:
- target: {kind: MutatingAdmissionPolicyBinding}
  patch: |
    - op: add
      path: /spec/matchResources
      value: {namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [%s]}]}}
`, prefix, from, namespace), 0o600))
	_, err = i.Kubectl(t.Context(), "apply", "--kustomize="+folder)
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := i.Kubectl(context.Background(), "delete", "--ignore-not-found", "--kustomize="+folder)
		require.NoError(t, err)
	})
	// Until the API server has read the definitions, which it does each 5 s, it refuses prompts under the policy.
	require.Eventually(t, func() error {
		p := controllerstest.NewPrompt(namespace, "probe", "Whether the policy is applied")
		if err := i.Client.Create(t.Context(), p, client.DryRunAll); err != nil {
			return err
		}
		if !slices.Contains(p.Finalizers, v1alpha1.PromptFinalizer) {
			return errors.New("the policy is not applied yet")
		}
		return nil
	})
	return prefix + "lectern-finalizer"
}

// deleteNamespace deletes a namespace as a cluster does, and waits until it is gone: nothing of it is held.
func deleteNamespace(t *testing.T, cluster *controllerstest.Cluster, name string) {
	t.Helper()
	deleteContent(t, cluster, name)
	require.Eventually(t, func() error {
		var left v1alpha1.PromptList
		if err := cluster.Client.List(t.Context(), &left, client.InNamespace(name)); err != nil || len(left.Items) > 0 {
			return fmt.Errorf("%d prompts are left in the namespace: %w", len(left.Items), err)
		}
		return nil
	})
	core, err := kubernetes.NewForConfig(cluster.Config)
	require.NoError(t, err)
	ns, err := core.CoreV1().Namespaces().Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	ns.Spec.Finalizers = nil
	_, err = core.CoreV1().Namespaces().Finalize(t.Context(), ns, metav1.UpdateOptions{})
	require.NoError(t, err)
}

// deleteContent has a namespace terminate, and deletes what is in it in the order that is worst: first the rights of the controller.
func deleteContent(t *testing.T, cluster *controllerstest.Cluster, namespace string) {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	require.NoError(t, client.IgnoreNotFound(cluster.Client.Delete(t.Context(), ns)))
	for _, kind := range []client.Object{&rbacv1.RoleBinding{}, &rbacv1.Role{}, &v1alpha1.Prompt{}} {
		require.NoError(t, cluster.Client.DeleteAllOf(t.Context(), kind, client.InNamespace(namespace)))
	}
}
