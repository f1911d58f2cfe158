package laptop

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// exchange puts part in the place of target if that is still as it was. It looks at what it took out after it took it
// out, because an editor may save at any time; what was saved goes back, and what that took out is looked at again.
func exchange(part, target string, before, after []byte) error {
	now, err := os.ReadFile(filepath.Clean(target))
	if err != nil {
		return movedIfGone(err)
	}
	if !bytes.Equal(now, before) {
		return errMoved
	}
	return swap(part, target, before, after)
}

// swap is exchange without a look before.
func swap(part, target string, before, after []byte) error {
	expected, put := before, after
	var moved error
	for {
		err := unix.Renameat2(unix.AT_FDCWD, part, unix.AT_FDCWD, target, unix.RENAME_EXCHANGE)
		switch {
		case cannot(err):
			return renameOver(part, target, before)
		case err != nil:
			return movedIfGone(err)
		}
		out, err := os.ReadFile(filepath.Clean(part))
		if err != nil {
			return err
		}
		if bytes.Equal(out, expected) {
			return moved
		}
		expected, put, moved = put, out, errMoved
	}
}

// place renames a file to a name nothing has; else it is fs.ErrExist.
func place(part, name string) error {
	err := unix.Renameat2(unix.AT_FDCWD, part, unix.AT_FDCWD, name, unix.RENAME_NOREPLACE)
	if cannot(err) {
		return claim(part, name)
	}
	return err
}

// cannot says that the file system has no such rename.
func cannot(err error) bool { return errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) }
