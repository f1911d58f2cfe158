//go:build e2e

package e2e

import (
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// helmOwned is one of the sample prompts.
const helmOwned = "reply-draft"

// testSamples installs prompts by Helm, which waits until they are served.
func (r release) testSamples(t *testing.T) {
	samples := release{world: r.world, name: "samples", namespace: prompts}
	begun := time.Now()
	samples.run(t, "install", samplesChart, "--wait", "--timeout", "2m")
	took := time.Since(begun)
	var all v1alpha1.PromptList
	require.NoError(t, r.objects.List(t.Context(), &all, client.InNamespace(prompts)))
	for i := range all.Items {
		require.NoError(t, checkPublished(&all.Items[i]))
	}
	if len(all.Items) < 3 {
		t.Errorf("the samples are %d prompts", len(all.Items))
	}
	r.record(t, "helm install --wait of the samples chart: %d prompts Ready in %.1f s", len(all.Items), took.Seconds())
}

// testInvalidSample installs a prompt whose template is wrong: Helm need not wait for what will not come.
func (r release) testInvalidSample(t *testing.T) {
	broken := release{world: r.world, name: "broken", namespace: prompts}
	begun := time.Now()
	output, err := broken.try(t.Context(), "install", samplesChart, "--wait", "--timeout", "2m", "--set", "samples.enabled=false",
		"--set-json", `prompts={"broken":{"title":"Broken","text":"{{#open}} is never closed"}}`)
	took := time.Since(begun)
	if err == nil || !strings.Contains(output, "open") || strings.Contains(output, "deadline") {
		t.Errorf("an invalid prompt was answered %v: %s", err, output)
	}
	r.record(t, "helm install --wait with an invalid prompt fails in %.1f s: %s", took.Seconds(), strings.Join(strings.Fields(output), " "))
	broken.uninstall(t)
}
