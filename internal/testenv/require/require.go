// Package require ends tests whose conditions do not hold. It needs the standard library alone, so
// that the tests of pure packages may use it too.
package require

import (
	"context"
	"fmt"
	"testing"

	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// NoError ends the test when there is an error.
func NoError(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// Eventually waits until try returns nil, and ends the test with its last error when it does not
// within wait.Patience.
func Eventually(tb testing.TB, try func() error) {
	tb.Helper()
	NoError(tb, wait.Until(context.Background(), func(context.Context) error { return try() }))
}

// Until waits until a condition holds, and ends the test saying which one when it does not within
// wait.Patience.
func Until(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	Eventually(tb, func() error {
		if !holds() {
			return fmt.Errorf("not so after %s: %s", wait.Patience, what)
		}
		return nil
	})
}
