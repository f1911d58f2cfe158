package oldclients

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// originalTools are the eight tools with the arguments that were required.
var originalTools = map[string][]string{
	"add_prompt": {"name", "content"}, "get_prompt": {"id"}, "list_prompts": nil, "update_prompt": {"id"},
	"delete_prompt": {"id"}, "apply_template": {"id", "variables"}, "search_prompts": {"query"}, "get_stats": nil,
}

func TestTools_EveryOldRevision(t *testing.T) {
	t.Parallel()
	for _, revision := range []string{"2024-11-05", "2025-03-26", "2025-06-18"} {
		t.Run(revision, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			c := launchOnFolder(t, dir, nil)
			var hello struct{ ProtocolVersion string }
			require.NoError(c, json.Unmarshal(c.initialize(revision), &hello))
			if hello.ProtocolVersion != revision {
				t.Errorf("asked for %s, got %s", revision, hello.ProtocolVersion)
			}
			c.verifyTools()
			c.verifyPromptLife()
			if err := c.closeStdin(); err != nil {
				t.Error(err)
			}
		})
	}
}

func (c *client) verifyTools() {
	c.Helper()
	var listed struct {
		Tools []struct {
			Name        string
			InputSchema struct{ Required []string }
		}
	}
	require.NoError(c, json.Unmarshal(c.request("tools/list", map[string]any{}).Result, &listed))
	required := map[string][]string{}
	for _, tool := range listed.Tools {
		if _, is := originalTools[tool.Name]; is {
			required[tool.Name] = tool.InputSchema.Required
		}
	}
	for name, want := range originalTools {
		got, there := required[name]
		slices.Sort(got)
		want = slices.Sorted(slices.Values(want))
		if !there || !slices.Equal(want, got) {
			c.Errorf("%s: there %t, requires %v, want %v", name, there, got, want)
		}
	}
}

// verifyPromptLife calls each tool, and compares what it says word by word.
func (c *client) verifyPromptLife() {
	c.Helper()
	says := func(want, got string) {
		c.Helper()
		if want != got {
			c.Errorf("got %q, want %q", got, want)
		}
	}
	says(`Created prompt "Greet Bob" with ID: greet-bob`, c.requireSuccess("add_prompt", args{
		"name": " Greet Bob ", "content": "Hello {{who}}, welcome to {{place}}.", "isTemplate": true,
		"tags": []string{"greeting", "demo"}, "category": "samples", "description": "Synthetic sample",
	}))
	got := c.getPrompt(args{"id": "greet-bob"})
	want := shownPrompt{
		Name: "Greet Bob", Content: "Hello {{who}}, welcome to {{place}}.", Description: "Synthetic sample", IsTemplate: true,
		Variables: []string{"who", "place"}, Tags: []string{"demo", "greeting"}, Category: "samples", ID: "greet-bob", Version: 1,
		CreatedAt: got.CreatedAt, UpdatedAt: got.CreatedAt,
	}
	if diff := cmp.Diff(want, got); diff != "" || got.CreatedAt == "" {
		c.Errorf("get_prompt (-want +got):\n%s", diff)
	}
	says("Hello Bob, welcome to Rome.", c.requireSuccess("apply_template", args{"id": "greet-bob", "variables": args{"who": "Bob", "place": "Rome"}}))
	says("Error applying template: Error: Missing required variable: place",
		c.requireRefusal("apply_template", args{"id": "greet-bob", "variables": args{"who": "Bob"}}))
	says(`Updated prompt "Greet Bob" (version 2)`, c.requireSuccess("update_prompt", args{"id": "greet-bob", "content": "Bye {{who}}"}))
	says("Bye Bob", c.requireSuccess("apply_template", args{"id": "greet-bob", "variables": args{"who": "Bob"}}))
	if diff := cmp.Diff([]string{"greet-bob"}, c.listIDs("list_prompts", args{})); diff != "" {
		c.Errorf("list_prompts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"greet-bob"}, c.listIDs("search_prompts", args{"query": "BYE"})); diff != "" {
		c.Errorf("search_prompts (-want +got):\n%s", diff)
	}
	says("{\n  \"total\": 1,\n  \"templates\": 1,\n  \"regular\": 0,\n  \"categories\": {\n    \"samples\": 1\n  },\n  \"tags\": {\n    \"demo\": 1,\n    \"greeting\": 1\n  }\n}",
		c.requireSuccess("get_stats", args{}))
	says("Deleted prompt with ID: greet-bob", c.requireSuccess("delete_prompt", args{"id": "greet-bob"}))
	says("Prompt with ID greet-bob not found", c.requireRefusal("delete_prompt", args{"id": "greet-bob"}))
	says("Error retrieving prompt: NotFoundError: Prompt with id 'greet-bob' not found", c.requireRefusal("get_prompt", args{"id": "greet-bob"}))
}

// TestTools_WhatAMoveToADatabaseChanged has a row of the table of what an earlier move to a database changed without saying so.
func TestTools_WhatAMoveToADatabaseChanged(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(*client){
		"a list without a limit has everything":                     verifyListsEverything,
		"search and statistics see all of more than fifty prompts":  verifySearchSeesAll,
		"tags are alternatives unless all are asked for":            verifyTagsAreAlternatives,
		"delete without a version removes the prompt":               verifyDelete,
		"delete with a version withdraws that one and no other":     verifyDeletedIsWithdrawn,
		"an old version has its own tags and variables":             verifyOldVersions,
		"updates at the same time lose nothing":                     verifyConcurrentUpdates,
		"what is saved and what is updated is validated":            verifyValidation,
		"a search ranks words and still finds every part of a word": verifyRanking,
		"metadata comes back the same after updates":                verifyMetadata,
		"an error says what is wrong":                               verifyErrors,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(startOnFolder(t, t.TempDir(), "--result-limit=0"))
		})
	}
}

func (c *client) addPrompts(n int) {
	c.Helper()
	var answers []<-chan response
	for i := range n {
		answers = append(answers, c.startRequest("tools/call", map[string]any{"name": "add_prompt", "arguments": args{
			"name": fmt.Sprintf("Prompt %02d", i), "content": fmt.Sprintf("Text %d of needlework", i), "tags": []string{"all", fmt.Sprint("t", i%2)}, "category": fmt.Sprint("c", i%3),
		}}))
	}
	for _, a := range answers {
		if got := <-a; got.Error != nil || strings.Contains(string(got.Result), `"isError":true`) {
			c.Fatalf("add_prompt: %s %+v", got.Result, got.Error)
		}
	}
}

func verifyListsEverything(c *client) {
	c.addPrompts(60)
	if n := len(c.listIDs("list_prompts", args{})); n != 60 {
		c.Errorf("%d listed, want 60", n)
	}
	if n := len(c.listIDs("list_prompts", args{"limit": 7, "offset": 55})); n != 5 {
		c.Errorf("%d listed from 55, want 5", n)
	}
}

func verifySearchSeesAll(c *client) {
	c.addPrompts(60)
	if n := len(c.listIDs("search_prompts", args{"query": "needlework"})); n != 60 {
		c.Errorf("%d found by a word, want 60", n)
	}
	if n := len(c.listIDs("search_prompts", args{"query": "eedlewor"})); n != 60 {
		c.Errorf("%d found by a part of a word, want 60", n)
	}
	var stats struct {
		Total      int            `json:"total"`
		Categories map[string]int `json:"categories"`
		Tags       map[string]int `json:"tags"`
	}
	require.NoError(c, json.Unmarshal([]byte(c.requireSuccess("get_stats", args{})), &stats))
	if stats.Total != 60 || stats.Categories["c2"] != 20 || stats.Tags["t1"] != 30 {
		c.Errorf("statistics %+v", stats)
	}
}

func verifyTagsAreAlternatives(c *client) {
	for name, tags := range map[string][]string{"A": {"one"}, "B": {"two"}, "C": {"one", "two"}, "D": {"three"}} {
		c.requireSuccess("add_prompt", args{"name": name, "content": "x", "tags": tags})
	}
	for _, tc := range []struct {
		arguments args
		want      []string
	}{
		{args{"tags": []string{"one", "two"}}, []string{"a", "b", "c"}},
		{args{"tags": []string{"one", "two"}, "tagMatch": "all"}, []string{"c"}},
	} {
		got := c.listIDs("list_prompts", tc.arguments)
		slices.Sort(got)
		if diff := cmp.Diff(tc.want, got); diff != "" {
			c.Errorf("%v (-want +got):\n%s", tc.arguments, diff)
		}
	}
}

func verifyDelete(c *client) {
	c.requireSuccess("add_prompt", args{"name": "A", "content": "one"})
	c.requireSuccess("update_prompt", args{"id": "a", "content": "two"})
	c.requireSuccess("delete_prompt", args{"id": "a"})
	c.requireRefusal("get_prompt", args{"id": "a"})
	c.requireRefusal("get_prompt", args{"id": "a", "version": 1})
	if ids := c.listIDs("list_prompts", args{}); len(ids) != 0 {
		c.Errorf("listed after the deletion: %v", ids)
	}
}

func verifyDeletedIsWithdrawn(c *client) {
	for _, step := range []string{"one", "two", "three"} {
		if step == "one" {
			c.requireSuccess("add_prompt", args{"name": "A", "content": step})
		} else {
			c.requireSuccess("update_prompt", args{"id": "a", "content": step})
		}
	}
	if said := c.requireRefusal("delete_prompt", args{"id": "a", "version": 3}); !strings.Contains(said, "change the prompt with update_prompt") {
		c.Errorf("the newest version: %s", said)
	}
	c.requireSuccess("delete_prompt", args{"id": "a", "version": 1})
	c.requireRefusal("get_prompt", args{"id": "a", "version": 1})
	if got := c.getPrompt(args{"id": "a", "version": 2}).Content; got != "two" {
		c.Errorf("version 2 is %q", got)
	}
	if got := c.getPrompt(args{"id": "a"}); got.Content != "three" || got.Version != 3 {
		c.Errorf("the prompt is %+v", got)
	}
	if said := c.requireSuccess("update_prompt", args{"id": "a", "content": "one"}); said != `Updated prompt "A" (version 4)` {
		c.Errorf("the text of the withdrawn version again: %s", said)
	}
}

func verifyOldVersions(c *client) {
	c.requireSuccess("add_prompt", args{"name": "A", "content": "{{x}} {{y}}", "isTemplate": true, "tags": []string{"old"}})
	c.requireSuccess("update_prompt", args{"id": "a", "content": "{{z}}", "tags": []string{"new"}})
	for version, want := range map[int][2][]string{1: {{"old"}, {"x", "y"}}, 2: {{"new"}, {"z"}}} {
		got := c.getPrompt(args{"id": "a", "version": version})
		if diff := cmp.Diff(want, [2][]string{got.Tags, got.Variables}); diff != "" {
			c.Errorf("version %d (-want +got):\n%s", version, diff)
		}
	}
}

// verifyConcurrentUpdates adds a tag each from many calls and from another process on the same folder.
func verifyConcurrentUpdates(c *client) {
	c.requireSuccess("add_prompt", args{"name": "A", "content": "x"})
	other := startOnFolder(c.T, c.cmd.Args[slices.Index(c.cmd.Args, "--prompts")+1])
	var wg sync.WaitGroup
	var want []string
	for i := range 12 {
		tag := fmt.Sprintf("t%02d", i)
		want = append(want, tag)
		by := []*client{c, other}[i%2]
		wg.Go(func() {
			for range 100 {
				now := by.getPrompt(args{"id": "a"})
				said := by.callTool("update_prompt", args{"id": "a", "tags": append(now.Tags, tag), "expectedVersion": now.Version})
				if !said.IsError {
					return
				}
				if !strings.HasPrefix(said.Content[0].Text, "Error updating prompt: ConflictError: ") {
					c.Errorf("update: %s", said.Content[0].Text)
					return
				}
			}
			c.Errorf("no update in 100 attempts")
		})
	}
	wg.Wait()
	for _, by := range []*client{c, other} {
		require.Until(by, "all tags are there", func() bool { return cmp.Equal(want, by.getPrompt(args{"id": "a"}).Tags) })
	}
}

func verifyValidation(c *client) {
	c.requireSuccess("add_prompt", args{"name": "A", "content": "Hello {{who}}", "isTemplate": true})
	for _, fault := range []args{
		{"name": ""}, {"name": strings.Repeat("n", 101)}, {"description": strings.Repeat("d", 501)}, {"tags": []string{""}},
		{"content": ""}, {"content": strings.Repeat("c", 256<<10+1)}, {"metadata": []int{1}}, {"colour": "red"},
	} {
		addition, update := args{"name": "B", "content": "x"}, args{"id": "a"}
		maps.Copy(addition, fault)
		maps.Copy(update, fault)
		if said := c.requireRefusal("add_prompt", addition); !strings.HasPrefix(said, "Error creating prompt: ValidationError: ") {
			c.Errorf("add_prompt: %.200s", said)
		}
		if said := c.requireRefusal("update_prompt", update); !strings.HasPrefix(said, "Error updating prompt: ValidationError: ") {
			c.Errorf("update_prompt: %.200s", said)
		}
	}
	if got := c.getPrompt(args{"id": "a"}); got.Version != 1 || got.Content != "Hello {{who}}" {
		c.Errorf("after what was refused the prompt is %+v", got)
	}
	if ids := c.listIDs("list_prompts", args{}); !slices.Equal(ids, []string{"a"}) {
		c.Errorf("listed %v", ids)
	}
}

func verifyRanking(c *client) {
	for _, p := range []struct{ name, content string }{{"Part", "incidental"}, {"Text", "an incident"}, {"Incident", "x"}} {
		c.requireSuccess("add_prompt", args{"name": p.name, "content": p.content})
	}
	if diff := cmp.Diff([]string{"incident", "text", "part"}, c.listIDs("search_prompts", args{"query": "incident"})); diff != "" {
		c.Errorf("(-want +got):\n%s", diff)
	}
}

func verifyMetadata(c *client) {
	const text = `{"count":1.5,"nested":{"list":[1,"two",null,true]},"owner":"team-x","text":"a\"b<&>é"}`
	c.requireSuccess("add_prompt", args{"name": "A", "content": "one", "metadata": json.RawMessage(text)})
	for _, step := range []args{{}, {"content": "two"}, {"tags": []string{"x"}}} {
		if len(step) > 0 {
			step["id"] = "a"
			c.requireSuccess("update_prompt", step)
		}
		var want, got any
		require.NoError(c, json.Unmarshal([]byte(text), &want))
		require.NoError(c, json.Unmarshal(c.getPrompt(args{"id": "a"}).Metadata, &got))
		if diff := cmp.Diff(want, got); diff != "" {
			c.Errorf("after %v (-want +got):\n%s", step, diff)
		}
	}
}

func verifyErrors(c *client) {
	c.requireSuccess("add_prompt", args{"name": "A", "content": "x"})
	for tool, tc := range map[string]struct {
		arguments args
		want      string
	}{
		"get_prompt":     {args{"id": "none"}, "Error retrieving prompt: NotFoundError: Prompt with id 'none' not found"},
		"update_prompt":  {args{"id": "none", "content": "x"}, "Error updating prompt: NotFoundError: Prompt with id 'none' not found"},
		"apply_template": {args{"id": "a", "variables": args{}}, "Error applying template: ValidationError: "},
		"list_prompts":   {args{"limit": 1.5}, "Error listing prompts: ValidationError: "},
		"search_prompts": {args{}, "Error searching prompts: ValidationError: "},
	} {
		if said := c.requireRefusal(tool, tc.arguments); !strings.HasPrefix(said, tc.want) {
			c.Errorf("%s: %s", tool, said)
		}
	}
}
