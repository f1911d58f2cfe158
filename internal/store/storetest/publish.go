package storetest

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

func firstPublish(t *testing.T, b bench) {
	before := b.feed()
	tone := "brief"
	p := b.publication(handover, "u1", 1, "")
	p.Compiled = b.compiled("support", prompt.Spec{
		Title: "Handover", Description: "To the next shift", Category: "itsm", Tags: []string{"shift", "incident"},
		Metadata: json.RawMessage(`{"owner": "ops", "weight": 1.50, "a<b": [1e3, "&"]}`),
		Arguments: []prompt.Declaration{
			{Name: "ticket", Description: "Number"},
			{Name: "tone", Enum: []string{"brief", "long"}, Default: &tone},
		},
		Messages: []prompt.Message{
			{Role: prompt.User, Text: "Hand {{ticket}} over, {{tone}}.\n{{! a comment }}\n"},
			{Role: prompt.Assistant, Text: "Gladly. <ok> & \"fine\""},
		},
	})
	p.Provenance = store.Provenance{Manager: "kubectl", Message: "first"}
	got := b.publish(p)

	equal(b, "published", store.Published{
		Version: 1, Served: 1, Digest: p.Compiled.Digest, Revision: before.Revision + 1,
		Channels: []store.Channel{{Name: store.Latest, Version: 1}}, Changed: true, NewVersion: true,
	}, got)
	served := b.get(handover, bare)
	equal(b, "served", store.Version{
		Key: handover, Version: 1, Digest: p.Compiled.Digest, Document: p.Compiled.Document,
		Exposure: store.Listed, Revision: got.Revision, Latest: 1,
	}, served)
	digest, err := prompt.DigestOf(&served.Document)
	require.NoError(b, err)
	equal(b, "digest of what came back", p.Compiled.Digest, digest)
	equal(b, "feed", store.Feed{Epoch: before.Epoch, Revision: before.Revision + 1}, b.feed())
}

func equalPublish(t *testing.T, b bench) {
	p := b.publication(handover, "u1", 1, "text {{x}}")
	p.Labels = map[string]string{"team": "ops"}
	p.Channels = []store.ChannelRule{{Name: "beta"}, {Name: store.Production, Version: 1}}
	first, feed := b.publish(p), b.feed()

	want := first
	want.Changed, want.NewVersion = false, false
	equal(b, "second publish", want, b.publish(p))
	equal(b, "feed after the second", feed, b.feed())

	p.Owner.Generation = 7
	equal(b, "publish of a higher generation", want, b.publish(p))
	equal(b, "feed after the higher generation", feed, b.feed())
	equal(b, "fence", store.Fence{Owner: p.Owner, Revision: first.Revision}, b.row(handover).Fence)
}

func olderText(t *testing.T, b bench) {
	for i, text := range []string{"one", "two", "one"} {
		got := b.publish(b.publication(handover, "u1", int64(i+1), text))
		equal(b, "version of "+text, int64(i+1), got.Version)
	}
	equal(b, "first", "one", b.text(handover, version(1)))
	equal(b, "bare", "one", b.text(handover, bare))
	equal(b, "second", "two", b.text(handover, version(2)))
}

func properties(t *testing.T, b bench) {
	p := b.publication(handover, "u1", 1, "text")
	b.publish(p)
	for _, step := range []struct {
		name    string
		change  func(*store.Publication)
		visible bool
	}{
		{"exposure", func(p *store.Publication) { p.Exposure = store.Unlisted }, true},
		{"channels", func(p *store.Publication) { p.Channels = []store.ChannelRule{{Name: "beta"}} }, true},
		{"retain", func(p *store.Publication) { p.Retain = true }, false},
		{"labels", func(p *store.Publication) { p.Labels = map[string]string{"a": "b"} }, false},
		{"history limit", func(p *store.Publication) { p.HistoryLimit = 5 }, false},
	} {
		before := b.feed()
		step.change(&p)
		p.Owner.Generation++
		got := b.publish(p)
		if got.Version != 1 || got.NewVersion || got.Changed != step.visible {
			b.Errorf("changing %s: %+v, want version 1 and changed %t", step.name, got, step.visible)
		}
		taken := int64(0)
		if step.visible {
			taken = 1
		}
		equal(b, "revisions taken by "+step.name, before.Revision+taken, b.feed().Revision)
	}
	equal(b, "exposure", store.Unlisted, b.get(handover, bare).Exposure)
}

// oddTexts has what breaks tables, tokenizers and JSON: none of it may keep a prompt from being served.
func oddTexts(t *testing.T, b bench) {
	for name, text := range map[string]string{
		"one-long-word":    strings.Repeat("x", 128<<10),
		"short-words":      numbered(128<<10, "%c%c ", 4),
		"compounds":        numbered(128<<10, "%c-%c-", 4),
		"rare-letters":     wide(128 << 10),
		"paths":            strings.Repeat("a.example/b/c?d=e ", 128<<10/18),
		"quotes":           `\u0000 \\ "' $1 %s :name ` + "\u2028\ufeff\U0001F980\x7f\x01",
		"crlf":             "a\r\nb\rc\n\td",
		"not-quite-markup": "{ {x} } }} {",
	} {
		k := key(name)
		p := b.publication(k, "u", 1, "x")
		p.Compiled = b.compiled(k.Namespace, sourced(prompt.Spec{Syntax: prompt.Plain, Title: name}, text))
		b.publish(p)
		if got := b.text(k, bare); got != text {
			b.Errorf("%s came back with %d bytes, want the %d written", name, len(got), len(text))
		}
	}
}

// numbered fills n bytes with words that are all different.
func numbered(n int, format string, width int) string {
	var s strings.Builder
	for i := 0; s.Len()+width <= n; i++ {
		word := format
		word = strings.Replace(word, "%c", string(rune('a'+i%26)), 1)
		word = strings.Replace(word, "%c", string(rune(0x400+i/26%0x100)), 1)
		s.WriteString(word)
	}
	return s.String()
}

// wide fills n bytes with four-byte letters, each a word and part of a compound.
func wide(n int) string {
	var s strings.Builder
	for i := 0; s.Len()+5 <= n; i++ {
		s.WriteRune(rune(0x20000 + i%0xa000))
		s.WriteByte("- "[i/200%2])
	}
	return s.String()
}

func unstorable(t *testing.T, b bench) {
	p := b.publication(handover, "u1", 1, "x")
	p.Compiled.Document.Messages = []prompt.Message{{Role: prompt.User, Text: "a\x00b"}}
	feed := b.feed()
	_, err := b.Publish(b.Context(), p)
	var refused *store.UnstorableValueError
	if !errors.As(err, &refused) || errors.Is(err, store.ErrUnavailable) {
		b.Errorf("got %v, want a *store.RefusedError and not that trying again helps", err)
	}
	b.notServed(handover, bare, store.ErrNotFound)
	equal(b, "feed", feed, b.feed())
}

// lostNumbers is a restore of an older dump under objects that remember more.
func lostNumbers(t *testing.T, b bench) {
	b.publish(b.publication(handover, "u1", 1, "one"))
	for _, step := range []struct {
		name, text, seenText string
		seen, want           int64
		stored               bool
	}{
		{"the text of the lost version gets its number", "lost", "lost", 7, 7, true},
		{"and is not stored twice", "lost", "lost", 7, 7, false},
		{"another text gets the number after the lost one", "next", "gone", 12, 13, true},
		{"the row's text does too, since the lost one was newer", "next", "gone", 20, 21, true},
		{"a status that is behind says nothing", "late", "one", 1, 22, true},
	} {
		p := b.publication(handover, "u1", 1, step.text)
		p.LastObserved = store.LastObserved{Version: step.seen, Digest: b.publication(handover, "u1", 1, step.seenText).Compiled.Digest}
		got := b.publish(p)
		if got.Version != step.want || got.NewVersion != step.stored {
			b.Errorf("%s: got version %d (new %t), want %d (new %t)", step.name, got.Version, got.NewVersion, step.want, step.stored)
		}
	}
}

func historyLimit(t *testing.T, b bench) {
	pinned := b.publication(handover, "u1", 1, "v1")
	b.publish(pinned)
	b.publish(b.publication(key("dependent"), "u9", 1, "{{> handover@1}}"))
	for generation := int64(2); generation <= 6; generation++ {
		p := b.publication(handover, "u1", generation, "v"+string(rune('0'+generation)))
		p.Channels = []store.ChannelRule{{Name: "beta", Version: 2}}
		p.HistoryLimit = 3
		b.publish(p)
	}
	versions, err := b.ListVersions(b.Context(), handover, 0, 100)
	require.NoError(b, err)
	var left []int64
	for _, v := range versions {
		left = append(left, v.Version)
	}
	equal(b, "left: three newest, a channel's and a pinned one", []int64{6, 5, 4, 2, 1}, left)
	b.notServed(handover, version(3), store.ErrNotFound)
}
