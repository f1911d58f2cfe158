package conformance

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

type object = map[string]any

// wantedJourney returns what an agent's way through the server comes to, with any client.
func wantedJourney(version string, capabilities object) object {
	return object{
		"version": version, "capabilities": capabilities,
		"prompts":         []any{"it.greeting", "support.incident-handover"},
		"text":            []any{"Write a brief handover for 7."},
		"receipt":         "sha256:",
		"unknownPrompt":   "-32602 no such prompt, or not yours to read",
		"missingArgument": `-32602 argument "ticket": is required; give it a value`,
		"hasTools":        true,
		"called":          "Incident handover",
		"wrong":           []any{true, "Error retrieving prompt: NotFoundError: Prompt with id 'support/nothing' not found"},
		"unknownTool":     "-32602 no such tool as \"nothing\"; tools/list has those there are for you",
		"resources":       []any{"prompt://it/greeting", "prompt://support/incident-handover"},
		"templates": []any{
			"prompt://{namespace}/{name}",
			"prompt://{namespace}/{name}/channels/{channel}",
			"prompt://{namespace}/{name}/versions/{version}",
		},
		"read":            []any{object{"role": "user", "text": "Write a {{tone}} handover for {{ticket}}."}},
		"unknownResource": "-32602 no such resource, or not yours to read",
		"tones":           object{"values": []any{"brief"}, "total": 1.0},
		"names":           object{"values": []any{"incident-handover"}, "total": 1.0},
	}
}

// TestTypeScriptClient_V1: the first generation begins with initialize, and is shown nothing that needs a
// session.
func TestTypeScriptClient_V1(t *testing.T) {
	t.Parallel()
	o := requirePrograms(t)
	_, endpoint := startLectern(t)
	script := o.runScript(t, "clients/v1.mjs", endpoint)
	want := wantedJourney("2025-11-25", object{"completions": object{}, "prompts": object{}, "resources": object{}, "tools": object{}})
	script.requireLine(want)
	script.requireEnd()
}

// TestTypeScriptClient_V2: the second generation finds the newest revision by itself, and hears of a change.
func TestTypeScriptClient_V2(t *testing.T) {
	t.Parallel()
	o := requirePrograms(t)
	author, endpoint := startLectern(t)
	script := o.runScript(t, "clients/v2.mjs", endpoint)
	changes := object{"listChanged": true}
	script.requireLine(wantedJourney("2026-07-28", object{
		"completions": object{}, "prompts": changes, "resources": object{"listChanged": true, "subscribe": true}, "tools": object{},
	}))
	script.requireLine(object{"listening": object{
		"promptsListChanged": true, "resourcesListChanged": true,
		"resourceSubscriptions": []any{"prompt://support/incident-handover"},
	}})
	publishPrompt(author, "Hand {{ticket}} over, {{tone}}.")
	script.requireLine(object{"told": object{
		"notifications/prompts/list_changed":   "",
		"notifications/resources/list_changed": "",
		"notifications/resources/updated":      "prompt://support/incident-handover",
	}})
	script.requireEnd()
}

// nodeScript is a program of Node's that says what it found, a JSON object a line.
type nodeScript struct {
	t      *testing.T
	lines  *bufio.Reader
	stderr *bytes.Buffer
	wait   func() error
}

func (o nodePrograms) runScript(t *testing.T, path, endpoint string) *nodeScript {
	t.Helper()
	cmd := o.nodeCommand(t, path, o.packages, endpoint)
	s := &nodeScript{t: t, stderr: &bytes.Buffer{}, wait: cmd.Wait}
	cmd.Stderr = s.stderr
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	s.lines = bufio.NewReader(stdout)
	require.NoError(t, cmd.Start())
	return s
}

func (s *nodeScript) requireLine(want object) {
	s.t.Helper()
	line, err := s.lines.ReadString('\n')
	if err != nil {
		s.t.Fatalf("the script says nothing: %v, %v\n%s", err, s.wait(), s.stderr)
	}
	var got object
	require.NoError(s.t, json.Unmarshal([]byte(line), &got))
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("(-want +got)\n%s", diff)
	}
}

func (s *nodeScript) requireEnd() {
	s.t.Helper()
	rest, _ := io.ReadAll(s.lines)
	if err := s.wait(); err != nil || len(rest) > 0 {
		s.t.Errorf("the script ended with %v\n%s%s", err, rest, s.stderr)
	}
}

// TestInspector: the Inspector reads all that there is, in both eras, and finds nothing wrong with the
// schemas of the tools.
func TestInspector(t *testing.T) {
	t.Parallel()
	o := requirePrograms(t)
	_, endpoint := startLectern(t)
	for _, era := range []string{"legacy", "modern"} {
		t.Run(era, func(t *testing.T) {
			t.Parallel()
			ask := func(method string, args ...string) string {
				cmd := o.nodeCommand(t, o.modulePath("@modelcontextprotocol/inspector/clients/launcher/build/index.js"), append([]string{
					"--cli", endpoint, "--transport", "http", "--protocol-era", era, "--format", "json", "--method", method,
				}, args...)...)
				var complaint bytes.Buffer
				cmd.Stderr = &complaint
				out, err := cmd.Output()
				if err != nil {
					t.Errorf("%s: %v\n%s%s", method, err, out, complaint.String())
				}
				return string(out)
			}
			for _, tc := range []struct {
				method, want string
				args         []string
			}{
				{"tools/list", `"find_similar_prompts"`, []string{"--strict"}},
				{"tools/call", "Hello.", []string{"--tool-name", "get_prompt", "--tool-args-json", `{"id":"it/greeting"}`}},
				{"prompts/list", `"support.incident-handover"`, nil},
				{"prompts/get", "Write a brief handover for 7.", []string{"--prompt-name", "support.incident-handover", "--prompt-args", "ticket=7"}},
				{"resources/list", `"prompt://it/greeting"`, nil},
				{"resources/templates/list", `"prompt://{namespace}/{name}/versions/{version}"`, nil},
				{"resources/read", "Hello.", []string{"--uri", "prompt://it/greeting"}},
			} {
				if got := ask(tc.method, tc.args...); !strings.Contains(got, tc.want) {
					t.Errorf("%s: %q is not in %s", tc.method, tc.want, got)
				}
			}
		})
	}
}
