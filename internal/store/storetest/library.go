package storetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// Library is what tools ask of a store, beside what all servers do.
type Library interface {
	GetView(ctx context.Context, key store.Key, sel prompt.Selector) (store.PromptView, error)
	Find(ctx context.Context, q store.FindQuery) (store.FindResult, error)
	CountFound(ctx context.Context, q store.FindQuery) (int64, error)
	Stats(ctx context.Context, scope store.Scope) (store.Stats, error)
	FindSimilar(ctx context.Context, q store.SimilarQuery) ([]store.SimilarPrompt, error)
	CompleteNames(ctx context.Context, scope store.Scope, prefix string, limit int) (store.Completions, error)
	CompleteNamespaces(ctx context.Context, scope store.Scope, prefix string, limit int) (store.Completions, error)
	NameTaken(ctx context.Context, key store.Key) (bool, error)
}

// RunLibrary runs the contract of what tools need, on what writers wrote.
func RunLibrary(t *testing.T, open func(t *testing.T) (Subject, Library)) {
	for name, test := range map[string]func(*testing.T, subjectTest){
		"a record is one version and what stands around it": testViews,
		"an old version has its own tags and variables":     testViewsOfOlderVersions,
		"what is not served has no record":                  testViewNotFound,
		"metadata comes back as it was written":             testMetadata,
		"finding without text sees every prompt, by birth":  testFindAll,
		"filters narrow":                               testFilters,
		"only what is listed is found":                 testFindListed,
		"hits come by rank, then those that contain":   testRanks,
		"words are taken as web searches take them":    testWebSearch,
		"what contains the text is found":              testContained,
		"a search sees every prompt":                   testSearchAll,
		"a search for too many words is refused":       testTooManyWords,
		"a search sees all of a long text":             testSearchLongTexts,
		"a search takes any text":                      testSearchManyWords,
		"an erased text is not found":                  testSearchErased,
		"statistics count what is listed":              testStats,
		"statistics name the most frequent":            testStatsOfMany,
		"near-duplicates are found by their text":      testSimilar,
		"names and namespaces complete":                testCompletions,
		"a name is taken by what lives or lived there": testNameTaken,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			subject, library := open(t)
			test(t, subjectTest{T: t, Subject: subject, Library: library})
		})
	}
}

var all = store.Scope{All: true}

// newDescribed publishes a spec as the next version of a prompt that nobody else writes.
func (b subjectTest) newDescribed(k store.Key, spec prompt.Spec, text string, change ...func(*store.Publication)) store.Publication {
	b.Helper()
	p := b.newPublication(k, "u", 1, "x")
	p.Compiled = b.compile(k.Namespace, withText(spec, text))
	for _, c := range change {
		c(&p)
	}
	b.mustPublish(p)
	return p
}

func withExposure(e store.Exposure) func(*store.Publication) {
	return func(p *store.Publication) { p.Exposure = e }
}

func withChannels(rules ...store.ChannelRule) func(*store.Publication) {
	return func(p *store.Publication) { p.Channels = rules }
}

func (b subjectTest) mustGetView(k store.Key, sel prompt.Selector) store.PromptView {
	b.Helper()
	r, err := b.GetView(b.Context(), k, sel)
	require.NoError(b, err)
	return r
}

// testViews reads the same prompt under every kind of selector.
func testViews(t *testing.T, b subjectTest) {
	b.newDescribed(keyOf("style"), prompt.Spec{}, "Be {{how}}.", withExposure(store.Fragment))
	first := b.newDescribed(handover, prompt.Spec{Title: "First", Category: "itsm"}, "one {{> style}}")
	rules := withChannels(store.ChannelRule{Name: store.Production, Version: 1}, store.ChannelRule{Name: "beta", Version: 1}, store.ChannelRule{Name: "none", Version: 9})
	second := b.newDescribed(handover, prompt.Spec{Title: "Second", Syntax: prompt.Simple}, "two {{x}}", rules, withExposure(store.Unlisted))

	one := store.PromptView{
		Key: handover, Version: 1, Digest: first.Compiled.Digest, Document: first.Compiled.Document, Exposure: store.Unlisted,
		Latest: 2, Served: 1, Channels: []string{"beta", store.Production},
	}
	two := one
	two.Version, two.Digest, two.Document, two.Channels = 2, second.Compiled.Digest, second.Compiled.Document, []string{store.Latest}
	born := b.mustGetView(handover, bare).CreatedAt
	for name, tc := range map[string]struct {
		sel  prompt.Selector
		want store.PromptView
	}{
		"bare":        {bare, one},
		"@production": {inChannel(store.Production), one},
		"@beta":       {inChannel("beta"), one},
		"@1":          {atVersion(1), one},
		"@2":          {atVersion(2), two},
		"@latest":     {inChannel(store.Latest), two},
	} {
		got := b.mustGetView(handover, tc.sel)
		if got.CreatedAt.IsZero() || !got.CreatedAt.Equal(born) || got.PublishedAt.Before(got.CreatedAt) {
			b.Errorf("%s: born %v and published %v, want born %v and published after", name, got.CreatedAt, got.PublishedAt, born)
		}
		tc.want.CreatedAt, tc.want.PublishedAt = got.CreatedAt, got.PublishedAt
		requireEqual(b, name, tc.want, got)
		served := b.mustGet(handover, tc.sel)
		requireEqual(b, name+", beside what is served", []any{int64(2), true}, []any{served.Latest, served.Production})
	}
	if one, two := b.mustGetView(handover, atVersion(1)), b.mustGetView(handover, atVersion(2)); two.PublishedAt.Before(one.PublishedAt) {
		b.Errorf("version 2 is of %v, before version 1 of %v", two.PublishedAt, one.PublishedAt)
	}
	requireEqual(b, "a record of a fragment", store.Fragment, b.mustGetView(keyOf("style"), bare).Exposure)
}

func testViewsOfOlderVersions(t *testing.T, b subjectTest) {
	b.newDescribed(handover, prompt.Spec{Tags: []string{"old", "both"}}, "{{a}} {{b}}")
	b.newDescribed(handover, prompt.Spec{Tags: []string{"new", "both"}}, "{{c}}")
	variables := func(r store.PromptView) (names []string) {
		for _, a := range r.Document.Arguments {
			names = append(names, a.Name)
		}
		return names
	}
	old, now := b.mustGetView(handover, atVersion(1)), b.mustGetView(handover, bare)
	requireEqual(b, "tags of the old version", []string{"both", "old"}, old.Document.Tags)
	requireEqual(b, "variables of the old version", []string{"a", "b"}, variables(old))
	requireEqual(b, "tags of the new version", []string{"both", "new"}, now.Document.Tags)
	requireEqual(b, "variables of the new version", []string{"c"}, variables(now))
}

// testViewNotFound: the errors are those of Get, for the same reasons.
func testViewNotFound(t *testing.T, b subjectTest) {
	b.newDescribed(handover, prompt.Spec{}, "one", withChannels(store.ChannelRule{Name: store.Production, Version: 9}))
	b.newDescribed(keyOf("part"), prompt.Spec{}, "one", withChannels(store.ChannelRule{Name: store.Production, Version: 9}), withExposure(store.Fragment))
	b.newDescribed(keyOf("gone"), prompt.Spec{}, "one")
	require.NoError(b, b.Remove(b.Context(), keyOf("gone"), "u", false))
	for name, tc := range map[string]struct {
		key  store.Key
		sel  prompt.Selector
		want error
	}{
		"no prompt":                               {keyOf("never"), bare, store.ErrNotFound},
		"another namespace":                       {store.Key{Namespace: "other", Name: "handover"}, atVersion(1), store.ErrNotFound},
		"a tombstone":                             {keyOf("gone"), atVersion(1), store.ErrNotFound},
		"no such version":                         {handover, atVersion(7), store.ErrNotFound},
		"no such channel":                         {handover, inChannel("beta"), store.ErrNotFound},
		"a channel that points nowhere":           {handover, inChannel(store.Production), store.ErrUnresolved},
		"the bare name of it":                     {handover, bare, store.ErrUnresolved},
		"the same of a fragment says not so much": {keyOf("part"), bare, store.ErrNotFound},
	} {
		if r, err := b.GetView(b.Context(), tc.key, tc.sel); !errors.Is(err, tc.want) {
			b.Errorf("%s: got %+v, %v, want %v", name, r, err, tc.want)
		}
	}
}

func testMetadata(t *testing.T, b subjectTest) {
	for i, text := range []string{
		`{"owner":"ops","nested":{"list":[1,"two",null,true,{"k":"v"}]},"text":"a\"b\\c <&> é"}`,
		`{"owner":"dev","count":1e3}`,
		`{}`,
	} {
		p := b.newDescribed(handover, prompt.Spec{Metadata: []byte(text)}, "same")
		requireEqual(b, "metadata read", p.Compiled.Document.Metadata, b.mustGetView(handover, bare).Document.Metadata)
		found := b.mustFind(store.FindQuery{Filter: store.Filter{Scope: all, Metadata: []byte(text)}, Limit: 2})
		requireEqual(b, "metadata found", p.Compiled.Document.Metadata, found.Prompts[0].Document.Metadata)
		requireEqual(b, "metadata of the first version", int64(1), b.mustGetView(handover, atVersion(1)).Version)
		requireEqual(b, "versions", int64(i+1), found.Prompts[0].Version)
	}
}

func testStats(t *testing.T, b subjectTest) {
	k := func(namespace, name string) store.Key { return store.Key{Namespace: namespace, Name: name} }
	b.newDescribed(k("a", "one"), prompt.Spec{Category: "itsm", Tags: []string{"x", "y"}}, "{{v}}")
	b.newDescribed(k("a", "two"), prompt.Spec{Category: "itsm", Tags: []string{"x"}, Syntax: prompt.Plain}, "plain")
	b.newDescribed(k("b", "three"), prompt.Spec{Syntax: prompt.Simple}, "{{v}}")
	b.newDescribed(k("b", "moved"), prompt.Spec{Category: "old", Tags: []string{"z"}}, "v1")
	b.newDescribed(k("b", "moved"), prompt.Spec{Category: "new", Tags: []string{"w"}}, "v2", withChannels(store.ChannelRule{Name: store.Production, Version: 1}))
	b.newDescribed(k("b", "hidden"), prompt.Spec{Category: "itsm", Tags: []string{"x"}}, "t", withExposure(store.Unlisted))
	b.newDescribed(k("b", "part"), prompt.Spec{Category: "itsm", Tags: []string{"x"}}, "t", withExposure(store.Fragment))
	b.newDescribed(k("b", "gone"), prompt.Spec{Category: "itsm", Tags: []string{"x"}}, "t")
	require.NoError(b, b.Remove(b.Context(), k("b", "gone"), "u", false))
	for name, tc := range map[string]struct {
		scope store.Scope
		want  store.Stats
	}{
		"all": {all, store.Stats{
			Total: 4, Templates: 3, Categories: map[string]int64{"itsm": 2, "old": 1}, Tags: map[string]int64{"x": 2, "y": 1, "z": 1},
		}},
		"one": {store.Scope{Namespaces: []string{"a"}}, store.Stats{
			Total: 2, Templates: 1, Categories: map[string]int64{"itsm": 2}, Tags: map[string]int64{"x": 2, "y": 1},
		}},
		"none": {store.Scope{}, store.Stats{}},
	} {
		got, err := b.Stats(b.Context(), tc.scope)
		require.NoError(b, err)
		requireEqual(b, name, tc.want, got)
	}
}

// testStatsOfMany has more tags than are counted by name.
func testStatsOfMany(t *testing.T, b subjectTest) {
	want := store.Stats{Categories: map[string]int64{}, Tags: map[string]int64{}}
	for i := range store.MaxCountedNames/prompt.MaxTags + 3 {
		var tags []string
		for j := range prompt.MaxTags - 1 {
			tags = append(tags, fmt.Sprintf("tag-%02d-%02d", i, j))
			want.Tags[tags[j]] = 1
		}
		b.newDescribed(store.Key{Namespace: "a", Name: fmt.Sprint("p", i)}, prompt.Spec{Tags: append(tags, "z-every")}, "text")
		want.Total++
	}
	want.Templates, want.Tags["z-every"] = want.Total, want.Total
	for _, rare := range store.SortByCount(want.Tags)[min(len(want.Tags), store.MaxCountedNames):] {
		delete(want.Tags, rare)
		want.OtherTags++
	}
	if want.OtherTags == 0 {
		t.Fatal("all are counted")
	}
	got, err := b.Stats(b.Context(), all)
	require.NoError(b, err)
	requireEqual(b, "of many", want, got)
}

func testCompletions(t *testing.T, b subjectTest) {
	for _, k := range []store.Key{
		{Namespace: "team-a", Name: "handover"}, {Namespace: "team-b", Name: "handover"}, {Namespace: "team-b", Name: "hand"},
		{Namespace: "team", Name: "summary"}, {Namespace: "other", Name: "handoff"},
	} {
		b.newDescribed(k, prompt.Spec{}, "text")
	}
	for name, e := range map[string]store.Exposure{"handy": store.Unlisted, "handle": store.Fragment} {
		b.newDescribed(store.Key{Namespace: "secret", Name: name}, prompt.Spec{}, "text", withExposure(e))
	}
	b.newDescribed(store.Key{Namespace: "secret", Name: "hands"}, prompt.Spec{}, "text")
	require.NoError(b, b.Remove(b.Context(), store.Key{Namespace: "secret", Name: "hands"}, "u", false))
	teams := store.Scope{Namespaces: []string{"team-a", "team-b", "team", "secret", "absent"}}
	type complete func(context.Context, store.Scope, string, int) (store.Completions, error)
	for name, tc := range map[string]struct {
		of     complete
		scope  store.Scope
		prefix string
		limit  int
		want   store.Completions
	}{
		"names, each once":      {b.CompleteNames, all, "hand", 9, store.Completions{Values: []string{"hand", "handoff", "handover"}, Total: 3}},
		"as many as asked for":  {b.CompleteNames, all, "hand", 2, store.Completions{Values: []string{"hand", "handoff"}, Total: 3}},
		"of the scope":          {b.CompleteNames, teams, "hando", 9, store.Completions{Values: []string{"handover"}, Total: 1}},
		"all names":             {b.CompleteNames, teams, "", 9, store.Completions{Values: []string{"hand", "handover", "summary"}, Total: 3}},
		"no such name":          {b.CompleteNames, all, "x", 9, store.Completions{}},
		"a prefix is literal":   {b.CompleteNames, all, "%", 9, store.Completions{}},
		"nobody's names":        {b.CompleteNames, store.Scope{}, "", 9, store.Completions{}},
		"namespaces":            {b.CompleteNamespaces, all, "team", 9, store.Completions{Values: []string{"team", "team-a", "team-b"}, Total: 3}},
		"namespaces of a scope": {b.CompleteNamespaces, teams, "", 2, store.Completions{Values: []string{"team", "team-a"}, Total: 3}},
		"a namespace is shown for what is listed": {b.CompleteNamespaces, all, "s", 9, store.Completions{}},
	} {
		got, err := tc.of(b.Context(), tc.scope, tc.prefix, tc.limit)
		require.NoError(b, err)
		requireEqual(b, name, tc.want, got)
	}
}

func testNameTaken(t *testing.T, b subjectTest) {
	for name, e := range map[string]store.Exposure{"listed": store.Listed, "unlisted": store.Unlisted, "fragment": store.Fragment, "gone": store.Listed} {
		b.newDescribed(keyOf(name), prompt.Spec{}, "text", withExposure(e))
	}
	require.NoError(b, b.Remove(b.Context(), keyOf("gone"), "u", false))
	for name, want := range map[string]bool{"listed": true, "unlisted": true, "fragment": true, "gone": true, "never": false} {
		got, err := b.NameTaken(b.Context(), keyOf(name))
		require.NoError(b, err)
		requireEqual(b, name+" is taken", want, got)
	}
	got, err := b.NameTaken(b.Context(), store.Key{Namespace: "other", Name: "listed"})
	require.NoError(b, err)
	requireEqual(b, "the name elsewhere", false, got)
}

func testSimilar(t *testing.T, b subjectTest) {
	const (
		text  = "Summarise the incident in three sentences for the next shift and name the person who owns it now."
		near  = "Summarise the incident in three sentences for the next shift, and name the person who owns it today."
		other = "Translate the following release notes into German and keep every product name as it stands."
	)
	k := func(namespace, name string) store.Key { return store.Key{Namespace: namespace, Name: name} }
	titled := func(title string) prompt.Spec { return prompt.Spec{Title: title, Syntax: prompt.Plain} }
	b.newDescribed(k("a", "original"), titled("Original"), text)
	b.newDescribed(k("b", "copy"), titled("Copy"), "  "+text+"\n")
	b.newDescribed(k("b", "near"), titled("Near"), near)
	b.newDescribed(k("b", "other"), titled("Other"), other)
	b.newDescribed(k("b", "pinned"), titled("Pinned"), text)
	b.newDescribed(k("b", "pinned"), titled("Pinned"), other, withChannels(store.ChannelRule{Name: store.Production, Version: 1}))
	b.newDescribed(k("b", "changed"), titled("Changed"), text)
	b.newDescribed(k("b", "changed"), titled("Changed"), "Something else altogether, and not like the others.")
	b.newDescribed(k("b", "hidden"), titled("Hidden"), text, withExposure(store.Unlisted))
	b.newDescribed(k("b", "gone"), titled("Gone"), text)
	require.NoError(b, b.Remove(b.Context(), k("b", "gone"), "u", false))
	spoken := b.newPublication(k("b", "spoken"), "u", 1, "x")
	spoken.Compiled = b.compile("b", prompt.Spec{Title: "Spoken", Syntax: prompt.Plain, Messages: []prompt.Message{
		{Role: prompt.User, Text: "Summarise the incident in three sentences for the next shift"},
		{Role: prompt.Assistant, Text: "and name the person who owns it now."},
	}})
	b.mustPublish(spoken)

	hit := func(name string, s float64) store.SimilarPrompt {
		namespace, title := "b", map[string]string{"copy": "Copy", "near": "Near", "pinned": "Pinned", "spoken": "Spoken", "other": "Other"}[name]
		if name == "original" {
			namespace, title = "a", "Original"
		}
		return store.SimilarPrompt{Key: k(namespace, name), Title: title, Similarity: s}
	}
	nearly := prompt.Similarity(text, near)
	for name, tc := range map[string]struct {
		query store.SimilarQuery
		want  []store.SimilarPrompt
	}{
		"the most similar first": {store.SimilarQuery{Scope: all, Text: text, Threshold: 0.5, Limit: 9},
			[]store.SimilarPrompt{hit("original", 1), hit("copy", 1), hit("pinned", 1), hit("spoken", 1), hit("near", nearly)}},
		"not the one the text is from": {store.SimilarQuery{Scope: all, Text: text, Except: k("a", "original"), Threshold: 1, Limit: 9},
			[]store.SimilarPrompt{hit("copy", 1), hit("pinned", 1), hit("spoken", 1)}},
		"as many as asked for": {store.SimilarQuery{Scope: all, Text: text, Threshold: 0.5, Limit: 2},
			[]store.SimilarPrompt{hit("original", 1), hit("copy", 1)}},
		"of the scope":        {store.SimilarQuery{Scope: store.Scope{Namespaces: []string{"a"}}, Text: near, Threshold: 0.5, Limit: 9}, []store.SimilarPrompt{hit("original", nearly)}},
		"below the threshold": {store.SimilarQuery{Scope: all, Text: near, Threshold: (1 + nearly) / 2, Limit: 9}, []store.SimilarPrompt{hit("near", 1)}},
		"nothing like it":     {store.SimilarQuery{Scope: all, Text: "Quite another thing is said here.", Threshold: 0.3, Limit: 9}, nil},
		"nobody's":            {store.SimilarQuery{Text: text, Threshold: 0.5, Limit: 9}, nil},
	} {
		got, err := b.FindSimilar(b.Context(), tc.query)
		require.NoError(b, err)
		requireEqual(b, name, tc.want, got)
	}
}

// compareByCreation orders views as a list does.
func compareByCreation(x, y store.PromptView) int {
	return cmp.Or(x.CreatedAt.Compare(y.CreatedAt), cmp.Compare(x.Key.Namespace, y.Key.Namespace), cmp.Compare(x.Key.Name, y.Key.Name))
}

func keysOf(records []store.PromptView) []store.Key {
	keys := make([]store.Key, len(records))
	for i, r := range records {
		keys[i] = r.Key
	}
	return keys
}

// viewsInOrder returns the views of keys, in the order of a list.
func (b subjectTest) viewsInOrder(keys ...store.Key) []store.PromptView {
	b.Helper()
	records := make([]store.PromptView, len(keys))
	for i, k := range keys {
		records[i] = b.mustGetView(k, bare)
	}
	slices.SortFunc(records, compareByCreation)
	return records
}
