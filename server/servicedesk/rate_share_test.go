package servicedesk

import (
	"log/slog"
	"testing"
)

// TestRateLease_Share: without the store a replica has its part of the rate; where that would be none, one call a minute.
func TestRateLease_Share(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ perMinute, burst, replicas, wantPerMinute, wantBurst int }{
		{40, 20, 1, 40, 20}, {40, 20, 2, 20, 10}, {30, 10, 8, 3, 1}, {4, 4, 8, 1, 1}, {1, 1, 100, 1, 1},
	} {
		l := newRateLease(nil, 1, slog.New(slog.DiscardHandler))
		t.Cleanup(l.close)
		l.setLimits(tc.perMinute, tc.burst)
		l.mu.Lock()
		l.replicas = tc.replicas
		perMinute, burst := l.shareOfRate()
		l.mu.Unlock()
		if perMinute != tc.wantPerMinute || burst != tc.wantBurst {
			t.Errorf("%+v: %d a minute, %d at once", tc, perMinute, burst)
		}
	}
}
