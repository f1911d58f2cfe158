package scenarios

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/metrics"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
	"github.com/lectern-dev/lectern/server/prompts"
)

// agent is an MCP client, the official one, which shares no code with the server's library.
type agent struct {
	session   *mcp.ClientSession
	transport *http.Transport
	// changed has a value after a list_changed was heard that nobody took yet.
	changed chan struct{}
}

// connect opens a session of a protocol version, the newest when empty. In the newest the client
// listens for list_changed.
func connect(ctx context.Context, endpoint, protocol string) (*agent, error) {
	return connectWithToken(ctx, endpoint, protocol, "")
}

func connectWithToken(ctx context.Context, endpoint, protocol, token string) (*agent, error) {
	a := &agent{transport: &http.Transport{}, changed: make(chan struct{}, 1)}
	c := mcp.NewClient(&mcp.Implementation{Name: "lectern-scenarios", Version: "1"}, &mcp.ClientOptions{
		PromptListChangedHandler: func(context.Context, *mcp.PromptListChangedRequest) {
			select {
			case a.changed <- struct{}{}:
			default:
			}
		},
	})
	var err error
	a.session, err = c.Connect(ctx, &mcp.StreamableClientTransport{
		Endpoint: endpoint, HTTPClient: &http.Client{Transport: testenv.Bearer{RoundTripper: a.transport, Token: token}},
	}, &mcp.ClientSessionOptions{ProtocolVersion: protocol})
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", endpoint, err)
	}
	return a, nil
}

func (a *agent) close() {
	if a == nil { // a scenario that was not opened all the way
		return
	}
	// The session may have ended with its server.
	_ = a.session.Close()
	a.transport.CloseIdleConnections()
}

// getPrompt returns the texts of a prompt's messages, joined, or "error CODE: message".
func (a *agent) getPrompt(ctx context.Context, name string, arguments map[string]string) (string, error) {
	result, err := a.session.GetPrompt(ctx, &mcp.GetPromptParams{Name: name, Arguments: arguments})
	if refused := new(jsonrpc.Error); errors.As(err, &refused) {
		return fmt.Sprintf("error %d: %s", refused.Code, refused.Message), nil
	}
	if err != nil {
		return "", fmt.Errorf("prompts/get %s: %w", name, err)
	}
	texts := make([]string, len(result.Messages))
	for i, m := range result.Messages {
		text, is := m.Content.(*mcp.TextContent)
		if !is {
			return "", fmt.Errorf("message %d of %s is %T, not text", i, name, m.Content)
		}
		texts[i] = text.Text
	}
	return strings.Join(texts, "\n"), nil
}

// listPrompts returns the names of all prompts of a namespace, in the order they come.
func (a *agent) listPrompts(ctx context.Context, namespace string) ([]string, error) {
	var names []string
	for p, err := range a.session.Prompts(ctx, nil) {
		if err != nil {
			return nil, fmt.Errorf("prompts/list: %w", err)
		}
		if name, in := strings.CutPrefix(p.Name, namespace+"."); in {
			names = append(names, name)
		}
	}
	return names, nil
}

// waitForSilence takes what was heard before, until there was silence for twice as long as a server gathers changes.
func (a *agent) waitForSilence() {
	for {
		select {
		case <-a.changed:
		case <-time.After(2 * prompts.DefaultAnnounceDelay):
			return
		}
	}
}

// waitForListChanged waits for a list_changed.
func (a *agent) waitForListChanged(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, wait.Patience)
	defer cancel()
	select {
	case <-a.changed:
		return nil
	case <-ctx.Done():
		return errors.New("no list_changed was heard")
	}
}

// waitUntilServed waits until both servers answer a get with exactly this.
func (s *scenario) waitUntilServed(ctx context.Context, name string, arguments map[string]string, want string) error {
	return s.waitForAnswers(ctx, name, arguments, func(got string) error {
		if got != want {
			return fmt.Errorf("got %q, want %q", abbreviate(got), abbreviate(want))
		}
		return nil
	})
}

// waitUntilRefused waits until both servers refuse a get with this code.
func (s *scenario) waitUntilRefused(ctx context.Context, name string, arguments map[string]string, code int, words string) error {
	return s.waitForAnswers(ctx, name, arguments, func(got string) error {
		if prefix := fmt.Sprintf("error %d: ", code); !strings.HasPrefix(got, prefix) || !strings.Contains(got, words) {
			return fmt.Errorf("got %q, want error %d with %q", abbreviate(got), code, words)
		}
		return nil
	})
}

func (s *scenario) waitForAnswers(ctx context.Context, name string, arguments map[string]string, right func(string) error) error {
	for i, a := range s.agents {
		err := wait.Until(ctx, func(ctx context.Context) error {
			got, err := a.getPrompt(ctx, s.namespace+"."+name, arguments)
			if err != nil {
				return err
			}
			return right(got)
		})
		if err != nil {
			return fmt.Errorf("prompts/get %s %v on server %d: %w", name, arguments, i+1, err)
		}
	}
	return nil
}

// waitUntilListed waits until both servers list exactly these prompts of the scenario.
func (s *scenario) waitUntilListed(ctx context.Context, want ...string) error {
	for i, a := range s.agents {
		err := wait.Until(ctx, func(ctx context.Context) error {
			got, err := a.listPrompts(ctx, s.namespace)
			if err == nil && !slices.Equal(got, want) {
				err = fmt.Errorf("got %q, want %q", got, want)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("prompts/list on server %d: %w", i+1, err)
		}
	}
	return nil
}

// waitUntilHeld has both servers load prompts and the list while they know of everything in the database: what a server loads before
// it hears of the last change is forgotten when it does. Nobody changes anything meanwhile.
func (s *scenario) waitUntilHeld(ctx context.Context, names ...string) error {
	return wait.Until(ctx, func(ctx context.Context) error {
		var revision, after int64
		if err := s.queryRow(ctx, []any{&revision}, "select revision from feed"); err != nil {
			return err
		}
		for i, server := range []string{testenv.Server1, testenv.Server2} {
			if err := s.checkFollowed(ctx, server, revision); err != nil {
				return err
			}
			for _, name := range names {
				if got, err := s.agents[i].getPrompt(ctx, s.namespace+"."+name, nil); err != nil || strings.HasPrefix(got, "error ") {
					return fmt.Errorf("%s: %s: %s, %w", server, name, got, err)
				}
			}
			if _, err := s.agents[i].listPrompts(ctx, s.namespace); err != nil {
				return err
			}
		}
		err := s.queryRow(ctx, []any{&after}, "select revision from feed")
		if err == nil && after != revision {
			err = fmt.Errorf("something was published meanwhile: revision %d became %d", revision, after)
		}
		return err
	})
}

// checkFollowed returns an error until a server knows of a revision.
func (s *scenario) checkFollowed(ctx context.Context, server string, revision int64) error {
	read, err := metrics.Read(ctx, s.MetricsURL(server))
	if err != nil {
		return err
	}
	if known, _ := read.Sum("lectern_catalog_revision"); int64(known) < revision {
		return fmt.Errorf("%s knows of revision %.0f, and there is %d", server, known, revision)
	}
	return nil
}

// callUntilFinal calls a tool that writes until it tells what became of the change, which may take a busy machine longer than a call
// waits. A repeat under the same key is the same request.
func callUntilFinal(ctx context.Context, session *mcp.ClientSession, tool string, arguments map[string]any) (result *mcp.CallToolResult, err error) {
	call := map[string]any{"idempotencyKey": uuid.NewString()}
	maps.Copy(call, arguments)
	late := wait.Until(ctx, func(ctx context.Context) error {
		result, err = session.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: call})
		if err != nil || result.IsError {
			return nil
		}
		var told struct {
			State string `json:"state"`
		}
		if err = decodeStructured(result, &told); err != nil || told.State == "published" {
			return nil
		}
		return fmt.Errorf("%s: the change is %s", tool, told.State)
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tool, err)
	}
	return result, late
}

// abbreviate keeps messages readable.
func abbreviate(text string) string {
	if len(text) > 300 {
		return text[:300] + fmt.Sprintf("… (%d bytes)", len(text))
	}
	return text
}
