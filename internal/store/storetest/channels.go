package storetest

import (
	"errors"
	"testing"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

func testChannels(t *testing.T, b subjectTest) {
	rules := func(r ...store.ChannelRule) []store.ChannelRule { return r }
	standing := func(c ...store.Channel) []store.Channel { return c }
	for i, step := range []struct {
		name  string
		rules []store.ChannelRule
		want  []store.Channel
	}{
		{"only latest", nil, standing(store.Channel{Name: store.Latest, Version: 1})},
		{"a pin and one that follows", rules(store.ChannelRule{Name: "production", Version: 1}, store.ChannelRule{Name: "beta"}),
			standing(store.Channel{Name: "beta", Version: 2}, store.Channel{Name: store.Latest, Version: 2}, store.Channel{Name: "production", Version: 1})},
		{"one moves, one is gone", rules(store.ChannelRule{Name: "production", Version: 2}),
			standing(store.Channel{Name: store.Latest, Version: 3}, store.Channel{Name: "production", Version: 2})},
		{"none is left", nil, standing(store.Channel{Name: store.Latest, Version: 4})},
	} {
		p := b.newPublication(handover, "u1", int64(i+1), step.name)
		p.Channels = step.rules
		got := b.mustPublish(p)
		requireEqual(b, step.name, step.want, got.Channels)
		for _, c := range step.want {
			requireEqual(b, step.name+": get @"+c.Name, c.Version, b.mustGet(handover, inChannel(c.Name)).Version)
		}
	}
	b.requireNotServed(handover, inChannel("production"), store.ErrNotFound)
	b.requireNotServed(handover, inChannel("beta"), store.ErrNotFound)
}

func testMissingVersion(t *testing.T, b subjectTest) {
	p := b.newPublication(handover, "u1", 1, "one")
	p.Channels = []store.ChannelRule{{Name: "beta", Version: 1}, {Name: "production", Version: 9}}
	got := b.mustPublish(p)
	requireEqual(b, "never resolved", store.Published{
		Version: 1, Served: 0, Digest: p.Compiled.Digest, Revision: got.Revision, Changed: true, NewVersion: true,
		Channels:  []store.Channel{{Name: "beta", Version: 1}, {Name: store.Latest, Version: 1}},
		Missing:   []store.ChannelRule{{Name: "production", Version: 9}},
		Available: []int64{1},
	}, got)
	b.requireNotServed(handover, bare, store.ErrUnresolved)
	b.requireNotServed(handover, inChannel("production"), store.ErrUnresolved)
	requireEqual(b, "by number", "one", b.servedText(handover, atVersion(1)))
	requireEqual(b, "again", false, b.mustPublish(p).Changed)
	total, err := b.Count(b.Context(), store.Scope{All: true})
	require.NoError(b, err)
	requireEqual(b, "listed while nothing is served by the bare name", int64(0), total)

	p = b.newPublication(handover, "u1", 2, "two")
	p.Channels = []store.ChannelRule{{Name: "beta", Version: 8}, {Name: "production", Version: 2}}
	got = b.mustPublish(p)
	requireEqual(b, "missing", []store.ChannelRule{{Name: "beta", Version: 8}}, got.Missing)
	requireEqual(b, "available, newest first", []int64{2, 1}, got.Available)
	requireEqual(b, "an existing pointer stays", "one", b.servedText(handover, inChannel("beta")))
	requireEqual(b, "resolved now", "two", b.servedText(handover, bare))
}

// testServedSince: the time is that of the last change of what callers get, whatever it came of, and of no other change.
func testServedSince(t *testing.T, b subjectTest) {
	generation := int64(0)
	build := func(text string, withdrawn []int64, rules ...store.ChannelRule) store.Publication {
		generation++
		p := b.newPublication(handover, "u1", generation, text)
		p.Channels, p.Withdrawn = rules, withdrawn
		return p
	}
	production := func(version int64) store.ChannelRule {
		return store.ChannelRule{Name: store.Production, Version: version}
	}
	again := func() store.Publication {
		require.NoError(b, b.Remove(b.Context(), handover, "u1", false))
		p := build("three", []int64{1})
		p.Owner.UID = "u2"
		p.Takeover = new(b.requireFenced(p).Row)
		return p
	}
	var last store.Published
	for _, step := range []struct {
		name  string
		build func() store.Publication
		moves bool
	}{
		{"the first version", func() store.Publication { return build("one", nil) }, true},
		{"nothing new", func() store.Publication { return build("one", nil) }, false},
		{"a second version", func() store.Publication { return build("two", nil) }, true},
		{"production where it is", func() store.Publication { return build("two", nil, production(2)) }, false},
		{"a version beside production", func() store.Publication { return build("three", nil, production(2)) }, false},
		{"production moves", func() store.Publication { return build("three", nil, production(1)) }, true},
		{"production goes", func() store.Publication { return build("three", nil) }, true},
		{"an older one is withdrawn", func() store.Publication { return build("three", []int64{1}) }, false},
		{"deleted, and there again", again, true},
	} {
		got := b.mustPublish(step.build())
		if moved := !got.ServedSince.Equal(last.ServedSince); moved != step.moves || got.ServedSince.IsZero() {
			b.Errorf("%s: served since %v, and before since %v; want that it moves: %t", step.name, got.ServedSince, last.ServedSince, step.moves)
		}
		last = got
	}
}

func testDefaultVersion(t *testing.T, b subjectTest) {
	spec := func(title, tag, text string) *prompt.Compiled {
		return b.compile("support", withText(prompt.Spec{Title: title, Tags: []string{tag}}, text))
	}
	first := b.newPublication(handover, "u1", 1, "")
	first.Compiled = spec("First", "old", "one {{a}}")
	first.Channels = []store.ChannelRule{{Name: store.Production, Version: 1}}
	b.mustPublish(first)
	second := b.newPublication(handover, "u1", 2, "")
	second.Compiled = spec("Second", "new", "two {{b}} {{c}}")
	second.Channels = first.Channels
	got := b.mustPublish(second)
	requireEqual(b, "served", int64(1), got.Served)
	requireEqual(b, "newest", int64(2), got.Version)

	listed := func() store.Summary {
		page, err := b.List(b.Context(), store.ListQuery{Scope: store.Scope{All: true}, Limit: 10})
		require.NoError(b, err)
		if len(page.Prompts) != 1 {
			b.Fatalf("listed %+v, want one", page.Prompts)
		}
		return page.Prompts[0]
	}
	requireEqual(b, "listed by production", store.Summary{
		Key: handover, Version: 1, Title: "First", Arguments: first.Compiled.Document.Arguments,
	}, listed())
	requireEqual(b, "latest", "two {{b}} {{c}}", b.servedText(handover, inChannel(store.Latest)))

	second.Channels = nil
	b.mustPublish(second)
	requireEqual(b, "listed by latest", store.Summary{
		Key: handover, Version: 2, Title: "Second", Arguments: second.Compiled.Document.Arguments,
	}, listed())
}

func testWithdrawal(t *testing.T, b subjectTest) {
	secret := b.newPublication(handover, "u1", 1, "the password is hunter2")
	secret.Provenance = store.Provenance{Manager: "kubectl", Tracking: "argocd:app", SourceRevision: "hunter2", Message: "set hunter2"}
	b.mustPublish(secret)
	b.mustPublish(b.newPublication(keyOf("copy"), "u2", 1, "{{> handover}}"))
	p := b.newPublication(handover, "u1", 2, "no password")
	p.Withdrawn = []int64{1, 40}
	got := b.mustPublish(p)
	requireEqual(b, "in use", nil, got.InUse)
	requireEqual(b, "copies", []string{"copy"}, got.Copies)
	b.requireNotServed(handover, atVersion(1), store.ErrNotFound)
	requireEqual(b, "again", false, b.mustPublish(p).Changed)

	versions, err := b.ListVersions(b.Context(), handover, 0, 10)
	require.NoError(b, err)
	requireEqual(b, "withdrawn in the history", []bool{false, true}, []bool{versions[0].Withdrawn, versions[1].Withdrawn})
	requireEqual(b, "its digest stays", secret.Compiled.Digest, versions[1].Digest)
	requireEqual(b, "what was said of it goes, who wrote it stays",
		store.Provenance{Manager: "kubectl", Tracking: "argocd:app"}, versions[1].Provenance)

	back := b.newPublication(handover, "u1", 3, "the password is hunter2")
	requireEqual(b, "the number is burnt", int64(3), b.mustPublish(back).Version)
}

func testWithdrawalRefused(t *testing.T, b subjectTest) {
	b.mustPublish(b.newPublication(handover, "u1", 1, "one"))
	b.mustPublish(b.newPublication(handover, "u1", 2, "two"))
	b.mustPublish(b.newPublication(handover, "u1", 3, "three"))
	b.mustPublish(b.newPublication(keyOf("dependent"), "u2", 1, "{{> handover@1}}"))

	p := b.newPublication(handover, "u1", 4, "three")
	p.Withdrawn = []int64{1, 2, 3}
	got := b.mustPublish(p)
	requireEqual(b, "in use", []store.VersionInUse{{Version: 1, By: "dependent"}, {Version: 3}}, got.InUse)
	for v, text := range map[int64]string{1: "one", 2: "two", 3: "three"} {
		requireEqual(b, "nothing is withdrawn", text, b.servedText(handover, atVersion(v)))
	}

	p = b.newPublication(handover, "u1", 5, "the rest is published")
	p.Withdrawn = []int64{1}
	got = b.mustPublish(p)
	requireEqual(b, "in use", []store.VersionInUse{{Version: 1, By: "dependent"}}, got.InUse)
	requireEqual(b, "version", int64(4), got.Version)

	require.NoError(b, b.Remove(b.Context(), keyOf("dependent"), "u2", false))
	requireEqual(b, "nobody needs it now", nil, b.mustPublish(p).InUse)
	b.requireNotServed(handover, atVersion(1), store.ErrNotFound)
}

// testWithdrawalUnderChannel: the rule names a version that is not there, and the one it still stands on
// is withdrawn. Its text must go, so the channel stands nowhere.
func testWithdrawalUnderChannel(t *testing.T, b subjectTest) {
	p := b.newPublication(handover, "u1", 1, "one")
	p.Channels = []store.ChannelRule{{Name: store.Production, Version: 1}}
	b.mustPublish(p)
	p = b.newPublication(handover, "u1", 2, "two")
	p.Channels = []store.ChannelRule{{Name: store.Production, Version: 9}}
	p.Withdrawn = []int64{1}
	got := b.mustPublish(p)
	requireEqual(b, "served", int64(0), got.Served)
	b.requireNotServed(handover, bare, store.ErrUnresolved)
	requireEqual(b, "latest", "two", b.servedText(handover, inChannel(store.Latest)))
}

func testFragments(t *testing.T, b subjectTest) {
	style := keyOf("style")
	for generation, text := range []string{"first {{x}}", "second", "third {{! kept in the source }}"} {
		p := b.newPublication(style, "u1", int64(generation+1), text)
		p.Exposure = store.Fragment
		p.Channels = []store.ChannelRule{{Name: store.Production, Version: 2}, {Name: "none", Version: 99}}
		b.mustPublish(p)
	}
	ref := func(name string, sel prompt.Selector) prompt.Ref { return prompt.Ref{Name: name, Selector: sel} }
	of := func(v int64, text string) prompt.Fragment {
		return prompt.Fragment{Name: "style", Version: v, Syntax: prompt.Mustache, Messages: []prompt.Message{{Role: prompt.User, Text: text}}}
	}
	got, err := b.LoadFragments(b.Context(), "support", []prompt.Ref{
		ref("style", bare), ref("style", atVersion(1)), ref("style", inChannel(store.Latest)),
		ref("style", atVersion(4)), ref("style", inChannel("none")), ref("style", inChannel("never")), ref("absent", bare),
	})
	require.NoError(b, err)
	requireEqual(b, "fragments", map[prompt.Ref]prompt.Fragment{
		ref("style", bare):                    of(2, "second"),
		ref("style", atVersion(1)):            of(1, "first {{x}}"),
		ref("style", inChannel(store.Latest)): of(3, "third {{! kept in the source }}"),
	}, got)
	elsewhere, err := b.LoadFragments(b.Context(), "other", []prompt.Ref{ref("style", bare)})
	require.NoError(b, err)
	requireEqual(b, "another namespace", nil, elsewhere)
}

func testMovedFragment(t *testing.T, b subjectTest) {
	for name, tc := range map[string]struct {
		include string
		move    func(b subjectTest, fragment store.Key)
		moved   bool
	}{
		"a new version moves the default": {"", func(b subjectTest, f store.Key) { b.mustPublish(b.newPublication(f, "f", 2, "two")) }, true},
		"a new version moves latest":      {"@latest", func(b subjectTest, f store.Key) { b.mustPublish(b.newPublication(f, "f", 2, "two")) }, true},
		"a pin stays":                     {"@1", func(b subjectTest, f store.Key) { b.mustPublish(b.newPublication(f, "f", 2, "two")) }, false},
		"a pinned version is withdrawn": {"@1", func(b subjectTest, f store.Key) {
			p := b.newPublication(f, "f", 2, "two")
			p.Withdrawn = []int64{1}
			b.mustPublish(p)
		}, true},
		"the fragment is gone": {"", func(b subjectTest, f store.Key) { require.NoError(b, b.Remove(b.Context(), f, "f", false)) }, true},
		"nothing moves":        {"", func(subjectTest, store.Key) {}, false},
	} {
		// Each in a namespace of its own.
		fragment := store.Key{Namespace: name, Name: "fragment"}
		dependent := store.Key{Namespace: name, Name: "dependent"}
		b.mustPublish(b.newPublication(fragment, "f", 1, "one"))
		p := b.newPublication(dependent, "d", 1, "{{> fragment"+tc.include+"}}")
		tc.move(b, fragment)
		feed := b.currentFeed()
		got, err := b.Publish(b.Context(), p)
		if !tc.moved {
			require.NoError(b, err)
			requireEqual(b, name+": includes", p.Compiled.Includes, got.Includes)
			requireEqual(b, name+": includes served", p.Compiled.Includes, b.mustGet(dependent, bare).Includes)
			continue
		}
		if !errors.Is(err, store.ErrFragmentsMoved) {
			b.Errorf("%s: got %v, want that the fragments moved", name, err)
		}
		requireEqual(b, name+": feed", feed, b.currentFeed())
		b.requireNotServed(dependent, bare, store.ErrNotFound)
	}
}
