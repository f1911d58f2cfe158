//go:build e2e

package e2e

import (
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestTwoReleases installs one release by Helm 3, moves it to Helm 4, and installs another beside it.
func TestTwoReleases(t *testing.T) {
	one := release{world: cluster, name: "one", namespace: "one", program: cluster.helm3}
	two := release{world: cluster, name: "two", namespace: "two"}
	for _, namespace := range []string{"one", "two", "prompts-one", "prompts-two"} {
		one.createNamespace(t, namespace)
	}
	took := one.installOverKept(t, one.values("--set", "watch.namespaces={prompts-one}")...)
	one.record(t, "helm install --wait (Helm 3): %.0f s", took.Seconds())
	one.program = cluster.helm
	one.run(t, "upgrade", append([]string{chart, "--wait", "--timeout", "5m", "--take-ownership"}, one.values("--set", "watch.namespaces={prompts-one}")...)...)
	one.record(t, "helm upgrade --wait --take-ownership (Helm 4) of what Helm 3 installed: done")

	bounded := two.values("--set", "watch.namespaces={prompts-two}")
	if output, err := two.try(t.Context(), "install", append([]string{chart}, bounded...)...); err == nil || !strings.Contains(output, "prompts.lectern.dev") {
		t.Errorf("a second release with the CRD was answered %v: %s", err, output)
	}
	two.install(t, append(bounded, "--set", "crds.enabled=false", "--set", "roles.enabled=false")...)
	for _, namespace := range []string{"prompts-one", "prompts-two"} {
		one.apply(t, namespace, greeting)
		one.waitUntilPublished(t, namespace, "greeting")
	}
	one.uninstall(t)
	two.apply(t, "prompts-two", strings.ReplaceAll(greeting, "Greet {{name}}.", "Greet {{name}} again."))
	two.waitUntilPublished(t, "prompts-two", "greeting")
	var p v1alpha1.Prompt
	require.NoError(t, two.objects.Get(t.Context(), client.ObjectKey{Namespace: "prompts-two", Name: "greeting"}, &p))
	if p.Status.Version != 2 {
		t.Errorf("the second release published %d versions", p.Status.Version)
	}
	two.record(t, "two releases: a second one with the CRD is refused, without it both publish, and one goes without the other noticing")
	two.uninstall(t)
}
