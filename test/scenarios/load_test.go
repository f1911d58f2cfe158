package scenarios

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"golang.org/x/sync/errgroup"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// tally counts what one kind of caller was answered.
type tally struct {
	mu sync.Mutex
	// right are answers as they must be, away those of them that say the store is.
	right, away int
	wrong       int
	first       error // of the wrong ones
	slowest     time.Duration
}

func (y *tally) addAnswer(took time.Duration, away bool, err error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.slowest = max(y.slowest, took)
	switch {
	case err == nil && away:
		y.away++
		y.right++
	case err == nil:
		y.right++
	default:
		y.wrong++
		if y.first == nil {
			y.first = err
		}
	}
}

func (y *tally) countAnswers() int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.right + y.wrong
}

func (y *tally) String() string {
	return fmt.Sprintf("%d right (%d of them that the store is away), %d wrong, the slowest after %s",
		y.right, y.away, y.wrong, y.slowest.Round(time.Millisecond))
}

// load is callers of both servers, in both eras of the protocol, who do not pause: some ask for what
// is held, gets and all pages of the list; some for what nobody has, by prompts/get and by tools; and one
// looks at the probes.
type load struct {
	scenario              *scenario
	held, unheld, probing tally
	group                 *errgroup.Group
	stop                  context.CancelFunc
	agents                []*agent
}

// startLoad starts the callers, who get prompts that say their own names and list all there are.
func (s *scenario) startLoad(t *testing.T, names, all []string) *load {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	l := &load{scenario: s, stop: stop, group: &errgroup.Group{}}
	t.Cleanup(l.stop)
	for server, endpoint := range s.Endpoints {
		for _, protocol := range []string{"", "2025-11-25"} {
			held, unheld := l.connectAgent(t, endpoint, protocol), l.connectAgent(t, endpoint, protocol)
			l.repeatUntilEnd(ctx, &l.held, func(n int) (bool, error) { return false, s.askForHeld(ctx, held, names, all, n) })
			l.repeatUntilEnd(ctx, &l.unheld, func(n int) (bool, error) {
				nobody := fmt.Sprintf("nobody-%d-%s-%d", server, protocol, n)
				switch n % 3 {
				case 0:
					return callToolForUnheld(ctx, unheld, "get_prompt", map[string]any{"id": s.namespace + "/" + nobody}, "Error retrieving prompt: ")
				case 1:
					return callToolForUnheld(ctx, unheld, "search_prompts", map[string]any{"query": nobody}, "Error searching prompts: ")
				default:
					return s.askForUnheld(ctx, unheld, nobody)
				}
			})
		}
	}
	probes := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, name := range []string{testenv.Server1, testenv.Server2} {
		l.repeatUntilEnd(ctx, &l.probing, func(int) (bool, error) {
			status, body, err := fetchURL(ctx, probes, s.ReadyURL(name))
			if err == nil && status != http.StatusOK {
				err = fmt.Errorf("%s is not ready: %s", name, body)
			}
			return false, err
		})
	}
	return l
}

func (l *load) connectAgent(t *testing.T, endpoint, protocol string) *agent {
	t.Helper()
	a, err := connect(t.Context(), endpoint, protocol)
	require.NoError(t, err)
	l.agents = append(l.agents, a)
	return a
}

func (l *load) repeatUntilEnd(ctx context.Context, y *tally, ask func(n int) (away bool, err error)) {
	l.group.Go(func() error {
		for n := 0; ctx.Err() == nil; n++ {
			began := time.Now()
			away, err := ask(n)
			if ctx.Err() == nil {
				y.addAnswer(time.Since(began), away, err)
			}
		}
		return nil
	})
}

func (l *load) finish() {
	l.stop()
	_ = l.group.Wait() // it returns nil
	for _, a := range l.agents {
		a.close()
	}
	l.agents = nil
}

// waitForMore waits until callers were answered so many times more.
func (l *load) waitForMore(ctx context.Context, y *tally, answers int) error {
	before := y.countAnswers()
	return wait.Until(ctx, func(context.Context) error {
		if got := y.countAnswers() - before; got < answers {
			return fmt.Errorf("%d answers; want %d", got, answers)
		}
		return nil
	})
}

func (s *scenario) askForHeld(ctx context.Context, a *agent, names, all []string, n int) error {
	if n%20 == 0 {
		got, err := a.listPrompts(ctx, s.namespace)
		if err == nil && !slices.Equal(got, all) {
			err = fmt.Errorf("prompts/list: got %q, want %q", got, all)
		}
		return err
	}
	name := names[n%len(names)]
	got, err := a.getPrompt(ctx, s.namespace+"."+name, nil)
	if err == nil && got != "I am "+name {
		err = fmt.Errorf("prompts/get %s: %s", name, abbreviate(got))
	}
	return err
}

// askForUnheld asks for what no catalog holds: the answer is that it is not there or, with the time to
// try again, that the store is away.
func (s *scenario) askForUnheld(ctx context.Context, a *agent, name string) (away bool, err error) {
	_, err = a.session.GetPrompt(ctx, &mcp.GetPromptParams{Name: s.namespace + "." + name})
	refused := new(jsonrpc.Error)
	if !errors.As(err, &refused) {
		return false, fmt.Errorf("prompts/get of nothing: %w", err)
	}
	var data struct {
		RetryAfterSeconds int `json:"retryAfterSeconds"`
	}
	switch {
	case refused.Code == jsonrpc.CodeInvalidParams:
		return false, nil
	case refused.Code == 503 && json.Unmarshal(refused.Data, &data) == nil && data.RetryAfterSeconds > 0 &&
		refused.Message == fmt.Sprintf("the store is away, try again in %d s", data.RetryAfterSeconds):
		return true, nil
	default:
		return false, fmt.Errorf("prompts/get of nothing: error %d: %s, %s", refused.Code, refused.Message, refused.Data)
	}
}

// callToolForUnheld calls a tool, none of which is answered by the catalog: there is nothing, or with the time
// to try again, the store is away.
func callToolForUnheld(ctx context.Context, a *agent, tool string, arguments map[string]any, doing string) (away bool, err error) {
	result, err := a.session.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: arguments})
	if err != nil {
		return false, fmt.Errorf("%s: %w", tool, err)
	}
	if len(result.Content) != 1 {
		return false, fmt.Errorf("%s: %d contents; want 1", tool, len(result.Content))
	}
	text, is := result.Content[0].(*mcp.TextContent)
	switch {
	case !is:
		return false, fmt.Errorf("%s: %T, not text", tool, result.Content[0])
	case result.IsError && text.Text == doing+"StorageError: the store is away, try again in 2 s":
		return true, nil
	case result.IsError && strings.HasPrefix(text.Text, doing+"NotFoundError: "), !result.IsError && text.Text == "[]":
		return false, nil
	default:
		return false, fmt.Errorf("%s: %s", tool, text.Text)
	}
}

// fetchURL returns status and body of a URL.
func fetchURL(ctx context.Context, client *http.Client, url string) (status int, body string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	return response.StatusCode, string(content), err
}
