package prompts_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
)

// step is a call of a story, what it says, and fields of its structured result.
type step struct{ tool, arguments, says, fields string }

// digits hides what is made anew in each run.
var (
	changeID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)
	suffix   = regexp.MustCompile(`-[0-9a-f]{8}\b`)
)

// stories are calls in order, each story on a database of its own.
var stories = map[string]struct {
	path string
	acts []step
}{
	"a prompt is added, changed, read and deleted": {"/mcp", []step{
		{"add_prompt", `{"name":"  Greet \"Bob\" ","content":"\nHello {{who}}, {{ x }}. ","isTemplate":true,"tags":["b","a"],"metadata":{"n":{"x":[1]}}}`,
			`Created prompt "Greet "Bob"" with ID: it/greet-bob`, `{"changed":true,"id":"it/greet-bob","served":1,"state":"published","version":1}`},
		{"get_prompt", `{"id":"it/greet-bob"}`, "{\n  \"name\": \"Greet \\\"Bob\\\"\",\n  \"content\": \"Hello {{who}}, {{ x }}.\",\n  \"isTemplate\": true,\n  \"variables\": [\n    \"who\"\n  ],\n" +
			"  \"tags\": [\n    \"a\",\n    \"b\"\n  ],\n  \"metadata\": {\n    \"n\": {\n      \"x\": [\n        1\n      ]\n    }\n  },\n  \"id\": \"it/greet-bob\",\n  \"createdAt\": \"T\",\n  \"updatedAt\": \"T\",\n  \"version\": 1\n}", ""},
		{"apply_template", `{"id":"greet-bob","variables":{"who":"Ann"}}`, "Hello Ann, {{ x }}.", ""},
		{"update_prompt", `{"id":"greet-bob","content":"Bye {{whom}}."}`, `Updated prompt "Greet "Bob"" (version 2)`, `{"changed":true,"served":2,"version":2}`},
		{"update_prompt", `{"id":"greet-bob","content":" Bye {{whom}}. "}`, `Updated prompt "Greet "Bob"" (version 2)`, `{"changed":false,"served":2,"version":2}`},
		{"update_prompt", `{"id":"it.greet-bob","name":"Bye","description":" d ","category":"c"}`, `Updated prompt "Bye" (version 3)`, `{"name":"Bye","version":3}`},
		{"apply_template", `{"id":"greet-bob@1","variables":{"who":"Ann"}}`, "Hello Ann, {{ x }}.", ""},
		{"get_prompt", `{"id":"it/greet-bob@2"}`, "", `{"latestVersion":3,"metadata":{"n":{"x":[1]}},"name":"Greet \"Bob\"","tags":["a","b"],"variables":["whom"],"version":2}`},
		{"update_prompt", `{"id":"greet-bob","description":"","category":"","isTemplate":false,"tags":[]}`, `Updated prompt "Bye" (version 4)`, ""},
		{"apply_template", `{"id":"greet-bob","variables":{}}`, "! Error applying template: ValidationError: Prompt 'Bye' is not a template", ""},
		{"get_prompt", `{"id":"greet-bob"}`, "", `{"content":"Bye {{whom}}.","description":"d","isTemplate":false,"metadata":{"n":{"x":[1]}},"tags":[],"variables":[],"version":4}`},
		{"update_prompt", `{"id":"greet-bob","description":" ","category":" "}`, `Updated prompt "Bye" (version 5)`, ""},
		{"get_prompt", `{"id":"greet-bob"}`, "{\n  \"name\": \"Bye\",\n  \"content\": \"Bye {{whom}}.\",\n  \"isTemplate\": false,\n  \"variables\": [],\n  \"tags\": [],\n" +
			"  \"metadata\": {\n    \"n\": {\n      \"x\": [\n        1\n      ]\n    }\n  },\n  \"id\": \"it/greet-bob\",\n  \"createdAt\": \"T\",\n  \"updatedAt\": \"T\",\n  \"version\": 5\n}", ""},
		{"delete_prompt", `{"id":"greet-bob"}`, "Deleted prompt with ID: it/greet-bob", `{"state":"published"}`},
		{"delete_prompt", `{"id":"greet-bob"}`, "! Prompt with ID greet-bob not found", ""},
		{"get_prompt", `{"id":"greet-bob"}`, "! Error retrieving prompt: NotFoundError: Prompt with id 'greet-bob' not found", ""},
		{"update_prompt", `{"id":"greet-bob","name":"x"}`, "! Error updating prompt: NotFoundError: Prompt with id 'greet-bob' not found", ""},
		{"add_prompt", `{"name":"Greet Bob","content":"New."}`, `Created prompt "Greet Bob" with ID: it/greet-bob-X`, ""},
	}},
	"names may repeat, and ids are those of the endpoint": {"/mcp/support", []step{
		{"add_prompt", `{"name":"Ünï","content":"a"}`, `Created prompt "Ünï" with ID: n`, `{"id":"n"}`},
		{"add_prompt", `{"name":"N!","content":"a"}`, `Created prompt "N!" with ID: n-X`, ""},
		{"add_prompt", `{"name":"語","content":"a","namespace":"support"}`, `Created prompt "語" with ID: prompt`, ""},
		{"add_prompt", `{"name":"a","content":"a","namespace":"it"}`, `! Error creating prompt: ValidationError: argument "namespace": this endpoint is for namespace support; leave it out`, ""},
	}},
	"what is not valid is refused at once": {"/mcp", []step{
		{"add_prompt", `{"name":" ","content":"a"}`, `! Error creating prompt: ValidationError: argument "name": is empty`, ""},
		{"add_prompt", `{"name":"a","content":"\n"}`, `! Error creating prompt: ValidationError: argument "content": is empty`, ""},
		{"add_prompt", `{"name":"` + strings.Repeat("n", 101) + `","content":"a"}`, `! Error creating prompt: ValidationError: argument "name": has 101 characters; at most 100 are allowed; shorten it`, ""},
		{"add_prompt", `{"name":"a","content":"b","tags":["x","x"]}`, `! Error creating prompt: ValidationError: argument "tags[1]": "x" is there twice; tags must be unique`, ""},
		{"update_prompt", `{"id":"support/incident-handover","content":"{{#tone}}"}`, `! Error updating prompt: ValidationError: argument "content": line 1, column 1: the section "tone" is never closed; write {{/tone}} where it ends`, ""},
		{"update_prompt", `{"id":"support/incident-handover","content":"{{> nothing}}"}`, `! Error updating prompt: ValidationError: argument "content": line 1, column 1: fragment nothing is not published in this namespace; publish it or correct the include`, ""},
		{"update_prompt", `{"id":"it/greeting","name":"","content":"","description":null,"category":"","tags":null}`, "! Error updating prompt: ValidationError: there is nothing to change: give name, content, description, isTemplate, tags, category or metadata", ""},
		{"add_prompt", `{"name":"a","content":""}`, `! Error creating prompt: ValidationError: argument "content": is empty`, ""},
		{"add_prompt", `{"name":"a","content":null}`, `! Error creating prompt: ValidationError: argument "content" is required: Text of the prompt; in a template {{word}} is a variable`, ""},
		{"update_prompt", `{"id":"it/greeting"}`, "! Error updating prompt: ValidationError: there is nothing to change: give name, content, description, isTemplate, tags, category or metadata", ""},
		{"update_prompt", `{"id":"it/greeting@1","name":"x"}`, `! Error updating prompt: ValidationError: argument "id": a prompt is meant as a whole here; leave @1 out`, ""},
		{"update_prompt", `{"id":"it/talk","content":"x"}`, "! Error updating prompt: ValidationError: the prompt has 2 messages, and content is one text; change them in the manifest, which say:\n" +
			"spec:\n  messages:\n  - role: user\n    text: Hello.\n  - role: assistant\n    text: Yes?\n", ""},
		{"update_prompt", `{"id":"it/talk","name":"Talk"}`, `Updated prompt "Talk" (version 2)`, ""},
		{"update_prompt", `{"id":"it/talk","name":"T","idempotencyKey":"` + strings.Repeat("k", 257) + `"}`, `! Error updating prompt: ValidationError: argument "idempotencyKey": has 257 bytes; at most 256 are allowed; use a shorter one, such as a UUID`, ""},
		{"search_prompts", `{"query":"` + strings.Repeat("q", 2001) + `"}`, `! Error searching prompts: ValidationError: argument "query": has 2001 characters; at most 2000 are allowed; find_similar_prompts compares whole texts`, ""},
		{"search_prompts", `{"query":"` + strings.Repeat("a ", 660) + `"}`, `! Error searching prompts: ValidationError: too broad: the search has 660 words, and at most 64 are taken; search for fewer, more specific words, or only in a category or by tags`, ""},
		{"set_prompt_channel", `{"id":"it/greeting","channel":"latest"}`, `! Error setting prompt channel: ValidationError: argument "channel": latest moves by itself; it is always the newest version`, ""},
		{"set_prompt_channel", `{"id":"it/greeting","channel":"beta","version":9}`, `! Error setting prompt channel: ValidationError: argument "version": there is no version 9; list_prompt_versions shows which there are`, ""},
	}},
	"edits keep what a person wrote": {"/mcp", []step{
		{"get_prompt", `{"id":"support/triage"}`, "", `{"content":"Sort {{ticket}} & <friends>.\n{{> house-style}}"}`},
		{"update_prompt", `{"id":"support/triage","content":"Look at {{ticket}}.\n{{> house-style}}","isTemplate":true}`, `Updated prompt "Triage" (version 2)`, ""},
		{"apply_template", `{"id":"support/triage","variables":{"ticket":"7"}}`, "Look at 7.\nBe kind.", ""},
		{"get_prompt", `{"id":"support/triage"}`, "", `{"channel":"latest","description":"Sort it","variables":["ticket","tone"]}`},
		{"get_prompt", `{"id":"support/triage@beta"}`, "", `{"channel":"beta","content":"Sort {{ticket}} & <friends>.\n{{> house-style}}","version":1}`},
		// A pin to nothing is the answer to who asked for it, and not to who edits the text.
		{"update_prompt", `{"id":"support/incident-handover","category":"c"}`, `Updated prompt "Incident handover" (version 4)`, `{"changed":true,"version":4}`},
	}},
	"versions are expected, withdrawn and pointed to": {"/mcp/it", []step{
		{"update_prompt", `{"id":"greeting","content":"Two.","expectedVersion":1}`, `Updated prompt "greeting" (version 2)`, ""},
		{"update_prompt", `{"id":"greeting","content":"Three.","expectedVersion":1}`, "! Error updating prompt: ConflictError: the newest version is 2, not 1; read it and decide again", ""},
		{"update_prompt", `{"id":"greeting","content":"Three."}`, `Updated prompt "greeting" (version 3)`, ""},
		{"set_prompt_channel", `{"id":"greeting","channel":"production","version":1}`, `Channel production of prompt "greeting" points to version 1; before: none`, `{"after":1,"before":null}`},
		{"get_prompt", `{"id":"greeting"}`, "", `{"channel":"production","content":"Hello.","latestVersion":3,"version":1}`},
		{"update_prompt", `{"id":"greeting","category":"c"}`, `Updated prompt "greeting" (version 4)`, `{"served":1,"version":4}`},
		{"get_prompt", `{"id":"greeting@latest"}`, "", `{"content":"Three."}`},
		{"set_prompt_channel", `{"id":"greeting","channel":"production","version":2,"expectedVersion":3}`, "! Error setting prompt channel: ConflictError: channel production points to version 1, not to version 3; read it and decide again", ""},
		{"set_prompt_channel", `{"id":"greeting","channel":"production","version":2,"expectedVersion":1}`, `Channel production of prompt "greeting" points to version 2; before: version 1`, `{"after":2,"before":1}`},
		{"delete_prompt", `{"id":"greeting","version":2}`, "! Error deleting prompt: ConflictError: version 2 is in channel production; move that with set_prompt_channel, then delete version 2", ""},
		{"set_prompt_channel", `{"id":"greeting","channel":"production"}`, `Channel production of prompt "greeting" follows the newest version, now 4; before: version 2`, `{"after":4,"before":2}`},
		{"delete_prompt", `{"id":"greeting","version":4}`, "! Error deleting prompt: ConflictError: version 4 is the newest, which the prompt still states; change the prompt with update_prompt, then delete version 4", ""},
		{"delete_prompt", `{"id":"greeting@2"}`, "Deleted prompt with ID: greeting", ""},
		{"get_prompt", `{"id":"greeting@2"}`, "! Error retrieving prompt: NotFoundError: Prompt with id 'greeting@2' not found", ""},
		{"delete_prompt", `{"id":"greeting","version":2}`, "! Prompt with ID greeting not found", ""},
		{"delete_prompt", `{"id":"greeting@production"}`, `! Error deleting prompt: ValidationError: argument "id": a channel is removed by set_prompt_channel with remove=true; leave @production out`, ""},
		{"set_prompt_channel", `{"id":"greeting","channel":"production","version":null,"remove":null}`, `Channel production of prompt "greeting" follows the newest version, now 4; before: version 4`, `{"after":4,"before":4}`},
		{"set_prompt_channel", `{"id":"greeting","channel":"production","version":1,"remove":true}`, "! Error setting prompt channel: ValidationError: give version to move the channel or remove to remove it, not both", ""},
		{"set_prompt_channel", `{"id":"greeting","channel":"production","remove":true}`, `Channel production of prompt "greeting" is removed; before: version 4`, `{"after":null,"before":4}`},
		{"get_prompt", `{"id":"greeting"}`, "", `{"channel":"latest","version":4}`},
	}},
	"nothing is asked for by 0": {"/mcp/it", []step{
		{"update_prompt", `{"id":"greeting","content":"Two.","expectedVersion":0}`, `Updated prompt "greeting" (version 2)`, ""},
		{"get_prompt", `{"id":"greeting","version":0}`, "", `{"version":2}`},
		{"apply_template", `{"id":"greeting","version":0,"variables":{}}`, "Two.", ""},
		{"diff_prompt_versions", `{"id":"greeting","from":1,"to":0}`, "", `{"from":1,"to":2}`},
		{"set_prompt_channel", `{"id":"greeting","channel":"beta","version":0,"expectedVersion":0}`, `Channel beta of prompt "greeting" follows the newest version, now 2; before: none`, ""},
		{"delete_prompt", `{"id":"greeting","version":0}`, "Deleted prompt with ID: greeting", ""},
		{"get_prompt", `{"id":"greeting","version":1}`, "! Error retrieving prompt: NotFoundError: Prompt with id 'greeting' not found", ""},
	}},
	"the only version is the prompt": {"/mcp/it", []step{
		{"delete_prompt", `{"id":"greeting","version":1,"idempotencyKey":"only"}`, "Deleted prompt with ID: greeting", ""},
		{"delete_prompt", `{"id":"greeting","version":1,"idempotencyKey":"only"}`, "Deleted prompt with ID: greeting", ""},
		{"delete_prompt", `{"id":"greeting","idempotencyKey":"only"}`, "! Error deleting prompt: ConflictError: the idempotency key was used for another request; use another key for another request", ""},
		{"get_prompt", `{"id":"greeting"}`, "! Error retrieving prompt: NotFoundError: Prompt with id 'greeting' not found", ""},
	}},
	"a repeat is the same request": {"/mcp/it", []step{
		{"add_prompt", `{"name":"Once","content":"a","idempotencyKey":"k1"}`, `Created prompt "Once" with ID: once`, ""},
		{"add_prompt", `{"name":"Once","content":"a","idempotencyKey":"k1"}`, `Created prompt "Once" with ID: once`, ""},
		{"add_prompt", `{"name":"Once","content":"b","idempotencyKey":"k1"}`, "! Error creating prompt: ConflictError: the idempotency key was used for another request; use another key for another request", ""},
		{"update_prompt", `{"id":"once","content":"b","expectedVersion":1,"idempotencyKey":"k2"}`, `Updated prompt "Once" (version 2)`, ""},
		{"update_prompt", `{"id":"once","content":"b","expectedVersion":1,"idempotencyKey":"k2"}`, `Updated prompt "Once" (version 2)`, ""},
		{"update_prompt", `{"id":"once","content":"c","expectedVersion":1,"idempotencyKey":"k3"}`, "! Error updating prompt: ConflictError: the newest version is 2, not 1; read it and decide again", ""},
		{"delete_prompt", `{"id":"once","idempotencyKey":"k4"}`, "Deleted prompt with ID: once", ""},
		{"delete_prompt", `{"id":"once","idempotencyKey":"k4"}`, "Deleted prompt with ID: once", ""},
		{"list_prompts", `{}`, "", `{"total":1}`},
	}},
	"a repeat is answered as the first was, whatever came since": {"/mcp/support", []step{
		{"add_prompt", `{"name":"Once","content":"a","idempotencyKey":"k1"}`, `Created prompt "Once" with ID: once`, ""},
		{"update_prompt", `{"id":"incident-handover","content":"For {{ticket}}.\n{{> house-style}}","idempotencyKey":"k2"}`, `Updated prompt "Incident handover" (version 4)`, ""},
		{"delete_prompt", `{"id":"house-style"}`, "Deleted prompt with ID: house-style", ""},
		{"update_prompt", `{"id":"incident-handover","content":"For {{ticket}}.\n{{> house-style}}","idempotencyKey":"k2"}`, `Updated prompt "Incident handover" (version 4)`, `{"changed":true}`},
		{"update_prompt", `{"id":"once","content":"b"}`, `Updated prompt "Once" (version 2)`, ""},
		{"set_prompt_channel", `{"id":"once","channel":"production","version":1,"idempotencyKey":"k3"}`, `Channel production of prompt "Once" points to version 1; before: none`, ""},
		{"set_prompt_channel", `{"id":"once","channel":"production","version":2}`, `Channel production of prompt "Once" points to version 2; before: version 1`, ""},
		{"set_prompt_channel", `{"id":"once","channel":"production","version":1,"idempotencyKey":"k3"}`, `Channel production of prompt "Once" points to version 1`, `{"after":1}`},
		{"delete_prompt", `{"id":"once","version":1,"idempotencyKey":"k4"}`, "Deleted prompt with ID: once", ""},
		{"set_prompt_channel", `{"id":"once","channel":"production","version":1,"idempotencyKey":"k3"}`, `Channel production of prompt "Once" points to version 1`, ""},
		{"delete_prompt", `{"id":"once"}`, "Deleted prompt with ID: once", ""},
		{"delete_prompt", `{"id":"once@1","idempotencyKey":"k4"}`, "Deleted prompt with ID: once", ""},
		{"set_prompt_channel", `{"id":"once","channel":"production","version":1,"idempotencyKey":"k3"}`, `Channel production of prompt "once" points to version 1`, ""},
		{"add_prompt", `{"name":"Once","content":"a","idempotencyKey":"k1"}`, `Created prompt "Once" with ID: once`, `{"version":1}`},
	}},
	"another manager's is not changed": {"/mcp/it", []step{
		{"update_prompt", `{"id":"kept","content":"x"}`, "! Error updating prompt: OwnedElsewhereError: the prompt it/kept is kept by Argo CD, so it is not changed from here; propose the change of its manifest there", ""},
		{"delete_prompt", `{"id":"kept"}`, "! Error deleting prompt: OwnedElsewhereError: the prompt it/kept is kept by Argo CD, so it is not changed from here; propose there that it be deleted", ""},
		{"get_prompt", `{"id":"kept"}`, "", `{"content":"Kept."}`},
	}},
}

func TestTools_Write(t *testing.T) {
	t.Parallel()
	for name, story := range stories {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			author := catalogtest.NewLibrary(t)
			kept := store.Key{Namespace: "it", Name: "kept"}
			if strings.Contains(name, "manager") {
				author.Publish(kept, catalogtest.Text("Kept."))
			}
			if strings.Contains(name, "valid") {
				author.Publish(store.Key{Namespace: "it", Name: "talk"}, prompt.Spec{Messages: []prompt.Message{
					{Role: prompt.User, Text: "Hello."}, {Role: prompt.Assistant, Text: "Yes?"},
				}})
			}
			if strings.Contains(name, "person") {
				spec := catalogtest.Text("Sort {{ticket}} & <friends>.\n{{> house-style}}")
				spec.Title, spec.Description = "Triage", "Sort it"
				spec.Arguments = []prompt.Declaration{{Name: "ticket"}, {Name: "tone", Enum: []string{"brief"}, Default: new("brief")}}
				author.Publish(store.Key{Namespace: "support", Name: "triage"}, spec, func(p *store.Publication) {
					p.Channels = []store.ChannelRule{{Name: "beta", Version: 1}}
				})
			}
			author.RunController(kept)
			box := connectTools(t, start(t, author, withTools(author), withChanges(author)), story.path)
			for _, a := range story.acts {
				got := box.call(t, a.tool, a.arguments)
				said := suffix.ReplaceAllString(timeless(got.texts[0]), "-X")
				if got.isError {
					said = "! " + said
				}
				if a.says != "" && said != a.says {
					t.Errorf("%s %s (-want +got)\n%s", a.tool, a.arguments, cmp.Diff(a.says, said))
				}
				if a.fields != "" {
					if diff := cmp.Diff(a.fields, some(t, got.structured, a.fields)); diff != "" {
						t.Errorf("%s %s (-want +got)\n%s", a.tool, a.arguments, diff)
					}
				}
			}
		})
	}
}

// some are the fields of an object that another, in JSON, has.
func some(t *testing.T, object map[string]any, like string) string {
	t.Helper()
	var wanted map[string]any
	if err := json.Unmarshal([]byte(like), &wanted); err != nil {
		t.Fatal(err)
	}
	for field := range wanted {
		value, there := object[field]
		if wanted[field] = value; !there {
			delete(wanted, field)
		}
	}
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(wanted); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// TestGetPromptChange_Pending: a change that takes long is accepted, which is no error, and can be asked for, by who asked for it.
func TestGetPromptChange_Pending(t *testing.T) {
	t.Parallel()
	author := catalogtest.NewLibrary(t)
	replica := start(t, author, withTools(author), withChanges(author))
	hasty := start(t, author, withTools(author), withChanges(author), func(d *server.Deps) { d.OutcomeTimeout = 150 * time.Millisecond })
	got := connectTools(t, hasty, "/mcp").call(t, "update_prompt", `{"id":"it/greeting","category":"c"}`)
	box := connectTools(t, replica, "/mcp")
	id := fmt.Sprint(got.structured["changeId"])
	want := fmt.Sprintf(`Change %s for prompt "greeting" is accepted but not applied yet; ask get_prompt_change`, id)
	if got.isError || got.texts[0] != want || !changeID.MatchString(id) {
		t.Errorf("got %q, want %q", got.texts[0], want)
	}
	ask := fmt.Sprintf(`{"changeId":%q}`, id)
	pending := fmt.Sprintf("{\n  \"changeId\": %q,\n  \"id\": \"it/greeting\",\n  \"state\": \"pending\"\n}", id)
	if diff := cmp.Diff(pending, box.text(t, "get_prompt_change", ask)); diff != "" {
		t.Errorf("before it is carried out (-want +got)\n%s", diff)
	}
	unknown := fmt.Sprintf("! Error retrieving prompt change: NotFoundError: Change with id '%s' not found, or not yours", id)
	other := connectTools(t, start(t, author, withTools(author), withChanges(author), func(d *server.Deps) {
		d.Authenticator = auth.NewNone("bert")
	}), "/mcp")
	elsewhere := connectTools(t, replica, "/mcp/support")
	for name, said := range map[string]string{
		"another caller":   other.text(t, "get_prompt_change", ask),
		"another endpoint": elsewhere.text(t, "get_prompt_change", ask),
	} {
		if said != unknown {
			t.Errorf("%s: got %q, want %q", name, said, unknown)
		}
	}
	if got, want := box.text(t, "get_prompt_change", `{"changeId":"x"}`), "! Error retrieving prompt change: NotFoundError: Change with id 'x' not found, or not yours"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	author.RunController()
	require.Until(t, "it is published", func() bool {
		return box.call(t, "get_prompt_change", ask).structured["state"] == "published"
	})
	if version := box.call(t, "get_prompt_change", ask).structured["version"]; version != 2.0 {
		t.Errorf("it made version %v", version)
	}
}
