package folder

import "golang.org/x/sys/unix"

// swapNames exchanges two files in one step.
func swapNames(a, b string) error { return unix.RenamexNp(a, b, unix.RENAME_SWAP) }

// renameExclusive renames a file in one step to a name nothing has.
func renameExclusive(from, to string) error { return unix.RenamexNp(from, to, unix.RENAME_EXCL) }
