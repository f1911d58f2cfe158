//go:build e2e

package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

const tokenFile = "/var/run/lectern/token"

// toolCall is the message of a call of a tool.
func toolCall(tool string, arguments map[string]any) string {
	return message("tools/call", map[string]any{"name": tool, "arguments": arguments})
}

func message(method string, params map[string]any) string {
	text, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// ask sends messages through `lectern connect` in a Job of the agent, and returns the answers.
func (a agent) ask(t *testing.T, r release, messages ...string) string {
	t.Helper()
	log, succeeded := a.runJob(t, r, append([]string{"ask", r.endpoint(), tokenFile}, messages...)...)
	if !succeeded {
		r.logState(t)
		t.Fatalf("%s was not answered: %s", a.name, log)
	}
	return log
}

// testAgents calls the servers from pods by the Service's name, each with the token that its pod has for them.
func (r release) testAgents(t *testing.T) {
	r.createNamespace(t, "agents")
	reader := r.createAgent(t, "agents", "reader", prompts, "lectern-agent")
	editor := r.createAgent(t, "agents", "editor", prompts, "lectern-agent", "lectern-edit")
	stranger := r.createAgent(t, "agents", "stranger", prompts)

	get := message("prompts/get", map[string]any{"name": prompts + ".greeting", "arguments": map[string]any{"name": "Ada"}})
	if answer := reader.ask(t, r, get); !strings.Contains(answer, "Greet Ada.") {
		t.Errorf("the reader was answered %s", answer)
	}
	if answer := stranger.ask(t, r, get); strings.Contains(answer, "Greet") || !strings.Contains(answer, `"error"`) {
		t.Errorf("the stranger was answered %s", answer)
	}
	r.testEdit(t, editor, reader)
}

// testEdit has an agent edit an object, and be refused for its rights and for who owns the object.
func (r release) testEdit(t *testing.T, editor, reader agent) {
	t.Helper()
	edit := func(name, text string) string {
		return toolCall("update_prompt", map[string]any{"id": prompts + "/" + name, "content": text})
	}
	answer := editor.ask(t, r, edit("greeting", "Welcome {{name}}."), message("prompts/get",
		map[string]any{"name": prompts + ".greeting", "arguments": map[string]any{"name": "Ada"}}))
	if !strings.Contains(answer, "Welcome Ada.") {
		t.Errorf("the editor was answered %s", answer)
	}
	var p v1alpha1.Prompt
	require.NoError(t, r.objects.Get(t.Context(), client.ObjectKey{Namespace: prompts, Name: "greeting"}, &p))
	if p.Spec.Text != "Welcome {{name}}." {
		t.Errorf("the object says %q", p.Spec.Text)
	}
	if answer := reader.ask(t, r, edit("greeting", "Shout at {{name}}.")); !strings.Contains(answer, "no such tool") {
		t.Errorf("the reader's edit was answered %s", answer)
	}
	// It is Helm's: the refusal says so, and what to propose.
	answer = editor.ask(t, r, edit(helmOwned, "Something else."))
	for _, part := range []string{`"isError":true`, "Helm"} {
		if !strings.Contains(strings.ReplaceAll(answer, "helm", "Helm"), part) {
			t.Errorf("the edit of what Helm owns lacks %q: %s", part, answer)
		}
	}
	r.record(t, "prompts/get and update_prompt through lectern connect from Jobs, by Service name: edit served, the others refused")
}
