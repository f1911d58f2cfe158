package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"sigs.k8s.io/yaml"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// arguments the demo gives to the prompt; tone is left to its default.
var arguments = map[string]string{
	"ticket": "INC-4711",
	"notes":  "VPN down for Vienna since 14:05 CET. Restarted the gateway, no change. Provider called at 14:40.",
}

// openSession connects the official MCP client.
func openSession(ctx context.Context, endpoint string) (session *mcp.ClientSession, closeSession func(), err error) {
	transport := &http.Transport{}
	client := mcp.NewClient(&mcp.Implementation{Name: "lectern-demo", Version: "1"}, nil)
	session, err = client.Connect(ctx, &mcp.StreamableClientTransport{
		Endpoint: endpoint, HTTPClient: &http.Client{Transport: transport},
	}, nil)
	if err != nil {
		transport.CloseIdleConnections()
		return nil, nil, fmt.Errorf("connect an MCP client to %s: %w", endpoint, err)
	}
	return session, func() {
		_ = session.Close()
		transport.CloseIdleConnections()
	}, nil
}

// getAnswer gets the shown prompt.
func getAnswer(ctx context.Context, endpoint string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	session, closeSession, err := openSession(ctx, endpoint)
	if err != nil {
		return "", err
	}
	defer closeSession()
	result, err := session.GetPrompt(ctx, &mcp.GetPromptParams{Name: namespace + "." + shown, Arguments: arguments})
	if err != nil {
		return "", fmt.Errorf("prompts/get %s.%s: %w", namespace, shown, err)
	}
	if len(result.Messages) != 1 {
		return "", fmt.Errorf("prompts/get answered %d messages in place of one", len(result.Messages))
	}
	text, isText := result.Messages[0].Content.(*mcp.TextContent)
	if !isText {
		return "", fmt.Errorf("prompts/get answered %T in place of text", result.Messages[0].Content)
	}
	return text.Text, nil
}

// sampleText reads the text of a sample as its author wrote it.
func sampleText(samples, name string) (string, error) {
	content, err := os.ReadFile(filepath.Join(filepath.Clean(samples), name+".yaml"))
	if err != nil {
		return "", err
	}
	var sample struct {
		Spec struct{ Text string }
	}
	if err := yaml.Unmarshal(content, &sample); err != nil {
		return "", fmt.Errorf("read sample %s: %w", name, err)
	}
	return sample.Spec.Text, nil
}

// expectedAnswer renders the sample by plain replacement: another road to the text than Lectern's.
func expectedAnswer(text, fragment string) string {
	return strings.NewReplacer(
		"{{#next_shift}} to {{next_shift}}{{/next_shift}}", "",
		"{{tone}}", "brief", "{{ticket}}", arguments["ticket"], "{{notes}}", arguments["notes"],
		"{{> house-style}}\n", fragment,
	).Replace(text)
}

func checkAnswer(answer, samples string) error {
	text, err := sampleText(samples, shown)
	if err != nil {
		return err
	}
	fragment, err := sampleText(samples, "house-style")
	if err != nil {
		return err
	}
	if want := expectedAnswer(text, fragment); answer != want {
		return fmt.Errorf("the answer is not what %s says; got\n%s\nwant\n%s", shown, indent(answer), indent(want))
	}
	return nil
}

// checkEdit does what a newcomer does: changes the text in a file, applies it, asks again.
func checkEdit(ctx context.Context, stack *testenv.Stack, samples string, say func(string, ...any)) error {
	const before, after = "Under each heading write at most five lines.", "Under each heading write at most three lines."
	content, err := os.ReadFile(filepath.Join(filepath.Clean(samples), shown+".yaml"))
	if err != nil {
		return err
	}
	if !strings.Contains(string(content), before) {
		return fmt.Errorf("sample %s no longer says %q, which the check edits", shown, before)
	}
	edited := filepath.Join(stack.Dir, shown+".yaml")
	if err := os.WriteFile(edited, []byte(strings.Replace(string(content), before, after, 1)), 0o600); err != nil {
		return err
	}
	if _, err := stack.ControlPlane.Kubectl(ctx, "apply", "--server-side", "--namespace", namespace, "--filename", edited); err != nil {
		return err
	}
	applied := time.Now()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for _, endpoint := range stack.Endpoints {
		if err := wait.Until(ctx, func(ctx context.Context) error {
			answer, err := getAnswer(ctx, endpoint)
			if err == nil && !strings.Contains(answer, after) {
				err = errors.New("the old text is still served at " + endpoint)
			}
			return err
		}); err != nil {
			return err
		}
	}
	say("Both servers give the new text, %d ms after the apply.", time.Since(applied).Milliseconds())
	return nil
}
