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

func testFirstPublish(t *testing.T, b subjectTest) {
	before := b.currentFeed()
	tone := "brief"
	p := b.newPublication(handover, "u1", 1, "")
	p.Compiled = b.compile("support", prompt.Spec{
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
	got := b.mustPublish(p)

	requireEqual(b, "published", store.Published{
		Version: 1, Served: 1, Digest: p.Compiled.Digest, Revision: before.Revision + 1,
		Channels: []store.Channel{{Name: store.Latest, Version: 1}}, Changed: true, NewVersion: true,
		ServedSince: got.ServedSince,
	}, got)
	served := b.mustGet(handover, bare)
	requireEqual(b, "served", store.Version{
		Key: handover, Version: 1, Digest: p.Compiled.Digest, Document: p.Compiled.Document,
		Exposure: store.Listed, Revision: got.Revision, Latest: 1,
	}, served)
	digest, err := prompt.DigestOf(&served.Document)
	require.NoError(b, err)
	requireEqual(b, "digest of what came back", p.Compiled.Digest, digest)
	requireEqual(b, "feed", store.Feed{Epoch: before.Epoch, Revision: before.Revision + 1, Server: before.Server}, b.currentFeed())
}

func testEqualPublish(t *testing.T, b subjectTest) {
	p := b.newPublication(handover, "u1", 1, "text {{x}}")
	p.Labels = map[string]string{"team": "ops"}
	p.Channels = []store.ChannelRule{{Name: "beta"}, {Name: store.Production, Version: 1}}
	first, feed := b.mustPublish(p), b.currentFeed()

	want := first
	want.Changed, want.NewVersion = false, false
	requireEqual(b, "second publish", want, b.mustPublish(p))
	requireEqual(b, "feed after the second", feed, b.currentFeed())

	p.Owner.Generation = 7
	requireEqual(b, "publish of a higher generation", want, b.mustPublish(p))
	requireEqual(b, "feed after the higher generation", feed, b.currentFeed())
	requireEqual(b, "fence", store.Fence{Owner: p.Owner, Revision: first.Revision}, b.liveRow(handover).Fence)
}

func testOlderText(t *testing.T, b subjectTest) {
	for i, text := range []string{"one", "two", "one"} {
		got := b.mustPublish(b.newPublication(handover, "u1", int64(i+1), text))
		requireEqual(b, "version of "+text, int64(i+1), got.Version)
	}
	requireEqual(b, "first", "one", b.servedText(handover, atVersion(1)))
	requireEqual(b, "bare", "one", b.servedText(handover, bare))
	requireEqual(b, "second", "two", b.servedText(handover, atVersion(2)))
}

func testProperties(t *testing.T, b subjectTest) {
	p := b.newPublication(handover, "u1", 1, "text")
	b.mustPublish(p)
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
		before := b.currentFeed()
		step.change(&p)
		p.Owner.Generation++
		got := b.mustPublish(p)
		if got.Version != 1 || got.NewVersion || got.Changed != step.visible {
			b.Errorf("changing %s: %+v, want version 1 and changed %t", step.name, got, step.visible)
		}
		taken := int64(0)
		if step.visible {
			taken = 1
		}
		requireEqual(b, "revisions taken by "+step.name, before.Revision+taken, b.currentFeed().Revision)
	}
	requireEqual(b, "exposure", store.Unlisted, b.mustGet(handover, bare).Exposure)
}

// testOddTexts has what breaks tables, tokenizers and JSON: none of it may keep a prompt from being served.
func testOddTexts(t *testing.T, b subjectTest) {
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
		k := keyOf(name)
		p := b.newPublication(k, "u", 1, "x")
		p.Compiled = b.compile(k.Namespace, withText(prompt.Spec{Syntax: prompt.Plain, Title: name}, text))
		b.mustPublish(p)
		if got := b.servedText(k, bare); got != text {
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

func testUnstorable(t *testing.T, b subjectTest) {
	p := b.newPublication(handover, "u1", 1, "x")
	p.Compiled.Document.Messages = []prompt.Message{{Role: prompt.User, Text: "a\x00b"}}
	feed := b.currentFeed()
	_, err := b.Publish(b.Context(), p)
	if _, ok := errors.AsType[*store.UnstorableValueError](err); !ok || errors.Is(err, store.ErrUnavailable) {
		b.Errorf("got %v, want a *store.UnstorableValueError and not that trying again helps", err)
	}
	b.requireNotServed(handover, bare, store.ErrNotFound)
	requireEqual(b, "feed", feed, b.currentFeed())
}

// testLostNumbers is a restore of an older dump under objects that remember more.
func testLostNumbers(t *testing.T, b subjectTest) {
	b.mustPublish(b.newPublication(handover, "u1", 1, "one"))
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
		p := b.newPublication(handover, "u1", 1, step.text)
		p.LastObserved = store.LastObserved{Version: step.seen, Digest: b.newPublication(handover, "u1", 1, step.seenText).Compiled.Digest}
		got := b.mustPublish(p)
		if got.Version != step.want || got.NewVersion != step.stored {
			b.Errorf("%s: got version %d (new %t), want %d (new %t)", step.name, got.Version, got.NewVersion, step.want, step.stored)
		}
	}
}

// testHistoryBytes: of versions that are too long together the oldest go, but none that somebody needs.
func testHistoryBytes(t *testing.T, b subjectTest) {
	kilobyte := strings.Repeat("x", 1000)
	b.mustPublish(b.newPublication(handover, "u1", 1, "v1"+kilobyte))
	b.mustPublish(b.newPublication(keyOf("dependent"), "u9", 1, "{{> handover@1}}"))
	for generation := int64(2); generation <= 7; generation++ {
		p := b.newPublication(handover, "u1", generation, "v"+string(rune('0'+generation))+kilobyte)
		p.Channels = []store.ChannelRule{{Name: "beta", Version: 2}}
		p.HistoryLimit, p.HistoryBytes = 100, 4*1002
		if generation == 7 {
			p.Withdrawn = []int64{6}
		}
		b.mustPublish(p)
	}
	versions, err := b.ListVersions(b.Context(), handover, 0, 100)
	require.NoError(b, err)
	var left []int64
	for _, v := range versions {
		left = append(left, v.Version)
	}
	requireEqual(b, "left: as many of the newest as fit, a withdrawn one, a channel's and a pinned one", []int64{7, 6, 5, 4, 2, 1}, left)

	feed := b.currentFeed()
	again := b.newPublication(handover, "u1", 8, "v7"+kilobyte)
	again.Channels, again.Withdrawn, again.HistoryLimit = []store.ChannelRule{{Name: "beta", Version: 2}}, []int64{6}, 100
	b.mustPublish(again)
	requireEqual(b, "revision of an equal publish", feed, b.currentFeed())
	again.Owner.Generation, again.HistoryBytes = 9, 1
	b.mustPublish(again)
	b.requireNotServed(handover, atVersion(5), store.ErrNotFound)
	requireEqual(b, "the newest is kept, however long", "v7"+kilobyte, b.servedText(handover, bare))
}

func testHistoryLimit(t *testing.T, b subjectTest) {
	pinned := b.newPublication(handover, "u1", 1, "v1")
	b.mustPublish(pinned)
	b.mustPublish(b.newPublication(keyOf("dependent"), "u9", 1, "{{> handover@1}}"))
	for generation := int64(2); generation <= 6; generation++ {
		p := b.newPublication(handover, "u1", generation, "v"+string(rune('0'+generation)))
		p.Channels = []store.ChannelRule{{Name: "beta", Version: 2}}
		p.HistoryLimit = 3
		b.mustPublish(p)
	}
	versions, err := b.ListVersions(b.Context(), handover, 0, 100)
	require.NoError(b, err)
	var left []int64
	for _, v := range versions {
		left = append(left, v.Version)
	}
	requireEqual(b, "left: three newest, a channel's and a pinned one", []int64{6, 5, 4, 2, 1}, left)
	b.requireNotServed(handover, atVersion(3), store.ErrNotFound)
}
