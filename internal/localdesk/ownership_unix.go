//go:build unix

package localdesk

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// hasModes says that the mode of a file tells who may read it.
const hasModes = true

// isOwn reports whether a file is this user's.
func isOwn(stat fs.FileInfo) bool {
	known, is := stat.Sys().(*syscall.Stat_t)
	return !is || int(known.Uid) == os.Geteuid()
}

// isRunning reports whether there is a process of a number.
func isRunning(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}
