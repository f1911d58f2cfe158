package postgres_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// A simulated hour is in steps, with the clock of the controllers.
const (
	stormStep    = 10 * time.Second
	stormLength  = time.Hour
	stormServers = 8
	// stormSchedule is how often each controller makes a scheduled request, whatever else was made: there are two in a window.
	stormSchedule = 13 * time.Minute
)

// stormConnection is one of those that have the same refresh token.
type stormConnection struct {
	key store.Key
	uid string
	id  int64
}

// accounts is what an accounts server and ServiceDesk Plus know: when tokens were asked for, and which of them are dead.
type accounts struct {
	sync.Mutex
	arrivals []time.Time
	dead     map[string]bool
	// of are requests by why they were made, and refused those that were not.
	of, refused map[store.TokenRequestCause]int
	disproved   int
}

func (a *accounts) isDead(token string) bool {
	a.Lock()
	defer a.Unlock()
	return a.dead[token]
}

// lateAnswer is a token that arrives some steps after it was asked for.
type lateAnswer struct {
	due    time.Time
	result store.TokenRequestResult
}

// stormController proves refusals, claims, asks and writes down what came of it. It believes that it leads.
type stormController struct {
	*testing.T
	writer      *postgres.Writer
	accounts    *accounts
	connections []stormConnection
	chance      *rand.Rand
	late        []lateAnswer
	// scheduled is when the next scheduled request is due, and delayed how much later than that one was made at most.
	scheduled time.Time
	delayed   time.Duration
}

func (c *stormController) reconcile(at time.Time) {
	c.late = slices.DeleteFunc(c.late, func(a lateAnswer) bool {
		if a.due.After(at) {
			return false
		}
		c.end(a.result)
		return true
	})
	if !c.scheduled.After(at) && c.request(c.connections[0], store.CauseScheduled, at) {
		c.delayed = max(c.delayed, at.Sub(c.scheduled))
		c.scheduled = c.scheduled.Add(stormSchedule)
	}
	refusals, err := c.writer.TokenRefusals(c.Context(), 100)
	if err != nil {
		c.Error(err)
		return
	}
	for _, refused := range refusals {
		if c.accounts.isDead(refused.TokenID) {
			i := slices.IndexFunc(c.connections, func(of stormConnection) bool { return of.key == refused.Key })
			c.request(c.connections[i], store.CauseRefused, at)
			continue
		}
		if err := c.writer.DeleteRefusal(c.Context(), refused.TokenID); err != nil {
			c.Error(err)
		}
		c.accounts.Lock()
		c.accounts.disproved++
		c.accounts.Unlock()
	}
}

// request claims a request, makes it, and reports whether it did. Some answers never arrive, and some late.
func (c *stormController) request(of stormConnection, cause store.TokenRequestCause, at time.Time) bool {
	at = at.Add(time.Duration(c.chance.Int64N(int64(time.Second))))
	request, err := c.writer.ClaimTokenRequest(c.Context(), store.TokenClaim{
		Key: of.key, UID: of.uid, Kind: store.TokenRefresh, Cause: cause, Fingerprint: someFingerprint, At: at,
	})
	_, isSpent := errors.AsType[*store.TokenBudgetError](err)
	_, isUnderWay := errors.AsType[*store.TokenRequestUnderWayError](err)
	c.accounts.Lock()
	switch {
	case isSpent:
		c.accounts.refused[cause]++
	case err == nil:
		c.accounts.of[cause]++
		c.accounts.arrivals = append(c.accounts.arrivals, at.Add(time.Duration(c.chance.Int64N(int64(store.TokenRequestTimeout)))))
	}
	c.accounts.Unlock()
	if err != nil {
		if !isSpent && !isUnderWay {
			c.Error(err)
		}
		return false
	}
	token := newToken(at)
	result := store.TokenRequestResult{
		Request: request, Key: of.key, UID: of.uid, Outcome: store.TokenIssued, At: at, Token: &token, Fingerprint: someFingerprint,
	}
	switch dice := c.chance.IntN(5); {
	case dice == 0 && cause == store.CauseRefused: // its answer is lost
	case dice == 1:
		c.late = append(c.late, lateAnswer{due: at.Add(2*stormStep - time.Second), result: result})
	default:
		c.end(result)
	}
	return true
}

func (c *stormController) end(s store.TokenRequestResult) {
	if _, err := c.writer.EndTokenRequest(c.Context(), s); err != nil {
		c.Error(err)
	}
}

// TestTokenStorm has two controllers that both lead, two connections of one refresh token, and eight servers that say in every step
// that every token is refused, while half of them die in each: there are never more than eight requests in ten minutes, by when
// they arrive, at most six of them for refused tokens, and there is always room for a scheduled one, when no other is under way.
func TestTokenStorm(t *testing.T) {
	f := newConnectionFixture(t)
	second := newConnection("u2", 1)
	second.Key.Name = "second"
	connections := []stormConnection{{helpdesk, helpdeskUID, f.id}, {second.Key, "u2", f.mustStore(second).ID}}
	known := &accounts{dead: map[string]bool{}, of: map[store.TokenRequestCause]int{}, refused: map[store.TokenRequestCause]int{}}
	controllers := make([]*stormController, 2)
	for i := range controllers {
		s := openStore(t, f.owner)
		s.SetCallTimeout(time.Minute)
		controllers[i] = &stormController{
			T: t, writer: claimWriter(t, s, cluster), accounts: known, connections: connections, chance: rand.New(rand.NewPCG(1, uint64(i))),
			scheduled: claimTime.Add(stormSchedule),
		}
	}
	chance := rand.New(rand.NewPCG(3, 4))
	for _, connection := range connections {
		controllers[0].request(connection, store.CauseScheduled, claimTime)
	}
	reports := 0
	for at := claimTime; at.Before(claimTime.Add(stormLength)); at = at.Add(stormStep) {
		served, err := f.server.ConnectionsSince(t.Context(), 0, 10)
		require.NoError(t, err)
		var reporting, leading sync.WaitGroup
		for _, c := range served {
			if c.Token == nil {
				continue
			}
			if chance.IntN(2) == 0 {
				known.dead[c.Token.ID] = true
			}
			for range stormServers {
				reports++
				reporting.Go(func() {
					if err := f.server.ReportRefusal(t.Context(), c.ID, c.Token.ID); err != nil {
						t.Error(err)
					}
				})
			}
		}
		reporting.Wait()
		for _, c := range controllers {
			leading.Go(func() { c.reconcile(at) })
		}
		leading.Wait()
	}
	started := f.startedRequests(t, "true")
	worst, worstRefused := mostInTenMinutes(known.arrivals), mostInTenMinutes(f.startedRequests(t, "cause = 'Refused'"))
	delayed := max(controllers[0].delayed, controllers[1].delayed)
	t.Logf("an hour, %d refusals reported, %d disproved: %d requests for refused tokens, %d claims of such not given leave, and %d scheduled ones, each at most %s late: "+
		"at most %d in ten minutes, %d of them for refused tokens", reports, known.disproved, known.of[store.CauseRefused], known.refused[store.CauseRefused],
		known.of[store.CauseScheduled], delayed, worst, worstRefused)
	if worst > store.MaxTokenRequests || worstRefused > store.MaxRefusedTokenRequests || len(started) != len(known.arrivals) {
		t.Errorf("at most %d requests in ten minutes and %d for refused tokens, of %d that are written down and %d made", worst, worstRefused, len(started), len(known.arrivals))
	}
	// By clocks that differ by a second it may be spent a second longer.
	if delayed > 2*store.TokenRequestTimeout || known.of[store.CauseScheduled] != 10 {
		t.Errorf("%d scheduled requests were made, up to %s late, want 10, none later than another is under way", known.of[store.CauseScheduled], delayed)
	}
	if known.of[store.CauseRefused] < 5*store.MaxRefusedTokenRequests || known.disproved == 0 || known.refused[store.CauseRefused] == 0 {
		t.Error("that was no storm")
	}
}

// startedRequests returns when requests were begun that are so.
func (f connectionFixture) startedRequests(t *testing.T, condition string) []time.Time {
	t.Helper()
	rows, err := pgtest.Connect(t, f.owner).Query(t.Context(), fmt.Sprintf("select started_at from token_requests where %s order by started_at", condition))
	require.NoError(t, err)
	started, err := pgx.CollectRows(rows, pgx.RowTo[time.Time])
	require.NoError(t, err)
	return started
}

// mostInTenMinutes returns how many of some times are in ten minutes at most.
func mostInTenMinutes(times []time.Time) (most int) {
	slices.SortFunc(times, time.Time.Compare)
	first := 0
	for i, at := range times {
		for at.Sub(times[first]) > 10*time.Minute {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}
