package scenarios

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

const (
	// auditCalls is how many calls are answered where LECTERN_AUDIT_CALLS says no other number.
	auditCalls = 4_000
	// auditClients ask each server at once.
	auditClients = 8
)

// callTally is what clients know of their calls: each has a name of its own, by which its client calls itself.
type callTally struct {
	mu       sync.Mutex
	answered map[string]string
	// sent are those without an answer: the connection broke.
	sent map[string]bool

	count  atomic.Int64
	wanted int64
	// isOver is set once nothing more happens to servers and Postgres: calls are made all the while.
	isOver atomic.Bool
}

func (l *callTally) begin() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	name := fmt.Sprintf("call-%d", len(l.answered)+len(l.sent)+1)
	l.sent[name] = true
	return name
}

func (l *callTally) end(name, outcome string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.sent, name)
	l.answered[name] = outcome
	l.count.Add(1)
}

// auditedCall returns one of the calls that are made in turns, as params without _meta.
func auditedCall(n int, prompt string) (method, target string, params map[string]any) {
	switch n % 4 {
	case 0, 1:
		return "prompts/get", prompt, map[string]any{"name": prompt}
	case 2:
		return "prompts/get", "nowhere.nothing", map[string]any{"name": "nowhere.nothing"}
	default:
		return "tools/call", "no_such_tool", map[string]any{"name": "no_such_tool", "arguments": map[string]any{"secret": canary}}
	}
}

// canary is in arguments, and in no row, no file and no log.
const canary = "canary-f00d-cafe"

// callOnce makes a call and tallies its answer.
func (l *callTally) callOnce(ctx context.Context, client *http.Client, endpoint, prompt string, n int) error {
	name := l.begin()
	method, target, params := auditedCall(n, prompt)
	params["_meta"] = map[string]any{
		"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": map[string]any{},
		"io.modelcontextprotocol/clientInfo": map[string]any{"name": name, "version": "1"},
	}
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for header, value := range map[string]string{
		"Content-Type": "application/json", "Accept": "application/json, text/event-stream", "Mcp-Protocol-Version": "2026-07-28",
		"Mcp-Method": method, "Mcp-Name": target,
	} {
		request.Header.Set(header, value)
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	var said struct {
		Error  *struct{ Code int }
		Result *struct{ IsError bool }
	}
	switch err := json.Unmarshal(answer, &said); {
	case err != nil:
		return fmt.Errorf("%d %s: %w", response.StatusCode, answer, err)
	case said.Error != nil:
		l.end(name, "error "+strconv.Itoa(said.Error.Code))
	case said.Result == nil || said.Result.IsError:
		return fmt.Errorf("%d %s", response.StatusCode, answer)
	default:
		l.end(name, "success")
	}
	return nil
}

// askUntilEnough makes calls until enough are answered by all clients together, and all has happened. One whose server is away tries on.
func (l *callTally) askUntilEnough(ctx context.Context, endpoint, prompt string) error {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for n := 0; l.count.Load() < l.wanted || !l.isOver.Load(); n++ {
		err := wait.Until(ctx, func(ctx context.Context) error { return l.callOnce(ctx, client, endpoint, prompt, n) })
		if err != nil {
			return err
		}
	}
	return nil
}

// waitForShare waits until so many of a hundred calls are answered.
func (l *callTally) waitForShare(ctx context.Context, percent int64) error {
	return wait.Until(ctx, func(context.Context) error {
		if count := l.count.Load(); count*100 < l.wanted*percent {
			return fmt.Errorf("%d calls of %d are answered", count, l.wanted)
		}
		return nil
	})
}

// disrupt stops Postgres three times and kills a server twice while calls are made, once while Postgres is away.
func (l *callTally) disrupt(ctx context.Context, s *testenv.Stack) error {
	restart := func(ctx context.Context) error {
		return errors.Join(s.Launch(testenv.Server1), s.WaitUntilReady(ctx, testenv.Server1))
	}
	kill := func(context.Context) error { s.Kill(testenv.Server1); return nil }
	for _, step := range []struct {
		percent int64
		do      func(context.Context) error
	}{
		{10, s.Postgres.StopServer}, {20, kill}, {30, s.Postgres.StartServer}, {30, restart},
		{40, s.Postgres.StopServer}, {50, s.Postgres.StartServer},
		{60, kill}, {65, restart},
		{70, s.Postgres.StopServer}, {80, s.Postgres.StartServer},
	} {
		if err := errors.Join(l.waitForShare(ctx, step.percent), step.do(ctx)); err != nil {
			return fmt.Errorf("at %d %%: %w", step.percent, err)
		}
	}
	return nil
}

// testAudit has the audit equal what clients know of their own calls, whatever happened to Postgres and to a server.
func testAudit(t *testing.T) {
	if os.Getenv("LECTERN_TEST_DATABASE_URL") != "" {
		t.Skip("LECTERN_TEST_DATABASE_URL lends a server, which cannot be stopped; unset it for this test")
	}
	ctx := t.Context()
	s := startScenario(t, largeStack(t))
	require.NoError(t, s.createPrompts(ctx, s.newPrompt("audited", "Hello.")))
	require.NoError(t, s.waitUntilPublished(ctx))
	prompt := s.namespace + ".audited"
	l := &callTally{answered: map[string]string{}, sent: map[string]bool{}, wanted: auditCalls}
	if given := os.Getenv("LECTERN_AUDIT_CALLS"); given != "" {
		var err error
		l.wanted, err = strconv.ParseInt(given, 10, 64)
		require.NoError(t, err)
	}
	began := time.Now()
	var asking sync.WaitGroup
	failures := make(chan error, 2*auditClients)
	for _, endpoint := range s.Endpoints {
		for range auditClients {
			asking.Go(func() { failures <- l.askUntilEnough(ctx, endpoint, prompt) })
		}
	}
	disrupted := l.disrupt(ctx, s.Stack)
	l.isOver.Store(true)
	asking.Wait()
	require.NoError(t, disrupted)
	for range cap(failures) {
		require.NoError(t, <-failures)
	}
	rows := s.waitForRows(t, l, began.Add(-time.Minute))
	t.Logf("%d calls were answered in %s, and %d were not; the audit has %d rows", len(l.answered), time.Since(began).Round(time.Second), len(l.sent), rows)
	s.wantNothingLost(t)
	s.wantNoCanary(t)
}

// waitForRows waits until the rows in the database equal the tally, and returns how many there are.
func (s *scenario) waitForRows(t *testing.T, l *callTally, since time.Time) int {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Options{URL: s.OwnerURL})
	require.NoError(t, err)
	defer db.Close()
	var count int
	err = wait.Until(t.Context(), func(ctx context.Context) error {
		found, err := readUsage(ctx, db, since)
		if err != nil {
			return err
		}
		count = 0
		missing := 0
		for name, outcome := range l.answered {
			switch rows := found[name]; {
			case len(rows) == 0:
				missing++
			case len(rows) > 1 || rows[0] != outcome:
				t.Fatalf("%s ended in %q for its client, and the audit has %q", name, outcome, rows)
			}
		}
		for name, rows := range found {
			count += len(rows)
			if _, is := l.answered[name]; !is && (!l.sent[name] || len(rows) > 1) {
				t.Fatalf("nobody made %s once, of which the audit has %q", name, rows)
			}
		}
		if missing > 0 {
			return fmt.Errorf("%d calls of %d have no row yet", missing, len(l.answered))
		}
		return nil
	})
	require.NoError(t, err)
	return count
}

// readUsage returns the outcomes of all rows of the test's clients, by client.
func readUsage(ctx context.Context, db *postgres.Store, since time.Time) (map[string][]string, error) {
	found := map[string][]string{}
	q := store.UsageQuery{
		Since: since, Until: time.Now().Add(time.Hour), Limit: 5000,
		Visible: store.UsageScope{Prompts: store.Scope{All: true}, Connections: store.ConnectionScope{All: true}},
	}
	for {
		rows, err := db.FindToolUsage(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if strings.HasPrefix(row.Client, "call-") {
				found[row.Client] = append(found[row.Client], strings.TrimSpace(row.Outcome+" "+row.ErrorKind))
			}
		}
		if len(rows) < q.Limit {
			return found, nil
		}
		q.Before = &rows[len(rows)-1].UsagePlace
	}
}

var lostRows = regexp.MustCompile(`(?m)^lectern_audit_lost_rows_total\{[^}]*\} (.*)$`)

// wantNothingLost reads the metrics of both servers.
func (s *scenario) wantNothingLost(t *testing.T) {
	t.Helper()
	for _, name := range []string{testenv.Server1, testenv.Server2} {
		response, err := http.Get(s.MetricsURL(name))
		require.NoError(t, err)
		metrics, err := io.ReadAll(response.Body)
		require.NoError(t, errors.Join(err, response.Body.Close()))
		lost := lostRows.FindAllSubmatch(metrics, -1)
		if len(lost) != 5 { // dropped, refusals, damaged, rejected, expired
			t.Errorf("%s counts %d reasons for what is lost, want 5", name, len(lost))
		}
		for _, line := range lost {
			if string(line[1]) != "0" {
				t.Errorf("%s: %s", name, line[0])
			}
		}
	}
}

// wantNoCanary looks for what was in arguments in all files and logs of the stack.
func (s *scenario) wantNoCanary(t *testing.T) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(s.Dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if bytes.Contains(content, []byte(canary)) {
			t.Errorf("%s has what was in an argument", path)
		}
		return err
	}))
}
