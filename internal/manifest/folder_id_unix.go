//go:build unix

package manifest

import (
	"io/fs"
	"syscall"
)

// folderID is which folder it is, whatever path leads to it.
type folderID struct{ device, inode uint64 }

func folderIDOf(_ string, stat fs.FileInfo) folderID {
	// os.Stat gives nothing else on these systems.
	s := stat.Sys().(*syscall.Stat_t)
	return folderID{device: uint64(s.Dev), inode: uint64(s.Ino)} //nolint:unconvert // their types differ by system
}
