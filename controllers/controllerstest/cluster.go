package controllerstest

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// Cluster is an API server that knows prompts, and nothing that works on them.
type Cluster struct {
	*testenv.ControlPlane
	Client client.Client
}

// StartCluster starts one for as long as the test runs.
func StartCluster(t *testing.T) *Cluster {
	t.Helper()
	plane, err := testenv.StartControlPlane(t.Context(), testenv.ControlPlaneOptions{})
	require.NoError(t, err)
	t.Cleanup(plane.Stop)
	scheme := runtime.NewScheme()
	require.NoError(t, clientgoscheme.AddToScheme(scheme))
	require.NoError(t, v1alpha1.AddToScheme(scheme))
	c, err := client.New(plane.Config, client.Options{Scheme: scheme})
	require.NoError(t, err)
	return &Cluster{ControlPlane: plane, Client: c}
}

// CreateNamespace makes a namespace for one test, and returns its name.
func (c *Cluster) CreateNamespace(t *testing.T) string {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	require.NoError(t, c.Client.Create(t.Context(), ns))
	return ns.Name
}

// NewPrompt builds a prompt of one text.
func NewPrompt(namespace, name, text string) *v1alpha1.Prompt {
	return &v1alpha1.Prompt{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.PromptSpec{Text: text},
	}
}

// CreatePrompt creates the object and returns it.
func (c *Cluster) CreatePrompt(t *testing.T, p *v1alpha1.Prompt) *v1alpha1.Prompt {
	t.Helper()
	require.NoError(t, c.Client.Create(t.Context(), p))
	return p
}

// EditPrompt changes an object as `kubectl edit` would.
func (c *Cluster) EditPrompt(t *testing.T, p *v1alpha1.Prompt, change func(*v1alpha1.Prompt)) {
	t.Helper()
	before := p.DeepCopy()
	change(p)
	require.NoError(t, c.Client.Patch(t.Context(), p, client.MergeFrom(before)))
}

// GetPrompt reads an object as it is now.
func (c *Cluster) GetPrompt(t *testing.T, key store.Key) *v1alpha1.Prompt {
	t.Helper()
	var p v1alpha1.Prompt
	require.NoError(t, c.Client.Get(t.Context(), client.ObjectKey{Namespace: key.Namespace, Name: key.Name}, &p))
	return &p
}
