package server

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
)

const (
	// manyNamespaces have prompts, each as many as promptsInEach.
	manyNamespaces = 200
	promptsInEach  = 2
	// reviewsOfRequest is how many new reviews a request may have.
	reviewsOfRequest = 64
)

// namespaceNumber returns the name of one of many namespaces, of which nobody guesses another.
func namespaceNumber(i int) string { return fmt.Sprintf("unit-%03d-%05d", i, i*7919%99991) }

// visibleOnes are the namespaces the caller may read, in all windows: the first and the last, neighbours, and far apart.
var visibleOnes = []int{0, 1, 40, 62, 63, 64, 125, 126, 127, 180, 199}

// windowsTest is a caller with rights in some of many namespaces, and two replicas of one database.
type windowsTest struct {
	cluster  *cluster
	author   *catalogtest.Author
	account  testenv.Account
	token    string
	grants   map[int]testenv.Grant
	replicas []*askingReplica
	// turn chooses the replica of the next request, most the most reviews one has had, requests how many there were.
	turn     int
	most     uint64
	requests int
}

func newWindowsTest(t *testing.T) *windowsTest {
	t.Helper()
	w := &windowsTest{cluster: startCluster(t), author: catalogtest.NewAuthor(t), grants: make(map[int]testenv.Grant)}
	for j := range promptsInEach {
		for i := range manyNamespaces { // born in an order other than that of their names
			at := i * 77 % manyNamespaces
			spec := catalogtest.Text("A text that all of them have nearly alike, word for word, as one would copy it.")
			spec.Tags, spec.Category = []string{"tag-of-" + namespaceNumber(at)}, "category-of-"+namespaceNumber(at)
			w.author.Publish(store.Key{Namespace: namespaceNumber(at), Name: fmt.Sprintf("prompt-%d", j)}, spec)
		}
	}
	w.account, w.token = w.cluster.newCaller(t, "agents")
	for _, i := range visibleOnes {
		w.grants[i] = w.cluster.grant(t, w.account, namespaceNumber(i), "get", "list")
	}
	return w
}

// renewReplicas starts replicas with nothing in their caches.
func (w *windowsTest) renewReplicas(t *testing.T) {
	t.Helper()
	w.replicas = []*askingReplica{w.cluster.startReplica(t, w.author), w.cluster.startReplica(t, w.author)}
}

// visibleKeys are the ids of what the caller may list, in order.
func (w *windowsTest) visibleKeys() []string {
	var keys []string
	for _, i := range slices.Sorted(maps.Keys(w.grants)) {
		for j := range promptsInEach {
			keys = append(keys, fmt.Sprintf("%s/prompt-%d", namespaceNumber(i), j))
		}
	}
	return keys
}

// ask sends a request to one replica after the other and decodes its result. It fails when anything names a namespace the caller
// may not see, or when too much was reviewed.
func (w *windowsTest) ask(t *testing.T, method string, params map[string]any, into any) {
	t.Helper()
	replica := w.replicas[w.turn%len(w.replicas)]
	w.turn++
	before := replica.countReviews(t)
	reply := replica.Send(t, request{RPC: method, Params: params, Header: map[string]string{"Authorization": "Bearer " + w.token}})
	reviews := replica.countReviews(t) - before
	w.most, w.requests = max(w.most, reviews), w.requests+1
	if reviews > reviewsOfRequest {
		t.Errorf("%s %v had %d reviews", method, params, reviews)
	}
	w.checkNames(t, reply.Body)
	var envelope struct {
		Result json.RawMessage
		Error  json.RawMessage
	}
	require.NoError(t, json.Unmarshal([]byte(reply.Body), &envelope))
	if envelope.Error != nil {
		t.Fatalf("%s %v: %s", method, params, envelope.Error)
	}
	require.NoError(t, json.Unmarshal(envelope.Result, into))
}

// checkNames looks for names that are not the caller's to see, in a text and in whatever in it is base64, and in that.
func (w *windowsTest) checkNames(t *testing.T, text string) {
	t.Helper()
	for i := range manyNamespaces {
		if _, visible := w.grants[i]; !visible && strings.Contains(text, namespaceNumber(i)) {
			t.Errorf("%s is named in %q", namespaceNumber(i), text)
		}
	}
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool {
		return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", r)
	}) {
		if decoded, err := base64.RawURLEncoding.DecodeString(word); err == nil && len(decoded) > 8 {
			w.checkNames(t, string(decoded))
		}
	}
}

type pageOfPrompts struct {
	Prompts    []struct{ Name string }
	Resources  []struct{ URI string }
	NextCursor string
}

// walkPages reads all pages of prompts/list or resources/list. Between is called after each page.
func (w *windowsTest) walkPages(t *testing.T, method string, between func(page int)) (ids []string, pages int) {
	t.Helper()
	params := map[string]any{}
	for {
		var page pageOfPrompts
		w.ask(t, method, params, &page)
		pages++
		for _, p := range page.Prompts {
			ids = append(ids, strings.Replace(p.Name, ".", "/", 1))
		}
		for _, r := range page.Resources {
			ids = append(ids, strings.TrimPrefix(r.URI, "prompt://"))
		}
		if page.NextCursor == "" {
			return ids, pages
		}
		params = map[string]any{"cursor": page.NextCursor}
		if pages > 50 {
			t.Fatal("the walk does not end")
		}
		if between != nil {
			between(pages)
		}
	}
}

type toolAnswer struct {
	Content           []struct{ Text string }
	StructuredContent struct {
		Prompts    []struct{ ID string }
		Total      int
		Templates  int
		Tags       map[string]int
		Categories map[string]int
		NextCursor string
	}
	IsError bool
}

func (w *windowsTest) callTool(t *testing.T, tool string, arguments map[string]any) toolAnswer {
	t.Helper()
	var answer toolAnswer
	w.ask(t, "tools/call", map[string]any{"name": tool, "arguments": arguments}, &answer)
	if answer.IsError {
		t.Fatalf("%s %v: %v", tool, arguments, answer.Content)
	}
	return answer
}

// walkTool calls a tool with each cursor it gives, and returns all answers.
func (w *windowsTest) walkTool(t *testing.T, tool string, arguments map[string]any, between func(page int)) (answers []toolAnswer, ids []string) {
	t.Helper()
	arguments = maps.Clone(arguments)
	for {
		answer := w.callTool(t, tool, arguments)
		answers = append(answers, answer)
		for _, p := range answer.StructuredContent.Prompts {
			ids = append(ids, p.ID)
		}
		next := answer.StructuredContent.NextCursor
		if next == "" {
			return answers, ids
		}
		delete(arguments, "offset")
		arguments["cursor"] = next
		if len(answers) > 100 {
			t.Fatal("the walk does not end")
		}
		if between != nil {
			between(len(answers))
		}
	}
}

func sorted(ids []string) []string { return slices.Sorted(slices.Values(ids)) }

// TestWindows walks whatever lists over 200 namespaces, of which a caller may see 11, on two replicas in turns: all of it, once,
// and nothing else.
func TestWindows(t *testing.T) {
	t.Parallel()
	w := newWindowsTest(t)
	want := w.visibleKeys()
	for _, method := range []string{"prompts/list", "resources/list"} {
		w.renewReplicas(t)
		ids, pages := w.walkPages(t, method, nil)
		t.Logf("%s: %d prompts on %d pages", method, len(ids), pages)
		if diff := cmp.Diff(want, ids); diff != "" {
			t.Errorf("%s (-want +got)\n%s", method, diff)
		}
	}
	for name, tc := range map[string]struct {
		tool      string
		arguments map[string]any
	}{
		"list_prompts":         {"list_prompts", map[string]any{}},
		"summaries one by one": {"list_prompts", map[string]any{"detail": "summary", "limit": 1}},
		"three at a time":      {"list_prompts", map[string]any{"limit": 3}},
		"search_prompts":       {"search_prompts", map[string]any{"query": "nearly alike"}},
		"hits two at a time":   {"search_prompts", map[string]any{"query": "copy", "limit": 2}},
		"what contains a text": {"search_prompts", map[string]any{"query": "ould copy i"}},
		"find_similar_prompts": {"find_similar_prompts", map[string]any{"text": "A text that all of them have nearly alike, word for word, as one would copy it.", "limit": 50}},
	} {
		w.renewReplicas(t)
		answers, ids := w.walkTool(t, tc.tool, tc.arguments, nil)
		last := answers[len(answers)-1].StructuredContent
		t.Logf("%s: %d prompts in %d calls, total %d", name, len(ids), len(answers), last.Total)
		if diff := cmp.Diff(want, sorted(ids)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
		if tc.tool != "find_similar_prompts" && last.Total != len(want) {
			t.Errorf("%s: the total is %d, not %d", name, last.Total, len(want))
		}
		for i := range answers[1:] {
			if answers[i].StructuredContent.Total > answers[i+1].StructuredContent.Total {
				t.Errorf("%s: the total goes back", name)
			}
		}
	}
	w.checkOffsets(t, want)
	w.checkStatistics(t, len(want))
	w.checkCompletions(t)
	t.Logf("at most %d reviews a request, of %d requests", w.most, w.requests)
}

// checkOffsets skips any number of prompts, windows with them.
func (w *windowsTest) checkOffsets(t *testing.T, want []string) {
	t.Helper()
	w.renewReplicas(t)
	_, inOrder := w.walkTool(t, "list_prompts", map[string]any{}, nil)
	for _, offset := range []int{1, 4, 9, 10, 11, 15, len(want) - 1, len(want), len(want) + 5} {
		w.renewReplicas(t)
		answers, ids := w.walkTool(t, "list_prompts", map[string]any{"offset": offset}, nil)
		if diff := cmp.Diff(inOrder[min(offset, len(inOrder)):], ids, cmpEmpty); diff != "" {
			t.Errorf("offset %d (-want +got)\n%s", offset, diff)
		}
		if total := answers[len(answers)-1].StructuredContent.Total; total != len(want) {
			t.Errorf("offset %d: the total is %d, not %d", offset, total, len(want))
		}
	}
}

// cmpEmpty takes no list for an empty one.
var cmpEmpty = cmp.Transformer("orEmpty", func(list []string) []string { return append([]string{}, list...) })

// checkStatistics adds up what is counted window by window.
func (w *windowsTest) checkStatistics(t *testing.T, want int) {
	t.Helper()
	w.renewReplicas(t)
	answers, _ := w.walkTool(t, "get_stats", map[string]any{}, nil)
	total, names := 0, 0
	for _, a := range answers {
		total += a.StructuredContent.Total
		names += len(a.StructuredContent.Tags) + len(a.StructuredContent.Categories)
	}
	t.Logf("get_stats: %d prompts in %d calls", total, len(answers))
	if total != want || names != 2*len(w.grants) {
		t.Errorf("%d prompts and %d tags and categories were counted, want %d and %d", total, names, want, 2*len(w.grants))
	}
}

// checkCompletions completes namespaces and names from what is visible.
func (w *windowsTest) checkCompletions(t *testing.T) {
	t.Helper()
	type completions struct {
		Completion struct {
			Values  []string
			Total   int
			HasMore bool
		}
	}
	complete := func(argument, value string) (found completions) {
		w.renewReplicas(t)
		w.ask(t, "completion/complete", map[string]any{
			"ref": map[string]any{"type": "ref/resource", "uri": "prompt://{namespace}/{name}"}, "argument": map[string]any{"name": argument, "value": value},
		}, &found)
		return found
	}
	narrow := complete("namespace", "unit-12").Completion
	if diff := cmp.Diff([]string{namespaceNumber(125), namespaceNumber(126), namespaceNumber(127)}, narrow.Values); diff != "" || narrow.HasMore || narrow.Total != 3 {
		t.Errorf("namespaces that begin with unit-12: %+v\n%s", narrow, diff)
	}
	wide := complete("namespace", "").Completion
	if diff := cmp.Diff([]string{namespaceNumber(0), namespaceNumber(1), namespaceNumber(40), namespaceNumber(62)}, wide.Values); diff != "" || !wide.HasMore || wide.Total != 0 {
		t.Errorf("all namespaces: %+v\n%s", wide, diff)
	}
	names := complete("name", "prom").Completion
	if diff := cmp.Diff([]string{"prompt-0", "prompt-1"}, names.Values); diff != "" || !names.HasMore || names.Total != 0 {
		t.Errorf("names: %+v\n%s", names, diff)
	}
}

// TestWindows_ChangedRights: a right that is taken away, or given, while a caller reads page after page counts from the next page
// on, on a replica that has it in no cache.
func TestWindows_ChangedRights(t *testing.T) {
	t.Parallel()
	w := newWindowsTest(t)
	change := func(page int) {
		w.renewReplicas(t)
		if page != 1 {
			return
		}
		require.NoError(t, w.cluster.Revoke(t.Context(), w.grants[180]))
		delete(w.grants, 180)
		w.grants[150] = w.cluster.grant(t, w.account, namespaceNumber(150), "get", "list")
	}
	w.renewReplicas(t)
	ids, pages := w.walkPages(t, "prompts/list", change)
	t.Logf("prompts/list: %d prompts on %d pages", len(ids), pages)
	if diff := cmp.Diff(w.visibleKeys(), ids); diff != "" {
		t.Errorf("prompts/list (-want +got)\n%s", diff)
	}
	change = func(page int) {
		w.renewReplicas(t)
		if page != 1 {
			return
		}
		require.NoError(t, w.cluster.Revoke(t.Context(), w.grants[199]))
		delete(w.grants, 199)
		w.grants[190] = w.cluster.grant(t, w.account, namespaceNumber(190), "get", "list")
	}
	w.renewReplicas(t)
	_, ids = w.walkTool(t, "list_prompts", map[string]any{"limit": 4}, change)
	if diff := cmp.Diff(w.visibleKeys(), sorted(ids)); diff != "" {
		t.Errorf("list_prompts (-want +got)\n%s", diff)
	}
}
