package secrets

import (
	"context"
	"os"
	"sync"
	"testing"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// startPlane starts the API server of all tests, once.
var startPlane = sync.OnceValues(func() (*testenv.ControlPlane, error) {
	return testenv.StartControlPlane(context.Background(), testenv.ControlPlaneOptions{})
})

func TestMain(m *testing.M) {
	ctrl.SetLogger(logr.Discard())
	code := pgtest.Main(stoppingPlane{m})
	os.Exit(code)
}

// stoppingPlane stops the API server before it is looked for what was left behind.
type stoppingPlane struct{ *testing.M }

func (m stoppingPlane) Run() int {
	code := m.M.Run()
	if plane, err := startPlane(); err == nil {
		plane.Stop()
	}
	return code
}

// newClient returns a client of the API server of all tests.
func newClient(t *testing.T) client.Client {
	t.Helper()
	plane, err := startPlane()
	require.NoError(t, err)
	scheme := runtime.NewScheme()
	require.NoError(t, clientgoscheme.AddToScheme(scheme))
	c, err := client.New(plane.Config, client.Options{Scheme: scheme})
	require.NoError(t, err)
	return c
}

// newNamespace makes a namespace with a Deployment for one test.
func newNamespace(t *testing.T) *Namespace {
	t.Helper()
	api := newClient(t)
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	require.NoError(t, api.Create(t.Context(), ns))
	n := &Namespace{Name: ns.Name, API: api, Log: logr.Discard()}
	createDeployment(t, n)
	require.NoError(t, n.FindOwner(t.Context(), "controller"))
	return n
}

func createDeployment(t *testing.T, n *Namespace) {
	t.Helper()
	labels := map[string]string{"app": "controller"}
	require.NoError(t, n.API.Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: n.Name, Name: "controller"},
		Spec: appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}},
		}},
	}))
}

// create makes a Secret as somebody else does.
func create(t *testing.T, n *Namespace, name string, change func(*corev1.Secret)) *corev1.Secret {
	t.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: n.Name, Name: name}, Data: map[string][]byte{}}
	change(secret)
	require.NoError(t, n.API.Create(t.Context(), secret))
	return secret
}

func get(t *testing.T, n *Namespace, name string) *corev1.Secret {
	t.Helper()
	secret, err := n.Get(t.Context(), name)
	require.NoError(t, err)
	return secret
}

// edit changes a Secret as `kubectl edit` does.
func edit(t *testing.T, n *Namespace, name string, change func(*corev1.Secret)) {
	t.Helper()
	secret := get(t, n, name)
	before := secret.DeepCopy()
	change(secret)
	require.NoError(t, n.API.Patch(t.Context(), secret, client.MergeFrom(before)))
}

func texts(values map[string][]byte) map[string]string {
	said := map[string]string{}
	for key, value := range values {
		said[key] = string(value)
	}
	return said
}
