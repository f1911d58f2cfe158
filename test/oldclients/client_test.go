package oldclients

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/logbuffer"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// patience is how long anything may take.
const patience = wait.Patience

// client is a program that started Lectern.
type client struct {
	*testing.T
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stderr *logbuffer.Buffer
	// ended is closed when Lectern has ended and all it said was read.
	ended chan struct{}

	mu      sync.Mutex
	next    int
	waiting map[int]chan response
	strange []string // lines that are no protocol
	notes   []string // methods of notifications
}

// response is a response as it came.
type response struct {
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// builtProgram returns the path of Lectern, built once.
func builtProgram(t *testing.T) string {
	t.Helper()
	binary, err := testenv.Build(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// environmentWith returns this process's environment, without what would configure Lectern.
func environmentWith(more ...string) []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "LECTERN_") && !strings.HasPrefix(v, "OTEL_") && !strings.HasPrefix(v, "KUBERNETES_") {
			env = append(env, v)
		}
	}
	return append(env, more...)
}

// launchOnFolder starts Lectern on a folder, and says nothing to it.
func launchOnFolder(t *testing.T, dir string, env []string, args ...string) *client {
	t.Helper()
	return launchWith(t, env, append([]string{"--prompts", dir}, args...)...)
}

// launchWith starts Lectern on whatever the arguments say.
func launchWith(t *testing.T, env []string, args ...string) *client {
	t.Helper()
	c := &client{T: t, stderr: &logbuffer.Buffer{}, ended: make(chan struct{}), waiting: map[int]chan response{}}
	c.cmd = exec.Command(builtProgram(t), append([]string{"server", "--stdio"}, args...)...)
	c.cmd.Env, c.cmd.Stderr = environmentWith(env...), c.stderr
	var err error
	c.stdin, err = c.cmd.StdinPipe()
	require.NoError(c, err)
	stdout, err := c.cmd.StdoutPipe()
	require.NoError(c, err)
	require.NoError(c, c.cmd.Start())
	go func() {
		defer close(c.ended)
		c.readMessages(stdout)
		_ = c.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = c.cmd.Process.Kill()
		<-c.ended
		if err := testenv.FindCrash([]byte(c.stderr.String())); err != nil {
			t.Error(err)
		}
		if len(c.strange) > 0 {
			t.Errorf("on stdout there was what is no message: %q", c.strange)
		}
		if t.Failed() {
			t.Logf("stderr:\n%s", c.stderr)
		}
	})
	return c
}

// startOnFolder launches Lectern and shakes hands as clients of a revision do.
func startOnFolder(t *testing.T, dir string, args ...string) *client {
	t.Helper()
	c := launchOnFolder(t, dir, nil, args...)
	c.initialize("2025-06-18")
	return c
}

func (c *client) initialize(revision string) json.RawMessage {
	c.Helper()
	a := c.request("initialize", map[string]any{
		"protocolVersion": revision, "capabilities": map[string]any{}, "clientInfo": map[string]any{"name": "old", "version": "1.0.0"},
	})
	if a.Error != nil {
		c.Fatalf("initialize: %+v", a.Error)
	}
	c.writeLine(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return a.Result
}

// readMessages takes what Lectern says until it ends.
func (c *client) readMessages(stdout io.Reader) {
	lines := bufio.NewReaderSize(stdout, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			c.handleLine(line)
		}
		if err != nil {
			return
		}
	}
}

func (c *client) handleLine(line []byte) {
	var message struct {
		Version string `json:"jsonrpc"`
		ID      *int   `json:"id"`
		Method  string `json:"method"`
		response
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	err := json.Unmarshal(line, &message)
	switch {
	case err != nil || message.Version != "2.0" || line[len(line)-1] != '\n':
		c.strange = append(c.strange, string(line))
	case message.ID == nil:
		c.notes = append(c.notes, message.Method)
	case c.waiting[*message.ID] == nil:
		c.strange = append(c.strange, string(line))
	default:
		c.waiting[*message.ID] <- message.response
		delete(c.waiting, *message.ID)
	}
}

func (c *client) writeLine(line string) {
	c.Helper()
	_, err := io.WriteString(c.stdin, line+"\n")
	require.NoError(c, err)
}

// startRequest asks, and does not wait for the answer.
func (c *client) startRequest(method string, params any) <-chan response {
	c.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	waiting := make(chan response, 1)
	c.waiting[c.next] = waiting
	line, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": c.next, "method": method, "params": params})
	require.NoError(c, err)
	if _, err := c.stdin.Write(append(line, '\n')); err != nil {
		c.Logf("not heard: %v", err)
	}
	return waiting
}

func (c *client) request(method string, params any) response {
	c.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case a := <-c.startRequest(method, params):
		return a
	case <-c.ended:
		c.Fatalf("%s: Lectern ended", method)
	case <-late.C:
		c.Fatalf("%s: no answer", method)
	}
	return response{}
}

// args are the arguments of a tool.
type args map[string]any

// toolResult is what a tool gave.
type toolResult struct {
	Content []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	} `json:"content"`
	Structured json.RawMessage `json:"structuredContent"`
	IsError    bool            `json:"isError"`
}

func (c *client) callTool(tool string, arguments args) toolResult {
	c.Helper()
	a := c.request("tools/call", map[string]any{"name": tool, "arguments": arguments})
	if a.Error != nil {
		c.Fatalf("%s: %+v", tool, a.Error)
	}
	var t toolResult
	require.NoError(c, json.Unmarshal(a.Result, &t))
	if len(t.Content) == 0 || t.Content[0].Type != "text" {
		c.Fatalf("%s: no text in %s", tool, a.Result)
	}
	return t
}

// requireSuccess calls a tool that must succeed, with one text.
func (c *client) requireSuccess(tool string, arguments args) string {
	c.Helper()
	t := c.callTool(tool, arguments)
	if t.IsError || len(t.Content) != 1 {
		c.Fatalf("%s %v: %+v", tool, arguments, t)
	}
	return t.Content[0].Text
}

// requireRefusal calls a tool that must not succeed.
func (c *client) requireRefusal(tool string, arguments args) string {
	c.Helper()
	t := c.callTool(tool, arguments)
	if !t.IsError {
		c.Errorf("%s %v: succeeded with %s", tool, arguments, t.Content[0].Text)
	}
	return t.Content[0].Text
}

// shownPrompt is a prompt as the tools show it.
type shownPrompt struct {
	Name        string          `json:"name"`
	Content     string          `json:"content"`
	Description string          `json:"description"`
	IsTemplate  bool            `json:"isTemplate"`
	Variables   []string        `json:"variables"`
	Tags        []string        `json:"tags"`
	Category    string          `json:"category"`
	Metadata    json.RawMessage `json:"metadata"`
	ID          string          `json:"id"`
	CreatedAt   string          `json:"createdAt"`
	UpdatedAt   string          `json:"updatedAt"`
	Version     int             `json:"version"`
}

func (c *client) getPrompt(arguments args) shownPrompt {
	c.Helper()
	var s shownPrompt
	require.NoError(c, json.Unmarshal([]byte(c.requireSuccess("get_prompt", arguments)), &s))
	return s
}

// listIDs returns the ids of an array of prompts.
func (c *client) listIDs(tool string, arguments args) []string {
	c.Helper()
	var all []shownPrompt
	require.NoError(c, json.Unmarshal([]byte(c.requireSuccess(tool, arguments)), &all))
	ids := make([]string, len(all))
	for i, s := range all {
		ids[i] = s.ID
	}
	return ids
}

// closeStdin closes stdin, and gives how Lectern ended.
func (c *client) closeStdin() error {
	c.Helper()
	require.NoError(c, c.stdin.Close())
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-c.ended:
	case <-late.C:
		c.Fatal("Lectern did not end with its client")
	}
	if code := c.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("exit code %d", code)
	}
	return nil
}

// writeManifest writes a file as a person does, with one prompt in it.
func writeManifest(t *testing.T, dir, name, spec string) {
	t.Helper()
	text := fmt.Sprintf("# %s, by hand\napiVersion: lectern.dev/v1alpha1\nkind: Prompt\nmetadata:\n  name: %s\nspec:\n%s", name, name, spec)
	if err := os.WriteFile(filepath.Join(dir, name+".yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func readManifest(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
