package folder

import (
	"bytes"
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"strings"

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
		err := exchangeNames(part, target)
		switch {
		case err != nil && moved != nil:
			return swapBack(part, target, expected, err)
		case cannot(err):
			return renameOver(part, target, before)
		case err != nil:
			return movedIfGone(err)
		}
		out, err := os.ReadFile(filepath.Clean(part))
		if err != nil {
			return swapBack(part, target, put, err)
		}
		if bytes.Equal(out, expected) {
			return moved
		}
		expected, put, moved = put, out, errMoved
	}
}

// swapBack is what is left to do when swap cannot go on: part is to hold what was put. If it does not, it may be the
// only copy of what somebody saved, and stays.
func swapBack(part, target string, put []byte, cause error) error {
	err := exchangeNames(part, target)
	if err == nil {
		var out []byte
		if out, err = os.ReadFile(filepath.Clean(part)); err == nil && bytes.Equal(out, put) {
			return cause
		}
		err = cmp.Or(err, cause)
	}
	aside := strings.TrimSuffix(part, filepath.Ext(arriving)) + filepath.Ext(leaving)
	if lost := os.Rename(part, aside); lost != nil {
		return errors.Join(cause, lost)
	}
	return stranded(target, err, aside)
}

func exchangeNames(a, b string) error {
	return unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
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
