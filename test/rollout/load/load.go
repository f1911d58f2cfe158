package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// Caller is one agent.
type Caller struct {
	Token string
	// Own is the name of the prompt that this caller edits, and nobody else.
	Own string
}

// Options of a load.
type Options struct {
	// Endpoint is the MCP URL of all namespaces.
	Endpoint string
	Callers  []Caller
	// Namespace has Prompts, each with the text "I am NAME", and those that the callers own.
	Namespace string
	Prompts   []string
	// ReadsPerSecond and EditsPerSecond are how much is asked by all callers together. Whatever the answers take, the next
	// questions come when they are due.
	ReadsPerSecond, EditsPerSecond float64
}

// Load is callers at work.
type Load struct {
	options   Options
	agents    []*agent
	followers []*follower
	began     time.Time
	stop      context.CancelFunc
	ended     sync.WaitGroup

	mu     sync.Mutex
	report Report
}

// agent is a caller with a session.
type agent struct {
	Caller
	session *mcp.ClientSession
	http    *http.Client
	// editing is held by one edit at a time: the texts are told in the order they are written.
	editing sync.Mutex
	edits   atomic.Int64
}

// protocols are those of the sessions, in turns: the newest, and one that older clients speak.
var protocols = []string{"2026-07-28", "2025-11-25"}

// Start opens a session for every caller and two that follow the list, and lets them work until Finish.
func Start(ctx context.Context, o Options) (*Load, error) {
	ctx, stop := context.WithCancel(ctx)
	l := &Load{options: o, stop: stop, began: time.Now(), report: Report{Texts: map[string]string{}}}
	if err := l.connectAll(ctx); err != nil {
		l.Finish()
		return nil, err
	}
	l.began = time.Now()
	for _, f := range l.followers {
		l.ended.Go(func() { l.followList(ctx, f) })
	}
	l.ended.Go(func() { l.repeat(ctx, o.ReadsPerSecond, l.read) })
	l.ended.Go(func() { l.repeat(ctx, o.EditsPerSecond, l.edit) })
	return l, nil
}

func (l *Load) connectAll(ctx context.Context) error {
	for i, caller := range l.options.Callers {
		a := &agent{Caller: caller, http: newClient(caller.Token)}
		client := mcp.NewClient(&mcp.Implementation{Name: "load", Version: "1"}, nil)
		// Before the work begins nothing is restarted, and a busy API server may not answer in time who calls.
		err := wait.Until(ctx, func(context.Context) (err error) { // the session outlives the wait
			a.session, err = client.Connect(ctx, &mcp.StreamableClientTransport{Endpoint: l.options.Endpoint, HTTPClient: a.http, MaxRetries: -1},
				&mcp.ClientSessionOptions{ProtocolVersion: protocols[i%len(protocols)]})
			return err
		})
		if err != nil {
			return fmt.Errorf("connect caller %d: %w", i, err)
		}
		l.agents = append(l.agents, a)
	}
	for i, caller := range l.options.Callers[:2] {
		f, err := newFollower(ctx, l.options.Endpoint, newClient(caller.Token))
		if err != nil {
			return fmt.Errorf("connect follower %d: %w", i, err)
		}
		l.followers = append(l.followers, f)
	}
	return nil
}

// bearer sends a token with every request.
type bearer struct {
	*http.Transport
	token string
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return b.Transport.RoundTrip(r)
}

// newClient returns a client with connections of its own, which sends a token.
func newClient(token string) *http.Client {
	return &http.Client{Transport: bearer{http.DefaultTransport.(*http.Transport).Clone(), token}}
}

// repeat asks at a rate until ctx ends, the callers in turns, and waits for the answers.
func (l *Load) repeat(ctx context.Context, perSecond float64, ask func(ctx context.Context, a *agent, n int)) {
	if perSecond <= 0 {
		return
	}
	var asked sync.WaitGroup
	defer asked.Wait()
	began := time.Now()
	for n := 0; ; n++ {
		due := time.NewTimer(time.Until(began.Add(time.Duration(float64(n) / perSecond * float64(time.Second)))))
		select {
		case <-ctx.Done():
			due.Stop()
			return
		case <-due.C:
		}
		// What was asked is waited for, the end or not: a call that is cut off proves nothing.
		asked.Go(func() { ask(context.WithoutCancel(ctx), l.agents[n%len(l.agents)], n/len(l.agents)) })
	}
}

// answerTimeout is how long an answer may take before the call has failed: that of a client without patience.
const answerTimeout = 30 * time.Second

// read asks once: what servers hold, what they ask the database for, and lists.
func (l *Load) read(ctx context.Context, a *agent, n int) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	name, began := l.options.Prompts[n%len(l.options.Prompts)], time.Now()
	id, want := l.options.Namespace+"/"+name, "I am "+name
	var err error
	switch n % 8 {
	case 0:
		err = l.readList(ctx, a)
	case 1, 2:
		_, err = a.callTool(ctx, "get_prompt", map[string]any{"id": id}, want)
	case 3:
		_, err = a.callTool(ctx, "search_prompts", map[string]any{"query": "am " + name}, name)
	default:
		err = a.getPrompt(ctx, l.options.Namespace+"."+name, want)
	}
	l.note(&l.report.reads, time.Since(began), err)
}

// readList reads all pages of the list, which may be of two servers.
func (l *Load) readList(ctx context.Context, a *agent) error {
	found := map[string]bool{}
	for p, err := range a.session.Prompts(ctx, nil) {
		if err != nil {
			return fmt.Errorf("prompts/list: %w", err)
		}
		found[p.Name] = true
	}
	for _, name := range l.options.Prompts {
		if !found[l.options.Namespace+"."+name] {
			return fmt.Errorf("prompts/list: %s is not among %d", name, len(found))
		}
	}
	return nil
}

// edit changes the caller's own prompt, and remembers the text once it was told that it is taken.
func (l *Load) edit(ctx context.Context, a *agent, _ int) {
	a.editing.Lock()
	defer a.editing.Unlock()
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	text, began := fmt.Sprintf("Edit %d of %s", a.edits.Add(1), a.Own), time.Now()
	result, err := a.callTool(ctx, "update_prompt", map[string]any{"id": l.options.Namespace + "/" + a.Own, "content": text}, "")
	var told struct {
		State string `json:"state"`
	}
	if err == nil {
		err = decodeStructured(result, &told)
	}
	l.note(&l.report.edits, time.Since(began), err)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err != nil:
	case told.State == "published":
		l.report.Edits++
	default:
		l.report.Edits++
		l.report.Pending++
	}
	if err == nil {
		l.report.Texts[a.Own] = text
	}
}

func decodeStructured(result *mcp.CallToolResult, into any) error {
	raw, err := json.Marshal(result.StructuredContent)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}

func (a *agent) getPrompt(ctx context.Context, name, want string) error {
	result, err := a.session.GetPrompt(ctx, &mcp.GetPromptParams{Name: name})
	if err != nil {
		return fmt.Errorf("prompts/get %s: %w", name, err)
	}
	if len(result.Messages) == 1 {
		if text, is := result.Messages[0].Content.(*mcp.TextContent); is && text.Text == want {
			return nil
		}
	}
	return fmt.Errorf("prompts/get %s: not %q", name, want)
}

// callTool expects a result that is no error and, unless want is empty, says it.
func (a *agent) callTool(ctx context.Context, tool string, arguments map[string]any, want string) (*mcp.CallToolResult, error) {
	result, err := a.session.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: arguments})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tool, err)
	}
	said, err := json.Marshal(result)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", tool, err)
	case result.IsError:
		return nil, fmt.Errorf("%s: %s", tool, said)
	case want != "" && !bytes.Contains(said, []byte(want)):
		return nil, fmt.Errorf("%s: no %q in %.300s", tool, want, said)
	}
	return result, nil
}

// Finish ends the load, waits for the answers that are due, and reports.
func (l *Load) Finish() Report {
	l.stop()
	l.ended.Wait()
	lasted := time.Since(l.began)
	for _, a := range l.agents {
		_ = a.session.Close()
		a.http.CloseIdleConnections()
	}
	for _, f := range l.followers {
		f.close()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.report.Lasted = lasted
	return l.report
}

// ReadPrompt returns the text of a prompt as an endpoint serves it to whoever has the token.
func ReadPrompt(ctx context.Context, endpoint, token, name string) (string, error) {
	with := newClient(token)
	defer with.CloseIdleConnections()
	session, err := mcp.NewClient(&mcp.Implementation{Name: "reader", Version: "1"}, nil).
		Connect(ctx, &mcp.StreamableClientTransport{Endpoint: endpoint, HTTPClient: with, MaxRetries: -1}, nil)
	if err != nil {
		return "", fmt.Errorf("connect to %s: %w", endpoint, err)
	}
	defer session.Close() //nolint:errcheck // there is nothing to end
	result, err := session.GetPrompt(ctx, &mcp.GetPromptParams{Name: name})
	if err != nil {
		return "", fmt.Errorf("prompts/get %s: %w", name, err)
	}
	if len(result.Messages) != 1 {
		return "", fmt.Errorf("prompts/get %s: %d messages; want 1", name, len(result.Messages))
	}
	text, is := result.Messages[0].Content.(*mcp.TextContent)
	if !is {
		return "", fmt.Errorf("prompts/get %s: %T, not text", name, result.Messages[0].Content)
	}
	return text.Text, nil
}
