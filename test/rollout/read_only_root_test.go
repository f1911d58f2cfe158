//go:build !race

package rollout

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// imageUser is who the programs are in their image.
const imageUser = 65532

// readOnlyScript runs a program as a container with a read-only root does: nothing can be written anywhere, the user has no
// name and no rights, and there is no environment, HOME included. Only the volume for the audit's rows can be written to.
const readOnlyScript = `set -e
for at in $(awk '{print $2}' /proc/mounts | sort -r); do mount -o remount,bind,ro "$at" 2>/dev/null || true; done
for at in / /tmp "$0"; do if touch "$at/written" 2>/dev/null; then echo "$at can be written to" >&2; exit 3; fi; done
mount -t tmpfs -o mode=0700,uid=65532,gid=65532 tmpfs "$0/spool"
exec setpriv --reuid=65532 --regid=65532 --clear-groups --no-new-privs env -i "$@"`

// runReadOnly has a server and a controller run on a read-only root: they become ready, serve, publish, and end with 0.
func runReadOnly(t *testing.T, w *world) {
	requireMountNamespaces(t)
	ctx := t.Context()
	files := mountedFiles(t, w)
	const server, controller = "read-only-server", "read-only-controller"
	probes, metrics := testenv.FreeAddress(t), testenv.FreeAddress(t)
	endpoint := testenv.FreeAddress(t)
	for name, args := range map[string][]string{
		server: {
			"server", "--address=" + endpoint, "--metrics-address=" + probes, "--drain-delay=1s", "--auth=kubernetes", "--audience=" + testenv.Audience,
			"--kubeconfig=" + files["server.kubeconfig"], "--intake-public-key-file=" + files["intake-public.json"], "--database-url-file=" + files["server.url"],
			"--audit-spool=" + files["spool"],
		},
		controller: {
			"controller", "--kubeconfig=" + files["controller.kubeconfig"], "--leader-election-namespace=" + testenv.SystemNamespace,
			"--auth=kubernetes", "--audience=" + testenv.Audience, "--intake-key-file=" + files["intake.json"], "--database-url-file=" + files["owner.url"],
			"--audit-spool=" + files["spool"], "--server-role=" + w.serverRole, "--probe-address=" + metrics, "--metrics-address=" + testenv.FreeAddress(t),
		},
	} {
		ready := "http://" + probes + "/readyz"
		if name == controller {
			ready = "http://" + metrics + "/readyz"
		}
		require.NoError(t, w.StartProcess(ctx, testenv.Process{
			Name: name, Path: "/usr/bin/env", Ready: ready,
			Args: append([]string{"unshare", "--mount", "--propagation=private", "sh", "-c", readOnlyScript, filepath.Dir(files["server.url"]), files["lectern"]}, args...),
		}))
		at, err := os.Stat(fmt.Sprintf("/proc/%d", w.Pid(name)))
		require.NoError(t, err)
		if user := at.Sys().(*syscall.Stat_t).Uid; user != imageUser {
			t.Errorf("%s runs as user %d", name, user)
		}
	}
	require.NoError(t, w.waitUntilServedAt(ctx, "http://"+endpoint+"/mcp", w.names[0], "I am "+w.names[0]))
	for _, name := range append(append([]string{}, controllers...), server) { // the one that is left leads
		w.Terminate(name)
		if state := w.WaitForExit(ctx, name); state == nil || !state.Success() {
			t.Errorf("%s ended with %s; want 0", name, state)
		}
	}
	require.NoError(t, w.editObject(ctx, 0))
	require.NoError(t, w.waitUntilPublished(ctx))
	w.Terminate(controller)
	if state := w.WaitForExit(ctx, controller); state == nil || !state.Success() {
		t.Errorf("%s ended with %s; want 0", controller, state)
	}
}

// requireMountNamespaces skips the test where nobody may make a mount namespace: that takes Linux, root and, in a container, the
// capability for it. Where that is allowed and a program is missing, the test is skipped too, which CI must not do.
func requireMountNamespaces(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip("a read-only root needs Linux, and root")
	}
	for _, program := range []string{"unshare", "setpriv", "awk", "mount"} {
		_, err := exec.LookPath(program)
		if err != nil && os.Getenv("CI") == "true" {
			t.Fatalf("a read-only root needs the program %s: %v", program, err)
		}
		if err != nil {
			t.Skipf("a read-only root needs the program %s: %v", program, err)
		}
	}
	if said, err := exec.CommandContext(t.Context(), "unshare", "--mount", "--propagation=private", "true").CombinedOutput(); err != nil {
		t.Skipf("nobody may make a mount namespace here, as in a container without CAP_SYS_ADMIN: %v: %s", err, said)
	}
}

// mountedFiles copies what is mounted into the pods where their user may read it, and returns the paths by name.
func mountedFiles(t *testing.T, w *world) map[string]string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lectern-mounted") //nolint:usetesting // no other user may enter t.TempDir
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	paths := map[string]string{}
	for name, from := range map[string]string{
		"server.kubeconfig": w.ServerKubeconfig, "controller.kubeconfig": w.ControlPlane.ControllerKubeconfig,
		"intake.json": w.IntakeKeyFile, "intake-public.json": w.IntakePublicKeyFile,
	} {
		content, err := os.ReadFile(from)
		require.NoError(t, err)
		paths[name] = writeFor(t, filepath.Join(dir, name), content)
	}
	program, err := os.ReadFile(w.Binary)
	require.NoError(t, err)
	paths["lectern"] = writeFor(t, filepath.Join(dir, "lectern"), program)
	require.NoError(t, os.Chmod(paths["lectern"], 0o555))
	paths["spool"] = filepath.Join(dir, "spool")
	require.NoError(t, os.Mkdir(paths["spool"], 0o700))
	paths["owner.url"] = writeFor(t, filepath.Join(dir, "owner.url"), []byte(w.OwnerURL))
	paths["server.url"] = writeFor(t, filepath.Join(dir, "server.url"), []byte(w.ServerURL))
	return paths
}

func writeFor(t *testing.T, path string, content []byte) string {
	t.Helper()
	require.NoError(t, os.WriteFile(path, content, 0o400))
	require.NoError(t, os.Chown(path, imageUser, imageUser))
	return path
}
