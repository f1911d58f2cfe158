package seal

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"
)

const (
	// checkEvery is how often a file is asked whether it changed, at most: when it is used.
	checkEvery = time.Second
	// maxKeyFile bounds a keyset, in bytes.
	maxKeyFile = 64 << 10
)

// keyFile is a file with keys, which is read again when it changed: Secrets that are mounted are replaced while a program runs.
// While what is there cannot be read, the keys of before stay in use.
type keyFile[T any] struct {
	path  string
	parse func(text []byte) (T, error)
	log   *slog.Logger

	mu      sync.Mutex
	keys    T
	read    os.FileInfo
	checked time.Time
	broken  bool
}

func openKeyFile[T any](path string, parse func([]byte) (T, error), log *slog.Logger) (*keyFile[T], error) {
	f := &keyFile[T]{path: path, parse: parse, log: log}
	return f, f.load()
}

// current returns the keys. With force the file is asked even if it was just now.
func (f *keyFile[T]) current(force bool) T {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !force && time.Since(f.checked) < checkEvery {
		return f.keys
	}
	f.checked = time.Now()
	if now, err := os.Stat(f.path); err == nil && f.read != nil && isSameFile(now, f.read) {
		return f.keys
	}
	err := f.load()
	switch {
	case err == nil:
		f.log.Info("Read the changed key file", "file", f.path)
	case !f.broken:
		f.log.Error("Cannot read the changed key file; the keys read before stay in use", "file", f.path, "err", err)
	}
	f.broken = err != nil
	return f.keys
}

func isSameFile(now, read os.FileInfo) bool {
	return os.SameFile(now, read) && now.ModTime().Equal(read.ModTime()) && now.Size() == read.Size()
}

func (f *keyFile[T]) load() error {
	text, info, err := readKeyFile(f.path)
	if err != nil {
		return err
	}
	keys, err := f.parse(text)
	if err != nil {
		return fmt.Errorf("%s: %w", f.path, err)
	}
	f.keys, f.read, f.checked = keys, info, time.Now()
	return nil
}

// readKeyFile returns what is in a file, and which state of it that is.
func readKeyFile(path string) (text []byte, info os.FileInfo, err error) {
	file, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if info, err = file.Stat(); err != nil {
		return nil, nil, err
	}
	if text, err = io.ReadAll(io.LimitReader(file, maxKeyFile+1)); err != nil {
		return nil, nil, err
	}
	if len(text) > maxKeyFile {
		return nil, nil, fmt.Errorf("%s has more than %d bytes; a keyset has few", path, maxKeyFile)
	}
	return text, info, nil
}
