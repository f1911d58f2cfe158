package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestListener_Flood: notifications that mean nothing, as many as the servers' role can send, wake those who listen a bounded number of
// times, and do not keep a publish from being heard.
func TestListener_Flood(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	writer, server := claimWriter(t, openStore(t, owner), cluster), openStore(t, pgtest.AsServerRole(t, owner))
	var wakes atomic.Int64
	heard := make(chan struct{}, 1)
	for _, listen := range []func(context.Context, func(string)){listenToFeed(server), server.ListenChanges} {
		startListening(t, func(ctx context.Context, _ func(string)) {
			listen(ctx, func(string) {
				wakes.Add(1)
				select {
				case heard <- struct{}{}:
				default:
				}
			})
		})
	}
	awaitHearing(t, server, true)
	generation := int64(0)
	publish := func() time.Duration { // until a reader that asks only when it is woken has seen it
		generation++
		select {
		case <-heard: // of before
		default:
		}
		_, err := writer.Publish(t.Context(), newPublication(t, handover, "u1", generation, fmt.Sprint("text ", generation)))
		require.NoError(t, err)
		began := time.Now()
		for {
			select {
			case <-heard:
			case <-time.After(patience):
				t.Fatal("not woken by a publish")
			}
			feed, err := server.Feed(t.Context())
			require.NoError(t, err)
			if feed.Revision >= generation {
				return time.Since(began)
			}
		}
	}
	median := func() time.Duration {
		var took []time.Duration
		for range 15 {
			took = append(took, publish())
		}
		slices.Sort(took)
		return took[len(took)/2]
	}
	alone := median()

	flooding, stop := context.WithCancel(t.Context())
	defer stop()
	var sent atomic.Int64
	var flood sync.WaitGroup
	began, before := time.Now(), wakes.Load()
	for i, channel := range []string{"lectern", "lectern_changes", "lectern_refusals", "lectern_probe"} {
		thief := pgtest.Connect(t, pgtest.AsServerRole(t, owner))
		flood.Go(func() {
			for batch := 0; flooding.Err() == nil; batch++ { // what one transaction repeats is sent once
				const size = 1000
				_, err := thief.Exec(context.WithoutCancel(flooding), "select pg_notify($1, $2 || i || repeat(chr(9)||'x', $3)) from generate_series(1, $4) i", channel, fmt.Sprint(batch, "/"), 50*i, size)
				if err != nil {
					t.Error(err)
					return
				}
				sent.Add(size)
			}
		})
	}
	flooded := median()
	require.Until(t, "30,000 notifications are sent", func() bool { return sent.Load() >= 30_000 })
	stop()
	flood.Wait()
	took := time.Since(began)
	woken := wakes.Load() - before
	most := int64(2 * (postgres.WakeBurst + took.Seconds()*postgres.WakesPerSecond + took.Seconds()*2*float64(time.Second/postgres.WakePause)))
	t.Logf("%d notifications in %s (%.0f/s) woke %d times, at most %d; a publish was seen after %s, alone after %s", sent.Load(), took.Round(time.Millisecond),
		float64(sent.Load())/took.Seconds(), woken, most, flooded, alone)
	if woken > most {
		t.Errorf("woken %d times, want at most %d", woken, most)
	}
}
