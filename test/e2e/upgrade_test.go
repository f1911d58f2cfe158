//go:build e2e

package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestUpgrade installs each release that is kept in hack/releases, by its own chart and with an image of its own commit, and goes to
// what is here, back, and there again, while agents call.
func TestUpgrade(t *testing.T) {
	kept, err := filepath.Glob("../../hack/releases/v*")
	require.NoError(t, err)
	if len(kept) == 0 {
		cluster.record(t, "nothing was upgraded: hack/releases keeps no release yet")
	}
	for _, folder := range kept {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			r := release{world: cluster, name: "lectern", namespace: "lectern"}
			r.createNamespace(t, r.namespace)
			r.createNamespace(t, prompts)
			r.upgradeFrom(t, folder)
			r.uninstall(t)
		})
	}
}

func (r release) upgradeFrom(t *testing.T, folder string) {
	t.Helper()
	version := filepath.Base(folder)
	repository, _, _ := strings.Cut(r.image, ":")
	old := filepath.Join(folder, "lectern-"+strings.TrimPrefix(version, "v")+".tgz")
	r.run(t, "install", append([]string{old, "--wait", "--timeout", "5m", "--take-ownership"}, r.values("--set", "image.repository="+repository, "--set-string", "image.tag="+version)...)...)
	r.publish(t, "one")

	l := r.startLoad(t)
	upgrade := append([]string{chart, "--wait", "--timeout", "5m"}, r.values()...)
	r.run(t, "upgrade", upgrade...)
	r.publish(t, "two")
	r.run(t, "rollback", "1", "--wait", "--timeout", "5m")
	r.publish(t, "three")
	r.run(t, "upgrade", upgrade...)
	r.publish(t, "four")
	l.finish(t)
	r.record(t, "helm upgrade from %s, helm rollback over the migrations, and upgrade again: each published", version)
}

// publish changes the prompt that agents read, and waits until that is published.
func (r release) publish(t *testing.T, text string) {
	t.Helper()
	r.apply(t, prompts, strings.ReplaceAll(greeting, "Greet {{name}}.", "Greet {{name}}, "+text+"."))
	r.waitUntilPublished(t, prompts, "greeting")
}
