//go:build !linux

package folder

// exchange puts part in the place of target if that is still as it was.
func exchange(part, target string, before, _ []byte) error { return renameOver(part, target, before) }

// place renames a file to a name nothing has; else it is fs.ErrExist.
func place(part, name string) error { return claim(part, name) }
