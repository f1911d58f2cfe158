package prompts_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
	"github.com/lectern-dev/lectern/server/prompts"
	"github.com/lectern-dev/lectern/server/tool"
)

// largeStore has as much of everything as anybody can put into it.
type largeStore struct {
	prompts.Library
	prompts.Changes
	outcome store.ChangeOutcome
}

func namesLike(pattern string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf(pattern, i) + strings.Repeat("x", 100-len(fmt.Sprintf(pattern, i)))
	}
	return names
}

func largeView(key store.Key) store.PromptView {
	return store.PromptView{
		Key: key, Version: 7, Latest: 7, Served: 7, Exposure: store.Listed, Digest: "sha256:0", Channels: namesLike("c%d", 32),
		Document: prompt.Document{
			Syntax: prompt.Plain, Title: strings.Repeat("t", prompt.MaxTitle), Description: strings.Repeat("d", prompt.MaxDescription),
			Category: strings.Repeat("c", prompt.MaxTitle), Tags: namesLike("tag%d", prompt.MaxTags),
			Metadata: json.RawMessage(`{"m":"` + strings.Repeat("m", prompt.MaxMetadata-8) + `"}`),
			Messages: []prompt.Message{{Role: prompt.User, Text: strings.Repeat("w ", prompt.MaxText/2)}},
		},
	}
}

func (l *largeStore) GetView(_ context.Context, key store.Key, selector prompt.Selector) (store.PromptView, error) {
	view := largeView(key)
	if selector.Version == 1 || selector.Version == 2 {
		line := map[int64]string{1: "a\n", 2: strings.Repeat("long", 5000) + "\n"}[selector.Version]
		view.Document.Messages = []prompt.Message{{Role: prompt.User, Text: strings.Repeat(line, prompt.MaxText/len(line))}}
	}
	return view, nil
}

func (l *largeStore) Find(_ context.Context, query store.FindQuery) (store.FindResult, error) {
	var found store.FindResult
	for i := range query.Limit {
		found.Prompts = append(found.Prompts, largeView(store.Key{Namespace: "it", Name: fmt.Sprintf("p%d", i)}))
	}
	found.Next = &store.PageMark{Key: found.Prompts[len(found.Prompts)-1].Key}
	return found, nil
}

func (l *largeStore) CountFound(context.Context, store.FindQuery) (int64, error) {
	return 1_000_000, nil
}

func (l *largeStore) Stats(context.Context, store.Scope) (store.Stats, error) {
	stats := store.Stats{Total: 10_000, Templates: 5_000, Categories: map[string]int64{}, Tags: map[string]int64{}}
	for i, name := range namesLike("category %d ", 5_000) {
		stats.Categories[name] = int64(i)
	}
	for i, name := range namesLike("tag \"%d\" ", 20_000) {
		stats.Tags[name] = int64(i)
	}
	return stats, nil
}

func (l *largeStore) FindSimilar(_ context.Context, query store.SimilarQuery) ([]store.SimilarPrompt, error) {
	return slices.Repeat([]store.SimilarPrompt{{
		Key:   store.Key{Namespace: strings.Repeat("n", 63), Name: strings.Repeat("p", 63)},
		Title: strings.Repeat("t", prompt.MaxTitle), Similarity: 0.123456,
	}}, query.Limit), nil
}

func (l *largeStore) ListVersions(_ context.Context, _ store.Key, before int64, limit int) ([]store.VersionInfo, error) {
	var history []store.VersionInfo
	for version := int64(1)<<53 - 1 - before%1000; len(history) < limit; version-- {
		history = append(history, store.VersionInfo{
			Version: version, Digest: prompt.Digest("sha256:" + strings.Repeat("0", 64)),
			Provenance: store.Provenance{ChangedBy: strings.Repeat("by ", 50_000)}, Channels: namesLike("c%d", 32),
		})
	}
	return history, nil
}

func (l *largeStore) NameTaken(context.Context, store.Key) (bool, error) { return false, nil }

func (l *largeStore) LoadFragments(context.Context, string, []prompt.Ref) (map[prompt.Ref]prompt.Fragment, error) {
	return nil, nil
}

func (l *largeStore) RequestChange(_ context.Context, r store.ChangeRequest) (store.ChangeOutcome, error) {
	o := l.outcome
	o.ID, o.Key, o.Action = someChange, r.Key, r.Action
	return o, nil
}

func (l *largeStore) ChangeOutcomes(context.Context, string, []string) ([]store.ChangeOutcome, error) {
	o := l.outcome
	o.ID, o.Key = someChange, catalogtest.GreetingKey
	return []store.ChangeOutcome{o}, nil
}

// connectLarge has the cap on results that the program has when nobody sets another.
func connectLarge(t *testing.T, outcome store.ChangeOutcome) *toolClient {
	t.Helper()
	large := &largeStore{outcome: outcome}
	return connectTools(t, start(t, catalogtest.NewGreeting(), func(d *server.Deps) {
		d.Library, d.Changes, d.ResultLimit = large, large, prompts.DefaultResultLimit
	}), "/mcp")
}

// TestTools_ResultsAreBounded: every result but the text asked for has 8,000 tokens at most, and a cursor or a count of the rest.
func TestTools_ResultsAreBounded(t *testing.T) {
	t.Parallel()
	box := connectLarge(t, store.ChangeOutcome{State: store.ChangeBlocked, Reason: "InvalidSpec", Message: strings.Repeat("message ", 40_000)})
	for call, rest := range map[[2]string]string{
		{"list_prompts", `{}`}:                                                     "nextCursor",
		{"list_prompts", `{"detail":"summary"}`}:                                   "nextCursor",
		{"search_prompts", `{"query":"w"}`}:                                        "nextCursor",
		{"find_similar_prompts", `{"text":"w","limit":1000}`}:                      "",
		{"get_stats", `{}`}:                                                        "otherTags",
		{"list_prompt_versions", `{"id":"it/p"}`}:                                  "nextCursor",
		{"list_prompt_versions", `{"id":"it/p","limit":100}`}:                      "nextCursor",
		{"diff_prompt_versions", `{"id":"it/p","from":1}`}:                         "omittedLines",
		{"diff_prompt_versions", `{"id":"it/p","from":1,"to":2}`}:                  "omittedLines",
		{"diff_prompt_versions", `{"id":"it/p","from":2,"to":1}`}:                  "omittedLines",
		{"get_prompt_change", `{"changeId":"` + someChange + `"}`}:                 "",
		{"apply_template", `{"id":"it/greeting","variables":{` + manyNames + `}}`}: "ignoredMore",
	} {
		got := box.call(t, call[0], call[1])
		raw, err := json.Marshal(got.structured)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(got.texts, "\n")
		tokens, structured := float64(utf8.RuneCountInString(text))/tool.CharactersPerToken, float64(utf8.RuneCount(raw))/tool.CharactersPerToken
		t.Logf("%s %.40s: %.0f tokens of text, %.0f of structured content", call[0], call[1], tokens, structured)
		if got.isError || tokens > 8000+100 || structured > 8000+100 {
			t.Errorf("%s: %.0f tokens of text, %.0f of structured content: %.200s", call[0], tokens, structured, text)
		}
		if _, is := got.structured[rest]; rest != "" && !is {
			t.Errorf("%s says nothing of the rest: no %s", call[0], rest)
		}
	}
	long := box.call(t, "list_prompts", `{}`)
	if want := "The text of it/p0 is too long for a list; get_prompt returns it"; !slices.Contains(long.texts, want) {
		t.Errorf("%q is not among the texts of a list of long prompts: %.300q", want, long.texts[1:])
	}
}

// manyNames are variables nobody knows, with long names.
var manyNames = func() string {
	var b strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&b, `"%d%s":"",`, i, strings.Repeat("v", 200))
	}
	return strings.TrimSuffix(b.String(), ",")
}()

// TestTools_ErrorsAreBounded: 2 KiB at most, whatever the caller sent and whatever others wrote.
func TestTools_ErrorsAreBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("long \\\" ", 8_000)
	calls := [][2]string{
		{"get_prompt", `{"id":"` + long + `"}`},
		{"get_prompt", `{"id":"it/greeting","` + long + `":1}`},
		{"get_prompt", `{"id":"it/greeting","channel":"` + long + `"}`},
		{"get_prompt", `{"id":"it/greeting","version":"` + long + `"}`},
		{"get_prompt", `{"id":{"` + long + `":1}}`},
		{"get_prompt_change", `{"changeId":["` + long + `"]}`},
		{"list_prompts", `{"cursor":"` + long + `"}`},
		{"list_prompts", `{"tagMatch":"` + long + `"}`},
		{"list_prompts", `{"metadata":{"a":{"` + long + `":"\u0000"}}}`},
		{"list_prompts", `{"metadata":{"n":` + strings.Repeat("9", 300) + `}}`},
		{"search_prompts", `{"query":"` + long + `"}`},
		{"find_similar_prompts", `{"text":"x","threshold":` + strings.Repeat("9", 300) + `}`},
		{"apply_template", `{"id":"it/greeting","variables":{"` + long + `":[]}}`},
		{"apply_template", `{"id":"it/greeting","variables":"` + long + `"}`},
		{"diff_prompt_versions", `{"id":"it/greeting@` + long + `","from":1}`},
		{"set_prompt_channel", `{"id":"it/greeting","channel":"` + long + `"}`},
		{"delete_prompt", `{"id":"` + long + `"}`},
		{"add_prompt", `{"name":"` + long + `","content":"x"}`},
		{"add_prompt", `{"name":"n","content":"x","namespace":"` + long + `"}`},
		{"add_prompt", `{"name":"n","content":"x","namespace":"it","tags":["` + long + `"]}`},
		{"add_prompt", `{"name":"n","content":"x","namespace":"it","idempotencyKey":"` + long + `"}`},
		{"add_prompt", `{"name":"n","content":"x","namespace":"it"}`},
		{"update_prompt", `{"id":"it/greeting","category":"` + long + `"}`},
		{"update_prompt", `{"id":"it/greeting","category":"c"}`},
		{"delete_prompt", `{"id":"it/greeting"}`},
	}
	for state, reason := range map[store.ChangeState]string{
		store.ChangeBlocked: "InvalidSpec", store.ChangeRefused: store.ReasonOwnedElsewhere, store.ChangeConflict: store.ReasonSuperseded, store.ChangeExpired: store.ReasonNotBegun,
	} {
		box := connectLarge(t, store.ChangeOutcome{State: state, Reason: reason, Message: strings.Repeat("message ", 40_000)})
		for _, call := range calls {
			got := box.call(t, call[0], call[1])
			if text := strings.Join(got.texts, "\n"); !got.isError || len(text) > excerpt.MaxMessage {
				t.Errorf("%s %.80s: isError is %t, with %d bytes: %.200s", call[0], call[1], got.isError, len(text), text)
			}
		}
	}
}

// TestProtocolErrorsAreBounded: those of methods other than tools/call, too.
func TestProtocolErrorsAreBounded(t *testing.T) {
	t.Parallel()
	large := &largeStore{}
	replica := start(t, catalogtest.NewGreeting(), func(d *server.Deps) { d.Library = large })
	long := strings.Repeat("l", 100_000)
	for method, params := range map[string]any{
		"prompts/get":    map[string]any{"name": "it.greeting", "arguments": map[string]any{long: "x"}},
		"tools/call":     map[string]any{"name": long},
		"resources/read": map[string]any{"uri": "prompt://" + long},
		"prompts/list":   map[string]any{"cursor": long},
		long:             nil,
		"completion/complete": map[string]any{
			"ref": map[string]any{"type": "ref/prompt", "name": "it.greeting"}, "argument": map[string]any{"name": long, "value": ""},
		},
	} {
		var envelope struct{ Error struct{ Message string } }
		post(t, replica, method, params, &envelope)
		if n := len(envelope.Error.Message); n == 0 || n > excerpt.MaxMessage {
			t.Errorf("%.40s: the message has %d bytes: %.100s", method, n, envelope.Error.Message)
		}
	}
}
