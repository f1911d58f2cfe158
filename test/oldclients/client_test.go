package oldclients

import (
	"bufio"
	"bytes"
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
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// patience is how long anything may take.
const patience = 30 * time.Second

// client is a program that started Lectern.
type client struct {
	*testing.T
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stderr *log
	// ended is closed when Lectern has ended and all it said was read.
	ended chan struct{}

	mu      sync.Mutex
	next    int
	waiting map[int]chan answer
	strange []string // lines that are no protocol
	notes   []string // methods of notifications
}

// answer is a response as it came.
type answer struct {
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// log is what Lectern says on stderr.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// program is Lectern, built once.
func program(t *testing.T) string {
	t.Helper()
	binary, err := testenv.Build(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// environment is this process's, without what would configure Lectern.
func environment(more ...string) []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "LECTERN_") && !strings.HasPrefix(v, "OTEL_") && !strings.HasPrefix(v, "KUBERNETES_") {
			env = append(env, v)
		}
	}
	return append(env, more...)
}

// launch starts Lectern on a folder, and says nothing to it.
func launch(t *testing.T, dir string, env []string, args ...string) *client {
	t.Helper()
	return run(t, env, append([]string{"--prompts", dir}, args...)...)
}

// run starts Lectern on whatever the arguments say.
func run(t *testing.T, env []string, args ...string) *client {
	t.Helper()
	c := &client{T: t, stderr: &log{}, ended: make(chan struct{}), waiting: map[int]chan answer{}}
	c.cmd = exec.Command(program(t), append([]string{"server", "--stdio"}, args...)...)
	c.cmd.Env, c.cmd.Stderr = environment(env...), c.stderr
	var err error
	c.stdin, err = c.cmd.StdinPipe()
	require.NoError(c, err)
	stdout, err := c.cmd.StdoutPipe()
	require.NoError(c, err)
	require.NoError(c, c.cmd.Start())
	go func() {
		defer close(c.ended)
		c.read(stdout)
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

// start launches Lectern and shakes hands as clients of a revision do.
func start(t *testing.T, dir string, args ...string) *client {
	t.Helper()
	c := launch(t, dir, nil, args...)
	c.initialize("2025-06-18")
	return c
}

func (c *client) initialize(revision string) json.RawMessage {
	c.Helper()
	a := c.ask("initialize", map[string]any{
		"protocolVersion": revision, "capabilities": map[string]any{}, "clientInfo": map[string]any{"name": "old", "version": "1.0.0"},
	})
	if a.Error != nil {
		c.Fatalf("initialize: %+v", a.Error)
	}
	c.say(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return a.Result
}

// read takes what Lectern says until it ends.
func (c *client) read(stdout io.Reader) {
	lines := bufio.NewReaderSize(stdout, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			c.hear(line)
		}
		if err != nil {
			return
		}
	}
}

func (c *client) hear(line []byte) {
	var message struct {
		Version string `json:"jsonrpc"`
		ID      *int   `json:"id"`
		Method  string `json:"method"`
		answer
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
		c.waiting[*message.ID] <- message.answer
		delete(c.waiting, *message.ID)
	}
}

func (c *client) say(line string) {
	c.Helper()
	_, err := io.WriteString(c.stdin, line+"\n")
	require.NoError(c, err)
}

// begin asks, and does not wait for the answer.
func (c *client) begin(method string, params any) <-chan answer {
	c.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	waiting := make(chan answer, 1)
	c.waiting[c.next] = waiting
	line, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": c.next, "method": method, "params": params})
	require.NoError(c, err)
	if _, err := c.stdin.Write(append(line, '\n')); err != nil {
		c.Logf("not heard: %v", err)
	}
	return waiting
}

func (c *client) ask(method string, params any) answer {
	c.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case a := <-c.begin(method, params):
		return a
	case <-c.ended:
		c.Fatalf("%s: Lectern ended", method)
	case <-late.C:
		c.Fatalf("%s: no answer", method)
	}
	return answer{}
}

// args are the arguments of a tool.
type args map[string]any

// told is what a tool gave.
type told struct {
	Content []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	} `json:"content"`
	Structured json.RawMessage `json:"structuredContent"`
	IsError    bool            `json:"isError"`
}

func (c *client) call(tool string, arguments args) told {
	c.Helper()
	a := c.ask("tools/call", map[string]any{"name": tool, "arguments": arguments})
	if a.Error != nil {
		c.Fatalf("%s: %+v", tool, a.Error)
	}
	var t told
	require.NoError(c, json.Unmarshal(a.Result, &t))
	if len(t.Content) == 0 || t.Content[0].Type != "text" {
		c.Fatalf("%s: no text in %s", tool, a.Result)
	}
	return t
}

// does calls a tool that must succeed, with one text.
func (c *client) does(tool string, arguments args) string {
	c.Helper()
	t := c.call(tool, arguments)
	if t.IsError || len(t.Content) != 1 {
		c.Fatalf("%s %v: %+v", tool, arguments, t)
	}
	return t.Content[0].Text
}

// refuses calls a tool that must not succeed.
func (c *client) refuses(tool string, arguments args) string {
	c.Helper()
	t := c.call(tool, arguments)
	if !t.IsError {
		c.Errorf("%s %v: succeeded with %s", tool, arguments, t.Content[0].Text)
	}
	return t.Content[0].Text
}

// shown is a prompt as the tools show it.
type shown struct {
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

func (c *client) get(arguments args) shown {
	c.Helper()
	var s shown
	require.NoError(c, json.Unmarshal([]byte(c.does("get_prompt", arguments)), &s))
	return s
}

// ids are those of an array of prompts.
func (c *client) ids(tool string, arguments args) []string {
	c.Helper()
	var all []shown
	require.NoError(c, json.Unmarshal([]byte(c.does(tool, arguments)), &all))
	ids := make([]string, len(all))
	for i, s := range all {
		ids[i] = s.ID
	}
	return ids
}

// leave closes stdin, and gives how Lectern ended.
func (c *client) leave() error {
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

// write writes a file as a person does, with one prompt in it.
func write(t *testing.T, dir, name, spec string) {
	t.Helper()
	text := fmt.Sprintf("# %s, by hand\napiVersion: lectern.dev/v1alpha1\nkind: Prompt\nmetadata:\n  name: %s\nspec:\n%s", name, name, spec)
	if err := os.WriteFile(filepath.Join(dir, name+".yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func file(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
