//go:build unix

package folderlock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// lockTimeout is how long a change waits for another process that changes the folder.
const lockTimeout = 10 * time.Second

// IsSupported says that Acquire keeps processes apart.
const IsSupported = true

// Acquire keeps other processes of this program from changing files of the folder. The folder itself is locked, so
// that nothing is left in it; editors do not ask. It waits until ctx ends, and not for long.
func Acquire(ctx context.Context, root string) (unlock func(), err error) {
	folder, err := os.Open(filepath.Clean(root))
	if err != nil {
		return nil, fmt.Errorf("lock the folder: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(folder.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = folder.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(fmt.Errorf("lock the folder: %w", err), folder.Close())
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, errors.Join(fmt.Errorf("lock the folder, which another process is changing: %w", ctx.Err()), folder.Close())
		}
	}
}
