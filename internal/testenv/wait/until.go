// Package wait waits for conditions. It needs the standard library alone, so that the tests of pure
// packages may use it too.
package wait

import (
	"context"
	"errors"
	"time"
)

// Patience bounds every wait whose context has no deadline; it is long because machines are shared.
const Patience = 90 * time.Second

// longestPause is how long a condition that does not hold is left alone before it is asked again.
const longestPause = 50 * time.Millisecond

// permanentError is an error after which trying again is no use.
type permanentError struct{ error }

func (e permanentError) Unwrap() error { return e.error }

// Permanent marks an error after which Until does not try again.
func Permanent(err error) error { return permanentError{err} }

// Until calls try until it returns nil: at once, after 1 ms, and then less and less often. It gives up
// after a Permanent error, when the context ends, or after Patience when the context has no deadline. Its error is the last
// one that says what is missing, not that a question was cut off by the end of the wait.
func Until(ctx context.Context, try func(context.Context) error) error {
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, Patience)
		defer cancel()
	}
	var missing error
	for pause := time.Millisecond; ; pause = min(2*pause, longestPause) {
		err := try(ctx)
		if _, hopeless := errors.AsType[permanentError](err); err == nil || hopeless {
			return err
		}
		if ctx.Err() == nil || missing == nil {
			missing = err
		}
		select {
		case <-ctx.Done():
			return missing
		case <-time.After(pause):
		}
	}
}
