//go:build e2e

package e2e

import (
	"testing"
)

// prompts is the namespace of the prompts that scenarios use.
const prompts = "prompts"

const greeting = `apiVersion: lectern.dev/v1alpha1
kind: Prompt
metadata: {name: greeting, annotations: {lectern.dev/agents: all}}
spec: {title: Greeting, text: "Greet {{name}}."}
`

// TestInstall installs the chart as its README says, with a trial database, where pods may have no right that they do not need; what
// follows uses that release, in this order, and uninstalls it.
func TestInstall(t *testing.T) {
	r := release{world: cluster, name: "lectern", namespace: "lectern", settings: connectionSettings()}
	for _, namespace := range []string{r.namespace, prompts, connections, serviceDesk} {
		r.createNamespace(t, namespace)
	}
	took := r.install(t, r.values()...)
	r.record(t, "helm install --wait (Helm 4, trial database, Pod Security restricted): %.0f s", took.Seconds())
	r.apply(t, prompts, greeting)
	r.waitUntilPublished(t, prompts, "greeting")

	t.Run("samples", r.testSamples)
	t.Run("an invalid sample", r.testInvalidSample)
	t.Run("agents", r.testAgents)
	t.Run("connection", r.testConnection)
	t.Run("rights", r.testRights)
	t.Run("restart under load", r.testRestart)
	t.Run("evictions under load", r.testEvictions)
	t.Run("rollback under load", r.testRollback)
	t.Run("backup and restore", r.testBackup)
	t.Run("uninstall", r.testUninstall)
}
