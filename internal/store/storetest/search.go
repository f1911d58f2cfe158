package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

func textQuery(text string) store.FindQuery {
	return store.FindQuery{Filter: store.Filter{Scope: all}, Text: text}
}

func keysNamed(names ...string) []store.Key {
	keys := make([]store.Key, len(names))
	for i, name := range names {
		keys[i] = keyOf(name)
	}
	return keys
}

// testRanks are published from the last to the first, so that the order of birth is another one.
func testRanks(t *testing.T, b subjectTest) {
	b.newDescribed(keyOf("by-part-of-a-tag"), prompt.Spec{Title: "T", Tags: []string{"preincident"}}, "text")
	b.newDescribed(keyOf("incident-by-name"), prompt.Spec{Title: "T"}, "text")
	b.newDescribed(keyOf("by-part-of-the-text"), prompt.Spec{Title: "T"}, "It is INCIDENTAL.")
	b.newDescribed(keyOf("by-part-of-the-title"), prompt.Spec{Title: "Incidents"}, "text")
	b.newDescribed(keyOf("by-part-of-the-description"), prompt.Spec{Title: "T", Description: "Coincidental"}, "text")
	b.newDescribed(keyOf("by-text"), prompt.Spec{Title: "T"}, "There was an incident.")
	b.newDescribed(keyOf("by-tag"), prompt.Spec{Title: "T", Tags: []string{"incident", "other"}}, "text")
	b.newDescribed(keyOf("by-description"), prompt.Spec{Title: "T", Description: "For the incident at hand"}, "text")
	b.newDescribed(keyOf("by-title"), prompt.Spec{Title: "Incident handover"}, "text")
	b.newDescribed(keyOf("by-nothing"), prompt.Spec{Title: "T", Category: "incident", Metadata: []byte(`{"incident":1}`)}, "text")

	b.requireFound("ranked", textQuery("Incident"), keysNamed(
		"by-title", "by-tag", "by-description", "by-text",
		"by-part-of-a-tag", "incident-by-name", "by-part-of-the-text", "by-part-of-the-title", "by-part-of-the-description"))
	b.requireFound("contained only", textQuery("ncident"), keysNamed(
		"by-part-of-a-tag", "incident-by-name", "by-part-of-the-text", "by-part-of-the-title", "by-part-of-the-description",
		"by-text", "by-tag", "by-description", "by-title"))
	for _, r := range b.mustFind(store.FindQuery{Filter: store.Filter{Scope: all}, Text: "incident", Limit: 9}).Prompts {
		requireEqual(b, "whole record of "+r.Key.Name, b.mustGetView(r.Key, bare), r)
	}
	first := b.mustFind(store.FindQuery{Filter: store.Filter{Scope: all}, Text: "incident", Limit: 1})
	after := store.FindQuery{Filter: store.Filter{Scope: all}, Text: "incident", After: first.Next, Offset: 2, Limit: 2}
	requireEqual(b, "an offset behind a mark", keysNamed("by-text", "by-part-of-a-tag"), keysOf(b.mustFind(after).Prompts))
}

func testWebSearch(t *testing.T, b subjectTest) {
	b.newDescribed(keyOf("a"), prompt.Spec{Title: "Release notes"}, "Write the notes of a release, for customers.")
	b.newDescribed(keyOf("b"), prompt.Spec{Title: "Notes on a release"}, "For engineers: what to write.")
	b.newDescribed(keyOf("c"), prompt.Spec{Title: "Postmortem"}, "What went wrong, in English.")
	b.newDescribed(keyOf("d"), prompt.Spec{Title: "Über Störungen"}, "Auf Deutsch, в срок.")
	for text, want := range map[string][]string{
		"release notes":                {"a", "b"},
		"NOTES engineers":              {"b"},
		"release postmortem":           nil,
		`"release notes"`:              {"a"},
		`"notes of a release" write`:   {"a"},
		"postmortem or engineers":      {"c", "b"},
		"release -engineers":           {"a"},
		"notes -release":               nil,
		"the":                          {"a"},
		"störungen":                    {"d"},
		"ÜBER":                         {"d"},
		"Срок":                         {"d"},
		"(write & release) | !'notes:": {"a", "b"},
		`"unfinished release`:          nil,
	} {
		b.requireFound(text, textQuery(text), keysNamed(want...))
	}
}

// testSearchLongTexts finds every word of a text as long as texts may be; words next to each other only in its first part.
func testSearchLongTexts(t *testing.T, b subjectTest) {
	const filler = "Consequently, interdepartmental correspondence: "
	before := "Okapi tapir. " + strings.Repeat(filler, 200_000/len(filler)+1)
	after := strings.Repeat(filler, 60_000/len(filler)) + "at last a gnu"
	b.newDescribed(keyOf("long"), prompt.Spec{Title: "T"}, before+"\nzebra or a quagga bongo, "+after)
	b.newDescribed(keyOf("short"), prompt.Spec{Title: "Zebra"}, "not a horse")
	for query, want := range map[string][]string{
		"quagga zebra":        {"long"},
		"Okapi gnu":           {"long"},
		"zebra":               {"short", "long"},
		"zebra -quagga":       {"short"},
		"zebra horse":         {"short"},
		`"okapi tapir" gnu`:   {"long"},
		`"quagga bongo"`:      nil, // documented
		"quagga bongo":        {"long"},
		"a quagga bongo, con": {"long"}, // what is contained is found anywhere
	} {
		b.requireFound(query, textQuery(query), keysNamed(want...))
	}
}

// testSearchManyWords has more different words than an index holds: the prompt is stored, and found by its first and by
// what it contains.
func testSearchManyWords(t *testing.T, b subjectTest) {
	for name, text := range map[string]string{
		"letters":   numbered(prompt.MaxText-100, "%c%c ", 4),
		"compounds": numbered(prompt.MaxText-100, "%c-%c-", 4),
		"wide":      wide(prompt.MaxText - 100),
	} {
		k := keyOf(name)
		b.newDescribed(k, prompt.Spec{Title: "T", Syntax: prompt.Plain}, "zebra"+name+" "+text+" quagga"+name)
		b.requireFound(name, textQuery("zebra"+name), []store.Key{k})
		b.requireFound(name+", contained", textQuery("uagga"+name), []store.Key{k})
	}
}

// testContained are hits that are no words: every hit of the tools before us is one of ours.
func testContained(t *testing.T, b subjectTest) {
	b.newDescribed(keyOf("percent"), prompt.Spec{Title: "T"}, "It is 100% sure.")
	b.newDescribed(keyOf("underscore"), prompt.Spec{Title: "T"}, "snake_case")
	b.newDescribed(keyOf("backslash"), prompt.Spec{Title: "T"}, `a\b`)
	b.newDescribed(keyOf("marks"), prompt.Spec{Title: "T", Description: "Really!!!"}, "text")
	b.newDescribed(keyOf("plain"), prompt.Spec{Title: "T"}, "snakeXcase and 100 sure")
	b.newDescribed(keyOf("upper"), prompt.Spec{Title: "ÄRGER MIT ÉCLAIRS"}, "text")
	b.newDescribed(keyOf("comment"), prompt.Spec{Title: "T"}, "said {{! unspoken word }} aloud")
	b.newDescribed(keyOf("style"), prompt.Spec{Title: "T"}, "houserule", withExposure(store.Fragment))
	b.newDescribed(keyOf("includer"), prompt.Spec{Title: "T"}, "before {{> style}} after")
	b.newDescribed(keyOf("tagged"), prompt.Spec{Title: "T", Tags: []string{"first half", "second"}}, "text")
	for text, want := range map[string][]string{
		"0%":          {"percent"},
		"%":           {"percent"},
		"ake_c":       {"underscore"},
		"_":           {"underscore"},
		`a\b`:         {"backslash"},
		`\`:           {"backslash"},
		"!!!":         {"marks"},
		"ärge":        {"upper"},
		"r mit éc":    {"upper"},
		"nspoken wor": {"comment"},
		"{{> style}}": {"includer"},
		"houserule":   {"includer"},
		"st hal":      {"tagged"},
		"halfsecond":  nil,
		"half second": {"tagged"},
		"_nake":       nil,
		"%z%":         nil,
		"'":           nil,
		"zzz":         nil,
	} {
		b.requireFound(fmt.Sprintf("contains %q", text), textQuery(text), keysNamed(want...))
	}
}

// testSearchAll has more hits of each kind than the fifty a predecessor looked at.
func testSearchAll(t *testing.T, b subjectTest) {
	var words, parts []store.Key
	for i := range 60 {
		word := store.Key{Namespace: fmt.Sprint("n", i%2), Name: fmt.Sprint("w", i)}
		b.newDescribed(word, prompt.Spec{Title: "T"}, "the needle is a word")
		words = append(words, word)
		part := store.Key{Namespace: fmt.Sprint("n", i%2), Name: fmt.Sprint("p", i)}
		b.newDescribed(part, prompt.Spec{Title: "T"}, "the needles are another")
		parts = append(parts, part)
	}
	want := slices.Concat(keysOf(b.viewsInOrder(words...)), keysOf(b.viewsInOrder(parts...)))
	b.requireFound("all", textQuery("needle"), want)
	one := textQuery("needle")
	one.Scope = store.Scope{Namespaces: []string{"n1"}}
	b.requireFound("one namespace", one, slices.DeleteFunc(want, func(k store.Key) bool { return k.Namespace != "n1" }))
}

// testSearchErased: what was withdrawn or replaced is found by nobody.
func testSearchErased(t *testing.T, b subjectTest) {
	b.newDescribed(handover, prompt.Spec{Title: "Secret"}, "hunter2")
	b.requireFound("before", textQuery("hunter2"), []store.Key{handover})
	b.newDescribed(handover, prompt.Spec{Title: "Clean"}, "nothing here", func(p *store.Publication) { p.Withdrawn = []int64{1} })
	for _, text := range []string{"hunter2", "unter", "secret"} {
		b.requireFound(text, textQuery(text), nil)
	}
	b.requireFound("what is there now", textQuery("nothing"), []store.Key{handover})
	got, err := b.FindSimilar(b.Context(), store.SimilarQuery{Scope: all, Text: "hunter2", Threshold: 0.1, Limit: 9})
	require.NoError(b, err)
	requireEqual(b, "similar to what was erased", nil, got)
}
