//go:build unix

package folder

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestFileModes: a new file has the mode the umask leaves, and an existing one keeps its own. The umask is the process's, so
// no other test runs beside this one.
func TestFileModes(t *testing.T) {
	for _, umask := range []int{0o002, 0o022, 0o077} {
		before := syscall.Umask(umask)
		name := filepath.Join(t.TempDir(), "f.yaml")
		err := createFile(name, []byte("one"))
		checkMode(t, name, 0o666&^fs.FileMode(umask), err)
		for _, own := range []fs.FileMode{0o600, 0o640, 0o664} {
			require.NoError(t, os.Chmod(name, own))
			checkMode(t, name, own, replaceFile(name, []byte("one"), []byte("two")))
			checkMode(t, name, own, replaceFile(name, []byte("two"), []byte("one")))
		}
		syscall.Umask(before)
	}
}

func checkMode(t *testing.T, name string, want fs.FileMode, err error) {
	t.Helper()
	require.NoError(t, err)
	stat, err := os.Stat(name)
	require.NoError(t, err)
	if got := stat.Mode().Perm(); got != want {
		t.Errorf("the mode is %o, want %o", got, want)
	}
}
