package gitops

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/lectern-dev/lectern/internal/testenv"
)

// Agent is an MCP client that may do everything with the prompts of a namespace.
type Agent struct {
	session   *mcp.ClientSession
	transport *http.Transport
	namespace string
	world     *World
}

// Connect makes a ServiceAccount with every right in a namespace, and opens a session as it.
func (w *World) Connect(ctx context.Context, namespace string) (*Agent, error) {
	account := testenv.Account{Namespace: namespace, Name: "agent-" + uuid.NewString()[:8]}
	if err := w.callers.CreateAccount(ctx, account); err != nil {
		return nil, err
	}
	everything := []string{"get", "list", "create", "patch", "delete", "promote"}
	if err := w.callers.Grant(ctx, testenv.Grant{Name: account.Name, Namespace: namespace, Account: account, Verbs: everything}); err != nil {
		return nil, err
	}
	token, err := w.callers.RequestToken(ctx, account, testenv.TokenOptions{Audiences: []string{testenv.Audience}})
	if err != nil {
		return nil, err
	}
	a := &Agent{transport: &http.Transport{}, namespace: namespace, world: w}
	a.session, err = mcp.NewClient(&mcp.Implementation{Name: "lectern-gitops", Version: "1"}, nil).Connect(ctx, &mcp.StreamableClientTransport{
		Endpoint: w.Endpoints[0], HTTPClient: &http.Client{Transport: testenv.Bearer{RoundTripper: a.transport, Token: token}}, DisableStandaloneSSE: true,
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", w.Endpoints[0], err)
	}
	return a, nil
}

// Close ends the session.
func (a *Agent) Close() {
	_ = a.session.Close()
	a.transport.CloseIdleConnections()
}

// Call calls a tool and returns what it says, and whether that is a refusal.
func (a *Agent) Call(ctx context.Context, tool string, arguments map[string]any) (said string, refused bool, err error) {
	result, err := a.session.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: arguments})
	if err != nil {
		return "", false, fmt.Errorf("%s: %w", tool, err)
	}
	var texts []string
	for _, content := range result.Content {
		if text, is := content.(*mcp.TextContent); is {
			texts = append(texts, text.Text)
		}
	}
	return strings.Join(texts, "\n"), result.IsError, nil
}

// WaitUntilServed waits until a prompt's messages contain words.
func (a *Agent) WaitUntilServed(ctx context.Context, name string, arguments map[string]string, words string) error {
	return a.world.Until(ctx, func(ctx context.Context) error {
		result, err := a.session.GetPrompt(ctx, &mcp.GetPromptParams{Name: a.namespace + "." + name, Arguments: arguments})
		if err != nil {
			return err
		}
		for _, m := range result.Messages {
			if text, is := m.Content.(*mcp.TextContent); is && strings.Contains(text.Text, words) {
				return nil
			}
		}
		return fmt.Errorf("the messages of %s lack %q", name, words)
	})
}
