package postgres_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// taker is a replica of the simulation, which asks for calls and makes those it is granted.
type taker struct {
	name string
	lane store.Lane
	// wanted is how many calls it asks for; 0 for one to four, by chance.
	wanted int
	// next is when it asks again, since the beginning, and pause how long it does not after a grant.
	next, pause time.Duration
}

// simulatedCall is one that a taker made.
type simulatedCall struct {
	at   time.Duration
	lane store.Lane
}

// simulateTakers has takers call as often as they may, by the function's own clock, and returns the calls in order.
func simulateTakers(t *testing.T, conn *pgx.Conn, connection int64, takers []*taker, length time.Duration) []simulatedCall {
	t.Helper()
	chance := rand.New(rand.NewPCG(1, 2))
	begin := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	var calls []simulatedCall
	for {
		now := slices.MinFunc(takers, func(a, b *taker) int { return int(a.next - b.next) })
		if now.next > length {
			break
		}
		asked := now.next
		var granted, retry, replicas int
		require.NoError(t, conn.QueryRow(t.Context(), "select granted, retry_ms, replicas from take_rate_at($1, $2, $3, $4, $5)",
			connection, string(now.lane), cmp.Or(now.wanted, 1+chance.IntN(4)), now.name, begin.Add(asked)).Scan(&granted, &retry, &replicas))
		if granted == 0 && retry <= 0 || granted > 0 && retry != 0 {
			t.Fatalf("%d calls are granted, and the next are to be asked for in %d ms", granted, retry)
		}
		if granted > 0 {
			now.next += now.pause
		}
		for range granted { // at any time until the grant is void
			calls = append(calls, simulatedCall{asked + time.Duration(chance.Int64N(int64(store.RateGrantLifetime))), now.lane})
		}
		now.next += time.Duration(retry)*time.Millisecond + time.Duration(chance.Int64N(int64(400*time.Millisecond)))
	}
	slices.SortFunc(calls, func(a, b simulatedCall) int { return int(a.at - b.at) })
	return calls
}

// mostWithin returns the most calls of the lanes in any stretch of time.
func mostWithin(calls []simulatedCall, stretch time.Duration, lanes ...store.Lane) (most int) {
	var in []time.Duration
	for _, c := range calls {
		if !slices.Contains(lanes, c.lane) {
			continue
		}
		in = append(in, c.at)
		for c.at-in[0] >= stretch {
			in = in[1:]
		}
		most = max(most, len(in))
	}
	return most
}

var allLanes = []store.Lane{store.LaneInteractive, store.LaneProof, store.LaneLookup}

// TestTakeRate_SimulatedHour has eight replicas and a refresh of lists want more than there is for an hour of the function's clock,
// and proofs one call every ten seconds: no minute has more calls than are allowed, no two seconds more than the burst, what is
// allowed is used, and who is waited for, proofs among them, goes before lists.
func TestTakeRate_SimulatedHour(t *testing.T) {
	f := newConnectionFixture(t)
	takers := []*taker{{name: "controller", lane: store.LaneLookup}, {name: "controller", lane: store.LaneProof, wanted: 1, pause: 10 * time.Second}}
	for i := range 8 {
		takers = append(takers, &taker{name: fmt.Sprintf("replica-%d", i), lane: store.LaneInteractive, next: time.Duration(i) * 100 * time.Millisecond})
	}
	conn := pgtest.Connect(t, f.owner)
	calls := simulateTakers(t, conn, f.id, takers, time.Hour)
	var logged int
	require.NoError(t, conn.QueryRow(t.Context(), "select count(*) from sdp_windows").Scan(&logged))
	perMinute, burst := mostWithin(calls, time.Minute, allLanes...), mostWithin(calls, 2*time.Second, allLanes...)
	background := mostWithin(calls, time.Minute, store.LaneProof, store.LaneLookup)
	interactive, proofs := countOf(calls, store.LaneInteractive), countOf(calls, store.LaneProof)
	t.Logf("%d calls in an hour, %d of them interactive and %d proofs; at most %d in a minute, %d in two seconds, %d of the background in a minute; %d rows are in the log",
		len(calls), interactive, proofs, perMinute, burst, background, logged)
	if logged > 62*2 {
		t.Errorf("%d rows are in the log, which has those of 62 seconds", logged)
	}
	if perMinute > 30 || burst > 10 || background > 6 {
		t.Errorf("at most %d calls in a minute, %d in two seconds, %d of the background in a minute; allowed are 30, 10 and 6", perMinute, burst, background)
	}
	if len(calls) < 30*60*9/10 || interactive < len(calls)*8/10 || proofs < 20 {
		t.Errorf("%d calls in an hour, %d of them interactive and %d proofs, of 1800 that are allowed, four fifths at least interactive, and proofs among them", len(calls), interactive, proofs)
	}
}

func countOf(calls []simulatedCall, lane store.Lane) (n int) {
	for _, c := range calls {
		if c.lane == lane {
			n++
		}
	}
	return n
}

// TestTakeRate_InteractiveFirst has the background take all it gets for ten minutes: whoever calls then finds half a burst at once,
// and four fifths of a minute within one.
func TestTakeRate_InteractiveFirst(t *testing.T) {
	f := newConnectionFixture(t)
	const quiet = 10 * time.Minute
	calls := simulateTakers(t, pgtest.Connect(t, f.owner), f.id, []*taker{
		{name: "controller", lane: store.LaneLookup}, {name: "controller", lane: store.LaneProof}, {name: "replica", lane: store.LaneInteractive, next: quiet},
	}, quiet+time.Minute)
	atOnce, inAMinute := 0, 0
	for _, c := range calls {
		if c.lane == store.LaneInteractive {
			inAMinute++
			if c.at < quiet+4*time.Second {
				atOnce++
			}
		}
	}
	t.Logf("after ten minutes of the background alone %d interactive calls are made within 4 seconds, and %d within a minute", atOnce, inAMinute)
	if atOnce < 4 || inAMinute < 24 {
		t.Errorf("%d interactive calls are made within 4 seconds and %d within a minute, want at least 4 and 24", atOnce, inAMinute)
	}
}

// TestTakeRate_Background leaves room: for whom somebody waits, and for a proof.
func TestTakeRate_Background(t *testing.T) {
	f := newConnectionFixture(t)
	calls := simulateTakers(t, pgtest.Connect(t, f.owner), f.id, []*taker{{name: "a", lane: store.LaneLookup}}, 10*time.Minute)
	if most := mostWithin(calls, time.Minute, store.LaneLookup); most != 5 {
		t.Errorf("lookups alone make %d calls in a minute, want 5: a fifth of 30, without one for a proof", most)
	}
	for _, tc := range []struct {
		lane    store.Lane
		granted int
	}{{store.LaneLookup, 5}, {store.LaneLookup, 0}, {store.LaneProof, 1}, {store.LaneProof, 0}, {store.LaneInteractive, 4}, {store.LaneInteractive, 0}} {
		grant, err := f.server.TakeRate(t.Context(), f.id, tc.lane, 5)
		require.NoError(t, err)
		if tc.lane == store.LaneInteractive { // some seconds may have passed
			if grant.Granted > 5 {
				t.Errorf("%s: %d granted", tc.lane, grant.Granted)
			}
			continue
		}
		if grant.Granted != tc.granted {
			t.Errorf("%s: %d granted, want %d", tc.lane, grant.Granted, tc.granted)
		}
	}
}

// TestTakeRate_Concurrently has eight servers ask at once, each over its own connection. What counts is when grants were written
// down, not how long that took.
func TestTakeRate_Concurrently(t *testing.T) {
	f := newConnectionFixture(t)
	servers := make([]interface {
		TakeRate(ctx context.Context, connection int64, lane store.Lane, wanted int) (store.RateGrant, error)
	}, 8)
	for i := range servers {
		options := pgtest.AsServerRole(t, f.owner)
		options.ApplicationName = fmt.Sprintf("replica-%d", i)
		servers[i] = openStore(t, options)
	}
	var asked sync.WaitGroup
	granted := make([]int, len(servers))
	for i, server := range servers {
		asked.Go(func() {
			for range 4 {
				grant, err := server.TakeRate(t.Context(), f.id, store.LaneInteractive, 3)
				if err != nil {
					t.Errorf("%v", err)
				}
				granted[i] += grant.Granted
			}
		})
	}
	asked.Wait()
	rows, err := pgtest.Connect(t, f.owner).Query(t.Context(), "select granted_at, calls from sdp_windows where calls > 0 order by granted_at")
	require.NoError(t, err)
	type grant struct {
		At    time.Time
		Calls int
	}
	log, err := pgx.CollectRows(rows, pgx.RowToStructByPos[grant])
	require.NoError(t, err)
	total := 0
	for i, g := range log {
		total += g.Calls
		in := 0
		for _, later := range log[i:] {
			if later.At.Sub(g.At) <= 4*time.Second {
				in += later.Calls
			}
		}
		if in > 10 {
			t.Errorf("%d calls are granted within 4 seconds, want at most 10", in)
		}
	}
	for _, n := range granted {
		total -= n
	}
	if total != 0 || len(log) == 0 {
		t.Errorf("the log and the answers differ by %d calls, of %d grants", total, len(log))
	}
	last, err := f.server.TakeRate(t.Context(), f.id, store.LaneInteractive, 1)
	require.NoError(t, err)
	if last.Replicas < 2 || last.Replicas > 9 {
		t.Errorf("%d replicas asked in the last minute, want those that did", last.Replicas)
	}
}

// TestPauseRate stops everybody: each replica, in each lane.
func TestPauseRate(t *testing.T) {
	f := newConnectionFixture(t)
	if _, err := f.server.PauseRate(t.Context(), f.id, 10*time.Minute); err != nil {
		t.Fatal(err)
	}
	left, err := f.server.PauseRate(t.Context(), f.id, time.Second)
	require.NoError(t, err)
	if left <= time.Minute || left > 10*time.Minute {
		t.Errorf("a shorter pause leaves %s of the longer one", left)
	}
	paused := 0
	for i := range 8 {
		options := pgtest.AsServerRole(t, f.owner)
		options.ApplicationName = fmt.Sprintf("replica-%d", i)
		server := openStore(t, options)
		for _, lane := range allLanes {
			grant, err := server.TakeRate(t.Context(), f.id, lane, 1)
			require.NoError(t, err)
			if grant.Granted != 0 || grant.RetryAfter <= time.Minute || grant.RetryAfter > 10*time.Minute {
				t.Errorf("replica %d in lane %s while it is paused: %+v", i, lane, grant)
				continue
			}
			paused++
		}
	}
	t.Logf("%d replicas in %d lanes are stopped", paused/len(allLanes), len(allLanes))
	left, err = f.server.PauseRate(t.Context(), f.id, 24*time.Hour)
	require.NoError(t, err)
	if left > store.MaxRatePause {
		t.Errorf("paused for %s", left)
	}
}

// TestStoreConnection_Rate follows the manifest. A server that keeps the lock of the rate keeps back the rate alone: what else a
// manifest says is published, and the rate once the lock is free.
func TestStoreConnection_Rate(t *testing.T) {
	f := newConnectionFixture(t)
	f.controller.SetCallTimeout(10 * time.Second)
	p := newConnection(helpdeskUID, 2)
	p.Settings.RequestsPerMinute, p.Settings.Burst = 5, 1
	if stored := f.mustStore(p); stored.RatePending {
		t.Error("the rate is pending, which nobody locks")
	}
	grant, err := f.server.TakeRate(t.Context(), f.id, store.LaneInteractive, 100)
	require.NoError(t, err)
	if grant.Granted != 1 {
		t.Errorf("%d calls are granted, want a burst of 1", grant.Granted)
	}
	held, err := pgtest.Connect(t, pgtest.AsServerRole(t, f.owner)).Begin(t.Context())
	require.NoError(t, err)
	_, err = held.Exec(t.Context(), "select take_rate($1, 'interactive', 1)", f.id)
	require.NoError(t, err)
	p.Owner.Generation, p.Settings.Portal = 3, "itdesk"
	if stored := f.mustStore(p); stored.RatePending {
		t.Error("a rate is pending that is in force")
	}
	p.Owner.Generation, p.Settings.Portal, p.Settings.RequestsPerMinute, p.Settings.Burst = 4, "other", 40, 20
	for range 2 {
		if stored := f.mustStore(p); !stored.RatePending {
			t.Error("a rate is said to be in force that a server keeps back")
		}
	}
	if served := f.served(); served.Settings.Portal != "other" || served.Settings.RequestsPerMinute != 40 {
		t.Errorf("servers have %+v", served.Settings)
	}
	wantRate(t, f, "5 1")
	require.NoError(t, held.Rollback(t.Context()))
	if stored := f.mustStore(p); stored.RatePending || stored.Changed {
		t.Errorf("once the lock is free: %+v", stored)
	}
	wantRate(t, f, "40 20")
}

func wantRate(t *testing.T, f connectionFixture, want string) {
	t.Helper()
	var got string
	require.NoError(t, pgtest.Connect(t, f.owner).QueryRow(t.Context(), "select requests_per_minute || ' ' || burst from sdp_rate_limits where connection_id = $1", f.id).Scan(&got))
	if got != want {
		t.Errorf("calls a minute and burst are %s, want %s", got, want)
	}
}

// TestRecordTokenUse takes the last grant, however old it is.
func TestRecordTokenUse(t *testing.T) {
	f := newConnectionFixture(t)
	token := f.issueToken(t, time.Now().Add(-time.Minute))
	_, err := f.server.TakeRate(t.Context(), f.id, store.LaneInteractive, 1)
	require.NoError(t, err)
	require.NoError(t, f.writer.RecordTokenUse(t.Context()))
	var same bool
	require.NoError(t, pgtest.Connect(t, f.owner).QueryRow(t.Context(),
		"select last_used_at = (select max(granted_at) from sdp_windows) from oauth_tokens where id = $1::uuid", token.ID).Scan(&same))
	if !same {
		t.Error("the token's last use is not that of the last grant")
	}
}
