//go:build unix

package folderlock

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// lockTimeout is how long a change waits for another process that changes the folder.
const lockTimeout = 10 * time.Second

// Acquire keeps other processes of this program from changing files of the folder. The folder itself is locked, so
// that nothing is left in it; editors do not ask.
func Acquire(root string) (unlock func(), err error) {
	folder, err := os.Open(filepath.Clean(root))
	if err != nil {
		return nil, fmt.Errorf("lock the folder: %w", err)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(lockTimeout); ; <-tick.C {
		err := syscall.Flock(int(folder.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = folder.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) || time.Now().After(deadline) {
			_ = folder.Close()
			return nil, fmt.Errorf("lock the folder, which another process may be changing: %w", err)
		}
	}
}
