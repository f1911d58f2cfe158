package scenarios

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/metrics"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

const (
	stormServers = 8
	// stormKill is how often every token dies before its time.
	stormKill = 4 * time.Second
	// stormPause is between two calls of an agent: a server lets a caller read five times a second.
	stormPause = 300 * time.Millisecond
	// stormForgeries are the refusals that a thief reports.
	stormForgeries = 1000
)

// stormConnections have one refresh token.
var stormConnections = []string{"storm-a", "storm-b", "storm-c"}

// tokenStorm is eight servers and two controllers that both lead, with connections whose tokens die.
type tokenStorm struct {
	*connectionScenario
	// forged is another ServiceDesk Plus, whose tokens are to be refreshed every minute or so, with a connection of which
	// somebody who has the servers' role says that its token is refused.
	forged *connectionScenario
	// busy is yet another one, which agents call more often than they may.
	busy *busyConnection
	// controllers are the URLs of their metrics.
	controllers []string
	agents      []*agent

	mu    sync.Mutex
	calls []stormCall
	// forgeries counts what the thief reported.
	forgeries atomic.Int64
}

// stormCall is a call of a tool that has ended.
type stormCall struct {
	server     int
	began      time.Time
	ended      time.Time
	connection string
	failure    string // empty when it was answered
}

// testTokenStorm kills every token every few seconds, while answers of the accounts server are slow and some are lost. No refresh
// token is ever used more than eight times in ten minutes, no call fails for lack of a token while that budget lasts, and afterwards
// callers are told when to try again. Refusals that a thief reports by the thousand take no more than six of the eight, and the
// scheduled refresh is made. Beside all that another connection is never called more often than it allows.
//
// With LECTERN_SOAK=full it goes on for the eleven minutes after which the budget is there again, and a controller is killed while it
// refreshes; killRefreshes does that at every step, with one controller.
func testTokenStorm(t *testing.T) {
	isSoak := os.Getenv("LECTERN_SOAK") == "full"
	s := startTokenStorm(t)
	if isSoak {
		s.killWhileRefreshing(t)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var storm sync.WaitGroup
	defer storm.Wait()
	s.createStormConnections(t)
	s.startServers(t)
	s.busy.create(t)
	s.busy.waitUntilKnown(t, s.agents)
	for server, a := range s.agents {
		storm.Go(func() { s.callTools(ctx, a, server) })
		storm.Go(func() { s.busy.callBusily(ctx, t, s, a) })
	}
	forgedKills := 3 // so that refusals are true ones, too, and its token gets as old as it may
	if isSoak {
		forgedKills = math.MaxInt
	}
	storm.Go(func() { s.killTokens(ctx, forgedKills) })
	storm.Go(func() { s.forgeRefusals(ctx, t) })

	began := time.Now()
	patient, giveUp := context.WithTimeout(ctx, 3*time.Minute)
	defer giveUp()
	require.NoError(t, wait.Until(patient, s.checkSpent))
	t.Logf("the budget is spent, and all agents are told so, after %.0f s", time.Since(began).Seconds())
	require.NoError(t, wait.Until(patient, s.checkForged))
	t.Logf("the thief is done, and a scheduled refresh is made, after %.0f s", time.Since(began).Seconds())
	if isSoak {
		patient, giveUp := context.WithTimeout(ctx, 15*time.Minute)
		defer giveUp()
		require.NoError(t, wait.Until(patient, s.checkReopened))
	}
	cancel()
	storm.Wait()
	s.report(t)
	s.busy.report(t)
	s.deleteConnections(t, append(slices.Clone(stormConnections), "forged", "busy"))
}

func startTokenStorm(t *testing.T) *tokenStorm {
	t.Helper()
	stack := releasedStack(t)
	s := &tokenStorm{connectionScenario: &connectionScenario{scenario: openNamespace(t, stack), desk: sdptest.Start(t, sdptest.Options{})}}
	s.forged = &connectionScenario{
		scenario: s.scenario, desk: sdptest.Start(t, sdptest.Options{Limits: sdptest.Limits{AccessTokenLifetime: 20 * time.Second}}),
	}
	s.busy = newBusyConnection(t, s.scenario)
	require.NoError(t, stack.GrantConnections(t.Context(), s.namespace))
	t.Cleanup(func() { require.NoError(t, stack.ServeConnections(context.Background(), testenv.ConnectionOptions{})) })
	require.NoError(t, stack.ServeConnections(t.Context(), testenv.ConnectionOptions{Namespaces: []string{s.namespace}, AllowedHosts: []string{
		s.desk.URL(), s.desk.AccountsURL(), s.forged.desk.URL(), s.forged.desk.AccountsURL(), s.busy.desk.URL(),
	}}))
	second, probe := testenv.FreeAddress(t), testenv.FreeAddress(t)
	controller := s.launchExtraProcess(t, probe, append(testenv.LongLease(), "POD_NAME="+testenv.ControllerPod, "LECTERN_DATABASE_URL="+s.OwnerURL),
		slices.Concat([]string{
			"controller", "--kubeconfig=" + s.ControlPlane.ControllerKubeconfig, "--leader-election-namespace=" + testenv.SystemNamespace,
			"--changes=unproven", "--metrics-address=" + second, "--probe-address=" + probe,
		}, stack.ConnectionArgs(testenv.Controller))...)
	require.NoError(t, wait.Until(t.Context(), controller.checkReady))
	s.controllers = []string{s.MetricsURL(testenv.Controller), "http://" + second + "/metrics"}
	return s
}

// startServers connects an agent to each of the stack's servers and to six more.
func (s *tokenStorm) startServers(t *testing.T) {
	t.Helper()
	endpoints := slices.Clone(s.Endpoints[:])
	var more []*extraProcess
	for range stormServers - len(endpoints) {
		probe, address := testenv.FreeAddress(t), testenv.FreeAddress(t)
		more = append(more, s.launchExtraProcess(t, probe, []string{"LECTERN_DATABASE_URL=" + s.ServerURL}, slices.Concat([]string{
			"server", "--address=" + address, "--metrics-address=" + probe, "--auth=none",
		}, s.ConnectionArgs(testenv.Server1))...))
		endpoints = append(endpoints, "http://"+address+"/mcp")
	}
	for _, server := range more {
		require.NoError(t, wait.Until(t.Context(), server.checkReady))
	}
	for _, endpoint := range endpoints {
		a, err := connect(t.Context(), endpoint, "")
		require.NoError(t, err)
		t.Cleanup(a.close)
		for _, name := range append(slices.Clone(stormConnections), "forged") {
			require.NoError(t, wait.Until(t.Context(), func(ctx context.Context) error {
				_, err := s.readKnowledge(ctx, a, name)
				return err
			}))
		}
		s.agents = append(s.agents, a)
	}
}

// createStormConnections makes connections of one refresh token, and one of another, and waits until they are Ready.
func (s *tokenStorm) createStormConnections(t *testing.T) {
	t.Helper()
	require.NoError(t, errors.Join(s.add(t.Context(), stormConnections[0], true), s.forged.add(t.Context(), "forged", true)))
	for _, name := range stormConnections[1:] {
		require.NoError(t, s.createConnection(t.Context(), name, stormConnections[0]))
	}
	for _, name := range append(slices.Clone(stormConnections), "forged") {
		_, err := s.waitForConnection(t.Context(), name, v1alpha1.ReasonConnected)
		require.NoError(t, err)
	}
	tokens := 0
	s.desk.FailBy(func(c sdptest.Call) *sdptest.Fault {
		if !c.Accounts {
			return nil
		}
		tokens++
		fault := sdptest.Slow(time.Second)
		if tokens%3 == 0 { // the token is made, and its answer is lost
			fault = sdptest.DropAfterWrite()
			fault.Delay = time.Second
		}
		return &fault
	})
}

// readKnowledge calls a tool that makes one call, and returns its failure in words.
func (s *tokenStorm) readKnowledge(ctx context.Context, a *agent, connection string) (failure string, err error) {
	result, err := a.session.CallTool(ctx, &mcp.CallToolParams{
		Name: "search_solutions", Arguments: map[string]any{"connection": s.namespace + "/" + connection, "query": "dock"},
	})
	if err != nil {
		return "", err
	}
	if text := result.Content[0].(*mcp.TextContent).Text; result.IsError {
		return text, nil
	}
	return "", nil
}

// callTools has an agent read until the storm is over.
func (s *tokenStorm) callTools(ctx context.Context, a *agent, server int) {
	names := append(slices.Clone(stormConnections), "forged")
	for i := server; ctx.Err() == nil; i++ {
		call := stormCall{server: server, began: time.Now(), connection: names[i%len(names)]}
		var err error
		if call.failure, err = s.readKnowledge(ctx, a, call.connection); ctx.Err() != nil {
			return
		}
		if err != nil {
			call.failure = err.Error()
		}
		call.ended = time.Now()
		s.mu.Lock()
		s.calls = append(s.calls, call)
		s.mu.Unlock()
		pauseFor(ctx, stormPause)
	}
}

// pauseFor waits for a time, or for the end of the context.
func pauseFor(ctx context.Context, pause time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(pause):
	}
}

// killTokens kills every token, over and over; those of the forged connection so many times.
func (s *tokenStorm) killTokens(ctx context.Context, forgedKills int) {
	for n := 0; ctx.Err() == nil; n++ {
		pauseFor(ctx, stormKill)
		s.desk.KillAccessTokens()
		if n < forgedKills {
			s.forged.desk.KillAccessTokens()
		}
	}
}

// forgeRefusals says as the servers' role, over and over, that every token there ever was of a connection is refused.
func (s *tokenStorm) forgeRefusals(ctx context.Context, t *testing.T) {
	conn, err := pgx.Connect(ctx, s.ServerURL)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = conn.Close(context.Background()) }()
	for ctx.Err() == nil {
		forged, err := conn.Exec(ctx, `
			insert into token_refusals (connection_id, token_id)
			select t.connection_id, t.id from oauth_tokens t join sdp_connections c on c.id = t.connection_id
			 where c.namespace = $1 and c.name = 'forged'
			on conflict do nothing`, s.namespace)
		if err != nil && ctx.Err() == nil {
			t.Error(err)
			return
		}
		s.forgeries.Add(max(1, forged.RowsAffected()))
		pauseFor(ctx, 10*time.Millisecond)
	}
}

// tokenRequest is a row of token_requests.
type tokenRequest struct {
	Name, Cause string
	StartedAt   time.Time
	Outcome     *string
}

// readRequests returns the refreshes of connections, in their order.
func (s *tokenStorm) readRequests(ctx context.Context, names ...string) ([]tokenRequest, error) {
	conn, err := pgx.Connect(ctx, s.OwnerURL)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.Background()) }()
	rows, err := conn.Query(ctx, `
		select name, cause, started_at, outcome from token_requests
		 where namespace = $1 and name = any($2) and kind = 'Refresh' order by started_at`, s.namespace, names)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[tokenRequest])
}

// isSpent says whether the budget of refusals was spent at a moment.
func isSpent(requests []tokenRequest, at time.Time) bool {
	all, ofRefusals := 0, 0
	for _, r := range requests {
		if r.StartedAt.After(at) || !r.StartedAt.After(at.Add(-store.TokenRequestWindow)) {
			continue
		}
		all++
		if r.Cause == string(store.CauseRefused) {
			ofRefusals++
		}
	}
	return all >= store.MaxTokenRequests || ofRefusals >= store.MaxRefusedTokenRequests
}

// checkSpent returns an error until the budget of the storm is spent, and an agent at every server was told so.
func (s *tokenStorm) checkSpent(ctx context.Context) error {
	requests, err := s.readRequests(ctx, stormConnections...)
	if err != nil {
		return err
	}
	if !isSpent(requests, time.Now()) {
		return fmt.Errorf("%d refreshes were made", len(requests))
	}
	told := map[int]bool{}
	for _, call := range s.endedCalls() {
		told[call.server] = told[call.server] || call.failure != "" && call.connection != "forged"
	}
	for server := range stormServers {
		if !told[server] {
			return fmt.Errorf("the agent at server %d was told of no token that is missing", server+1)
		}
	}
	return nil
}

// checkForged returns an error until the thief is done and a scheduled refresh was made all the same.
func (s *tokenStorm) checkForged(ctx context.Context) error {
	requests, err := s.readRequests(ctx, "forged")
	if err != nil {
		return err
	}
	scheduled := slices.DeleteFunc(slices.Clone(requests), func(r tokenRequest) bool { return r.Cause != string(store.CauseScheduled) })
	if n := s.forgeries.Load(); n < stormForgeries || len(scheduled) < 2 {
		return fmt.Errorf("%d refusals were forged, and %d of %d refreshes scheduled", n, len(scheduled), len(requests))
	}
	return nil
}

// checkReopened returns an error until a refresh was made after the first window, and a call was answered by what came of it.
func (s *tokenStorm) checkReopened(ctx context.Context) error {
	requests, err := s.readRequests(ctx, stormConnections...)
	if err != nil {
		return err
	}
	last := requests[len(requests)-1].StartedAt
	if !last.After(requests[0].StartedAt.Add(store.TokenRequestWindow)) {
		return fmt.Errorf("the last of %d refreshes was %s ago", len(requests), time.Since(last).Round(time.Second))
	}
	if !slices.ContainsFunc(s.endedCalls(), func(c stormCall) bool { return c.failure == "" && c.connection != "forged" && c.ended.After(last) }) {
		return errors.New("no call was answered since")
	}
	return nil
}

func (s *tokenStorm) endedCalls() []stormCall {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// report prints what there was, and holds it against the budgets.
func (s *tokenStorm) report(t *testing.T) {
	t.Helper()
	for i, url := range s.controllers {
		read, err := metrics.Read(t.Context(), url)
		require.NoError(t, err)
		reconciles, _ := read.Sum("lectern_sdp_connection_reconciles_total")
		requests, _ := read.Sum("lectern_sdp_token_requests_total")
		refusals, _ := read.Sum("lectern_sdp_token_refusals_total")
		t.Logf("controller %d: %.0f reconciles of connections, %.0f token requests, %.0f refusals looked into", i+1, reconciles, requests, refusals)
		if reconciles == 0 {
			t.Errorf("controller %d does not lead", i+1)
		}
	}
	s.reportBudget(t, s.desk, stormConnections)
	s.reportBudget(t, s.forged.desk, []string{"forged"})
	storm, err := s.readRequests(t.Context(), stormConnections...)
	require.NoError(t, err)
	failed, early, longest := 0, 0, time.Duration(0)
	calls := s.endedCalls()
	for _, call := range calls {
		longest = max(longest, call.ended.Sub(call.began))
		if call.failure == "" {
			continue
		}
		failed++
		if !strings.Contains(call.failure, "TokenError: ") || !strings.Contains(call.failure, "; try again in ") {
			t.Errorf("server %d: a call of %s was answered %q", call.server+1, call.connection, call.failure)
		}
		if call.connection != "forged" && !isSpent(storm, call.began) && !isSpent(storm, call.ended) {
			early++
			t.Errorf("server %d: a call of %s failed after %s while the budget lasted: %s", call.server+1, call.connection, call.ended.Sub(call.began), call.failure)
		}
	}
	t.Logf("%d calls at %d servers, %d told that there is no token and when to try again, %d of them while the budget lasted; the longest took %.1f s; %d refusals forged",
		len(calls), stormServers, failed, early, longest.Seconds(), s.forgeries.Load())
}

// reportBudget holds the requests of connections with one refresh token, as the accounts server got them, to the budget.
func (s *tokenStorm) reportBudget(t *testing.T, desk *sdptest.Server, names []string) {
	t.Helper()
	requests, err := s.readRequests(t.Context(), names...)
	require.NoError(t, err)
	var refused []time.Time
	for _, r := range requests {
		if r.Cause == string(store.CauseRefused) {
			refused = append(refused, r.StartedAt)
		}
	}
	isTheirs := func(c sdptest.Call) bool {
		return sdptest.Grants("refresh_token")(c) && c.Parameters["client_id"] == "1000."+names[0]
	}
	arrived, worst := desk.Count(isTheirs), desk.Busiest(10*time.Minute, isTheirs)
	worstRefused := 0
	for _, at := range refused {
		n := 0
		for _, other := range refused {
			if !other.Before(at) && other.Sub(at) <= 10*time.Minute {
				n++
			}
		}
		worstRefused = max(worstRefused, n)
	}
	t.Logf("%v: %d refreshes, %d of them for refused tokens; at most %d in ten minutes, and %d for refused ones", names, arrived, len(refused), worst, worstRefused)
	if worst > store.MaxTokenRequests || worstRefused > store.MaxRefusedTokenRequests || arrived > len(requests) {
		t.Errorf("%v: at most %d refreshes in ten minutes and %d for refused tokens, of %d written down and %d made", names, worst, worstRefused, len(requests), arrived)
	}
}

// killWhileRefreshing kills a controller while the accounts server is about to answer it: the refresh token is kept, and at most one
// access token is made in vain.
func (s *tokenStorm) killWhileRefreshing(t *testing.T) {
	t.Helper()
	answering := make(chan struct{})
	s.desk.Fail(sdptest.HeldAnswer(answering).OfAccounts())
	require.NoError(t, s.add(t.Context(), "killed", true))
	ctx, cancel := context.WithTimeout(t.Context(), wait.Patience)
	defer cancel()
	_, err := s.desk.WaitForCalls(ctx, 1, sdptest.Grants("refresh_token"))
	require.NoError(t, err)
	s.Kill(testenv.Controller)
	close(answering)
	require.NoError(t, s.Launch(testenv.Controller))
	_, err = s.waitForConnection(t.Context(), "killed", v1alpha1.ReasonConnected)
	require.NoError(t, err)
	if n := s.count("killed", "refresh_token"); n > 2 || s.desk.IsRevoked("1000.refresh-killed") {
		t.Errorf("a controller that was killed cost %d refreshes, and the refresh token is revoked: %t", n, s.desk.IsRevoked("1000.refresh-killed"))
	}
	s.deleteConnections(t, []string{"killed"})
	require.NoError(t, s.WaitUntilReady(t.Context(), testenv.Controller))
}
