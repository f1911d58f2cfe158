package storetest

import (
	"cmp"
	"context"
	"errors"
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
	for name, test := range map[string]func(*testing.T, bench){
		"a record is one version and what stands around it": records,
		"an old version has its own tags and variables":     oldRecords,
		"what is not served has no record":                  noRecords,
		"metadata comes back as it was written":             metadata,
		"finding without text sees every prompt, by birth":  findAll,
		"filters narrow":                               filters,
		"only what is listed is found":                 findListed,
		"hits come by rank, then those that contain":   ranks,
		"words are taken as web searches take them":    webSearch,
		"what contains the text is found":              contained,
		"a search sees every prompt":                   searchAll,
		"an erased text is not found":                  searchErased,
		"statistics count what is listed":              stats,
		"near-duplicates are found by their text":      similar,
		"names and namespaces complete":                names,
		"a name is taken by what lives or lived there": taken,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			subject, library := open(t)
			test(t, bench{T: t, Subject: subject, Library: library})
		})
	}
}

var all = store.Scope{All: true}

// described publishes a spec as the next version of a prompt that nobody else writes.
func (b bench) described(k store.Key, spec prompt.Spec, text string, change ...func(*store.Publication)) store.Publication {
	b.Helper()
	p := b.publication(k, "u", 1, "x")
	p.Compiled = b.compiled(k.Namespace, sourced(spec, text))
	for _, c := range change {
		c(&p)
	}
	b.publish(p)
	return p
}

func exposed(e store.Exposure) func(*store.Publication) {
	return func(p *store.Publication) { p.Exposure = e }
}

func ruled(rules ...store.ChannelRule) func(*store.Publication) {
	return func(p *store.Publication) { p.Channels = rules }
}

func (b bench) read(k store.Key, sel prompt.Selector) store.PromptView {
	b.Helper()
	r, err := b.GetView(b.Context(), k, sel)
	require.NoError(b, err)
	return r
}

// records reads the same prompt under every kind of selector.
func records(t *testing.T, b bench) {
	b.described(key("style"), prompt.Spec{}, "Be {{how}}.", exposed(store.Fragment))
	first := b.described(handover, prompt.Spec{Title: "First", Category: "itsm"}, "one {{> style}}")
	rules := ruled(store.ChannelRule{Name: store.Production, Version: 1}, store.ChannelRule{Name: "beta", Version: 1}, store.ChannelRule{Name: "none", Version: 9})
	second := b.described(handover, prompt.Spec{Title: "Second", Syntax: prompt.Simple}, "two {{x}}", rules, exposed(store.Unlisted))

	one := store.PromptView{
		Key: handover, Version: 1, Digest: first.Compiled.Digest, Document: first.Compiled.Document, Exposure: store.Unlisted,
		Latest: 2, Served: 1, Channels: []string{"beta", store.Production},
	}
	two := one
	two.Version, two.Digest, two.Document, two.Channels = 2, second.Compiled.Digest, second.Compiled.Document, []string{store.Latest}
	born := b.read(handover, bare).CreatedAt
	for name, tc := range map[string]struct {
		sel  prompt.Selector
		want store.PromptView
	}{
		"bare":        {bare, one},
		"@production": {channel(store.Production), one},
		"@beta":       {channel("beta"), one},
		"@1":          {version(1), one},
		"@2":          {version(2), two},
		"@latest":     {channel(store.Latest), two},
	} {
		got := b.read(handover, tc.sel)
		if got.CreatedAt.IsZero() || !got.CreatedAt.Equal(born) || got.PublishedAt.Before(got.CreatedAt) {
			b.Errorf("%s: born %v and published %v, want born %v and published after", name, got.CreatedAt, got.PublishedAt, born)
		}
		tc.want.CreatedAt, tc.want.PublishedAt = got.CreatedAt, got.PublishedAt
		equal(b, name, tc.want, got)
		served := b.get(handover, tc.sel)
		equal(b, name+", beside what is served", []any{int64(2), true}, []any{served.Latest, served.Production})
	}
	if one, two := b.read(handover, version(1)), b.read(handover, version(2)); two.PublishedAt.Before(one.PublishedAt) {
		b.Errorf("version 2 is of %v, before version 1 of %v", two.PublishedAt, one.PublishedAt)
	}
	equal(b, "a record of a fragment", store.Fragment, b.read(key("style"), bare).Exposure)
}

func oldRecords(t *testing.T, b bench) {
	b.described(handover, prompt.Spec{Tags: []string{"old", "both"}}, "{{a}} {{b}}")
	b.described(handover, prompt.Spec{Tags: []string{"new", "both"}}, "{{c}}")
	variables := func(r store.PromptView) (names []string) {
		for _, a := range r.Document.Arguments {
			names = append(names, a.Name)
		}
		return names
	}
	old, now := b.read(handover, version(1)), b.read(handover, bare)
	equal(b, "tags of the old version", []string{"both", "old"}, old.Document.Tags)
	equal(b, "variables of the old version", []string{"a", "b"}, variables(old))
	equal(b, "tags of the new version", []string{"both", "new"}, now.Document.Tags)
	equal(b, "variables of the new version", []string{"c"}, variables(now))
}

// noRecords: the errors are those of Get, for the same reasons.
func noRecords(t *testing.T, b bench) {
	b.described(handover, prompt.Spec{}, "one", ruled(store.ChannelRule{Name: store.Production, Version: 9}))
	b.described(key("part"), prompt.Spec{}, "one", ruled(store.ChannelRule{Name: store.Production, Version: 9}), exposed(store.Fragment))
	b.described(key("gone"), prompt.Spec{}, "one")
	require.NoError(b, b.Remove(b.Context(), key("gone"), "u", false))
	for name, tc := range map[string]struct {
		key  store.Key
		sel  prompt.Selector
		want error
	}{
		"no prompt":                               {key("never"), bare, store.ErrNotFound},
		"another namespace":                       {store.Key{Namespace: "other", Name: "handover"}, version(1), store.ErrNotFound},
		"a tombstone":                             {key("gone"), version(1), store.ErrNotFound},
		"no such version":                         {handover, version(7), store.ErrNotFound},
		"no such channel":                         {handover, channel("beta"), store.ErrNotFound},
		"a channel that points nowhere":           {handover, channel(store.Production), store.ErrUnresolved},
		"the bare name of it":                     {handover, bare, store.ErrUnresolved},
		"the same of a fragment says not so much": {key("part"), bare, store.ErrNotFound},
	} {
		if r, err := b.GetView(b.Context(), tc.key, tc.sel); !errors.Is(err, tc.want) {
			b.Errorf("%s: got %+v, %v, want %v", name, r, err, tc.want)
		}
	}
}

func metadata(t *testing.T, b bench) {
	for i, text := range []string{
		`{"owner":"ops","nested":{"list":[1,"two",null,true,{"k":"v"}]},"text":"a\"b\\c <&> é"}`,
		`{"owner":"dev","count":1e3}`,
		`{}`,
	} {
		p := b.described(handover, prompt.Spec{Metadata: []byte(text)}, "same")
		equal(b, "metadata read", p.Compiled.Document.Metadata, b.read(handover, bare).Document.Metadata)
		found := b.find(store.FindQuery{Filter: store.Filter{Scope: all, Metadata: []byte(text)}, Limit: 2})
		equal(b, "metadata found", p.Compiled.Document.Metadata, found.Prompts[0].Document.Metadata)
		equal(b, "metadata of the first version", int64(1), b.read(handover, version(1)).Version)
		equal(b, "versions", int64(i+1), found.Prompts[0].Version)
	}
}

func stats(t *testing.T, b bench) {
	k := func(namespace, name string) store.Key { return store.Key{Namespace: namespace, Name: name} }
	b.described(k("a", "one"), prompt.Spec{Category: "itsm", Tags: []string{"x", "y"}}, "{{v}}")
	b.described(k("a", "two"), prompt.Spec{Category: "itsm", Tags: []string{"x"}, Syntax: prompt.Plain}, "plain")
	b.described(k("b", "three"), prompt.Spec{Syntax: prompt.Simple}, "{{v}}")
	b.described(k("b", "moved"), prompt.Spec{Category: "old", Tags: []string{"z"}}, "v1")
	b.described(k("b", "moved"), prompt.Spec{Category: "new", Tags: []string{"w"}}, "v2", ruled(store.ChannelRule{Name: store.Production, Version: 1}))
	b.described(k("b", "hidden"), prompt.Spec{Category: "itsm", Tags: []string{"x"}}, "t", exposed(store.Unlisted))
	b.described(k("b", "part"), prompt.Spec{Category: "itsm", Tags: []string{"x"}}, "t", exposed(store.Fragment))
	b.described(k("b", "gone"), prompt.Spec{Category: "itsm", Tags: []string{"x"}}, "t")
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
		equal(b, name, tc.want, got)
	}
}

func names(t *testing.T, b bench) {
	for _, k := range []store.Key{
		{Namespace: "team-a", Name: "handover"}, {Namespace: "team-b", Name: "handover"}, {Namespace: "team-b", Name: "hand"},
		{Namespace: "team", Name: "summary"}, {Namespace: "other", Name: "handoff"},
	} {
		b.described(k, prompt.Spec{}, "text")
	}
	for name, e := range map[string]store.Exposure{"handy": store.Unlisted, "handle": store.Fragment} {
		b.described(store.Key{Namespace: "secret", Name: name}, prompt.Spec{}, "text", exposed(e))
	}
	b.described(store.Key{Namespace: "secret", Name: "hands"}, prompt.Spec{}, "text")
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
		equal(b, name, tc.want, got)
	}
}

func taken(t *testing.T, b bench) {
	for name, e := range map[string]store.Exposure{"listed": store.Listed, "unlisted": store.Unlisted, "fragment": store.Fragment, "gone": store.Listed} {
		b.described(key(name), prompt.Spec{}, "text", exposed(e))
	}
	require.NoError(b, b.Remove(b.Context(), key("gone"), "u", false))
	for name, want := range map[string]bool{"listed": true, "unlisted": true, "fragment": true, "gone": true, "never": false} {
		got, err := b.NameTaken(b.Context(), key(name))
		require.NoError(b, err)
		equal(b, name+" is taken", want, got)
	}
	got, err := b.NameTaken(b.Context(), store.Key{Namespace: "other", Name: "listed"})
	require.NoError(b, err)
	equal(b, "the name elsewhere", false, got)
}

func similar(t *testing.T, b bench) {
	const (
		text  = "Summarise the incident in three sentences for the next shift and name the person who owns it now."
		near  = "Summarise the incident in three sentences for the next shift, and name the person who owns it today."
		other = "Translate the following release notes into German and keep every product name as it stands."
	)
	k := func(namespace, name string) store.Key { return store.Key{Namespace: namespace, Name: name} }
	titled := func(title string) prompt.Spec { return prompt.Spec{Title: title, Syntax: prompt.Plain} }
	b.described(k("a", "original"), titled("Original"), text)
	b.described(k("b", "copy"), titled("Copy"), "  "+text+"\n")
	b.described(k("b", "near"), titled("Near"), near)
	b.described(k("b", "other"), titled("Other"), other)
	b.described(k("b", "pinned"), titled("Pinned"), text)
	b.described(k("b", "pinned"), titled("Pinned"), other, ruled(store.ChannelRule{Name: store.Production, Version: 1}))
	b.described(k("b", "changed"), titled("Changed"), text)
	b.described(k("b", "changed"), titled("Changed"), "Something else altogether, and not like the others.")
	b.described(k("b", "hidden"), titled("Hidden"), text, exposed(store.Unlisted))
	b.described(k("b", "gone"), titled("Gone"), text)
	require.NoError(b, b.Remove(b.Context(), k("b", "gone"), "u", false))
	spoken := b.publication(k("b", "spoken"), "u", 1, "x")
	spoken.Compiled = b.compiled("b", prompt.Spec{Title: "Spoken", Syntax: prompt.Plain, Messages: []prompt.Message{
		{Role: prompt.User, Text: "Summarise the incident in three sentences for the next shift"},
		{Role: prompt.Assistant, Text: "and name the person who owns it now."},
	}})
	b.publish(spoken)

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
		equal(b, name, tc.want, got)
	}
}

// byBirth is the order of a list.
func byBirth(x, y store.PromptView) int {
	return cmp.Or(x.CreatedAt.Compare(y.CreatedAt), cmp.Compare(x.Key.Namespace, y.Key.Namespace), cmp.Compare(x.Key.Name, y.Key.Name))
}

func keysOf(records []store.PromptView) []store.Key {
	keys := make([]store.Key, len(records))
	for i, r := range records {
		keys[i] = r.Key
	}
	return keys
}

// born are the records of keys, in the order of a list.
func (b bench) born(keys ...store.Key) []store.PromptView {
	b.Helper()
	records := make([]store.PromptView, len(keys))
	for i, k := range keys {
		records[i] = b.read(k, bare)
	}
	slices.SortFunc(records, byBirth)
	return records
}
