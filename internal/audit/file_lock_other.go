//go:build !unix

package audit

import "os"

// lockFile locks nothing: one process has the folder.
func lockFile(*os.File) (locked bool, err error) { return true, nil }
