package wait

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

var errNotYet = errors.New("not yet")

func TestUntil(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		deadline time.Duration // of the context; 0 for none
		try      func(ctx context.Context, calls int) error
		want     error
		after    time.Duration
	}{
		"a condition that holds is asked once": {
			try: failUntil(1),
		},
		"a condition that holds later is asked less and less often": {
			try:   failUntil(8),
			after: (1 + 2 + 4 + 8 + 16 + 32 + 50) * time.Millisecond,
		},
		"a permanent error ends the wait": {
			try: func(context.Context, int) error { return fmt.Errorf("process: %w", Permanent(errNotYet)) }, want: errNotYet,
		},
		"without a deadline patience ends": {
			try: failUntil(1 << 20), want: errNotYet, after: Patience,
		},
		"a deadline may be later than patience": {
			deadline: 2 * Patience, try: failUntil(1 << 20), want: errNotYet, after: 2 * Patience,
		},
		"the error is not that of a question cut off": {
			deadline: 20 * time.Millisecond, want: errNotYet, after: 20 * time.Millisecond,
			try: func(ctx context.Context, calls int) error {
				if calls == 1 {
					return errNotYet
				}
				<-ctx.Done()
				return ctx.Err()
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if tc.deadline > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tc.deadline)
					defer cancel()
				}
				calls, began := 0, time.Now()
				err := Until(ctx, func(ctx context.Context) error { calls++; return tc.try(ctx, calls) })
				if took := time.Since(began); !errors.Is(err, tc.want) || took != tc.after {
					t.Errorf("%v after %s, want %v after %s", err, took, tc.want, tc.after)
				}
			})
		})
	}
}

// failUntil fails before the call of that number.
func failUntil(succeeds int) func(context.Context, int) error {
	return func(_ context.Context, calls int) error {
		if calls < succeeds {
			return errNotYet
		}
		return nil
	}
}
