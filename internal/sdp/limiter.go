package sdp

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// A Limiter says when a call may be sent. A server gives one that shares a connection's rate with all replicas; NewLimiter is for
// one process alone.
type Limiter interface {
	// Wait returns when one call may be sent. Its error is a *WaitError when that would take too long, or the context's.
	Wait(ctx context.Context) error
	// Pause is told that SDP throttles: no call for so long, by anybody.
	Pause(ctx context.Context, pause time.Duration)
}

// WaitError says that a call would have to wait for longer than it may.
type WaitError struct{ RetryAfter time.Duration }

func (e *WaitError) Error() string {
	return fmt.Sprintf("the rate limit is used up for %s", e.RetryAfter.Round(time.Second))
}

// localLimiter is a token bucket and a pause.
type localLimiter struct {
	bucket  *rate.Limiter
	longest time.Duration

	mu     sync.Mutex
	paused time.Time
}

// NewLimiter returns a Limiter that never gives more than perMinute turns in any 60 s, of which at most burst come at once; for
// that the bucket refills by what is left of a minute, at least by half. A call that would wait for longer than longest gets a
// WaitError at once.
func NewLimiter(perMinute, burst int, longest time.Duration) Limiter {
	perMinute = max(perMinute, 1)
	size := max(min(burst, perMinute/2), 1)
	refill := max(perMinute-size, 1)
	return &localLimiter{bucket: rate.NewLimiter(rate.Every(time.Minute/time.Duration(refill)), size), longest: longest}
}

// Wait implements Limiter.
func (l *localLimiter) Wait(ctx context.Context) error {
	now := time.Now()
	l.mu.Lock()
	pause := max(l.paused.Sub(now), 0)
	l.mu.Unlock()
	// What waits for a pause takes its turn after it, or everybody would go at once.
	turn := l.bucket.ReserveN(now.Add(pause), 1)
	wait := turn.DelayFrom(now)
	deadline, bounded := ctx.Deadline()
	if wait > l.longest || bounded && now.Add(wait).After(deadline) {
		turn.CancelAt(now.Add(pause))
		return &WaitError{RetryAfter: wait}
	}
	if err := sleepContext(ctx, wait); err != nil {
		turn.Cancel()
		return err
	}
	return nil
}

// Pause implements Limiter. A shorter pause does not end a longer one.
func (l *localLimiter) Pause(_ context.Context, pause time.Duration) {
	until := time.Now().Add(pause)
	l.mu.Lock()
	defer l.mu.Unlock()
	if until.After(l.paused) {
		l.paused = until
	}
}

// sleepContext waits for so long, or until the context ends, which is its error.
func sleepContext(ctx context.Context, wait time.Duration) error {
	if wait <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
