package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth/authtest"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
	"github.com/lectern-dev/lectern/server/tool"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

const unknownPrompt = "-32602 no such prompt, or not yours to read"

// getCases are prompts/get requests and what comes back: the text, or status, code and message.
var getCases = map[string]struct {
	path      string
	name      string
	arguments map[string]any
	want      string
}{
	"the default version":              {"", "support.incident-handover", map[string]any{"ticket": "7"}, "Write a brief handover for 7 & <friends>.\nBe kind."},
	"every argument":                   {"", "support.incident-handover", map[string]any{"ticket": "7", "tone": "detailed"}, "Write a detailed handover for 7 & <friends>.\nBe kind."},
	"a value is inert":                 {"", "support.incident-handover@1", map[string]any{"ticket": "{{tone}} \u2028 \"x\" ü"}, "First for {{tone}} \u2028 \"x\" ü."},
	"a version":                        {"", "support.incident-handover@1", map[string]any{"ticket": "7"}, "First for 7."},
	"a channel":                        {"", "support.incident-handover@beta", map[string]any{"ticket": "7"}, "Second for 7."},
	"latest":                           {"", "support.incident-handover@latest", map[string]any{"ticket": "7"}, "Write a brief handover for 7 & <friends>.\nBe kind."},
	"an unlisted prompt":               {"", "support.hidden", nil, "Not for lists."},
	"no arguments":                     {"", "it.greeting", nil, "Hello."},
	"an empty object of arguments":     {"", "it.greeting", map[string]any{}, "Hello."},
	"a namespace's endpoint":           {"/mcp/support", "incident-handover@1", map[string]any{"ticket": "7"}, "First for 7."},
	"an unknown prompt":                {"", "support.nothing", nil, "400 " + unknownPrompt},
	"an unknown namespace":             {"", "nowhere.greeting", nil, "400 " + unknownPrompt},
	"an unknown version":               {"", "support.incident-handover@9", nil, "400 " + unknownPrompt},
	"an unknown channel":               {"", "support.incident-handover@gamma", nil, "400 " + unknownPrompt},
	"a fragment":                       {"", "support.house-style", nil, "400 " + unknownPrompt},
	"a version of a fragment":          {"", "support.house-style@1", nil, "400 " + unknownPrompt},
	"a name that cannot be one":        {"", "support.Not A Name", nil, "400 " + unknownPrompt},
	"a name with two dots":             {"", "support.a.b", nil, "400 " + unknownPrompt},
	"a bare name":                      {"", "greeting", nil, "400 " + unknownPrompt + "; names on this endpoint are namespace.name"},
	"another namespace's prompt":       {"/mcp/support", "greeting", nil, "400 " + unknownPrompt},
	"a full name at a narrow endpoint": {"/mcp/it", "it.greeting", nil, "400 " + unknownPrompt},
	"a selector that is none":          {"", "it.greeting@03", nil, `400 -32602 "03" is neither a version nor a channel: write @3 for version 3, or @production for a channel (a lower-case letter, then letters, digits and '-', at most 36)`},
	"a fragment that never resolved":   {"", "support.draft-style", nil, "400 " + unknownPrompt},
	"its channel":                      {"", "support.draft-style@production", nil, "400 " + unknownPrompt},
	"a channel that never resolved":    {"", "support.incident-handover@stable", nil, "400 -32602 the channel points to a version that is not stored"},
	"a missing argument":               {"", "support.incident-handover", nil, `400 -32602 argument "ticket": is required; give it a value`},
	"an unknown argument":              {"", "it.greeting", map[string]any{"a": "b"}, `400 -32602 argument "a": this prompt takes no arguments; leave it out`},
	"a value outside the enum":         {"", "support.incident-handover", map[string]any{"ticket": "7", "tone": "loud"}, `400 -32602 argument "tone": "loud" is not one of brief, detailed`},
}

func TestPromptsGet(t *testing.T) {
	t.Parallel()
	replica := start(t, library(t))
	for name, tc := range getCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := getPrompt(tc.name, tc.arguments)
			q.Path = tc.path
			reply := replica.Send(t, q)
			got := reply.Failure(t)
			if reply.Status == http.StatusOK {
				got = reply.Text(t)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestReceipt(t *testing.T) {
	t.Parallel()
	replica := start(t, library(t))
	type receipt struct {
		Prompt, Selector string
		Version          int64
		Digest           string
		Includes         []prompt.Included
		Variables        []string
	}
	for name, tc := range map[string]struct {
		request request
		want    receipt
	}{
		"the default version with all variables": {
			getPrompt("support.incident-handover", map[string]any{"tone": "brief", "ticket": "7"}),
			receipt{
				Prompt: "support/incident-handover", Version: 3,
				Includes: []prompt.Included{{Name: "house-style", Version: 1}}, Variables: []string{"ticket", "tone"},
			},
		},
		"empty and null for what is optional": {
			getPrompt("support.incident-handover", map[string]any{"tone": "", "ticket": "7", "more": nil}),
			receipt{
				Prompt: "support/incident-handover", Version: 3,
				Includes: []prompt.Included{{Name: "house-style", Version: 1}}, Variables: []string{"ticket"},
			},
		},
		"a channel": {
			getPrompt("support.incident-handover@beta", map[string]any{"ticket": "7"}),
			receipt{Prompt: "support/incident-handover", Selector: "@beta", Version: 2, Includes: []prompt.Included{}, Variables: []string{"ticket"}},
		},
		"no variables, an older client": {
			request{RPC: "prompts/get", Legacy: true, Params: map[string]any{"name": "it.greeting"}},
			receipt{Prompt: "it/greeting", Version: 1, Includes: []prompt.Included{}, Variables: []string{}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reply := replica.Send(t, tc.request)
			var got struct {
				Result struct {
					Meta struct {
						Receipt receipt `json:"dev.lectern/receipt"`
					} `json:"_meta"`
				}
			}
			if err := json.Unmarshal([]byte(reply.Body), &got); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(got.Result.Meta.Receipt.Digest, "sha256:") {
				t.Errorf("digest %q", got.Result.Meta.Receipt.Digest)
			}
			got.Result.Meta.Receipt.Digest = ""
			if diff := cmp.Diff(tc.want, got.Result.Meta.Receipt); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if strings.Contains(reply.Body, `"7"`) {
				t.Errorf("a value is in the answer outside the text: %s", reply.Body)
			}
		})
	}
}

// listing is a prompts/list answer as a test looks at it.
type listing struct {
	Result struct {
		Meta struct {
			Truncated json.RawMessage `json:"dev.lectern/truncated"`
		} `json:"_meta"`
		Prompts    []map[string]any
		NextCursor string
		TTL        int64  `json:"ttlMs"`
		CacheScope string `json:"cacheScope"`
	}
}

func list(t *testing.T, r *replica, path, cursor string) listing {
	t.Helper()
	q := request{RPC: "prompts/list", Path: path}
	if cursor != "" {
		q.Params = map[string]any{"cursor": cursor}
	}
	reply := r.Send(t, q)
	var got listing
	if err := json.Unmarshal([]byte(reply.Body), &got); err != nil || reply.Status != http.StatusOK {
		t.Fatalf("%d %s", reply.Status, reply.Body)
	}
	return got
}

func TestPromptsList(t *testing.T) {
	t.Parallel()
	replica := start(t, library(t))
	handover := func(name string) map[string]any {
		return map[string]any{
			"name": name, "title": "Incident handover", "description": "Hand an incident over",
			"arguments": []any{
				map[string]any{"name": "ticket", "description": "Ticket number", "required": true},
				map[string]any{"name": "tone"},
			},
		}
	}
	for path, want := range map[string][]map[string]any{
		"/mcp":         {{"name": "it.greeting"}, handover("support.incident-handover")},
		"/mcp/support": {handover("incident-handover")},
		"/mcp/empty":   {},
	} {
		got := list(t, replica, path, "")
		if diff := cmp.Diff(want, got.Result.Prompts); diff != "" {
			t.Errorf("%s (-want +got)\n%s", path, diff)
		}
		if got.Result.TTL != 5000 || got.Result.CacheScope != "private" || got.Result.NextCursor != "" || got.Result.Meta.Truncated != nil {
			t.Errorf("%s: %+v", path, got.Result)
		}
	}
}

// TestPromptsList_Pages: every prompt once, in order, no cursor after a full last page, and
// after sixty pages the number there is instead of one.
func TestPromptsList_Pages(t *testing.T) {
	t.Parallel()
	author := catalogtest.NewAuthor(t)
	var want []string
	for i := range 1000 {
		namespace := fmt.Sprintf("team-%d", i%3)
		author.Publish(store.Key{Namespace: namespace, Name: fmt.Sprintf("p%03d", i)}, catalogtest.Text("Hello."))
		want = append(want, fmt.Sprintf("%s.p%03d", namespace, i))
	}
	slices.Sort(want)
	replica := start(t, author)
	first := list(t, replica, "/mcp", "")
	second := list(t, replica, "/mcp", first.Result.NextCursor)
	var got []string
	for _, p := range slices.Concat(first.Result.Prompts, second.Result.Prompts) {
		got = append(got, p["name"].(string)) //nolint:forcetypeassert // the schema says so
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if len(first.Result.Prompts) != 500 || second.Result.NextCursor != "" || second.Result.Meta.Truncated != nil {
		t.Errorf("pages of %d and %d, then %+v", len(first.Result.Prompts), len(second.Result.Prompts), second.Result)
	}
	cursor := request{RPC: "prompts/list", Path: "/mcp/other", Params: map[string]any{"cursor": first.Result.NextCursor}}
	if got := replica.Send(t, cursor).Failure(t); !strings.HasPrefix(got, "400 -32602 this cursor was not given out here") {
		t.Errorf("a cursor of another endpoint: %s", got)
	}

	// The cursor of the last page there may be; the pages before it are not read.
	last := list(t, replica, "/mcp", forgeListCursor("59"))
	if got := string(last.Result.Meta.Truncated); len(last.Result.Prompts) != 500 || last.Result.NextCursor != "" || got != `{"total":1000}` {
		t.Errorf("the sixtieth page: %d prompts, cursor %q, truncated %s", len(last.Result.Prompts), last.Result.NextCursor, got)
	}
	// With tools there is one to find the rest by, for a list of resources too.
	withSearch := start(t, author, withTools(author))
	for _, rpc := range []string{"prompts/list", "resources/list"} {
		q := request{RPC: rpc, Params: map[string]any{"cursor": forgeListCursor("59")}}
		var got listing
		if err := json.Unmarshal([]byte(withSearch.Send(t, q).Body), &got); err != nil {
			t.Fatal(err)
		}
		if said := string(got.Result.Meta.Truncated); said != `{"total":1000,"use":"search_prompts"}` {
			t.Errorf("%s: truncated %s", rpc, said)
		}
	}
	beyond := request{RPC: "prompts/list", Params: map[string]any{"cursor": forgeListCursor("60")}}
	if got := replica.Send(t, beyond).Failure(t); !strings.HasPrefix(got, "400 -32602") {
		t.Errorf("a page nobody gave out: %s", got)
	}
}

// forgeListCursor returns the cursor of a page that nobody gave out.
func forgeListCursor(page string) string {
	return tool.EncodeCursor(tool.Fingerprint("prompts/list", ""), page, "a", "a")
}

// TestPromptsGet_DenialEqualsAbsence: what may not be read looks like what is not there, and as much is looked up.
func TestPromptsGet_DenialEqualsAbsence(t *testing.T) {
	t.Parallel()
	source := greeting()
	source.Publish(hiddenKey, "Not for everybody.")
	replica := start(t, source, func(d *Deps) { d.Authorizer = authtest.OnlyNamespace{Namespace: "it"} })
	there := replica.Send(t, getPrompt("support.hidden", nil))
	ofThere, _ := source.CountReads()
	absent := replica.Send(t, getPrompt("support.nothing", nil))
	ofAbsent, _ := source.CountReads()
	unknown := replica.Send(t, getPrompt("it.nothing", nil))
	ofUnknown, _ := source.CountReads()
	for _, other := range []transporttest.Reply{absent, unknown} {
		if there.Body != other.Body || there.Status != other.Status {
			t.Errorf("there %d %s\nabsent %d %s", there.Status, there.Body, other.Status, other.Body)
		}
	}
	if ofThere != 1 || ofAbsent != 2 || ofUnknown != 3 {
		t.Errorf("look-ups after each: %d, %d, %d", ofThere, ofAbsent, ofUnknown)
	}
	if diff := cmp.Diff([]map[string]any{{"name": "it.greeting"}}, list(t, replica, "/mcp", "").Result.Prompts); diff != "" {
		t.Errorf("/mcp (-want +got)\n%s", diff)
	}
	if got := list(t, replica, "/mcp/support", "").Result.Prompts; len(got) != 0 {
		t.Errorf("/mcp/support lists %v", got)
	}
}
