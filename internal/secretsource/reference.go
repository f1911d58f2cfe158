package secretsource

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/lectern-dev/lectern/internal/fileerror"
)

const (
	environmentPrefix = "env:"
	homePrefix        = "~/"
	// maxContent bounds what is read of one file or variable, in bytes, and maxFiles a folder.
	maxContent = 1 << 20
	maxFiles   = 64
)

// errTooLarge says that what was read is no credential.
var errTooLarge = fmt.Errorf("is larger than %d bytes", maxContent)

// Reference says where secrets are. Its zero value is none.
type Reference struct{ text string }

// ParseReference reads a path, or env:NAME.
func ParseReference(text string) (Reference, error) {
	if text == "" || text == environmentPrefix {
		return Reference{}, errors.New("what stands behind = is neither a path nor env:NAME")
	}
	if strings.ContainsAny(text, "{\n") {
		return Reference{}, errors.New("what stands behind = looks like the credentials themselves, which everybody on this machine could read there; " +
			"give a path or env:NAME")
	}
	return Reference{text}, nil
}

// String returns the reference as it was given: it is no secret.
func (r Reference) String() string { return r.text }

// IsZero reports whether there is none.
func (r Reference) IsZero() bool { return r.text == "" }

// ReadValues returns the values that are there now, by key. Its error goes on after the reference.
func (r Reference) ReadValues() (map[string][]byte, error) {
	if name, is := strings.CutPrefix(r.text, environmentPrefix); is {
		text, isSet := os.LookupEnv(name)
		if !isSet || text == "" {
			return nil, errors.New("is not set in the environment of this program")
		}
		if len(text) > maxContent {
			return nil, errTooLarge
		}
		return parseValues([]byte(text))
	}
	path := r.text
	if rest, is := strings.CutPrefix(path, homePrefix); is { // no shell has expanded it, where a desktop client starts this program
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, errors.New("cannot be found: this user has no home folder")
		}
		path = filepath.Join(home, rest)
	}
	stat, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %s", fileerror.ReasonOf(err))
	}
	if stat.IsDir() {
		return readFolder(path)
	}
	content, err := readBounded(path)
	if err != nil {
		return nil, err
	}
	return parseValues(content)
}

// readFolder reads a folder as Kubernetes mounts a Secret: each file is a value, under its name.
func readFolder(path string) (map[string][]byte, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %s", fileerror.ReasonOf(err))
	}
	values := map[string][]byte{}
	for _, entry := range entries {
		name := filepath.Join(path, entry.Name())
		stat, err := os.Stat(name)
		if strings.HasPrefix(entry.Name(), ".") || err == nil && !stat.Mode().IsRegular() { // a kubelet's own, and what is no file
			continue
		}
		if len(values) == maxFiles {
			return nil, fmt.Errorf("has more than %d files: that is no folder of credentials", maxFiles)
		}
		if values[entry.Name()], err = readBounded(name); err != nil {
			return nil, fmt.Errorf("has a file %s that %w", entry.Name(), err)
		}
	}
	return values, nil
}

// readBounded reads a file. A pipe would keep who opens it waiting, and a device may have no end, or be where a client speaks.
func readBounded(path string) ([]byte, error) {
	stat, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot be read: %s", fileerror.ReasonOf(err))
	case !stat.Mode().IsRegular():
		return nil, errors.New("is neither a file nor a folder, but a pipe or a device")
	}
	file, err := os.Open(filepath.Clean(path))
	if err != nil {
		return nil, fmt.Errorf("cannot be read: %s", fileerror.ReasonOf(err))
	}
	defer file.Close()                                             //nolint:errcheck // only read
	content, err := io.ReadAll(io.LimitReader(file, maxContent+1)) // its size may be another one by now, or none
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot be read: %s", fileerror.ReasonOf(err))
	case len(content) > maxContent:
		return nil, errTooLarge
	}
	return content, nil
}
