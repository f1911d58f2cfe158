package folder

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/lectern-dev/lectern/internal/fileerror"
)

// errMoved says that a file is not as it was when the change was decided. Nothing was written.
var errMoved = errors.New("the file was written meanwhile")

// Names of files that are being written or removed. They are hidden, so no scan reads them.
const (
	tempPrefix     = ".lectern-"
	tempPattern    = tempPrefix + "*.tmp"
	removedPattern = tempPrefix + "*.removed"
)

// newFileMode is the mode of a new file before the umask, which says who may read it.
const newFileMode fs.FileMode = 0o666

// replaceFile replaces a file that is still as it was, in one step; its mode stays, and a link to it too.
func replaceFile(name string, before, after []byte) error {
	target, err := filepath.EvalSymlinks(name)
	if err != nil {
		return movedIfGone(err)
	}
	stat, err := os.Stat(target)
	if err != nil {
		return movedIfGone(err)
	}
	part, err := writeTemp(filepath.Dir(target), after, stat.Mode().Perm())
	if err != nil {
		return err
	}
	defer os.Remove(part)                                      //nolint:errcheck // what is left of it is removed by the next change
	if err := os.Chmod(part, stat.Mode().Perm()); err != nil { // whatever the umask
		return err
	}
	if err := replaceIfUnchanged(part, target, before, after); err != nil {
		return err
	}
	syncFolder(filepath.Dir(target))
	return nil
}

// createFile makes a file that is not there.
func createFile(name string, content []byte) error {
	part, err := writeTemp(filepath.Dir(name), content, newFileMode)
	if err != nil {
		return err
	}
	defer os.Remove(part) //nolint:errcheck // what is left of it is removed by the next change
	if err := renameNew(part, name); errors.Is(err, fs.ErrExist) {
		return errMoved
	} else if err != nil {
		return fmt.Errorf("make the file: %w", err)
	}
	syncFolder(filepath.Dir(name))
	return nil
}

// removeFile takes a file away that is still as it was. Of a link the link goes, and not what it leads to.
func removeFile(name string, before []byte) error {
	if err := checkUnchanged(name, before); err != nil {
		return err
	}
	if stat, err := os.Lstat(name); err != nil || stat.Mode()&fs.ModeSymlink != 0 {
		err = errors.Join(err, os.Remove(name))
		syncFolder(filepath.Dir(name))
		return err
	}
	return moveAside(name, before)
}

// moveAside moves the file aside before it compares what it removes: an editor may save at any time.
func moveAside(name string, before []byte) error {
	aside, err := os.CreateTemp(filepath.Dir(name), removedPattern)
	if err != nil {
		return err
	}
	if err := errors.Join(aside.Close(), os.Rename(name, aside.Name())); err != nil {
		return errors.Join(movedIfGone(err), os.Remove(aside.Name()))
	}
	now, err := readAfterWriters(aside.Name(), before)
	if err != nil || !bytes.Equal(now, before) {
		return putBack(aside.Name(), name)
	}
	err = os.Remove(aside.Name())
	syncFolder(filepath.Dir(name))
	return err
}

// putBack brings a file back that was not to be taken away, unless a newer one stands there.
func putBack(aside, name string) error {
	switch err := renameNew(aside, name); {
	case err == nil:
		return errMoved
	case errors.Is(err, fs.ErrExist):
		return errors.Join(errMoved, os.Remove(aside))
	default:
		return savedAsideError(name, err, aside)
	}
}

// savedAsideError does not wrap its reason: that it cannot be written is not all there is to say.
func savedAsideError(name string, err error, aside string) error {
	return fmt.Errorf("%s was saved meanwhile and cannot be put back: %s; what was saved is in %s", name, fileerror.ReasonOf(err), aside)
}

// claimThenRename does what renameNew does where the system cannot rename so: it creates an empty file of the name, and
// replaces that. What an editor saves under the name in between, which is a moment, would be lost.
func claimThenRename(part, name string) error {
	taken, err := os.OpenFile(filepath.Clean(name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(taken.Close(), os.Rename(part, name)); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}

// sweptFolders are those in which this process removed what a killed one left.
var sweptFolders sync.Map

// sweepTemps removes what a killed process left in a folder, once: this one leaves nothing. Only one process has the lock.
func sweepTemps(folder string) {
	if _, swept := sweptFolders.LoadOrStore(folder, true); swept {
		return
	}
	if left, err := filepath.Glob(filepath.Join(folder, tempPattern)); err == nil {
		for _, name := range left {
			_ = os.Remove(name)
		}
	}
}

// writeTemp writes a file beside where it is to go. Of the mode the umask takes away what nobody is to have here.
func writeTemp(folder string, content []byte, mode fs.FileMode) (name string, err error) {
	sweepTemps(folder)
	// os.CreateTemp would give a mode of its own. Another container may have this number, and have been killed since.
	name = filepath.Join(folder, strings.Replace(tempPattern, "*", strconv.Itoa(os.Getpid()), 1))
	_ = os.Remove(name)
	part, err := os.OpenFile(filepath.Clean(name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return "", err
	}
	_, err = part.Write(content)
	if err = errors.Join(err, part.Sync(), part.Close()); err != nil {
		_ = os.Remove(name)
		return "", err
	}
	return name, nil
}

// syncFolder makes a rename durable, on systems that can. It returns no error, because the rename is done.
func syncFolder(folder string) {
	if opened, err := os.Open(filepath.Clean(folder)); err == nil {
		_ = errors.Join(opened.Sync(), opened.Close())
	}
}

// checkUnchanged returns errMoved when a file does not have this content any more, or is gone.
func checkUnchanged(name string, content []byte) error {
	now, err := os.ReadFile(filepath.Clean(name))
	switch {
	case err != nil:
		return movedIfGone(err)
	case !bytes.Equal(now, content):
		return errMoved
	default:
		return nil
	}
}

func movedIfGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errMoved
	}
	return err
}

// renameOver does what swapIfUnchanged does where the system cannot exchange files. What is saved between the comparison
// and the rename, which is a moment, would be lost.
func renameOver(part, target string, before []byte) error {
	if err := checkUnchanged(target, before); err != nil {
		return err
	}
	return os.Rename(part, target)
}
