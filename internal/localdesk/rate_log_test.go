package localdesk

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestRateLog_Bounds: whenever calls are asked for, and however late within its lifetime each grant is used, no minute has more than
// there may be, and no two seconds more than a burst. Who comes back at the time that was said gets a turn.
func TestRateLog_Bounds(t *testing.T) {
	t.Parallel()
	const perMinute, burst = 30, 10
	for seed := range uint64(50) {
		random := rand.New(rand.NewPCG(seed, 1))
		var log rateLog
		var used []time.Time
		now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
		for range 300 {
			now = now.Add(time.Duration(random.IntN(4000)) * time.Millisecond)
			grant := log.take(now, perMinute, burst, 1+random.IntN(12))
			for range grant.Granted {
				used = append(used, now.Add(time.Duration(random.Int64N(int64(store.RateGrantLifetime)))))
			}
			if grant.Granted > 0 {
				continue
			}
			now = now.Add(grant.RetryAfter)
			if again := log.take(now, perMinute, burst, 1); again.Granted != 1 {
				t.Fatalf("seed %d: told to come back after %s, and got %+v", seed, grant.RetryAfter, again)
			}
			used = append(used, now)
		}
		for window, limit := range map[time.Duration]int{time.Minute: perMinute, 2 * time.Second: burst} {
			if most := busiest(used, window); most > limit {
				t.Fatalf("seed %d: %d calls in %s", seed, most, window)
			}
		}
	}
}

func busiest(used []time.Time, window time.Duration) (most int) {
	for _, from := range used {
		n := 0
		for _, at := range used {
			if !at.Before(from) && at.Before(from.Add(window)) {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}

func TestRateLog_Pause(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	log := rateLog{PausedUntil: now.Add(time.Minute)}
	if diff := cmp.Diff(store.RateGrant{RetryAfter: time.Minute, Replicas: 1}, log.take(now, 30, 10, 1)); diff != "" {
		t.Error(diff)
	}
	if got := log.take(now.Add(time.Minute), 30, 10, 1); got.Granted != 1 {
		t.Errorf("after the pause: %+v", got)
	}
	// What a clock that was ahead left behind counts as of now.
	log = rateLog{PausedUntil: now.Add(1000 * time.Hour), Granted: []time.Time{now.Add(time.Hour)}}
	if got := log.take(now, 1, 1, 1); got.RetryAfter != store.MaxRatePause {
		t.Errorf("a pause of a clock that was ahead: %+v", got)
	}
	log.PausedUntil = time.Time{}
	if got := log.take(now, 1, 1, 1); got.Granted != 0 || got.RetryAfter > minuteWindow {
		t.Errorf("a call of a clock that was ahead: %+v", got)
	}
	if got := log.take(now.Add(minuteWindow), 1, 1, 1); got.Granted != 1 {
		t.Errorf("a minute after a call of a clock that was ahead: %+v", got)
	}
	// Those behind it in the log are of the clock that went back.
	log = rateLog{Granted: []time.Time{now.Add(500 * time.Millisecond), now.Add(-30 * time.Second)}}
	if got := log.take(now, 2, 2, 1); got.RetryAfter != minuteWindow-30*time.Second {
		t.Errorf("behind a call of a clock that was ahead: %+v", got)
	}
}

// TestUpdateRate keeps a log for each site, and begins a new one where a file is damaged.
func TestUpdateRate(t *testing.T) {
	t.Parallel()
	folder := stateFolder{t.TempDir()}
	take := func(name string) (granted int) {
		require.NoError(t, folder.updateRate(t.Context(), name, func(l *rateLog) { granted = l.take(time.Now(), 2, 2, 1).Granted }))
		return granted
	}
	got := []int{take("a"), take("a"), take("a"), take("b")}
	if diff := cmp.Diff([]int{1, 1, 0, 1}, got); diff != "" {
		t.Error(diff)
	}
	damageFile(t, folder, ratesName, "{")
	if take("a") != 1 {
		t.Error("a damaged log stops calls")
	}
}
