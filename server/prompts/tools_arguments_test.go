package prompts_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
	"github.com/lectern-dev/lectern/server/prompts"
)

// toolCall is the arguments a tool needs, and a value for each it takes.
type toolCall struct {
	needs, takes map[string]string
}

var filterArguments = map[string]string{
	"category": `"c"`, "isTemplate": `false`, "tags": `["x","y"]`, "tagMatch": `"all"`, "metadata": `{"n":1}`,
	"limit": `3`, "offset": `2`, "cursor": `"x"`, "detail": `"summary"`,
}

func joined(some, others map[string]string) map[string]string {
	all := make(map[string]string)
	maps.Copy(all, some)
	maps.Copy(all, others)
	return all
}

// toolCalls has every tool with every argument. Values that need none of the others' stand in needs too.
var toolCalls = map[string]toolCall{
	"list_prompts":   {nil, filterArguments},
	"search_prompts": {map[string]string{"query": `"q"`}, joined(filterArguments, map[string]string{"query": `"words"`})},
	"find_similar_prompts": {map[string]string{"text": `"t"`}, map[string]string{
		"id": `"it/greeting"`, "text": `"words"`, "threshold": `0.25`, "limit": `3`, "cursor": `"x"`,
	}},
	"get_stats":  {nil, map[string]string{"cursor": `"x"`}},
	"get_prompt": {map[string]string{"id": `"it/greeting"`}, map[string]string{"id": `"it/greeting@2"`, "version": `2`, "channel": `"beta"`}},
	"apply_template": {map[string]string{"id": `"it/greeting"`, "variables": `{"who":"Ann"}`}, map[string]string{
		"id": `"it/greeting@1"`, "variables": `{"who":"Bob","b":"","a":""}`, "version": `1`, "channel": `"latest"`,
	}},
	"list_prompt_versions": {map[string]string{"id": `"it/greeting"`}, map[string]string{"id": `"it.other"`, "limit": `3`, "cursor": `"x"`}},
	"diff_prompt_versions": {map[string]string{"id": `"it/greeting"`, "from": `1`}, map[string]string{"id": `"it/other"`, "from": `3`, "to": `2`}},
	"add_prompt": {map[string]string{"name": `"Name"`, "content": `"Text."`, "namespace": `"it"`}, map[string]string{
		"name": `" Other Name "`, "content": `" Other text. "`, "description": `" d "`, "isTemplate": `true`, "tags": `["x","y"]`,
		"category": `" c "`, "metadata": `{"n":1}`, "namespace": `"support"`, "idempotencyKey": `"k"`,
	}},
	"update_prompt": {map[string]string{"id": `"it/greeting"`, "category": `"c"`}, map[string]string{
		"id": `"it/other"`, "name": `" Name "`, "content": `" Text. "`, "description": `" d "`, "isTemplate": `true`, "tags": `["x","y"]`,
		"category": `" c "`, "metadata": `{"n":1}`, "expectedVersion": `4`, "idempotencyKey": `"k"`,
	}},
	"delete_prompt": {map[string]string{"id": `"it/greeting"`}, map[string]string{"id": `"it/greeting@2"`, "version": `2`, "idempotencyKey": `"k"`}},
	"set_prompt_channel": {map[string]string{"id": `"it/greeting"`, "channel": `"beta"`}, map[string]string{
		"id": `"it/other"`, "channel": `"production"`, "version": `2`, "remove": `false`, "expectedVersion": `4`, "idempotencyKey": `"k"`,
	}},
	"get_prompt_change": {map[string]string{"changeId": `"c"`}, map[string]string{"changeId": `"` + someChange + `"`}},
}

// oddValues are what a caller may write where something else is meant, or what is next to it.
func oddValues(fitting string) []string {
	odd := []string{`null`, `""`, `"a\u0000b"`, `"x"`, `0`, `1.5`, `true`, `[]`, `{}`}
	switch fitting[0] {
	case '[':
		return append(odd, `[1]`, `[null]`, `["",null]`, `["a\u0000b"]`)
	case '{':
		return append(odd, `{"a":1}`, `{"a":null}`, `{"a":"","b":null}`, `{"a":"b\u0000"}`, `{"a\u0000":"b"}`, `{"a":9007199254740993}`)
	case '"', 't', 'f':
		return odd
	default:
		return append(odd, `3.0`, `"3"`, `-1`, `-1.0`, `1e300`, `4294967296`, `9223372036854775808`)
	}
}

// TestTools_EveryArgument holds what every argument of every tool answers, and what is asked of the library and of the taker of
// changes, for each value it may have (go test -update).
func TestTools_EveryArgument(t *testing.T) {
	t.Parallel()
	const golden = "testdata/tool_arguments.txt"
	asked := &recordingStore{}
	source := catalogtest.NewGreeting()
	source.Publish(catalogtest.GreetingKey, "Hello {{who}}.")
	replica := start(t, source, func(d *server.Deps) { d.Library, d.Changes = asked, asked })
	var got strings.Builder
	for _, name := range slices.Sorted(maps.Keys(toolCalls)) {
		call := toolCalls[name]
		checkEveryArgument(t, replica, name, call)
		fmt.Fprintf(&got, "%s %s\n", name, told(t, replica, asked, name, call.needs))
		fmt.Fprintf(&got, "%s all %s\n", name, told(t, replica, asked, name, joined(call.needs, call.takes)))
		for _, argument := range slices.Sorted(maps.Keys(call.takes)) {
			without := maps.Clone(call.needs)
			delete(without, argument)
			fmt.Fprintf(&got, "%s %s absent %s\n", name, argument, told(t, replica, asked, name, without))
			for _, value := range append([]string{call.takes[argument]}, oddValues(call.takes[argument])...) {
				with := joined(without, map[string]string{argument: value})
				fmt.Fprintf(&got, "%s %s %s %s\n", name, argument, value, told(t, replica, asked, name, with))
			}
		}
	}
	if *prompts.UpdateGolden {
		require.NoError(t, os.WriteFile(golden, []byte(got.String()), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// checkEveryArgument fails when a tool has an argument that the table has not, or the other way round.
func checkEveryArgument(tb testing.TB, replica *httptest.Server, name string, call toolCall) {
	tb.Helper()
	var envelope struct {
		Result struct {
			Tools []struct {
				Name        string
				InputSchema struct{ Properties map[string]any }
			}
		}
	}
	post(tb, replica, "tools/list", nil, &envelope)
	if len(envelope.Result.Tools) != len(toolCalls) {
		tb.Errorf("there are %d tools, not %d", len(envelope.Result.Tools), len(toolCalls))
	}
	for _, tool := range envelope.Result.Tools {
		if tool.Name != name {
			continue
		}
		want, got := slices.Sorted(maps.Keys(call.takes)), slices.Sorted(maps.Keys(tool.InputSchema.Properties))
		if diff := cmp.Diff(want, got); diff != "" {
			tb.Errorf("arguments of %s (-want +got)\n%s", name, diff)
		}
	}
}

// told is what a call was answered, and what it asked of others.
func told(tb testing.TB, replica *httptest.Server, asked *recordingStore, name string, arguments map[string]string) string {
	tb.Helper()
	var written []string
	for _, argument := range slices.Sorted(maps.Keys(arguments)) {
		written = append(written, fmt.Sprintf("%q:%s", argument, arguments[argument]))
	}
	var envelope struct {
		Result struct {
			Content           []struct{ Text string }
			StructuredContent json.RawMessage
			IsError           bool
		}
		Error json.RawMessage
	}
	post(tb, replica, "tools/call", map[string]any{
		"name": name, "arguments": json.RawMessage("{" + strings.Join(written, ",") + "}"),
	}, &envelope)
	lines := []string{""}
	for _, question := range asked.take() {
		lines = append(lines, "? "+question)
	}
	for _, content := range envelope.Result.Content {
		lines = append(lines, fmt.Sprintf("%q", content.Text))
	}
	lines = append(lines, string(envelope.Result.StructuredContent)+string(envelope.Error))
	if envelope.Result.IsError {
		lines[len(lines)-1] = "isError"
	}
	return strings.Join(lines, "\n  ")
}

// recordingStore is a library and a taker of changes that writes down what it is asked, and has the same answers always.
type recordingStore struct {
	prompts.Library
	prompts.Changes
	mu    sync.Mutex
	asked []string
}

// note writes a question down, in words that do not follow the names of our types.
func (q *recordingStore) note(format string, args ...any) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := range args {
		if raw, err := json.Marshal(args[i]); err == nil {
			args[i] = string(raw)
		}
	}
	q.asked = append(q.asked, fmt.Sprintf(format, args...))
}

func (q *recordingStore) take() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	asked := q.asked
	q.asked = nil
	return asked
}

var somewhen = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// record is a version of a prompt of four; the third is in no channel.
func record(key store.Key, version int64) store.PromptView {
	document := prompt.Document{Syntax: prompt.Simple, Messages: []prompt.Message{{Role: prompt.User, Text: fmt.Sprintf("Text %d.", version)}}}
	channels := map[int64][]string{1: {"production"}, 2: {"beta"}, 4: {"latest"}}
	return store.PromptView{
		Key: key, Version: version, Digest: "sha256:0", Document: document, Exposure: store.Listed, Latest: 4, Served: 1,
		Channels: channels[version], CreatedAt: somewhen, PublishedAt: somewhen,
	}
}

func (q *recordingStore) GetView(_ context.Context, key store.Key, selector prompt.Selector) (store.PromptView, error) {
	q.note("read %s %s", key.String(), selector.String())
	version := map[string]int64{"production": 1, "beta": 2, "latest": 4, "": 1}[selector.Channel]
	if selector.Version != 0 {
		version = selector.Version
	}
	if version == 0 || version > 4 {
		return store.PromptView{}, store.ErrNotFound
	}
	return record(key, version), nil
}

func filterOf(f *store.Filter) []any {
	return []any{f.Scope.All, f.Category, f.Template, f.Tags, f.AllTags, f.Metadata}
}

func (q *recordingStore) Find(_ context.Context, query store.FindQuery) (store.FindResult, error) {
	q.note("find all, category, template, tags, allTags, metadata %s; text, offset, limit %s", filterOf(&query.Filter), []any{query.Text, query.Offset, query.Limit})
	next := &store.PageMark{CreatedAt: somewhen, Key: catalogtest.GreetingKey}
	if query.Limit > 5 {
		next = nil
	}
	return store.FindResult{Prompts: []store.PromptView{record(catalogtest.GreetingKey, 1)}, Next: next}, nil
}

func (q *recordingStore) CountFound(_ context.Context, query store.FindQuery) (int64, error) {
	q.note("count all, category, template, tags, allTags, metadata %s; text %s", filterOf(&query.Filter), query.Text)
	return 7, nil
}

func (q *recordingStore) Stats(context.Context, store.Scope) (store.Stats, error) {
	q.note("stats")
	return store.Stats{Total: 7, Templates: 3}, nil
}

func (q *recordingStore) FindSimilar(_ context.Context, query store.SimilarQuery) ([]store.SimilarPrompt, error) {
	q.note("similar text, except, threshold, limit %s", []any{query.Text, query.Except.String(), query.Threshold, query.Limit})
	return []store.SimilarPrompt{{Key: catalogtest.GreetingKey, Title: "Greeting", Similarity: 0.875}}, nil
}

func (q *recordingStore) ListVersions(_ context.Context, key store.Key, before int64, limit int) ([]store.VersionInfo, error) {
	q.note("versions %s before, limit %s", key.String(), []any{before, limit})
	var versions []store.VersionInfo
	for version := int64(4); version > 0 && len(versions) < limit; version-- {
		if before == 0 || version < before {
			versions = append(versions, store.VersionInfo{Version: version, Digest: "sha256:0", PublishedAt: somewhen, Channels: record(key, version).Channels})
		}
	}
	return versions, nil
}

func (q *recordingStore) NameTaken(_ context.Context, key store.Key) (bool, error) {
	q.note("taken %s", key.String())
	return false, nil
}

func (q *recordingStore) LoadFragments(context.Context, string, []prompt.Ref) (map[prompt.Ref]prompt.Fragment, error) {
	return nil, nil
}

// requested has the words of a request but its id.
func requested(r *store.ChangeRequest) []any {
	return []any{r.Key.String(), r.Action, r.Edit, r.ExpectedVersion, r.Subject, r.IdempotencyKey}
}

func (q *recordingStore) RequestChange(_ context.Context, r store.ChangeRequest) (store.ChangeOutcome, error) {
	q.note("change %s", requested(&r))
	if err := uuid.Validate(r.ID); err != nil {
		return store.ChangeOutcome{}, err
	}
	return store.ChangeOutcome{ID: someChange, Key: r.Key, Action: r.Action, State: store.ChangePublished, Version: 5, Served: 1, NewVersion: true}, nil
}

func (q *recordingStore) FindEarlierRequest(_ context.Context, r store.ChangeRequest) (store.ChangeOutcome, error) {
	q.note("changed before %s", requested(&r))
	return store.ChangeOutcome{}, store.ErrNotFound
}

func (q *recordingStore) ChangeOutcomes(_ context.Context, subject string, ids []string) ([]store.ChangeOutcome, error) {
	q.note("outcome for %s of %s", subject, ids)
	if !slices.Equal(ids, []string{someChange}) {
		return nil, nil
	}
	return []store.ChangeOutcome{{ID: someChange, Key: catalogtest.GreetingKey, State: store.ChangePublished, Version: 5}}, nil
}
