package testenv

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestControlPlane walks one control plane through its life: objects survive a restart, a restored
// backup forgets what came later, a stranger is refused, and Stop leaves nothing.
func TestControlPlane(t *testing.T) {
	ctx := t.Context()
	temp := makeReachableFolder(t)
	t.Setenv("TMPDIR", temp)
	c, err := StartControlPlane(ctx, ControlPlaneOptions{})
	require.NoError(t, err)
	defer c.Stop()
	kubectl := func(args ...string) string {
		t.Helper()
		out, err := c.Kubectl(ctx, args...)
		require.NoError(t, err)
		return out
	}
	configMaps := func() string {
		t.Helper()
		return kubectl("get", "configmaps", "--output=jsonpath={.items[*].metadata.name}")
	}
	kubectl("get", "prompts")
	kubectl("create", "configmap", "first")
	backup, err := c.Backup(ctx)
	require.NoError(t, err)
	kubectl("create", "configmap", "second")
	c.StopServers()
	require.NoError(t, c.StartServers(ctx))
	if diff := cmp.Diff("first second", configMaps()); diff != "" {
		t.Errorf("after a restart: %s", diff)
	}
	require.NoError(t, c.Restore(ctx, backup))
	if diff := cmp.Diff("first", configMaps()); diff != "" {
		t.Errorf("after a restore: %s", diff)
	}
	if out, err := c.Kubectl(ctx, "get", "configmaps", "--as=stranger"); err == nil {
		t.Errorf("a stranger may read: %s", out)
	}
	c.Stop()
	if left := listNames(t, temp); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAssets_FromEnvironment(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"etcd", "kubectl"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	t.Setenv("KUBEBUILDER_ASSETS", dir)
	_, err := Assets(t.Context())
	want := "folder " + dir + " lacks kube-apiserver; correct or unset KUBEBUILDER_ASSETS"
	if diff := cmp.Diff(want, errorText(err)); diff != "" {
		t.Error(diff)
	}
}
