//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
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
	// A definition that the older release lacks may be there: uninstalling keeps it, and the one who had it was another release.
	upgrade := append([]string{chart, "--wait", "--timeout", "5m", "--take-ownership"}, r.values()...)
	r.run(t, "upgrade", upgrade...)
	since := r.waitUntilServedSince(t, metav1.Time{}) // nobody changed it, and its row is of the release before
	r.publish(t, "two")
	since = r.waitUntilServedSince(t, since)
	r.run(t, "rollback", "1", "--wait", "--timeout", "5m")
	r.publish(t, "three")
	r.run(t, "upgrade", upgrade...)
	since = r.waitUntilServedSince(t, since) // when the release before published, beside the newer schema
	r.publish(t, "four")
	r.waitUntilServedSince(t, since)
	l.finish(t)
	r.record(t, "helm upgrade from %s, helm rollback over the migrations, and upgrade again: each published", version)
}

// publish changes the prompt that agents read, and waits until that is published.
func (r release) publish(t *testing.T, text string) {
	t.Helper()
	r.apply(t, prompts, strings.ReplaceAll(greeting, "Greet {{name}}.", "Greet {{name}}, "+text+"."))
	r.waitUntilPublished(t, prompts, "greeting")
}

// waitUntilServedSince waits until the status says since when callers get what they get, later than before, and returns that.
func (r release) waitUntilServedSince(t *testing.T, before metav1.Time) (since metav1.Time) {
	t.Helper()
	eventually(t, "status.servedSince", func(ctx context.Context) error {
		var p v1alpha1.Prompt
		if err := r.objects.Get(ctx, client.ObjectKey{Namespace: prompts, Name: "greeting"}, &p); err != nil {
			return err
		}
		if !before.Before(p.Status.ServedSince) {
			return fmt.Errorf("version %d is served since %v, want later than %v", p.Status.ServedVersion, p.Status.ServedSince, before)
		}
		since = *p.Status.ServedSince
		return nil
	})
	return since
}
