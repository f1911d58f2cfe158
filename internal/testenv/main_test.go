package testenv

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/lectern-dev/lectern/internal/testenv/leak"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// orphanVariable makes this test binary start a server, print its process id, and die without a word. Its
// value is the state the server is left in, running or paused.
const orphanVariable = "LECTERN_TEST_ORPHAN"

func TestMain(m *testing.M) {
	if os.Getenv(orphanVariable) != "" {
		dieWithServer()
	}
	leak.Main(m)
}

func dieWithServer() {
	p, err := StartPostgres(context.Background(), PostgresOptions{})
	if err != nil {
		fmt.Print(err)
		os.Exit(1)
	}
	if os.Getenv(orphanVariable) == "paused" {
		if err := p.PauseServer(context.Background()); err != nil {
			fmt.Print(err)
			os.Exit(1)
		}
	}
	if s, ours := p.server.(*installedServer); ours {
		fmt.Print(s.running.cmd.Process.Pid)
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// makeReachableFolder makes a t.TempDir for a server that runs as another user.
func makeReachableFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, at := range []string{dir, filepath.Dir(dir)} {
		require.NoError(t, os.Chmod(at, 0o711))
	}
	return dir
}

func listNames(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}
