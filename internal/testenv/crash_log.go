package testenv

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// crashPattern matches what a program in Go says when the race detector found a race, when it panicked, and when its
// runtime gave up.
var crashPattern = regexp.MustCompile(`(?m)^(WARNING: DATA RACE|panic: |fatal error: )|http: panic serving`)

// FindCrash returns the first crash or data race in what a program said, with what follows it, as an error.
func FindCrash(log []byte) error {
	const most = 8000
	if at := crashPattern.FindIndex(log); at != nil {
		return errors.New(string(log[at[0]:min(len(log), at[0]+most)]))
	}
	return nil
}

// findCrashInFile reads the log of a program, which may have said nothing yet.
func findCrashInFile(name, path string) error {
	log, err := os.ReadFile(filepath.Clean(path))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("read the log of %s: %w", name, err)
	}
	if err := FindCrash(log); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (s *Stack) findCrashes() error {
	var found error
	for name, m := range s.processes {
		found = errors.Join(found, m.ignoredSignals, findCrashInFile(name, s.LogPath(name)))
	}
	return found
}
