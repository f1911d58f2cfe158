package testenv

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// fault is what a program in Go says when the race detector found one, when it panicked, and when its
// runtime gave up.
var fault = regexp.MustCompile(`(?m)^(WARNING: DATA RACE|panic: |fatal error: )|http: panic serving`)

// Faults is the first fault in what a program said, with what follows it, as an error.
func Faults(log []byte) error {
	const most = 8000
	if at := fault.FindIndex(log); at != nil {
		return errors.New(string(log[at[0]:min(len(log), at[0]+most)]))
	}
	return nil
}

// faultsOf reads the log of a program, which may have said nothing yet.
func faultsOf(name, path string) error {
	log, err := os.ReadFile(filepath.Clean(path))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("read the log of %s: %w", name, err)
	}
	if err := Faults(log); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (s *Stack) faults() error {
	var found error
	for name, m := range s.members {
		found = errors.Join(found, m.unheard, faultsOf(name, s.Log(name)))
	}
	return found
}
