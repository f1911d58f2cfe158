package servicedesk_test

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/redact"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/servicedesk"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// countingStore counts the questions for the rate.
type countingStore struct {
	servicedesk.Store
	asked atomic.Int64
}

func (s *countingStore) TakeRate(ctx context.Context, connection int64, lane store.Lane, wanted int) (store.RateGrant, error) {
	s.asked.Add(1)
	return s.Store.TakeRate(ctx, connection, lane, wanted)
}

// counted has the questions of a replica for the rate counted.
func counted(s *countingStore) func(*servicedesk.Config) {
	return func(c *servicedesk.Config) { s.Store, c.Store = c.Store, s }
}

// TestRate_Replicas: several replicas together make no more calls than the connection allows, each asking for its queue at once, and
// what would wait for too long is told when to try again.
func TestRate_Replicas(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	const perMinute, burst, replicas, callers = 30, 10, 8, 8
	h.connect(helpdesk, fake, func(s *store.ConnectionSettings) { s.RequestsPerMinute, s.Burst = perMinute, burst })
	var each [replicas]*replica
	stores := make([]countingStore, replicas)
	for i := range each {
		each[i] = h.serve(counted(&stores[i]))
	}
	fake.ForgetCalls()
	var calls sync.WaitGroup
	var done, late atomic.Int64
	for i := range replicas {
		for range callers {
			calls.Go(func() {
				got := each[i].call("my_queue", nil)
				switch {
				case !got.IsError:
					done.Add(1)
				case got.Details.Kind == "RateLimitError" && got.Details.RetryAfterSeconds > 0 && strings.Contains(got.Text, "try again in"):
					late.Add(1)
				default:
					t.Errorf("%+v", got)
				}
			})
		}
	}
	calls.Wait()
	inMinute, inTwoSeconds := fake.Busiest(time.Minute, sdptest.ToAPI), fake.Busiest(2*time.Second, sdptest.ToAPI)
	var asked int64
	for i := range stores {
		asked += stores[i].asked.Load()
	}
	t.Logf("%d callers on %d replicas: %d answered, %d told to try again; at most %d calls in 60 s of %d, %d in 2 s of %d; %d questions for the rate",
		replicas*callers, replicas, done.Load(), late.Load(), inMinute, perMinute, inTwoSeconds, burst, asked)
	if inMinute > perMinute || inTwoSeconds > burst {
		t.Errorf("%d calls in 60 s and %d in 2 s, at most %d and %d are allowed", inMinute, inTwoSeconds, perMinute, burst)
	}
	if done.Load() < burst || done.Load()+late.Load() != replicas*callers {
		t.Errorf("%d were answered and %d told to try again, of %d", done.Load(), late.Load(), replicas*callers)
	}
}

// lookupLane lets calls through as a controller's are that reads lists.
type lookupLane struct {
	store      *postgres.Store
	connection int64
}

func (l lookupLane) Wait(ctx context.Context) error {
	for {
		grant, err := l.store.TakeRate(ctx, l.connection, store.LaneLookup, 1)
		if err != nil || grant.Granted > 0 {
			return err
		}
		timer := time.NewTimer(grant.RetryAfter)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

func (lookupLane) Pause(context.Context, time.Duration) {}

// TestRate_LookupsBeside: eight replicas that are called all the time, and a refresh of lists, make no more calls than the connection
// allows in any 60 seconds of more than a minute. Who waits for an answer goes first.
func TestRate_LookupsBeside(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	const perMinute, burst, replicas = 30, 10, 8
	h.connect(helpdesk, fake, func(s *store.ConnectionSettings) { s.RequestsPerMinute, s.Burst = perMinute, burst })
	db := h.openStore(h.owner)
	rows, err := db.ConnectionsSince(t.Context(), 0, 10)
	require.NoError(t, err)
	sender, err := h.newSender("")
	require.NoError(t, err)
	at, err := url.Parse(fake.URL())
	require.NoError(t, err)
	lists, err := sdp.New(sdp.Config{
		Edition: sdp.Cloud, URL: at, Portal: "itdesk", HTTP: sender, Limiter: lookupLane{db, rows[0].ID},
		Tokens: sdp.StaticToken(redact.NewSecret(fake.AccessToken(sdptest.DefaultScopes()...))),
	})
	require.NoError(t, err)
	fake.ForgetCalls()
	isList := func(c sdptest.Call) bool { return sdptest.ToAPI(c) && strings.HasSuffix(c.Path, "/priorities") }
	isTicket := func(c sdptest.Call) bool { return sdptest.ToAPI(c) && !isList(c) }
	ctx, cancel := context.WithTimeout(t.Context(), 75*time.Second) // the window slides over the first calls
	defer cancel()
	var running sync.WaitGroup
	running.Go(func() {
		for ctx.Err() == nil {
			_, _ = lists.ListLookup(ctx, sdp.Priorities, sdp.ListOptions{Rows: 10}) // the end of the test ends it
		}
	})
	for range replicas {
		r := h.serve()
		running.Go(func() {
			for ctx.Err() == nil {
				got := r.call("my_queue", nil)
				if got.IsError && got.Details.Kind != "RateLimitError" {
					t.Errorf("%+v", got)
					return
				}
				select { // as a caller would who was told to come later
				case <-time.After(time.Duration(min(got.Details.RetryAfterSeconds, 2)) * time.Second):
				case <-ctx.Done():
				}
			}
		})
	}
	running.Wait()
	minute, twoSeconds := fake.Busiest(time.Minute, sdptest.ToAPI), fake.Busiest(2*time.Second, sdptest.ToAPI)
	tickets, read := fake.Busiest(time.Minute, isTicket), fake.Busiest(time.Minute, isList)
	t.Logf("%d replicas and a refresh of lists, 75 s: at most %d calls in 60 s of %d, %d in 2 s of %d; in the busiest 60 s of each %d for callers, %d of lists",
		replicas, minute, perMinute, twoSeconds, burst, tickets, read)
	if minute > perMinute || twoSeconds > burst {
		t.Errorf("%d calls in 60 s and %d in 2 s, at most %d and %d are allowed", minute, twoSeconds, perMinute, burst)
	}
	if read > perMinute/5 || tickets < perMinute*3/5 {
		t.Errorf("%d calls of lists and %d of callers: lists have a fifth of %d at most", read, tickets, perMinute)
	}
}

// TestStoreAway: while Postgres is away a replica serves what it has in memory, and goes by its share of the rate, as many replicas as
// there were last; what it called before counts.
func TestStoreAway(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connect(helpdesk, fake, func(s *store.ConnectionSettings) { s.RequestsPerMinute, s.Burst = 12, 4 })
	options := pgtest.AsServerRole(t, h.owner)
	forwarder, err := testenv.StartForwarder(options.URL)
	require.NoError(t, err)
	options.URL = forwarder.Route(options.URL)
	r, second := h.serveFrom(options), h.serve()
	fake.ForgetCalls()
	mustCall[tickets](second, "my_queue", nil)
	for range 5 { // it saw two replicas, and has one call left of its half
		mustCall[tickets](r, "my_queue", nil)
	}
	require.NoError(t, forwarder.Stop())
	var calls sync.WaitGroup
	var done atomic.Int64
	for range 12 {
		calls.Go(func() {
			switch got := r.call("my_queue", nil); {
			case !got.IsError:
				done.Add(1)
			case got.Details.Kind != "RateLimitError":
				t.Errorf("%+v", got)
			}
		})
	}
	calls.Wait()
	n := fake.Busiest(time.Minute, sdptest.ToAPI)
	t.Logf("without Postgres: %d of 12 calls answered, %d calls of ServiceDesk Plus in a minute, of 12 for two replicas", done.Load(), n)
	if done.Load() == 0 || n > 7 {
		t.Errorf("%d calls in a minute and %d of them since, want some, and at most 6 of this replica", n, done.Load())
	}
	if got := r.call("connection_status", nil); !got.IsError || !strings.HasPrefix(got.Text, "Connection Status: StorageError: the store is away; try again in ") {
		t.Errorf("what needs the store: %+v", got)
	}
}

// TestRate_Throttled: once ServiceDesk Plus throttles one replica, no replica calls it, and callers are told when to.
func TestRate_Throttled(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connect(helpdesk, fake)
	r, other := h.serve(), h.serve()
	mustCall[tickets](other, "my_queue", nil)
	fake.Fail(sdptest.Throttled(429).RetryAfter(2 * time.Minute))
	got := r.call("my_queue", nil)
	if got.Details.Kind != "RateLimitError" || got.Details.SDPCode != 4015 || got.Details.RetryAfterSeconds < 100 {
		t.Errorf("the one that was throttled: %+v", got)
	}
	fake.ForgetCalls()
	for _, replica := range []*replica{r, other, h.serve(), h.serve()} {
		if got := replica.call("my_queue", nil); got.Details.Kind != "RateLimitError" || got.Details.RetryAfterSeconds < 60 || got.Details.RetryAfterSeconds > 120 {
			t.Errorf("a call meanwhile: %+v", got)
		}
	}
	wantCalls(t, fake, 0)
}

// TestRate_OfCaller: a caller who reads too often is told by the protocol when to try again, whatever it was that was read, and before
// ServiceDesk Plus is called.
func TestRate_OfCaller(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connect(helpdesk, fake)
	r := h.serve(func(c *servicedesk.Config) { c.Rates = auth.NewRateLimiter(auth.Limits{TicketReadsPerSecond: 0.4}) })
	fake.ForgetCalls()
	for range 2 { // five seconds' worth at once
		mustCall[tickets](r, "my_queue", nil)
	}
	for what, reply := range map[string]transporttest.Reply{
		"a tool": r.Send(t, transporttest.CallTool("my_queue", nil)), "an alias": r.Send(t, transporttest.CallTool("get_priorities", nil)),
		"a resource": r.Send(t, transporttest.Request{RPC: "resources/read", Params: map[string]any{"uri": "sdp://support/helpdesk/requests/1"}}),
	} {
		if got := reply.Failure(t); !strings.HasPrefix(got, "200 429 too many requests of this caller; try again in ") {
			t.Errorf("%s: %s", what, got)
		}
	}
	wantCalls(t, fake, 2)
}
