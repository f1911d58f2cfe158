// Package leak fails the tests of a package that leave a goroutine behind.
//
// It waits for goroutines that are about to end as long as every other wait of the tests does: on a busy machine a connection
// that was closed keeps its goroutines for longer than goleak looks by itself, which is half a second.
package leak

import (
	"context"
	"fmt"
	"os"

	"go.uber.org/goleak"

	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// Find returns an error that shows the goroutines that are left behind.
func Find() error {
	return wait.Until(context.Background(), func(context.Context) error { return goleak.Find() })
}

// Main runs the tests of a package and ends the process; it fails when a goroutine is left behind. What the tests share is given
// back by the functions given, before goroutines are looked for.
func Main(m interface{ Run() int }, stop ...func() error) { os.Exit(Run(m, stop...)) }

// Run is Main that returns the exit code.
func Run(m interface{ Run() int }, stop ...func() error) int {
	code := m.Run()
	for _, s := range stop {
		if err := s(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	if code != 0 { // a test that failed half-way leaves what it likes
		return code
	}
	if err := Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
