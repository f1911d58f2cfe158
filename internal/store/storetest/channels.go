package storetest

import (
	"errors"
	"testing"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

func channels(t *testing.T, b bench) {
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
		p := b.publication(handover, "u1", int64(i+1), step.name)
		p.Channels = step.rules
		got := b.publish(p)
		equal(b, step.name, step.want, got.Channels)
		for _, c := range step.want {
			equal(b, step.name+": get @"+c.Name, c.Version, b.get(handover, channel(c.Name)).Version)
		}
	}
	b.notServed(handover, channel("production"), store.ErrNotFound)
	b.notServed(handover, channel("beta"), store.ErrNotFound)
}

func missingVersion(t *testing.T, b bench) {
	p := b.publication(handover, "u1", 1, "one")
	p.Channels = []store.ChannelRule{{Name: "beta", Version: 1}, {Name: "production", Version: 9}}
	got := b.publish(p)
	equal(b, "never resolved", store.Published{
		Version: 1, Served: 0, Digest: p.Compiled.Digest, Revision: got.Revision, Changed: true, NewVersion: true,
		Channels:  []store.Channel{{Name: "beta", Version: 1}, {Name: store.Latest, Version: 1}},
		Missing:   []store.ChannelRule{{Name: "production", Version: 9}},
		Available: []int64{1},
	}, got)
	b.notServed(handover, bare, store.ErrUnresolved)
	b.notServed(handover, channel("production"), store.ErrUnresolved)
	equal(b, "by number", "one", b.text(handover, version(1)))
	equal(b, "again", false, b.publish(p).Changed)
	total, err := b.Count(b.Context(), store.Scope{All: true})
	require.NoError(b, err)
	equal(b, "listed while nothing is served by the bare name", int64(0), total)

	p = b.publication(handover, "u1", 2, "two")
	p.Channels = []store.ChannelRule{{Name: "beta", Version: 8}, {Name: "production", Version: 2}}
	got = b.publish(p)
	equal(b, "missing", []store.ChannelRule{{Name: "beta", Version: 8}}, got.Missing)
	equal(b, "available, newest first", []int64{2, 1}, got.Available)
	equal(b, "an existing pointer stays", "one", b.text(handover, channel("beta")))
	equal(b, "resolved now", "two", b.text(handover, bare))
}

func defaultVersion(t *testing.T, b bench) {
	spec := func(title, tag, text string) *prompt.Compiled {
		return b.compiled("support", sourced(prompt.Spec{Title: title, Tags: []string{tag}}, text))
	}
	first := b.publication(handover, "u1", 1, "")
	first.Compiled = spec("First", "old", "one {{a}}")
	first.Channels = []store.ChannelRule{{Name: store.Production, Version: 1}}
	b.publish(first)
	second := b.publication(handover, "u1", 2, "")
	second.Compiled = spec("Second", "new", "two {{b}} {{c}}")
	second.Channels = first.Channels
	got := b.publish(second)
	equal(b, "served", int64(1), got.Served)
	equal(b, "newest", int64(2), got.Version)

	listed := func() store.Summary {
		page, err := b.List(b.Context(), store.ListQuery{Scope: store.Scope{All: true}, Limit: 10})
		require.NoError(b, err)
		if len(page.Prompts) != 1 {
			b.Fatalf("listed %+v, want one", page.Prompts)
		}
		return page.Prompts[0]
	}
	equal(b, "listed by production", store.Summary{
		Key: handover, Version: 1, Title: "First", Arguments: first.Compiled.Document.Arguments,
	}, listed())
	equal(b, "latest", "two {{b}} {{c}}", b.text(handover, channel(store.Latest)))

	second.Channels = nil
	b.publish(second)
	equal(b, "listed by latest", store.Summary{
		Key: handover, Version: 2, Title: "Second", Arguments: second.Compiled.Document.Arguments,
	}, listed())
}

func withdrawal(t *testing.T, b bench) {
	secret := b.publication(handover, "u1", 1, "the password is hunter2")
	b.publish(secret)
	b.publish(b.publication(key("copy"), "u2", 1, "{{> handover}}"))
	p := b.publication(handover, "u1", 2, "no password")
	p.Withdrawn = []int64{1, 40}
	got := b.publish(p)
	equal(b, "in use", nil, got.InUse)
	equal(b, "copies", []string{"copy"}, got.Copies)
	b.notServed(handover, version(1), store.ErrNotFound)
	equal(b, "again", false, b.publish(p).Changed)

	versions, err := b.ListVersions(b.Context(), handover, 0, 10)
	require.NoError(b, err)
	equal(b, "withdrawn in the history", []bool{false, true}, []bool{versions[0].Withdrawn, versions[1].Withdrawn})
	equal(b, "its digest stays", secret.Compiled.Digest, versions[1].Digest)

	back := b.publication(handover, "u1", 3, "the password is hunter2")
	equal(b, "the number is burnt", int64(3), b.publish(back).Version)
}

func withdrawalRefused(t *testing.T, b bench) {
	b.publish(b.publication(handover, "u1", 1, "one"))
	b.publish(b.publication(handover, "u1", 2, "two"))
	b.publish(b.publication(handover, "u1", 3, "three"))
	b.publish(b.publication(key("dependent"), "u2", 1, "{{> handover@1}}"))

	p := b.publication(handover, "u1", 4, "three")
	p.Withdrawn = []int64{1, 2, 3}
	got := b.publish(p)
	equal(b, "in use", []store.VersionInUse{{Version: 1, By: "dependent"}, {Version: 3}}, got.InUse)
	for v, text := range map[int64]string{1: "one", 2: "two", 3: "three"} {
		equal(b, "nothing is withdrawn", text, b.text(handover, version(v)))
	}

	p = b.publication(handover, "u1", 5, "the rest is published")
	p.Withdrawn = []int64{1}
	got = b.publish(p)
	equal(b, "in use", []store.VersionInUse{{Version: 1, By: "dependent"}}, got.InUse)
	equal(b, "version", int64(4), got.Version)

	require.NoError(b, b.Remove(b.Context(), key("dependent"), "u2", false))
	equal(b, "nobody needs it now", nil, b.publish(p).InUse)
	b.notServed(handover, version(1), store.ErrNotFound)
}

// withdrawalUnderChannel: the rule names a version that is not there, and the one it still stands on
// is withdrawn. Its text must go, so the channel stands nowhere.
func withdrawalUnderChannel(t *testing.T, b bench) {
	p := b.publication(handover, "u1", 1, "one")
	p.Channels = []store.ChannelRule{{Name: store.Production, Version: 1}}
	b.publish(p)
	p = b.publication(handover, "u1", 2, "two")
	p.Channels = []store.ChannelRule{{Name: store.Production, Version: 9}}
	p.Withdrawn = []int64{1}
	got := b.publish(p)
	equal(b, "served", int64(0), got.Served)
	b.notServed(handover, bare, store.ErrUnresolved)
	equal(b, "latest", "two", b.text(handover, channel(store.Latest)))
}

func fragments(t *testing.T, b bench) {
	style := key("style")
	for generation, text := range []string{"first {{x}}", "second", "third {{! kept in the source }}"} {
		p := b.publication(style, "u1", int64(generation+1), text)
		p.Exposure = store.Fragment
		p.Channels = []store.ChannelRule{{Name: store.Production, Version: 2}, {Name: "none", Version: 99}}
		b.publish(p)
	}
	ref := func(name string, sel prompt.Selector) prompt.Ref { return prompt.Ref{Name: name, Selector: sel} }
	of := func(v int64, text string) prompt.Fragment {
		return prompt.Fragment{Name: "style", Version: v, Syntax: prompt.Mustache, Messages: []prompt.Message{{Role: prompt.User, Text: text}}}
	}
	got, err := b.LoadFragments(b.Context(), "support", []prompt.Ref{
		ref("style", bare), ref("style", version(1)), ref("style", channel(store.Latest)),
		ref("style", version(4)), ref("style", channel("none")), ref("style", channel("never")), ref("absent", bare),
	})
	require.NoError(b, err)
	equal(b, "fragments", map[prompt.Ref]prompt.Fragment{
		ref("style", bare):                  of(2, "second"),
		ref("style", version(1)):            of(1, "first {{x}}"),
		ref("style", channel(store.Latest)): of(3, "third {{! kept in the source }}"),
	}, got)
	elsewhere, err := b.LoadFragments(b.Context(), "other", []prompt.Ref{ref("style", bare)})
	require.NoError(b, err)
	equal(b, "another namespace", nil, elsewhere)
}

func movedFragment(t *testing.T, b bench) {
	for name, tc := range map[string]struct {
		include string
		move    func(b bench, fragment store.Key)
		moved   bool
	}{
		"a new version moves the default": {"", func(b bench, f store.Key) { b.publish(b.publication(f, "f", 2, "two")) }, true},
		"a new version moves latest":      {"@latest", func(b bench, f store.Key) { b.publish(b.publication(f, "f", 2, "two")) }, true},
		"a pin stays":                     {"@1", func(b bench, f store.Key) { b.publish(b.publication(f, "f", 2, "two")) }, false},
		"a pinned version is withdrawn": {"@1", func(b bench, f store.Key) {
			p := b.publication(f, "f", 2, "two")
			p.Withdrawn = []int64{1}
			b.publish(p)
		}, true},
		"the fragment is gone": {"", func(b bench, f store.Key) { require.NoError(b, b.Remove(b.Context(), f, "f", false)) }, true},
		"nothing moves":        {"", func(bench, store.Key) {}, false},
	} {
		// Each in a namespace of its own.
		fragment := store.Key{Namespace: name, Name: "fragment"}
		dependent := store.Key{Namespace: name, Name: "dependent"}
		b.publish(b.publication(fragment, "f", 1, "one"))
		p := b.publication(dependent, "d", 1, "{{> fragment"+tc.include+"}}")
		tc.move(b, fragment)
		feed := b.feed()
		got, err := b.Publish(b.Context(), p)
		if !tc.moved {
			require.NoError(b, err)
			equal(b, name+": includes", p.Compiled.Includes, got.Includes)
			equal(b, name+": includes served", p.Compiled.Includes, b.get(dependent, bare).Includes)
			continue
		}
		if !errors.Is(err, store.ErrFragmentsMoved) {
			b.Errorf("%s: got %v, want that the fragments moved", name, err)
		}
		equal(b, name+": feed", feed, b.feed())
		b.notServed(dependent, bare, store.ErrNotFound)
	}
}
