package scenarios

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// testPooler puts pgbouncer between Lectern and its database: nothing fails, and edits of people and agents arrive.
func testPooler(t *testing.T) {
	// A session of the server for every connection there may be, or fewer than there are callers.
	for mode, sessions := range map[string]int{testenv.PoolTransactions: 5, testenv.PoolSessions: 60} {
		t.Run(mode+" mode", func(t *testing.T) { testPoolMode(t, mode, sessions) })
	}
}

func testPoolMode(t *testing.T, mode string, sessions int) {
	ctx := t.Context()
	s := startScenario(t, releasedStack(t))
	pooler, err := testenv.StartPgbouncer(ctx, mode, sessions, s.OwnerURL, s.ServerURL)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, s.RouteDatabase(func(to string) string { return to }))
		s.restartAll(context.WithoutCancel(ctx), t)
		require.NoError(t, pooler.Stop())
	})
	require.NoError(t, s.RouteDatabase(pooler.Route))
	s.restartAll(ctx, t)

	names := make([]string, 20)
	for i := range names {
		names[i] = fmt.Sprintf("pooled-%02d", i)
		require.NoError(t, s.createPrompts(ctx, s.newPrompt(names[i], "Text of "+names[i])))
	}
	for _, name := range names {
		require.NoError(t, s.waitUntilServed(ctx, name, nil, "Text of "+name))
	}
	began := time.Now()
	const reads = 1200
	if failed, first := s.readThroughTools(ctx, names, reads); failed > 0 {
		t.Errorf("%d of %d reads failed, the first: %v", failed, reads, first)
	}
	t.Logf("%d reads took %s", reads, time.Since(began).Round(time.Millisecond))

	var slowest time.Duration
	for i := range 5 {
		text := fmt.Sprintf("Edit %d", i)
		edited := time.Now()
		require.NoError(t, s.editText(ctx, names[0], text))
		require.NoError(t, s.waitUntilServed(ctx, names[0], nil, text))
		slowest = max(slowest, time.Since(edited))
	}
	t.Logf("the slowest of 5 edits was served by both servers after %s", slowest.Round(time.Millisecond))
	var took []time.Duration
	for i := range 11 {
		asked := time.Now()
		require.NoError(t, s.addPromptOverMCP(ctx, s.agents[i%2], fmt.Sprintf("Added %d", i)))
		took = append(took, time.Since(asked))
	}
	slices.Sort(took)
	t.Logf("add_prompt: p50 %s of %d", took[len(took)/2].Round(time.Millisecond), len(took))
}

// restartAll restarts the processes of Lectern, and opens the agents' sessions anew.
func (s *scenario) restartAll(ctx context.Context, t *testing.T) {
	t.Helper()
	for _, name := range []string{testenv.Controller, testenv.Server1, testenv.Server2} {
		require.NoError(t, s.Restart(ctx, name))
	}
	for i, endpoint := range s.Endpoints {
		s.agents[i].close()
		var err error
		s.agents[i], err = connect(ctx, endpoint, "")
		require.NoError(t, err)
	}
}

// readThroughTools makes so many reads that no cache answers, of many callers at both servers, and counts those that fail.
func (s *scenario) readThroughTools(ctx context.Context, names []string, reads int64) (failed int64, first error) {
	var next, failures atomic.Int64
	var once sync.Once
	var callers sync.WaitGroup
	for range 24 {
		callers.Go(func() {
			for i := next.Add(1); i <= reads; i = next.Add(1) {
				name := names[int(i)%len(names)]
				call := &mcp.CallToolParams{Name: "get_prompt", Arguments: map[string]any{"id": s.namespace + "/" + name}}
				if i%4 == 0 {
					call = &mcp.CallToolParams{Name: "search_prompts", Arguments: map[string]any{"query": "text of " + name}}
				}
				result, err := s.agents[i%2].session.CallTool(ctx, call)
				if err == nil && result.IsError {
					err = fmt.Errorf("%s: %s", call.Name, textOf(result))
				}
				if err != nil {
					failures.Add(1)
					once.Do(func() { first = err })
				}
			}
		})
	}
	callers.Wait()
	return failures.Load(), first
}

func textOf(result *mcp.CallToolResult) (all string) {
	for _, content := range result.Content {
		if text, is := content.(*mcp.TextContent); is {
			all += text.Text
		}
	}
	return all
}

// addPromptOverMCP adds a prompt and expects to be told that it is published. It may be called again: its key is of the title, so
// that is the same request.
func (s *scenario) addPromptOverMCP(ctx context.Context, a *agent, title string) error {
	result, err := callUntilFinal(ctx, a.session, "add_prompt", map[string]any{
		"name": title, "content": "Text", "namespace": s.namespace, "idempotencyKey": s.namespace + " " + title,
	})
	if err == nil && result.IsError {
		err = fmt.Errorf("add_prompt: %s", textOf(result))
	}
	return err
}

// TestFailover has a standby take the primary's place while the primary lives on read-only with every connection to it: the
// servers say so, and controller and servers write again once the database's address has moved.
func TestFailover(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := startScenario(t, failoverStack(t))
	forwarder, err := testenv.StartForwarder(s.Postgres.URL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, forwarder.Stop()) })
	require.NoError(t, s.RouteDatabase(forwarder.Route))
	standby, err := s.Postgres.StartStandby(ctx) // which restarts the primary, so all connect by the forwarder
	require.NoError(t, err)
	t.Cleanup(standby.Stop)
	require.NoError(t, s.createPrompts(ctx, s.newPrompt("held", "Before")))
	require.NoError(t, s.waitUntilServed(ctx, "held", nil, "Before"))
	require.NoError(t, s.addPromptOverMCP(ctx, s.agents[0], "Added before"))
	require.NoError(t, s.waitUntilHeld(ctx, "held"))

	require.NoError(t, s.Postgres.Exec(ctx, "alter system set default_transaction_read_only = on"))
	require.NoError(t, s.Postgres.Exec(ctx, "select pg_reload_conf()"))
	require.NoError(t, s.waitForReadiness(ctx, regexp.MustCompile("^degraded .*the database server is read-only")))
	require.NoError(t, s.waitUntilServed(ctx, "held", nil, "Before"))
	require.NoError(t, wait.Until(ctx, s.checkControllerNotReady))

	require.NoError(t, standby.CatchUp(ctx, s.Postgres))
	require.NoError(t, standby.Promote(ctx))
	forwarder.Move(standby.URL)
	moved := time.Now()
	require.NoError(t, s.editText(ctx, "held", "After"))
	require.NoError(t, wait.Until(ctx, func(ctx context.Context) error { return s.addPromptOverMCP(ctx, s.agents[1], "Added after") }))
	t.Logf("an agent's prompt was published %s after the database had moved", time.Since(moved).Round(time.Millisecond))
	require.NoError(t, s.waitUntilServed(ctx, "held", nil, "After"))
	t.Logf("an edit was served %s after it", time.Since(moved).Round(time.Millisecond))
	require.NoError(t, s.waitUntilHealthy(ctx))
	require.NoError(t, s.WaitUntilReady(ctx, testenv.Controller))
}

// checkControllerNotReady returns an error until the controller says that it is not ready.
func (s *scenario) checkControllerNotReady(ctx context.Context) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	status, body, err := fetchURL(ctx, client, s.ReadyURL(testenv.Controller))
	if err == nil && status == http.StatusOK {
		err = fmt.Errorf("readiness of the controller is %d %q", status, body)
	}
	return err
}
