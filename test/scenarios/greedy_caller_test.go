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
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

const (
	// usedPrompts are what the normal caller reads, greedyNames what the greedy one asks for, of which greedyPrompts are there.
	usedPrompts, greedyNames, greedyPrompts = 100, 5_000, 60
	// greedyChanges is how many changes the greedy caller asks for.
	greedyChanges = 10_000
	// windows is how often the normal caller is measured alone and beside the greedy one, in turns; windowCalls of each.
	windows, windowCalls = 3, 200
	// normalInterval is the time between two calls of the normal caller, within what a caller may ask.
	normalInterval = 60 * time.Millisecond
)

// caller is who sends requests with a token of their own, over connections of their own.
type caller struct {
	endpoint, token string
	http            *http.Client
	ids             atomic.Int64
}

func newCaller(endpoint, token string) *caller {
	return &caller{endpoint: endpoint, token: token, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}}}
}

// answered is an answer as JSON-RPC has it.
type answered struct {
	Result json.RawMessage
	Error  *struct {
		Code    int
		Message string
	}
}

// open sends a request of revision 2026-07-28.
func (c *caller) open(ctx context.Context, method, name string, params map[string]any) (*http.Response, error) {
	params["_meta"] = map[string]any{
		"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": map[string]any{},
		"io.modelcontextprotocol/clientInfo": map[string]any{"name": "scenarios", "version": "1"},
	}
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": c.ids.Add(1), "method": method, "params": params})
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for header, value := range map[string]string{
		"Authorization": "Bearer " + c.token, "Content-Type": "application/json", "Accept": "application/json, text/event-stream",
		"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": method, "Mcp-Name": name,
	} {
		if value != "" {
			r.Header.Set(header, value)
		}
	}
	return c.http.Do(r)
}

// send sends a request and returns its answer, an event or not.
func (c *caller) send(ctx context.Context, method, name string, params map[string]any) (answered, error) {
	var a answered
	response, err := c.open(ctx, method, name, params)
	if err != nil {
		return a, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return a, err
	}
	if _, event, is := bytes.Cut(body, []byte("data: ")); is {
		body = event
	}
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&a); err != nil {
		return a, fmt.Errorf("%s: %s %.200s", method, response.Status, body)
	}
	return a, nil
}

// get asks for a prompt and returns an error unless it says so many times its own name.
func (c *caller) get(ctx context.Context, name, text string) error {
	a, err := c.send(ctx, "prompts/get", name, map[string]any{"name": name})
	switch {
	case err != nil:
		return err
	case a.Error != nil:
		return fmt.Errorf("%s: %d %s", name, a.Error.Code, a.Error.Message)
	case !strings.Contains(string(a.Result), text):
		return fmt.Errorf("%s: %.200s", name, a.Result)
	}
	return nil
}

func (c *caller) callTool(ctx context.Context, tool string, arguments map[string]any) (answered, error) {
	return c.send(ctx, "tools/call", tool, map[string]any{"name": tool, "arguments": arguments})
}

// changeUntilFinal is callUntilFinal for a caller without a session.
func (c *caller) changeUntilFinal(ctx context.Context, tool string, arguments map[string]any) (answer answered, err error) {
	arguments["idempotencyKey"] = uuid.NewString()
	late := wait.Until(ctx, func(ctx context.Context) error {
		answer, err = c.callTool(ctx, tool, arguments)
		if err == nil && strings.Contains(string(answer.Result), " is accepted but not ") {
			return fmt.Errorf("%s: %s", tool, answer.Result)
		}
		return nil
	})
	return answer, errors.Join(err, late)
}

// greed is what a greedy caller was told.
type greed struct{ asked, limited, failed, changes atomic.Int64 }

func (g *greed) note(a answered, err error) {
	g.asked.Add(1)
	switch {
	case err != nil:
		g.failed.Add(1)
	case a.Error != nil && a.Error.Code == http.StatusTooManyRequests:
		g.limited.Add(1)
	}
}

// runGreedy asks for everything at once, without a pause, until ctx ends.
func (c *caller) runGreedy(ctx context.Context, namespace string, g *greed) {
	group, ctx := errgroup.WithContext(ctx)
	var names atomic.Int64
	repeat := func(times int, ask func() (answered, error)) {
		for range times {
			group.Go(func() error {
				for ctx.Err() == nil {
					if a, err := ask(); ctx.Err() == nil {
						g.note(a, err)
					}
				}
				return nil
			})
		}
	}
	repeat(10, func() (answered, error) {
		name := fmt.Sprintf("%s.greedy-%d", namespace, names.Add(1)%greedyNames)
		return c.send(ctx, "prompts/get", name, map[string]any{"name": name})
	})
	repeat(6, func() (answered, error) {
		if g.changes.Load() >= greedyChanges {
			return c.callTool(ctx, "get_stats", map[string]any{})
		}
		return c.callTool(ctx, "add_prompt", map[string]any{
			"name": fmt.Sprint("made ", g.changes.Add(1)), "content": strings.Repeat("much ", 1000), "namespace": namespace,
		})
	})
	repeat(4, func() (answered, error) {
		return c.send(ctx, "completion/complete", "", map[string]any{
			"ref": map[string]any{"type": "ref/resource", "uri": "prompt://{namespace}/{name}"}, "argument": map[string]any{"name": "name", "value": "g"},
			"context": map[string]any{"arguments": map[string]any{"namespace": namespace}},
		})
	})
	repeat(4, func() (answered, error) {
		return c.callTool(ctx, "search_prompts", map[string]any{"query": fmt.Sprint("greedy ", names.Add(1))})
	})
	repeat(20, func() (answered, error) { return answered{}, c.follow(ctx, namespace) })
	_ = group.Wait() // it returns nil
}

// follow opens a stream for as many resources as a caller may follow, and reads until it ends.
func (c *caller) follow(ctx context.Context, namespace string) error {
	uris := make([]string, 16)
	for i := range uris {
		uris[i] = fmt.Sprintf("prompt://%s/greedy-%d", namespace, i)
	}
	response, err := c.open(ctx, "subscriptions/listen", "", map[string]any{
		"notifications": map[string]any{"promptsListChanged": true, "resourceSubscriptions": uris},
	})
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// neighbours are a greedy and a normal caller of one server, each with a namespace.
type neighbours struct {
	*testenv.Stack
	callers        *testenv.Callers
	greedy, normal *caller
}

const greedyNamespace, normalNamespace = "greedy", "normal"

// usedText is what a prompt of the normal caller says.
func usedText(i int) string { return fmt.Sprintf("I am number %d.", i) }

func usedName(i int) string { return fmt.Sprintf("%s.used-%d", normalNamespace, i%usedPrompts) }

// startNeighbours makes both callers with all rights in their namespaces, and what they read.
func startNeighbours(t *testing.T, stack *testenv.Stack) *neighbours {
	t.Helper()
	ctx := t.Context()
	n := &neighbours{Stack: stack}
	var err error
	n.callers, err = stack.ControlPlane.Callers()
	require.NoError(t, err)
	api, err := newClient(stack.ControlPlane.Config)
	require.NoError(t, err)
	for namespace, who := range map[string]**caller{greedyNamespace: &n.greedy, normalNamespace: &n.normal} {
		account := testenv.Account{Namespace: namespace, Name: "agent"}
		require.NoError(t, n.callers.CreateAccount(ctx, account))
		require.NoError(t, n.callers.Grant(ctx, testenv.Grant{
			Name: namespace, Namespace: namespace, Account: account, Verbs: []string{"get", "list", "create", "patch", "delete", "promote"},
		}))
		token, err := n.callers.RequestToken(ctx, account, testenv.TokenOptions{Audiences: []string{testenv.Audience}})
		require.NoError(t, err)
		*who = newCaller(stack.Endpoints[0], token)
		t.Cleanup((*who).http.CloseIdleConnections)
	}
	s := scenario{Stack: stack, api: api}
	for i := range usedPrompts {
		s.namespace = normalNamespace
		p := s.newPrompt(fmt.Sprint("used-", i), usedText(i)+strings.Repeat(" And what is to be done.", 50))
		p.Annotations = map[string]string{v1alpha1.AgentsAnnotation: "all"}
		require.NoError(t, api.Create(ctx, p))
	}
	for i := range greedyPrompts {
		s.namespace = greedyNamespace
		require.NoError(t, api.Create(ctx, s.newPrompt(fmt.Sprint("greedy-", i), strings.Repeat("x", 60_000))))
	}
	for _, s.namespace = range []string{greedyNamespace, normalNamespace} {
		require.NoError(t, waitUntilReady(ctx, api, s.namespace))
	}
	return n
}

// waitUntilReady waits until all prompts of a namespace are published.
func waitUntilReady(ctx context.Context, api client.Client, namespace string) error {
	return wait.Until(ctx, func(ctx context.Context) error {
		var all v1alpha1.PromptList
		if err := api.List(ctx, &all, client.InNamespace(namespace)); err != nil {
			return err
		}
		for i := range all.Items {
			if all.Items[i].Status.Version == 0 {
				return fmt.Errorf("%s is not published", all.Items[i].Name)
			}
		}
		return nil
	})
}

// measure has the normal caller ask at an even pace, and returns how long each call took.
func (n *neighbours) measure(ctx context.Context) (took []time.Duration, err error) {
	pace := time.NewTicker(normalInterval)
	defer pace.Stop()
	for i := range windowCalls {
		<-pace.C
		began := time.Now()
		err = errors.Join(err, n.normal.get(ctx, usedName(i), usedText(i%usedPrompts)))
		took = append(took, time.Since(began))
	}
	return took, err
}

// window is how long the calls of the normal caller took, alone and right after that beside the greedy one.
type window struct{ alone, beside []time.Duration }

// measureInTurns measures the normal caller alone and beside the greedy one, in turns, so that what else the machine does is in
// both.
func (n *neighbours) measureInTurns(ctx context.Context, g *greed) (measured []window, err error) {
	for range windows {
		var w window
		var failed, limited, missed error
		w.alone, failed = n.measure(ctx)
		during, stop := context.WithCancel(ctx)
		var running sync.WaitGroup
		running.Go(func() { n.greedy.runGreedy(during, greedyNamespace, g) })
		before := g.limited.Load()
		limited = wait.Until(ctx, func(context.Context) error { // until the limits are what it lives by
			if g.limited.Load() == before {
				return errors.New("nothing of the greedy caller was refused yet")
			}
			return nil
		})
		w.beside, missed = n.measure(ctx)
		stop()
		running.Wait()
		measured, err = append(measured, w), errors.Join(err, failed, limited, missed)
	}
	return measured, err
}

// checkFollowed returns an error until the server of both callers knows of all changes of the normal one.
func (n *neighbours) checkFollowed(ctx context.Context) error {
	s := scenario{Stack: n.Stack}
	var revision int64
	if err := s.queryRow(ctx, []any{&revision}, "select max(revision) from prompts where namespace = $1", normalNamespace); err != nil {
		return err
	}
	return s.checkFollowed(ctx, testenv.Server1, revision)
}

func percentile(took []time.Duration, share float64) time.Duration {
	sorted := slices.Sorted(slices.Values(took))
	return sorted[int(share*float64(len(sorted)-1))]
}

// testGreedyReader holds that a caller who asks for all they can at once takes nothing from another one: every call of that one
// succeeds, changes included, the usual one takes not twice as long, and its prompts are served with Postgres stopped.
func testGreedyReader(t *testing.T) {
	ctx := t.Context()
	n := startNeighbours(t, authenticatedStack(t))
	for i := range usedPrompts { // what is served from now on is held
		require.NoError(t, wait.Until(ctx, func(ctx context.Context) error { return n.normal.get(ctx, usedName(i), usedText(i)) }))
	}
	var g greed
	measured, err := n.measureInTurns(ctx, &g)
	require.NoError(t, err)

	during, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { n.greedy.runGreedy(during, greedyNamespace, &g) })
	defer running.Wait()
	defer stop()
	for i := range 5 {
		a, err := n.normal.changeUntilFinal(ctx, "update_prompt", map[string]any{
			"id": fmt.Sprintf("%s/used-%d", normalNamespace, usedPrompts-1), "content": fmt.Sprint(usedText(usedPrompts-1), " Edited ", i),
		})
		require.NoError(t, err)
		if a.Error != nil || !strings.Contains(string(a.Result), "Updated prompt") {
			t.Errorf("a change of the normal caller: %+v %s", a.Error, a.Result)
		}
	}
	require.NoError(t, wait.Until(ctx, n.checkFollowed)) // or what is loaded now may be forgotten again
	require.NoError(t, n.normal.get(ctx, usedName(usedPrompts-1), usedText(usedPrompts-1)))
	if os.Getenv("LECTERN_TEST_DATABASE_URL") == "" { // one that was lent cannot be stopped
		require.NoError(t, n.Postgres.StopServer(ctx))
		pace := time.NewTicker(normalInterval)
		defer pace.Stop()
		for i := range usedPrompts {
			<-pace.C
			if err := n.normal.get(ctx, usedName(i), usedText(i)); err != nil {
				t.Errorf("with Postgres stopped: %v", err)
			}
		}
		require.NoError(t, n.Postgres.StartServer(ctx))
	}
	logFigures(t, measured, &g)
}

// logFigures prints how much slower the normal caller was beside the greedy one. It holds it to nothing: on one machine of two
// cores the servers share them with the greedy caller's edits and with whatever else is tested.
func logFigures(t *testing.T, measured []window, g *greed) {
	t.Helper()
	var all window
	for _, w := range measured {
		all.alone, all.beside = append(all.alone, w.alone...), append(all.beside, w.beside...)
	}
	for _, share := range []float64{0.5, 0.9, 0.99} {
		alone, beside := percentile(all.alone, share), percentile(all.beside, share)
		ratio := beside.Seconds() / alone.Seconds()
		t.Logf("p%.0f: %s alone, %s beside the greedy caller: %.2f times", 100*share, alone, beside, ratio)
	}
	t.Logf("the greedy caller asked %d times, was limited %d times, failed %d times, and asked for %d changes",
		g.asked.Load(), g.limited.Load(), g.failed.Load(), g.changes.Load())
}
