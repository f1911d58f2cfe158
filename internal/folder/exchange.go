package folder

import (
	"bytes"
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// replaceIfUnchanged puts part in the place of target if that is still as it was. It compares what it took out after it took
// it out, because an editor may save at any time, and again when nobody can write to it any more; what was saved goes back,
// and what that took out is compared again.
func replaceIfUnchanged(part, target string, before, after []byte) error {
	if err := checkUnchanged(target, before); err != nil {
		return err
	}
	return swapIfUnchanged(part, target, before, after)
}

// swapIfUnchanged is replaceIfUnchanged without a comparison before.
func swapIfUnchanged(part, target string, before, after []byte) error {
	expected, put := before, after
	var moved error
	for {
		err := swapNames(part, target)
		switch {
		case err != nil && moved != nil:
			return swapBack(part, target, expected, err)
		case isUnsupported(err):
			return renameOver(part, target, before)
		case err != nil:
			return movedIfGone(err)
		}
		out, err := os.ReadFile(filepath.Clean(part))
		if err == nil && moved == nil && bytes.Equal(out, expected) {
			out, err = readAfterWriters(part, expected)
		}
		if err != nil {
			return swapBack(part, target, put, err)
		}
		if bytes.Equal(out, expected) {
			return moved
		}
		expected, put, moved = put, out, errMoved
	}
}

// swapBack does what is left to do when swapIfUnchanged cannot go on: part is to hold what was put. If it does not, it may
// be the only copy of what somebody saved, and stays.
func swapBack(part, target string, put []byte, cause error) error {
	err := swapNames(part, target)
	if err == nil {
		var out []byte
		if out, err = os.ReadFile(filepath.Clean(part)); err == nil && bytes.Equal(out, put) {
			return cause
		}
		err = cmp.Or(err, cause)
	}
	aside := strings.TrimSuffix(part, filepath.Ext(tempPattern)) + filepath.Ext(removedPattern)
	if lost := os.Rename(part, aside); lost != nil {
		return errors.Join(cause, lost)
	}
	return savedAsideError(target, err, aside)
}

// renameNew renames a file to a name nothing has; else it returns fs.ErrExist.
func renameNew(part, name string) error {
	err := renameExclusive(part, name)
	if isUnsupported(err) {
		return claimThenRename(part, name)
	}
	return err
}

// isUnsupported reports whether the system, or the file system, has no such rename. Linux says EINVAL of the latter.
func isUnsupported(err error) bool {
	return errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL)
}
