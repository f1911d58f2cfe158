package localdesk

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/lectern-dev/lectern/internal/fileerror"
	"github.com/lectern-dev/lectern/internal/folderlock"
)

const (
	// stateName is the file of tokens, and ratesName that of calls.
	stateName = "servicedesk.json"
	ratesName = "servicedesk-calls.json"
	// partSuffix is behind the name of a file that is being written, under the lock.
	partSuffix = ".part"
	// maxState bounds a file that is read, in bytes.
	maxState = 4 << 20

	folderMode fs.FileMode = 0o700
	fileMode   fs.FileMode = 0o600
)

// DefaultStateFolder returns where the state of this user's processes is: lectern in $XDG_STATE_HOME, else in ~/.local/state. A
// relative $XDG_STATE_HOME does not count (XDG Base Directory Specification).
func DefaultStateFolder() (string, error) {
	if given := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(given) {
		return filepath.Join(given, "lectern"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", errors.New("this user has no home folder; set XDG_STATE_HOME to a folder in which tokens can be kept")
	}
	return filepath.Join(home, ".local", "state", "lectern"), nil
}

// stateFolder is the folder that the processes of a user share.
type stateFolder struct{ path string }

// stateError says why the state cannot be used. It has nothing of what is in it.
type stateError struct {
	path, reason string
	// isUnwritten says that it could be read.
	isUnwritten bool
}

func (e *stateError) Error() string {
	if e.isUnwritten {
		return fmt.Sprintf("the state of this user cannot be written to %s: %s", e.path, e.reason)
	}
	return fmt.Sprintf("the state of this user cannot be used: %s %s", e.path, e.reason)
}

// update changes the state, which is written if change returns true, also with an error. The errors are change's own and
// *stateErrors. No other process changes it meanwhile.
func (f stateFolder) update(change func(*state) (changed bool, err error)) error {
	unlock, err := f.lock(context.Background()) // what came of a request is written though the program is told to end
	if err != nil {
		return err
	}
	defer unlock()
	s, err := f.readState()
	if err != nil {
		return err
	}
	var unwritten error
	if s.prune(time.Now()) {
		unwritten = f.writeJSON(stateName, s, true)
	}
	changed, err := change(&s)
	if changed {
		unwritten = f.writeJSON(stateName, s, true)
	}
	return errors.Join(unwritten, err)
}

// lock makes the folder where there is none, and waits until no other process changes what is in it, or ctx ends.
func (f stateFolder) lock(ctx context.Context) (unlock func(), err error) {
	if err := f.prepare(); err != nil {
		return nil, err
	}
	unlock, err = folderlock.Acquire(ctx, f.path)
	if err != nil {
		return nil, &stateError{path: f.path, reason: "cannot be locked: " + fileerror.ReasonOf(err)}
	}
	return unlock, nil
}

// prepare sees to it that there is a folder which this user alone can enter.
func (f stateFolder) prepare() error {
	if err := os.MkdirAll(f.path, folderMode); err != nil {
		return &stateError{path: f.path, reason: fileerror.ReasonOf(err), isUnwritten: true}
	}
	stat, err := os.Stat(f.path)
	switch {
	case err != nil:
		return &stateError{path: f.path, reason: "cannot be read: " + fileerror.ReasonOf(err)}
	case !isOwn(stat):
		return &stateError{path: f.path, reason: "is another user's folder; set XDG_STATE_HOME to a folder of this user's own"}
	case stat.Mode().Perm()&^folderMode != 0:
		if err := os.Chmod(f.path, folderMode); err != nil {
			return &stateError{path: f.path, reason: fileerror.ReasonOf(err), isUnwritten: true}
		}
	}
	return nil
}

// readState reads the state; without a file there is an empty one. A file that this program would not have written is an error, and
// stays.
func (f stateFolder) readState() (state, error) {
	var s state
	path := filepath.Join(f.path, stateName)
	content, err := readOwnFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return state{Format: stateFormat}, nil
	}
	if err != nil {
		return s, &stateError{path: path, reason: err.Error()}
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	if err := decoder.Decode(&s); err != nil || decoder.More() || s.Format == 0 {
		return s, &stateError{path: path, reason: "is not as Lectern writes it, and is left as it is: bring back a copy, or move it away; " +
			"with it go the refresh tokens that were got for grant codes, which then have to be made anew"}
	}
	if s.Format != stateFormat {
		return s, &stateError{path: path, reason: fmt.Sprintf(
			"has format %d, which another version of Lectern writes; this one knows %d", s.Format, stateFormat)}
	}
	return s, nil
}

// readOwnFile reads a file that is this user's alone.
func readOwnFile(path string) ([]byte, error) {
	stat, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, err
	case err != nil:
		return nil, errors.New("cannot be read: " + fileerror.ReasonOf(err))
	case !stat.Mode().IsRegular():
		return nil, errors.New("is no regular file, and is left as it is")
	case !isOwn(stat):
		return nil, errors.New("is another user's file, and is left as it is")
	case stat.Mode().Perm()&^fileMode != 0 && hasModes:
		return nil, fmt.Errorf("has mode %04o, so that others may read or change what is in it; make new credentials if somebody could, and chmod 600 it",
			stat.Mode().Perm())
	case stat.Size() > maxState:
		return nil, fmt.Errorf("is larger than %d bytes, which nothing that Lectern writes is", maxState)
	}
	content, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return nil, errors.New("cannot be read: " + fileerror.ReasonOf(err))
	}
	return content, nil
}

// writeJSON replaces a file in one step. What is durable is on the disk when it returns.
func (f stateFolder) writeJSON(name string, value any, durable bool) error {
	path := filepath.Join(f.path, name)
	failed := func(err error) error {
		return &stateError{path: path, reason: fileerror.ReasonOf(err), isUnwritten: true}
	}
	content, err := json.Marshal(value)
	if err != nil {
		return failed(err)
	}
	part := path + partSuffix
	_ = os.Remove(part) // of a process that was killed; nobody else writes it under the lock
	file, err := os.OpenFile(filepath.Clean(part), os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err != nil {
		return failed(err)
	}
	_, err = file.Write(content)
	if durable && err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		_ = os.Remove(part)
		return failed(err)
	}
	if durable && folderlock.IsSupported { // where there is no lock, folders are no files, either
		if err := syncFolder(f.path); err != nil {
			return failed(err)
		}
	}
	return nil
}

// syncFolder makes a rename durable, on file systems that can.
func syncFolder(path string) error {
	opened, err := os.Open(filepath.Clean(path))
	if err != nil {
		return err
	}
	err = opened.Sync()
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINVAL) {
		err = nil
	}
	return errors.Join(err, opened.Close())
}
