package servicedesk

import (
	"context"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp"
)

// A minute of the rate, and the moment of its burst, each with as long as a turn is good for before its call is sent.
const (
	rateMinute = 62 * time.Second
	rateMoment = 4 * time.Second
)

// waitForShare returns when this replica may send a call while the store is away. What the store granted it in the last minute counts:
// a store that is away for a moment is no reason to call more often.
func (l *rateLease) waitForShare(ctx context.Context, arrived time.Time) error {
	deadline, bounded := ctx.Deadline()
	for {
		at := l.takeShare()
		now := time.Now()
		switch {
		case at.IsZero():
			return nil
		case at.Sub(arrived) > longestWait || bounded && at.After(deadline):
			return &sdp.WaitError{RetryAfter: at.Sub(now)}
		}
		timer := time.NewTimer(at.Sub(now))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-l.stop.Done():
			timer.Stop()
			return errLeaseClosed
		}
	}
}

// takeShare takes a turn of this replica's share, or returns when there may be one.
func (l *rateLease) takeShare() (at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	perMinute, burst := l.shareOfRate()
	if l.notBefore.After(now) {
		at = l.notBefore
	}
	for _, window := range []struct {
		calls int
		lasts time.Duration
	}{{perMinute, rateMinute}, {burst, rateMoment}} {
		if len(l.sent) < window.calls {
			continue
		}
		if free := l.sent[len(l.sent)-window.calls].Add(window.lasts); free.After(now) && free.After(at) {
			at = free
		}
	}
	if at.IsZero() {
		l.recordSent(now)
	}
	return at
}

// shareOfRate returns this replica's part of the rate, which is never none. It is called with the lock held.
func (l *rateLease) shareOfRate() (perMinute, burst int) {
	return max(l.perMinute/l.replicas, 1), max(l.burst/l.replicas, 1)
}

// recordSent remembers a turn for a minute. It is called with the lock held.
func (l *rateLease) recordSent(now time.Time) {
	gone := 0
	for gone < len(l.sent) && now.Sub(l.sent[gone]) > rateMinute {
		gone++
	}
	l.sent = append(l.sent[gone:], now)
}
