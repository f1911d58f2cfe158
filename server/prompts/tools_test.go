package prompts_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
)

// toolClient calls tools through the official client, and holds every structured result against the schema
// the tool declares.
type toolClient struct {
	*mcp.ClientSession
	schemas map[string]*jsonschema.Schema
}

func connectTools(t *testing.T, r *httptest.Server, path string) *toolClient {
	t.Helper()
	box := &toolClient{ClientSession: connect(t, r, path, "2026-07-28"), schemas: make(map[string]*jsonschema.Schema)}
	for tool, err := range box.Tools(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(tool.OutputSchema)
		if err != nil {
			t.Fatal(err)
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		compiler := jsonschema.NewCompiler()
		if err := compiler.AddResource(tool.Name, document); err != nil {
			t.Fatal(err)
		}
		if box.schemas[tool.Name], err = compiler.Compile(tool.Name); err != nil {
			t.Fatal(err)
		}
	}
	return box
}

// toolResult is the result of a tool as a test looks at it.
type toolResult struct {
	texts      []string
	structured map[string]any
	isError    bool
}

func (b *toolClient) call(t *testing.T, name, arguments string) toolResult {
	t.Helper()
	result, err := b.CallTool(t.Context(), &mcp.CallToolParams{Name: name, Arguments: json.RawMessage(arguments)})
	if err != nil {
		t.Fatalf("%s %s: %v", name, arguments, err)
	}
	got := toolResult{isError: result.IsError}
	for _, content := range result.Content {
		text, is := content.(*mcp.TextContent)
		if !is {
			t.Fatalf("%s answers with a %T", name, content)
		}
		got.texts = append(got.texts, text.Text)
	}
	if result.StructuredContent != nil {
		raw, err := json.Marshal(result.StructuredContent)
		if err != nil {
			t.Fatal(err)
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if err := b.schemas[name].Validate(document); err != nil {
			t.Errorf("%s %s: %v", name, arguments, err)
		}
		if err := json.Unmarshal(raw, &got.structured); err != nil {
			t.Fatal(err)
		}
	}
	if (got.structured == nil) != got.isError || len(got.texts) == 0 {
		t.Errorf("%s %s: isError is %t, with %d texts and %v", name, arguments, got.isError, len(got.texts), got.structured)
	}
	return got
}

// text is the only text of a call; an error is marked.
func (b *toolClient) text(t *testing.T, name, arguments string) string {
	t.Helper()
	got := b.call(t, name, arguments)
	text := strings.Join(got.texts, "\n---\n")
	if got.isError {
		text = "! " + text
	}
	return text
}

// readingCases are calls of tools that read, and what comes back of library.
var readingCases = map[string]struct{ path, tool, arguments, want string }{
	"a version as it is written": {"", "get_prompt", `{"id":"support/hidden"}`, `{
  "name": "hidden",
  "content": "Not for lists.",
  "isTemplate": true,
  "variables": [],
  "tags": [],
  "id": "support/hidden",
  "createdAt": "T",
  "updatedAt": "T",
  "version": 1
}`},
	"a fragment by its id": {"/mcp/support", "get_prompt", `{"id":"house-style","channel":"latest"}`, `{
  "name": "house-style",
  "content": "Be kind.",
  "isTemplate": true,
  "variables": [],
  "tags": [],
  "id": "house-style",
  "createdAt": "T",
  "updatedAt": "T",
  "version": 1
}`},
	"an unknown prompt":            {"", "get_prompt", `{"id":"support/nothing"}`, "! Error retrieving prompt: NotFoundError: Prompt with id 'support/nothing' not found"},
	"an unknown version":           {"", "get_prompt", `{"id":"it/greeting","version":9}`, "! Error retrieving prompt: NotFoundError: Prompt with id 'it/greeting' not found"},
	"a version and a channel":      {"", "get_prompt", `{"id":"it/greeting","version":1,"channel":"latest"}`, "! Error retrieving prompt: ValidationError: give one of version, channel and what follows the @ of the id, not more"},
	"a version twice":              {"", "get_prompt", `{"id":"it/greeting@1","version":1}`, "! Error retrieving prompt: ValidationError: give one of version, channel and what follows the @ of the id, not more"},
	"a version that is a fraction": {"", "get_prompt", `{"id":"it/greeting","version":1.5}`, `! Error retrieving prompt: ValidationError: argument "version": 1.5 is not a whole number`},
	"a channel that is none":       {"", "get_prompt", `{"id":"it/greeting","channel":"3"}`, `! Error retrieving prompt: ValidationError: argument "channel": "3" is not the name of a channel: a lower-case letter, then letters, digits and '-', at most 36`},
	"a channel nobody can resolve": {"", "get_prompt", `{"id":"support/incident-handover@stable"}`, "! Error retrieving prompt: ValidationError: the channel points to a version that is not stored"},
	"an unknown argument":          {"", "get_prompt", `{"id":"it/greeting","colour":"red"}`, `! Error retrieving prompt: ValidationError: argument "colour": this tool takes no such argument; it takes id, version, channel`},
	"no id":                        {"", "get_prompt", `{}`, `! Error retrieving prompt: ValidationError: argument "id" is required: Id of the prompt, as lists give it; @3 or @production behind it selects a version`},

	"a template":                      {"", "apply_template", `{"id":"support.incident-handover@1","variables":{"ticket":"7"}}`, "First for 7."},
	"a template of a channel":         {"/mcp/support", "apply_template", `{"id":"incident-handover","channel":"beta","variables":{"ticket":"7"}}`, "Second for 7."},
	"a template with its include":     {"", "apply_template", `{"id":"support/incident-handover","variables":{"ticket":"7"}}`, "Write a brief handover for 7 & <friends>.\nBe kind."},
	"a template without its variable": {"", "apply_template", `{"id":"support/incident-handover","variables":{}}`, "! Error applying template: Error: Missing required variable: ticket"},
	"a variable nobody knows":         {"", "apply_template", `{"id":"it/greeting","variables":{"b":"1","a":"2"}}`, "Hello."},
	"a variable outside its enum":     {"", "apply_template", `{"id":"support/incident-handover","variables":{"ticket":"7","tone":"loud"}}`, `! Error applying template: ValidationError: argument "tone": "loud" is not one of brief, detailed`},
	"variables that are no strings":   {"", "apply_template", `{"id":"support.incident-handover@1","variables":{"ticket":7.50,"urgent":true}}`, "First for 7.50."},
	"a variable that is a list":       {"", "apply_template", `{"id":"it/greeting","variables":{"a":[1]}}`, `! Error applying template: ValidationError: argument "variables": "a" is [1], which is not a string, a number or a boolean`},
	"a variable that is null":         {"", "apply_template", `{"id":"support.incident-handover@1","variables":{"ticket":null}}`, "! Error applying template: Error: Missing required variable: ticket"},
	"an empty one outside its enum":   {"", "apply_template", `{"id":"support/incident-handover","variables":{"ticket":"7","tone":""}}`, "Write a brief handover for 7 & <friends>.\nBe kind."},
	"nothing for what is optional": {"", "get_prompt", `{"id":"it/notes","version":null,"channel":""}`, `{
  "name": "Notes of {{today}}",
  "content": "Notes of {{today}}, {{all}}",
  "isTemplate": false,
  "variables": [],
  "tags": [
    "a",
    "b"
  ],
  "category": "private",
  "metadata": {
    "owner": "ops"
  },
  "id": "it/notes",
  "createdAt": "T",
  "updatedAt": "T",
  "version": 1
}`},
	"a fragment is no template":         {"", "apply_template", `{"id":"support/house-style","variables":{}}`, "! Error applying template: NotFoundError: Prompt with id 'support/house-style' not found"},
	"an unknown template":               {"", "apply_template", `{"id":"support/nothing","variables":{}}`, "! Error applying template: NotFoundError: Prompt with id 'support/nothing' not found"},
	"a plain prompt is no template":     {"", "apply_template", `{"id":"it/notes","variables":{}}`, "! Error applying template: ValidationError: Prompt 'Notes of {{today}}' is not a template"},
	"a bare name is one of the default": {"", "apply_template", `{"id":"greeting","variables":{}}`, "Hello."},
	"another namespace's prompt":        {"/mcp/support", "apply_template", `{"id":"it/greeting","variables":{}}`, "! Error applying template: NotFoundError: Prompt with id 'it/greeting' not found"},

	"what changed": {"", "diff_prompt_versions", `{"id":"support/incident-handover","from":1,"to":2}`,
		"Changed from version 1 to 2: content\n\n--- incident-handover@1\n+++ incident-handover@2\n@@ -1 +1 @@\n-First for {{ticket}}.\n\\ No newline at end of file\n+Second for {{ticket}}.\n\\ No newline at end of file\n"},
	"nothing changed":    {"", "diff_prompt_versions", `{"id":"it/greeting","from":1}`, "Versions 1 and 1 are the same"},
	"from no version":    {"", "diff_prompt_versions", `{"id":"it/greeting","from":0}`, `! Error comparing prompt versions: ValidationError: argument "from": versions are counted from 1`},
	"from a lost one":    {"", "diff_prompt_versions", `{"id":"it/greeting","from":9}`, "! Error comparing prompt versions: NotFoundError: Prompt with id 'it/greeting' not found"},
	"a selector is left": {"", "diff_prompt_versions", `{"id":"it/greeting@1","from":1}`, `! Error comparing prompt versions: ValidationError: argument "id": a prompt is meant as a whole here; leave @1 out`},
	"versions of nobody": {"", "list_prompt_versions", `{"id":"it/nobody"}`, "! Error listing prompt versions: NotFoundError: Prompt with id 'it/nobody' not found"},
	"versions of an old cursor": {"", "list_prompt_versions", `{"id":"it/greeting","cursor":"x"}`,
		`! Error listing prompt versions: ValidationError: argument "cursor": this cursor is not from a call with these arguments; call again without it`},

	"statistics": {"", "get_stats", `{}`, `{
  "total": 3,
  "templates": 2,
  "regular": 1,
  "categories": {
    "private": 1
  },
  "tags": {
    "a": 1,
    "b": 1
  }
}`},
	"statistics of a namespace": {"/mcp/empty", "get_stats", `{}`, `{
  "total": 0,
  "templates": 0,
  "regular": 0,
  "categories": {},
  "tags": {}
}`},
	"a list of what is a template": {"", "list_prompts", `{"isTemplate":true}`, `[
  {
    "name": "Incident handover",
    "content": "Write a {{tone}} handover for {{ticket}} & <friends>.\n{{> house-style}}",
    "description": "Hand an incident over",
    "isTemplate": true,
    "variables": [
      "ticket",
      "tone"
    ],
    "tags": [],
    "id": "support/incident-handover",
    "createdAt": "T",
    "updatedAt": "T",
    "version": 3
  },
  {
    "name": "greeting",
    "content": "Hello.",
    "isTemplate": true,
    "variables": [],
    "tags": [],
    "id": "it/greeting",
    "createdAt": "T",
    "updatedAt": "T",
    "version": 1
  }
]`},
	"a list in short": {"", "list_prompts", `{"detail":"summary"}`, `[
  {
    "name": "Incident handover",
    "description": "Hand an incident over",
    "isTemplate": true,
    "tags": [],
    "id": "support/incident-handover",
    "updatedAt": "T",
    "version": 3
  },
  {
    "name": "greeting",
    "isTemplate": true,
    "tags": [],
    "id": "it/greeting",
    "updatedAt": "T",
    "version": 1
  },
  {
    "name": "Notes of {{today}}",
    "isTemplate": false,
    "tags": [
      "a",
      "b"
    ],
    "category": "private",
    "id": "it/notes",
    "updatedAt": "T",
    "version": 1
  }
]`},
	"a search": {"", "search_prompts", `{"query":"notes"}`, `[
  {
    "name": "Notes of {{today}}",
    "content": "Notes of {{today}}, {{all}}",
    "isTemplate": false,
    "variables": [],
    "tags": [
      "a",
      "b"
    ],
    "category": "private",
    "metadata": {
      "owner": "ops"
    },
    "id": "it/notes",
    "createdAt": "T",
    "updatedAt": "T",
    "version": 1
  }
]`},
	"nothing found":          {"", "search_prompts", `{"query":"zebra"}`, "[]"},
	"nothing in a namespace": {"/mcp/empty", "list_prompts", `{}`, "[]"},
	"similar to a text": {"", "find_similar_prompts", `{"text":"hello"}`, `[
  {
    "id": "it/greeting",
    "name": "greeting",
    "similarity": 1
  }
]`},
	"similar to itself only":   {"", "find_similar_prompts", `{"id":"it/greeting"}`, "[]"},
	"similar to two":           {"", "find_similar_prompts", `{"id":"it/greeting","text":"x"}`, "! Error finding similar prompts: ValidationError: give either id or text"},
	"similar beyond all doubt": {"", "find_similar_prompts", `{"text":"x","threshold":1.5}`, `! Error finding similar prompts: ValidationError: argument "threshold": 1.5 is not greater than 0 and at most 1`},
	"offset and cursor":        {"", "list_prompts", `{"offset":1,"cursor":"x"}`, "! Error listing prompts: ValidationError: give cursor or offset, not both"},
	"a forged cursor":          {"", "list_prompts", `{"cursor":"x"}`, `! Error listing prompts: ValidationError: argument "cursor": this cursor is not from a call with these arguments; call again without it`},
	"metadata with a number":   {"", "search_prompts", `{"query":"","metadata":{"n":9007199254740993}}`, `! Error searching prompts: ValidationError: argument "metadata": the number 9007199254740993 cannot be kept exactly; write it as a string`},
}

// collection is library with a plain prompt that has all there is.
func collection(t *testing.T) *catalogtest.Author {
	t.Helper()
	author := catalogtest.NewLibrary(t)
	notes := catalogtest.Text("Notes of {{today}}, {{all}}")
	notes.Title, notes.Syntax, notes.Category, notes.Tags = "Notes of {{today}}", prompt.Plain, "private", []string{"b", "a"}
	notes.Metadata = json.RawMessage(`{"owner":"ops"}`)
	author.Publish(store.Key{Namespace: "it", Name: "notes"}, notes)
	return author
}

func TestTools_Read(t *testing.T) {
	t.Parallel()
	author := collection(t)
	replica := start(t, author, withTools(author))
	boxes := map[string]*toolClient{}
	for _, path := range []string{"/mcp", "/mcp/support", "/mcp/empty"} {
		boxes[path] = connectTools(t, replica, path)
	}
	for name, tc := range readingCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := tc.path
			if path == "" {
				path = "/mcp"
			}
			if diff := cmp.Diff(tc.want, timeless(boxes[path].text(t, tc.tool, tc.arguments))); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// timeless takes the times of publishing out of a text.
func timeless(text string) string {
	for _, key := range []string{"createdAt", "updatedAt", "publishedAt"} {
		for at := 0; ; {
			found := strings.Index(text[at:], `"`+key+`": "2`)
			if found < 0 {
				break
			}
			at += found + len(key) + 5
			text = text[:at] + "T" + text[at+len("2006-01-02T15:04:05.000Z"):]
		}
	}
	return text
}

// TestTools_StructuredResults: they have fields the text must not have.
func TestTools_StructuredResults(t *testing.T) {
	t.Parallel()
	author := collection(t)
	author.Publish(store.Key{Namespace: "it", Name: "kept"}, catalogtest.Text("One."))
	author.Publish(store.Key{Namespace: "it", Name: "kept"}, catalogtest.Text("Two."), func(p *store.Publication) {
		p.Channels = []store.ChannelRule{{Name: store.Production, Version: 1}}
	})
	box := connectTools(t, start(t, author, withTools(author)), "/mcp")
	for name, tc := range map[string]struct {
		tool, arguments string
		fields          []string
		want            string
	}{
		"the default version is production's": {
			"get_prompt", `{"id":"it/kept"}`, []string{"version", "latestVersion", "channel", "content"},
			`{"channel":"production","content":"One.","latestVersion":2,"version":1}`,
		},
		"without production it is the latest": {"get_prompt", `{"id":"it/greeting"}`, []string{"version", "channel"}, `{"channel":"latest","version":1}`},
		"a version has no channel":            {"get_prompt", `{"id":"it/kept@2"}`, []string{"version", "latestVersion", "channel"}, `{"latestVersion":2,"version":2}`},
		"what was ignored":                    {"apply_template", `{"id":"it/greeting","variables":{"b":"1","a":"2"}}`, []string{"ignored", "text", "version"}, `{"ignored":["a","b"],"text":"Hello.","version":1}`},
		"a template by default": {
			"apply_template", `{"id":"it/kept","variables":{}}`, []string{"version", "latestVersion", "channel", "text"},
			`{"channel":"production","latestVersion":2,"text":"One.","version":1}`,
		},
		"a template without production": {"apply_template", `{"id":"it/greeting","variables":{}}`, []string{"channel", "latestVersion"}, `{"channel":"latest","latestVersion":1}`},
		"a template by its version":     {"apply_template", `{"id":"it/kept@2","variables":{}}`, []string{"channel", "latestVersion", "version"}, `{"latestVersion":2,"version":2}`},
		"a history": {
			"list_prompt_versions", `{"id":"it/kept","limit":1}`, []string{"versions"},
			`{"versions":[{"channels":["latest"],"digest":"D","publishedAt":"T","version":2,"withdrawn":false}]}`,
		},
		"counts": {"list_prompts", `{"limit":2,"detail":"summary"}`, []string{"total"}, `{"total":4}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			structured := box.call(t, tc.tool, tc.arguments).structured
			for _, v := range anyList(structured["versions"]) {
				v["digest"], v["publishedAt"] = "D", "T"
			}
			got := map[string]any{}
			for _, field := range tc.fields {
				if value, there := structured[field]; there {
					got[field] = value
				}
			}
			raw, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, string(raw)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func anyList(value any) []map[string]any {
	list, _ := value.([]any)
	objects := make([]map[string]any, len(list))
	for i := range list {
		objects[i], _ = list[i].(map[string]any)
	}
	return objects
}

// TestListPrompts_Cursors: by cursor and by offset, every prompt once and in order, whatever ends a
// list: what the caller asked for, or the room there is.
func TestListPrompts_Cursors(t *testing.T) {
	t.Parallel()
	author := catalogtest.NewAuthor(t)
	const prompts = 120
	var want []string
	for i := range prompts {
		key := store.Key{Namespace: "it", Name: fmt.Sprintf("p%03d", i)}
		author.Publish(key, catalogtest.Text(fmt.Sprintf("Report number %d. %s", i, strings.Repeat("All about reports. ", 10))))
		want = append(want, key.String())
	}
	for name, tc := range map[string]struct {
		tool, arguments string
		limit           int
		byOffset        bool
	}{
		"a list in steps":             {"list_prompts", `"limit":7`, 0, false},
		"a search in steps":           {"search_prompts", `"query":"report","limit":7`, 0, false},
		"a part of a word":            {"search_prompts", `"query":"epor","limit":51`, 0, false},
		"a list with little room":     {"list_prompts", `"tagMatch":"any"`, 1000, false},
		"a search with little room":   {"search_prompts", `"query":"report"`, 1000, false},
		"with little room, by offset": {"list_prompts", `"isTemplate":true`, 1000, true},
		"a summary with little room":  {"list_prompts", `"detail":"summary"`, 500, false},
		"room for nothing":            {"list_prompts", `"detail":"full"`, 1, false},
		"all at once":                 {"list_prompts", `"detail":"full"`, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			box := connectTools(t, start(t, author, withTools(author), func(d *server.Deps) { d.ResultLimit = tc.limit }), "/mcp")
			var got []string
			next := ""
			for calls := 0; ; calls++ {
				result := box.call(t, tc.tool, "{"+tc.arguments+next+"}")
				if result.isError || calls > prompts {
					t.Fatalf("call %d: %v", calls, result.texts)
				}
				page := anyList(result.structured["prompts"])
				for _, p := range page {
					got = append(got, fmt.Sprint(p["id"]))
				}
				if tc.limit > 100 && float64(len(result.texts[0]))/3.6 > float64(tc.limit) {
					t.Errorf("a list of %d characters is given to one who has room for %d tokens", len(result.texts[0]), tc.limit)
				}
				if total := result.structured["total"]; total != float64(prompts) {
					t.Errorf("the total is %v", total)
				}
				cursor, more := result.structured["nextCursor"]
				if !more {
					break
				}
				next = fmt.Sprintf(`,"cursor":%q`, cursor)
				if tc.byOffset {
					says := fmt.Sprintf("Showing %d of %d; call again with offset=%d or detail=summary", len(page), prompts, len(got))
					if len(result.texts) != 2 || result.texts[1] != says {
						t.Errorf("got %q, want %q", result.texts[1:], says)
					}
					next = fmt.Sprintf(`,"offset":%d`, len(got))
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// TestListPrompts_CursorsOfOtherLists: a cursor of one list says nothing in another.
func TestListPrompts_CursorsOfOtherLists(t *testing.T) {
	t.Parallel()
	author := collection(t)
	replica := start(t, author, withTools(author))
	box, narrow := connectTools(t, replica, "/mcp"), connectTools(t, replica, "/mcp/it")
	cursor := box.call(t, "list_prompts", `{"limit":1}`).structured["nextCursor"]
	want := `! Error listing prompts: ValidationError: argument "cursor": this cursor is not from a call with these arguments; call again without it`
	for name, got := range map[string]string{
		"another filter":   box.text(t, "list_prompts", fmt.Sprintf(`{"category":"private","cursor":%q}`, cursor)),
		"another endpoint": narrow.text(t, "list_prompts", fmt.Sprintf(`{"cursor":%q}`, cursor)),
	} {
		if got != want {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

// TestTools_VersionsLostByARestore: rows of what another rewrite of the original tools changed in silence.
func TestTools_VersionsLostByARestore(t *testing.T) {
	t.Parallel()
	author := catalogtest.NewAuthor(t)
	for i := range 60 { // it listed fifty
		spec := catalogtest.Text("Common text, and nothing else.")
		spec.Tags = []string{[]string{"odd", "even"}[i%2], []string{"a", "b", "c"}[i%3]}
		author.Publish(store.Key{Namespace: "it", Name: fmt.Sprintf("p%02d", i)}, spec)
	}
	old, now := catalogtest.Text("Old {{who}}."), catalogtest.Text("New {{where}}.")
	old.Tags, old.Metadata = []string{"then"}, json.RawMessage(`{"a":{"b":[1,"x"]}}`)
	now.Tags, now.Metadata = []string{"now"}, json.RawMessage(`{"a":2}`)
	key := store.Key{Namespace: "it", Name: "changed"}
	author.Publish(key, old)
	author.Publish(key, now)
	box := connectTools(t, start(t, author, withTools(author)), "/mcp")
	for name, tc := range map[string]struct {
		tool, arguments string
		want            float64
	}{
		"a list has everything":           {"list_prompts", `{}`, 61},
		"a search sees everything":        {"search_prompts", `{"query":"COMMON TEXT"}`, 60},
		"a search for a part of a word":   {"search_prompts", `{"query":"ommon tex"}`, 60},
		"a search for a tag":              {"search_prompts", `{"query":"eve"}`, 30},
		"a search for nothing lists":      {"search_prompts", `{"query":""}`, 61},
		"statistics count everything":     {"get_stats", `{}`, 61},
		"tags are alternatives":           {"list_prompts", `{"tags":["odd","a"]}`, 40},
		"unless all are asked for":        {"list_prompts", `{"tags":["odd","a"],"tagMatch":"all"}`, 10},
		"no tags are no filter":           {"list_prompts", `{"tags":[]}`, 61},
		"a limit of nothing is no limit":  {"list_prompts", `{"limit":0,"offset":0}`, 61},
		"metadata that contains":          {"search_prompts", `{"query":"","metadata":{"a":2}}`, 1},
		"metadata of an old version only": {"list_prompts", `{"metadata":{"a":{}}}`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := box.call(t, tc.tool, tc.arguments)
			if got.structured["total"] != tc.want || len(got.texts) != 1 {
				t.Errorf("%v, not %v, with %d texts", got.structured["total"], tc.want, len(got.texts))
			}
		})
	}
	first := box.call(t, "get_prompt", `{"id":"it/changed","version":1}`).structured
	want := map[string]any{
		"content": "Old {{who}}.", "variables": []any{"who"}, "tags": []any{"then"}, "metadata": map[string]any{"a": map[string]any{"b": []any{1.0, "x"}}},
	}
	got := map[string]any{}
	for field := range want {
		got[field] = first[field]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("an old version has its own tags, variables and metadata (-want +got)\n%s", diff)
	}
}
