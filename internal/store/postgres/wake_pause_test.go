package postgres

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestWakeSoon: each of any number of notifications is followed by a wake within wakePause, and the wakes are bounded.
func TestWakeSoon(t *testing.T) {
	t.Parallel()
	const lasts = 10 * time.Second
	for name, tc := range map[string]struct {
		every  time.Duration
		within time.Duration
		most   int
	}{
		"few are told at once": {100 * time.Millisecond, 0, int(lasts / (100 * time.Millisecond))},
		"a flood":              {time.Millisecond, wakePause, wakeBurst + int(lasts.Seconds())*wakesPerSecond + int(lasts/wakePause) + 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var sent, woken []time.Time
				l := &listener{limits: newWakeLimits(feedChannel), subscribers: map[*subscriber]struct{}{
					{channel: feedChannel, wake: func(string) { woken = append(woken, time.Now()) }}: {},
				}}
				for range int(lasts / tc.every) {
					sent = append(sent, time.Now())
					l.wakeSoon(feedChannel, "1")
					<-time.After(tc.every)
				}
				<-time.After(wakePause)
				synctest.Wait()
				for _, at := range sent {
					next, _ := slices.BinarySearchFunc(woken, at, time.Time.Compare)
					if next == len(woken) || woken[next].Sub(at) > tc.within {
						t.Fatalf("of %d notifications and %d wakes, one was sent at %s and not told within %s", len(sent), len(woken), at, tc.within)
					}
				}
				if len(woken) > tc.most {
					t.Errorf("%d notifications woke %d times, want at most %d", len(sent), len(woken), tc.most)
				}
			})
		})
	}
}
