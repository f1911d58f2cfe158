//go:build !unix

package manifest

import (
	"cmp"
	"io/fs"
	"path/filepath"
)

// folderID is which folder it is, whatever path leads to it.
type folderID string

func folderIDOf(name string, _ fs.FileInfo) folderID {
	real, _ := filepath.EvalSymlinks(name)
	return folderID(cmp.Or(real, name))
}
