package oldclients

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/manifest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

func TestFolder_EditByHand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeManifest(t, dir, "greet", "  text: Hello # spoken\n")
	c := startOnFolder(t, dir)
	if got := c.getPrompt(args{"id": "greet"}).Content; got != "Hello" {
		t.Fatalf("served is %q", got)
	}
	writeManifest(t, dir, "greet", "  text: Good morning\n")
	require.Until(c, "the edit is served", func() bool { return c.getPrompt(args{"id": "greet"}).Content == "Good morning" })
	require.Until(c, "the client is told", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return strings.Contains(strings.Join(c.notes, " "), "notifications/prompts/list_changed")
	})
	writeManifest(t, dir, "greet", "  text: {{who}}\n")
	require.Until(c, "the bad edit is told with its place", func() bool { return strings.Contains(c.stderr.String(), "greet.yaml:7:") })
	if got := c.getPrompt(args{"id": "greet"}).Content; got != "Good morning" {
		t.Errorf("after a bad edit %q is served, want the last good", got)
	}
	if said := c.requireRefusal("update_prompt", args{"id": "greet", "content": "x"}); !strings.Contains(said, "mend the file first") {
		t.Errorf("an update over a bad edit: %s", said)
	}
}

func TestFolder_NewPromptBesideInvalidFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeManifest(t, dir, "known", "  text: Hello\n  titel: Known\n")
	c := startOnFolder(t, dir)
	if said := c.requireSuccess("add_prompt", args{"name": "Known", "content": "x"}); !strings.HasPrefix(said, `Created prompt "Known" with ID: known-`) {
		t.Errorf("the answer is %s", said)
	}
	if said := c.callTool("list_prompts", args{}).Content; len(said) != 2 || !strings.Contains(said[1].Text, `known.yaml:8:3: unknown field "spec.titel"`) {
		t.Errorf("beside the list stands %+v, want the fault that keeps a prompt from it", said)
	}
	writeManifest(t, dir, "known", "  text: Hello\n  title: Known\n")
	require.Until(c, "the fault is gone", func() bool { return len(c.callTool("list_prompts", args{}).Content) == 1 })
	if ids := c.listIDs("list_prompts", args{}); !slices.Contains(ids, "known") {
		t.Errorf("served are %v, want the mended file too", ids)
	}
}

func TestFolder_EditByToolKeepsFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeManifest(t, dir, "greet", "  # why it is so\n  text: Hello   # spoken\n  tags: [b, a]  # in any order\n")
	c := startOnFolder(t, dir)
	c.requireSuccess("update_prompt", args{"id": "greet", "content": "Bye"})
	want := "# greet, by hand\napiVersion: lectern.dev/v1alpha1\nkind: Prompt\nmetadata:\n  name: greet\nspec:\n" +
		"  # why it is so\n  text: Bye   # spoken\n  tags: [b, a]  # in any order\n"
	if got := readManifest(t, dir, "greet.yaml"); got != want {
		t.Errorf("the file is\n%s\nwant\n%s", got, want)
	}
	stat, err := os.Stat(filepath.Join(dir, "greet.yaml"))
	require.NoError(c, err)
	if stat.Mode().Perm() != 0o600 {
		t.Errorf("its mode is %v, was 0600", stat.Mode())
	}
	c.requireSuccess("delete_prompt", args{"id": "greet"})
	left, err := os.ReadDir(dir)
	require.NoError(c, err)
	if len(left) > 0 {
		t.Errorf("left in the folder: %v", left)
	}
}

func TestFolder_Restart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := startOnFolder(t, dir)
	c.requireSuccess("add_prompt", args{"name": "Greet", "content": "one {{who}}", "isTemplate": true, "tags": []string{"x"}, "metadata": args{"k": 1}})
	c.requireSuccess("update_prompt", args{"id": "greet", "content": "two {{who}}"})
	before := c.getPrompt(args{"id": "greet"})
	if err := c.closeStdin(); err != nil {
		t.Fatal(err)
	}
	again := startOnFolder(t, dir)
	after := again.getPrompt(args{"id": "greet"})
	if after.Content != before.Content || fmt.Sprint(after.Tags, after.Variables, string(after.Metadata)) != fmt.Sprint(before.Tags, before.Variables, string(before.Metadata)) {
		t.Errorf("after a restart %+v, before %+v", after, before)
	}
	for tool, arguments := range map[string]args{
		"get_prompt":         {"id": "greet", "version": 7},
		"delete_prompt":      {"id": "greet", "version": 7},
		"set_prompt_channel": {"id": "greet", "version": 7, "channel": "production"},
	} {
		said := again.requireRefusal(tool, arguments)
		if !strings.Contains(said, "version 7") || !strings.Contains(said, "versions live as long as its process") {
			t.Errorf("a version of an earlier process, to %s: %s", tool, said)
		}
	}
}

func TestFolder_SeveralNamespaces(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeManifest(t, dir, "greet", "  text: Hello\n")
	c := startOnFolder(t, dir)
	c.requireSuccess("add_prompt", args{"name": "Greet", "content": "Guten Tag", "namespace": "german"})
	ids := c.listIDs("list_prompts", args{})
	if fmt.Sprint(ids) != "[greet german/greet]" {
		t.Errorf("ids %v", ids)
	}
	for id, want := range map[string]string{"greet": "Hello", "default/greet": "Hello", "german/greet": "Guten Tag", "german.greet": "Guten Tag"} {
		if got := c.getPrompt(args{"id": id}).Content; got != want {
			t.Errorf("%s is %q, want %q", id, got, want)
		}
	}
	var listed struct{ Prompts []struct{ Name string } }
	require.NoError(c, json.Unmarshal(c.request("prompts/list", map[string]any{}).Result, &listed))
	if got := fmt.Sprint(listed.Prompts); got != "[{greet} {german.greet}]" {
		t.Errorf("prompts %s", got)
	}
	for _, p := range listed.Prompts {
		if a := c.request("prompts/get", map[string]any{"name": p.Name}); a.Error != nil {
			t.Errorf("prompts/get %s: %+v", p.Name, a.Error)
		}
	}
	if got := readManifest(t, dir, "german.greet.yaml"); !strings.Contains(got, "namespace: german") {
		t.Errorf("the file is\n%s", got)
	}
}

// TestStdio_OnlyProtocolOnStdout has everything talk that can: a library that exports to stdout, faults in the folder,
// all levels of the log, calls that make no sense. Every line on stdout is a message; the client fails of any other.
func TestStdio_OnlyProtocolOnStdout(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeManifest(t, dir, "bad", "  text: {{\n")
	c := launchOnFolder(t, dir, []string{"OTEL_TRACES_EXPORTER=console", "OTEL_METRICS_EXPORTER=console"}, "--log-level=debug")
	c.initialize("2025-06-18")
	c.requireSuccess("add_prompt", args{"name": "A", "content": "x"})
	c.requireRefusal("get_prompt", args{"id": "none"})
	if a := c.request("no/such", map[string]any{}); a.Error == nil {
		t.Error("an unknown method was answered")
	}
	if err := c.closeStdin(); err != nil {
		t.Error(err)
	}
	for _, what := range []string{"bad.yaml:7:", `"Name":"tools/call`, `"msg":"Stopping"`} {
		if !strings.Contains(c.stderr.String(), what) {
			t.Errorf("stderr does not have %s", what)
		}
	}
}

func TestStdio_EndsWithClientAndBySignal(t *testing.T) {
	t.Parallel()
	c := startOnFolder(t, t.TempDir())
	if err := c.closeStdin(); err != nil {
		t.Error(err)
	}
	if strings.Contains(c.stderr.String(), "Listening") {
		t.Errorf("it listened though no address was given:\n%s", c.stderr)
	}
	c = startOnFolder(t, t.TempDir(), "--address=127.0.0.1:0")
	require.Until(c, "it listens on the address given", func() bool { return strings.Contains(c.stderr.String(), `"for":"MCP"`) })
	require.NoError(c, c.cmd.Process.Signal(syscall.SIGTERM))
	late := time.AfterFunc(patience, func() { _ = c.cmd.Process.Kill() })
	defer late.Stop()
	<-c.ended
	if code := c.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("after a signal it ended with %d", code)
	}
	if strings.Contains(c.stderr.String(), "metrics") {
		t.Errorf("it listened on an address that was not given:\n%s", c.stderr)
	}
}

func TestFlags_Conflicting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, tc := range map[string]struct {
		args []string
		env  string
		want string
	}{
		"a database too":                {[]string{"--prompts", dir, "--database-url=postgres://x/y"}, "", "--prompts serves a folder and needs no database: leave out --prompts, or --database-url"},
		"a database in the environment": {[]string{"--prompts", dir}, "LECTERN_DATABASE_HOST=db", "LECTERN_DATABASE_HOST"},
		"no such folder":                {[]string{"--prompts", dir + "/not"}, "", "no such file or directory; give a folder that is there"},
		"neither":                       {[]string{"--stdio"}, "", "no database given"},
	} {
		cmd := exec.CommandContext(t.Context(), builtProgram(t), append([]string{"server"}, tc.args...)...)
		cmd.Env = environmentWith(tc.env)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), tc.want) {
			t.Errorf("%s: %v, %s", name, err, out)
		}
	}
}

// TestFolder_KilledWhileWriting kills Lectern again and again while it writes a large prompt: the file is always one of those
// written, whole, and the next process serves it.
func TestFolder_KilledWhileWriting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := func(i int) string { return strings.Repeat(fmt.Sprintf("%06d\n", i), 12_000) }
	writeManifest(t, dir, "big", "  text: small\n")
	reader, err := manifest.NewReader()
	if err != nil {
		t.Fatal(err)
	}
	written, asked, random := -1, 0, rand.New(rand.NewPCG(1, 1))
	for round := range 12 {
		c := startOnFolder(t, dir)
		if got := c.getPrompt(args{"id": "big"}).Content; written >= 0 && got != strings.TrimSpace(text(written)) {
			t.Fatalf("round %d: served is %.20q…, and in the file was %d", round, got, written)
		}
		if round == 0 { // one is written on the slowest machine, too
			c.requireSuccess("update_prompt", args{"id": "big", "content": text(asked)})
			asked++
		}
		for range 30 {
			c.startRequest("tools/call", map[string]any{"name": "update_prompt", "arguments": args{"id": "big", "content": text(asked)}})
			asked++
		}
		pause := time.NewTimer(time.Duration(5+random.IntN(60)) * time.Millisecond)
		<-pause.C
		require.NoError(c, c.cmd.Process.Kill())
		<-c.ended
		set := reader.Read(manifest.File{Name: "big.yaml", Content: []byte(readManifest(t, dir, "big.yaml"))})
		if len(set.Problems) > 0 || len(set.Manifests) != 1 || set.Manifests[0].Key() != (store.Key{Namespace: "default", Name: "big"}) {
			t.Fatalf("round %d: the file has faults: %v", round, set.Problems)
		}
		got := set.Manifests[0].Prompt.Spec.Text
		if got == "small" {
			continue
		}
		if _, err := fmt.Sscanf(got, "%06d", &written); err != nil || got != strings.TrimSpace(text(written)) {
			t.Fatalf("round %d: the file has %.20q… with %d bytes, which nobody wrote", round, got, len(got))
		}
	}
	c := startOnFolder(t, dir)
	c.requireSuccess("update_prompt", args{"id": "big", "content": "at last"})
	left, err := os.ReadDir(dir)
	require.NoError(c, err)
	if len(left) != 1 || written < 0 {
		t.Errorf("left in the folder: %v; last written %d", left, written)
	}
	t.Logf("%d updates asked for, the last one written was %d", asked, written)
}

// TestFolder_UpdatesOfDifferentFields though none says which version it expects.
func TestFolder_UpdatesOfDifferentFields(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeManifest(t, dir, "greet", "  text: Hello\n")
	c := startOnFolder(t, dir)
	var answers []<-chan response
	for _, change := range []args{
		{"name": "Greet"}, {"content": "Bye"}, {"description": "how to"}, {"category": "talk"}, {"tags": []string{"x"}}, {"metadata": args{"k": 1}},
	} {
		change["id"] = "greet"
		answers = append(answers, c.startRequest("tools/call", map[string]any{"name": "update_prompt", "arguments": change}))
	}
	for range answers {
		require.Until(c, "an update is answered", func() bool { return len(answers[0]) == 1 })
		if a := <-answers[0]; a.Error != nil || strings.Contains(string(a.Result), `"isError":true`) {
			t.Errorf("an update ended in %+v %s", a.Error, a.Result)
		}
		answers = answers[1:]
	}
	got := c.getPrompt(args{"id": "greet"})
	var metadata args
	require.NoError(c, json.Unmarshal(got.Metadata, &metadata))
	if said := fmt.Sprintln(got.Name, got.Content, got.Description, got.Category, got.Tags, metadata); said != "Greet Bye how to talk [x] map[k:1]\n" {
		t.Errorf("left of six updates: %s", said)
	}
}
