package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

const (
	// connection is the name of the demo's SDPConnection.
	connection = "helpdesk"
	// clientID and clientSecret are those of a self client, as Zoho's API console shows them.
	clientID, clientSecret = "1000.DEMO", "secret-of-the-demo"
	// ticketText is of the ticket that is in the queue of who calls.
	ticketText = "Laptop will not dock"
)

// connectionManifest has a one-time grant code, and says who a caller is in ServiceDesk Plus.
const connectionManifest = `apiVersion: v1
kind: Secret
metadata:
  name: helpdesk-oauth
type: lectern.dev/sdp-credentials
stringData:
  client_id: %[1]s
  client_secret: %[2]s
  grant_code: %[3]s
---
apiVersion: lectern.dev/v1alpha1
kind: SDPConnection
metadata:
  name: %[4]s
spec:
  edition: Cloud
  apiURL: %[5]s
  accountsURL: %[6]s
  portal: itdesk
  credentials:
    secretName: helpdesk-oauth
  access:
    mode: ReadWrite
    toolsets: [requests, lookups, projects, knowledge, people, problems-and-changes]
  rateLimit: {requestsPerMinute: 300, burst: 60}
  callers:
  - subject: local:%[7]s
    email: tech@example.org
    groups: [Service desk]
`

// startDesk starts the fake ServiceDesk Plus, with a small helpdesk in it.
func startDesk(ctx context.Context) (*testenv.FakeSDP, error) {
	return testenv.StartFakeSDP(ctx, "-client-id="+clientID, "-client-secret="+clientSecret)
}

// applyConnection applies a connection to the fake by a new grant code, and waits until it is Ready. It returns what kubectl get says.
func applyConnection(ctx context.Context, stack *testenv.Stack, desk *testenv.FakeSDP) (string, error) {
	if err := stack.GrantConnections(ctx, namespace); err != nil {
		return "", err
	}
	code, err := desk.IssueGrantCode(ctx)
	if err != nil {
		return "", err
	}
	caller, err := user.Current()
	if err != nil {
		return "", fmt.Errorf("find out who calls: %w", err)
	}
	manifest := manifestPath(stack)
	text := fmt.Sprintf(connectionManifest, clientID, clientSecret, code, connection, desk.URL, desk.AccountsURL, caller.Username)
	if err := os.WriteFile(manifest, []byte(text), 0o600); err != nil {
		return "", err
	}
	if _, err := stack.ControlPlane.Kubectl(ctx, "apply", "--server-side", "--namespace", namespace, "--filename", manifest); err != nil {
		return "", err
	}
	_, failed := stack.ControlPlane.Kubectl(ctx, "wait", "--for=condition=Ready", "--namespace", namespace, "--timeout=60s", "sdpconnection", connection)
	state, err := stack.ControlPlane.Kubectl(ctx, "get", "sdpconnections", "--namespace", namespace)
	if failed != nil {
		return "", fmt.Errorf("%w\n%s", failed, state)
	}
	return state, err
}

func manifestPath(stack *testenv.Stack) string { return filepath.Join(stack.Dir, connection+".yaml") }

// toolAnswer is a call of a tool with what an agent reads.
type toolAnswer struct{ call, text string }

// waitForQueue returns what readQueue does once the server has heard of the connection.
func waitForQueue(ctx context.Context, endpoint string) (answers []toolAnswer, err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	err = wait.Until(ctx, func(ctx context.Context) (err error) {
		answers, err = readQueue(ctx, endpoint)
		return err
	})
	return answers, err
}

// readQueue does what an agent does in the morning: it reads its queue, the first ticket in it, and what the ticket's priority is.
func readQueue(ctx context.Context, endpoint string) ([]toolAnswer, error) {
	session, closeSession, err := openSession(ctx, endpoint)
	if err != nil {
		return nil, err
	}
	defer closeSession()
	var queue struct {
		Requests []struct{ Number, Priority string }
	}
	answers := make([]toolAnswer, 3)
	if answers[0], err = callTool(ctx, session, "my_queue", nil, &queue); err != nil {
		return nil, err
	}
	if len(queue.Requests) == 0 {
		return nil, errors.New("my_queue is empty")
	}
	first := queue.Requests[0]
	if answers[1], err = callTool(ctx, session, "get_request", map[string]any{"request_id": first.Number, "include": []string{"notes", "conversations"}}, nil); err != nil {
		return nil, err
	}
	answers[2], err = callTool(ctx, session, "list_lookup", map[string]any{"type": "priorities", "query": first.Priority}, nil)
	return answers, err
}

// callTool calls a tool and reads the structured part of its answer, unless into is nil.
func callTool(ctx context.Context, session *mcp.ClientSession, name string, arguments map[string]any, into any) (toolAnswer, error) {
	result, err := session.CallTool(ctx, &mcp.CallToolParams{Name: name, Arguments: arguments})
	if err != nil {
		return toolAnswer{}, fmt.Errorf("call %s: %w", name, err)
	}
	var text strings.Builder
	for _, part := range result.Content {
		if words, is := part.(*mcp.TextContent); is {
			text.WriteString(words.Text)
		}
	}
	if result.IsError {
		return toolAnswer{}, fmt.Errorf("%s failed: %s", name, text.String())
	}
	written, err := json.Marshal(arguments)
	if err != nil {
		return toolAnswer{}, fmt.Errorf("write the arguments of %s: %w", name, err)
	}
	answer := toolAnswer{call: strings.TrimSuffix(name+" "+string(written), " null"), text: text.String()}
	if into == nil {
		return answer, nil
	}
	structured, err := json.Marshal(result.StructuredContent)
	if err == nil {
		err = json.Unmarshal(structured, into)
	}
	if err != nil {
		return answer, fmt.Errorf("read the answer of %s: %w", name, err)
	}
	return answer, nil
}

// checkQueue holds the answers to what is in the fake.
func checkQueue(answers []toolAnswer) error {
	for i, want := range []string{ticketText, ticketText + ". It began this week.", "Normal"} {
		if !strings.Contains(answers[i].text, want) {
			return fmt.Errorf("the answer to %s lacks %q:\n%s", answers[i].call, want, indent(answers[i].text))
		}
	}
	return nil
}

// printQueue shows what an agent read.
func printQueue(state string, answers []toolAnswer) {
	fmt.Printf("\nkubectl get sdpconnections:\n\n%s\n", indent(state))
	for _, answer := range answers {
		fmt.Printf("\nThe answer to %s:\n\n%s\n", answer.call, indent(answer.text))
	}
}
