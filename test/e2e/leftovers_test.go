//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// ignoredKinds come and go by themselves, or are the cluster's.
var ignoredKinds = []string{
	"Event", "Pod", "EndpointSlice", "Endpoints", "PodMetrics", "ControllerRevision",
	"APIService", "ComponentStatus", "CSINode", "Namespace", "Node", "PersistentVolume",
}

// listEverything returns kind and name of all objects of a namespace, or of all that are in none, that keep takes.
func (w *world) listEverything(t *testing.T, namespace string, keep func(kind string, object *unstructured.Unstructured) bool) []string {
	t.Helper()
	client, err := discovery.NewDiscoveryClientForConfig(w.config)
	require.NoError(t, err)
	lists, err := client.ServerPreferredResources()
	require.NoError(t, err)
	objects, err := dynamic.NewForConfig(w.config)
	require.NoError(t, err)
	var found []string
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		require.NoError(t, err)
		for _, resource := range list.APIResources {
			if resource.Namespaced != (namespace != "") || !slices.Contains(resource.Verbs, "list") || slices.Contains(ignoredKinds, resource.Kind) {
				continue
			}
			items, err := objects.Resource(version.WithResource(resource.Name)).Namespace(namespace).List(t.Context(), metav1.ListOptions{})
			require.NoError(t, err)
			for i := range items.Items {
				if keep(resource.Kind, &items.Items[i]) {
					found = append(found, fmt.Sprintf("%s/%s", resource.Kind, items.Items[i].GetName()))
				}
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// leftovers returns what is in the release's namespace, beside what every namespace has, and what of the cluster is the release's or
// Lectern's.
func (r release) leftovers(t *testing.T) []string {
	t.Helper()
	inside := r.listEverything(t, r.namespace, func(kind string, object *unstructured.Unstructured) bool {
		everywhere := kind == "ServiceAccount" && object.GetName() == "default" || kind == "ConfigMap" && object.GetName() == "kube-root-ca.crt"
		return !everywhere
	})
	outside := r.listEverything(t, "", func(_ string, object *unstructured.Unstructured) bool {
		return strings.Contains(object.GetName(), "lectern")
	})
	return append(inside, outside...)
}
