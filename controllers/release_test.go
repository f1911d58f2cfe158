package controllers

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/controllerstest"
	reconciler "github.com/lectern-dev/lectern/controllers/prompt"
	"github.com/lectern-dev/lectern/controllers/status"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestReconcile_ReleasesWhileTheDatabaseIsAway runs the reconciler by hand, because nobody waits ten minutes for a
// test: the clock is the only thing here that is not real.
func TestReconcile_ReleasesWhileTheDatabaseIsAway(t *testing.T) {
	plane, err := testenv.StartControlPlane(t.Context(), testenv.ControlPlaneOptions{})
	require.NoError(t, err)
	t.Cleanup(plane.Stop)
	scheme, err := newScheme()
	require.NoError(t, err)
	cluster, err := client.New(plane.Config, client.Options{Scheme: scheme})
	require.NoError(t, err)
	port, err := testenv.FreePort() // nobody listens there
	require.NoError(t, err)
	away, err := postgres.Open(t.Context(), postgres.Options{Host: "127.0.0.1", Port: uint16(port), Database: "none", User: "none"})
	require.NoError(t, err)
	t.Cleanup(away.Close)

	p := newPrompt("default", "held", "Hello")
	p.Finalizers = []string{v1alpha1.PromptFinalizer}
	require.NoError(t, cluster.Create(t.Context(), p))
	require.NoError(t, cluster.Delete(t.Context(), p))
	require.NoError(t, cluster.Get(t.Context(), client.ObjectKeyFromObject(p), p))

	deleted := p.DeletionTimestamp.Time
	recorder := events.NewFakeRecorder(10)
	reconcileAt := func(now time.Time) error {
		r := reconciler.Reconciler{
			Client: cluster, Live: cluster, Store: away.Writer("cluster"),
			Status: status.Writer{Client: cluster, Recorder: recorder},
			Clock:  clocktesting.NewFakeClock(now), ReleaseTimeout: 10 * time.Minute,
		}
		_, err := r.Reconcile(t.Context(), p)
		return err
	}

	if err := reconcileAt(deleted.Add(9*time.Minute + 29*time.Second)); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("a second before the end: %v, want %v", err, store.ErrUnavailable)
	}
	require.NoError(t, cluster.Get(t.Context(), client.ObjectKeyFromObject(p), p))
	if got, want := readyMessage(p), "the database cannot be reached; what is served stays as it was, trying again"; got != want {
		t.Errorf("meanwhile the object says %q, want %q", got, want)
	}
	require.NoError(t, reconcileAt(deleted.Add(9*time.Minute+30*time.Second)))
	if err := cluster.Get(t.Context(), client.ObjectKeyFromObject(p), p); !apierrors.IsNotFound(err) {
		t.Errorf("after ten minutes the object is still held (%v)", err)
	}
	var said []string
	for len(recorder.Events) > 0 {
		said = append(said, <-recorder.Events)
	}
	if len(said) != 2 || !strings.HasPrefix(said[1], "Warning Released ") {
		t.Errorf("events: %q", said)
	}
}

// TestRelease_RefusesWhileTheFinalizerIsSet installs the policy as an operator may: under a name of his own.
func TestRelease_RefusesWhileTheFinalizerIsSet(t *testing.T) {
	cluster := controllerstest.StartCluster(t)
	p := cluster.CreatePrompt(t, newPrompt("default", "kept", "Hello"))
	cluster.EditPrompt(t, p, func(p *v1alpha1.Prompt) { p.Finalizers = []string{v1alpha1.PromptFinalizer} })
	overlay := filepath.Join("testdata", "renamed-policy")
	_, err := cluster.Kubectl(t.Context(), "apply", "--kustomize="+overlay)
	require.NoError(t, err)

	release := func(kubeconfig string) (string, error) { return executeRelease(t, kubeconfig) }
	wantHeld := func() {
		t.Helper()
		if now := cluster.GetPrompt(t, promptobject.KeyOf(p)); len(now.Finalizers) != 1 {
			t.Errorf("the prompt has finalizers %q", now.Finalizers)
		}
	}
	want := "an admission policy sets the finalizer on every new prompt, and nobody would drop it; delete its binding first: " +
		"kubectl delete mutatingadmissionpolicybinding acme-lectern-finalizer"
	if _, err := release(cluster.Kubeconfig); err == nil || err.Error() != want {
		t.Errorf("while the policy is bound: %v; want %s", err, want)
	}
	wantHeld()

	grantController(t, cluster)
	require.Eventually(t, func() error { // until the API server knows the rights
		if _, err := release(cluster.ControllerKubeconfig); err == nil || err.Error() != want {
			return fmt.Errorf("with the controller's own rights: %w; want %s", err, want)
		}
		return nil
	})
	_, err = cluster.Kubectl(t.Context(), "patch", "clusterrole", "lectern-controller", "--type=json",
		`--patch=[{"op":"replace","path":"/rules/1/verbs","value":["get"]}]`)
	require.NoError(t, err)
	require.Eventually(t, func() error {
		_, err := release(cluster.ControllerKubeconfig)
		if err == nil || !strings.HasPrefix(err.Error(), "look for a policy that sets the finalizer: ") {
			return fmt.Errorf("where nobody may look: %w", err)
		}
		return nil
	})
	wantHeld()

	_, err = cluster.Kubectl(t.Context(), "delete", "mutatingadmissionpolicybinding", "acme-lectern-finalizer")
	require.NoError(t, err)
	ours, others := createHeldConnection(t, cluster, "ours", "default/"+defaultLeaseName), createHeldConnection(t, cluster, "others", "other/lease")
	said, err := release(cluster.Kubeconfig)
	if want := "Released 1 connections.\nLeft 1 connections alone, which other/lease reconciles.\nReleased 1 prompts.\n"; err != nil || said != want {
		t.Errorf("once it is not bound any more: %q, %v; want %q", said, err, want)
	}
	for c, want := range map[*v1alpha1.SDPConnection]int{ours: 0, others: 1} {
		require.NoError(t, cluster.Client.Get(t.Context(), client.ObjectKeyFromObject(c), c))
		if len(c.Finalizers) != want {
			t.Errorf("connection %s has finalizers %q", c.Name, c.Finalizers)
		}
	}
}

// executeRelease runs the command, and returns what it says.
func executeRelease(t *testing.T, kubeconfig string) (string, error) {
	t.Helper()
	var said strings.Builder
	c := ReleaseCommand()
	c.SilenceUsage, c.SilenceErrors = true, true
	c.SetOut(&said)
	c.SetArgs([]string{"--all", "--kubeconfig=" + kubeconfig, "--leader-election-namespace=default"})
	err := c.ExecuteContext(t.Context())
	return said.String(), err
}

// TestRelease_RoleOfBeforeConnections: an account that may not list connections releases prompts, and says what it left.
func TestRelease_RoleOfBeforeConnections(t *testing.T) {
	cluster := controllerstest.StartCluster(t)
	p := cluster.CreatePrompt(t, newPrompt("default", "kept", "Hello"))
	cluster.EditPrompt(t, p, func(p *v1alpha1.Prompt) { p.Finalizers = []string{v1alpha1.PromptFinalizer} })
	c := createHeldConnection(t, cluster, "held", "default/"+defaultLeaseName)
	grantController(t, cluster)
	var role rbacv1.ClusterRole
	require.NoError(t, cluster.Client.Get(t.Context(), client.ObjectKey{Name: "lectern-controller"}, &role))
	role.Rules = slices.DeleteFunc(role.Rules, func(r rbacv1.PolicyRule) bool { return slices.Contains(r.Resources, "sdpconnections") })
	require.NoError(t, cluster.Client.Update(t.Context(), &role))
	mayList := func(resource string) bool {
		review := authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User:               testenv.ControllerUser,
			ResourceAttributes: &authorizationv1.ResourceAttributes{Group: v1alpha1.GroupVersion.Group, Resource: resource, Verb: "list"},
		}}
		require.NoError(t, cluster.Client.Create(t.Context(), &review))
		return review.Status.Allowed
	}
	require.Until(t, "the API server knows the rights", func() bool { return mayList("prompts") && !mayList("sdpconnections") })
	said, err := executeRelease(t, cluster.ControllerKubeconfig)
	require.NoError(t, err)
	if !strings.HasPrefix(said, "This account may not list connections, so none is released: ") || !strings.HasSuffix(said, "Released 1 prompts.\n") {
		t.Errorf("it says %q", said)
	}
	if now := cluster.GetPrompt(t, promptobject.KeyOf(p)); len(now.Finalizers) != 0 {
		t.Errorf("the prompt has finalizers %q", now.Finalizers)
	}
	require.NoError(t, cluster.Client.Get(t.Context(), client.ObjectKeyFromObject(c), c))
	if len(c.Finalizers) != 1 {
		t.Errorf("the connection has finalizers %q", c.Finalizers)
	}
}

// createHeldConnection makes a connection whose finalizer a controller has set.
func createHeldConnection(t *testing.T, cluster *controllerstest.Cluster, name, controller string) *v1alpha1.SDPConnection {
	t.Helper()
	c := &v1alpha1.SDPConnection{Spec: v1alpha1.SDPConnectionSpec{
		Edition: v1alpha1.EditionCloud, DataCenter: v1alpha1.DataCenterEU, Credentials: v1alpha1.CredentialsReference{SecretName: "oauth"},
	}}
	c.Namespace, c.Name, c.Finalizers = "default", name, []string{v1alpha1.SDPConnectionFinalizer}
	require.NoError(t, cluster.Client.Create(t.Context(), c, client.FieldOwner(controller)))
	return c
}

// grantController gives the controller's user the rights of config/rbac.
func grantController(t *testing.T, cluster *controllerstest.Cluster) {
	t.Helper()
	for _, args := range [][]string{
		{"create", "namespace", testenv.SystemNamespace}, {"apply", "--kustomize=../config/rbac"},
		{"create", "clusterrolebinding", testenv.ControllerUser, "--clusterrole=lectern-controller", "--user=" + testenv.ControllerUser},
		{"create", "role", "leases", "--namespace=default", "--verb=get", "--resource=leases.coordination.k8s.io"},
		{"create", "rolebinding", "leases", "--namespace=default", "--role=leases", "--user=" + testenv.ControllerUser},
	} {
		_, err := cluster.Kubectl(t.Context(), args...)
		require.NoError(t, err)
	}
}
