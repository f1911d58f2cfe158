//go:build unix

package localdesk

import (
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
