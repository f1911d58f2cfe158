//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// restricted makes the API server refuse pods of a namespace that want more than they need.
var restricted = map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}

// createNamespace makes a namespace that refuses pods with too many rights, and removes it after the test.
func (w *world) createNamespace(t *testing.T, name string) {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: maps.Clone(restricted)}}
	require.NoError(t, w.objects.Create(t.Context(), namespace))
	t.Cleanup(func() { w.deleteNamespace(t, name) })
}

// deleteNamespace removes a namespace, and waits until it is gone.
func (w *world) deleteNamespace(t *testing.T, name string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	require.NoError(t, client.IgnoreNotFound(w.objects.Delete(ctx, namespace)))
	w.waitUntilGone(t, namespace)
}

// waitUntilGone waits until an object is gone, and fails saying how far it came.
func (w *world) waitUntilGone(t *testing.T, object client.Object) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	defer cancel()
	require.NoError(t, wait.Until(ctx, func(ctx context.Context) error {
		err := w.objects.Get(ctx, client.ObjectKeyFromObject(object), object)
		if err == nil {
			conditions := ""
			if namespace, is := object.(*corev1.Namespace); is {
				conditions = fmt.Sprintf("%+v", namespace.Status.Conditions)
			}
			return fmt.Errorf("%T %s is still there, finalizers %v %s", object, object.GetName(), object.GetFinalizers(), conditions)
		}
		return client.IgnoreNotFound(err)
	}))
}

// apply applies manifests as kubectl apply --server-side does, objects without a namespace in the given one.
func (w *world) apply(t *testing.T, namespace, manifests string) {
	t.Helper()
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifests), 4096)
	for {
		object := &unstructured.Unstructured{}
		if err := decoder.Decode(object); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		if object.GetNamespace() == "" {
			object.SetNamespace(namespace)
		}
		require.NoError(t, w.objects.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("kubectl"), client.ForceOwnership))
	}
}
