package storetest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

func searching(text string) store.FindQuery {
	return store.FindQuery{Filter: store.Filter{Scope: all}, Text: text}
}

func keysNamed(names ...string) []store.Key {
	keys := make([]store.Key, len(names))
	for i, name := range names {
		keys[i] = key(name)
	}
	return keys
}

// ranks are published from the last to the first, so that the order of birth is another one.
func ranks(t *testing.T, b bench) {
	b.described(key("by-part-of-a-tag"), prompt.Spec{Title: "T", Tags: []string{"preincident"}}, "text")
	b.described(key("incident-by-name"), prompt.Spec{Title: "T"}, "text")
	b.described(key("by-part-of-the-text"), prompt.Spec{Title: "T"}, "It is INCIDENTAL.")
	b.described(key("by-part-of-the-title"), prompt.Spec{Title: "Incidents"}, "text")
	b.described(key("by-part-of-the-description"), prompt.Spec{Title: "T", Description: "Coincidental"}, "text")
	b.described(key("by-text"), prompt.Spec{Title: "T"}, "There was an incident.")
	b.described(key("by-tag"), prompt.Spec{Title: "T", Tags: []string{"incident", "other"}}, "text")
	b.described(key("by-description"), prompt.Spec{Title: "T", Description: "For the incident at hand"}, "text")
	b.described(key("by-title"), prompt.Spec{Title: "Incident handover"}, "text")
	b.described(key("by-nothing"), prompt.Spec{Title: "T", Category: "incident", Metadata: []byte(`{"incident":1}`)}, "text")

	b.same("ranked", searching("Incident"), keysNamed(
		"by-title", "by-tag", "by-description", "by-text",
		"by-part-of-a-tag", "incident-by-name", "by-part-of-the-text", "by-part-of-the-title", "by-part-of-the-description"))
	b.same("contained only", searching("ncident"), keysNamed(
		"by-part-of-a-tag", "incident-by-name", "by-part-of-the-text", "by-part-of-the-title", "by-part-of-the-description",
		"by-text", "by-tag", "by-description", "by-title"))
	for _, r := range b.find(store.FindQuery{Filter: store.Filter{Scope: all}, Text: "incident", Limit: 9}).Prompts {
		equal(b, "whole record of "+r.Key.Name, b.read(r.Key, bare), r)
	}
	first := b.find(store.FindQuery{Filter: store.Filter{Scope: all}, Text: "incident", Limit: 1})
	after := store.FindQuery{Filter: store.Filter{Scope: all}, Text: "incident", After: first.Next, Offset: 2, Limit: 2}
	equal(b, "an offset behind a mark", keysNamed("by-text", "by-part-of-a-tag"), keysOf(b.find(after).Prompts))
}

func webSearch(t *testing.T, b bench) {
	b.described(key("a"), prompt.Spec{Title: "Release notes"}, "Write the notes of a release, for customers.")
	b.described(key("b"), prompt.Spec{Title: "Notes on a release"}, "For engineers: what to write.")
	b.described(key("c"), prompt.Spec{Title: "Postmortem"}, "What went wrong, in English.")
	b.described(key("d"), prompt.Spec{Title: "Über Störungen"}, "Auf Deutsch, в срок.")
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
		b.same(text, searching(text), keysNamed(want...))
	}
}

// contained are hits that are no words: every hit of the tools before us is one of ours.
func contained(t *testing.T, b bench) {
	b.described(key("percent"), prompt.Spec{Title: "T"}, "It is 100% sure.")
	b.described(key("underscore"), prompt.Spec{Title: "T"}, "snake_case")
	b.described(key("backslash"), prompt.Spec{Title: "T"}, `a\b`)
	b.described(key("marks"), prompt.Spec{Title: "T", Description: "Really!!!"}, "text")
	b.described(key("plain"), prompt.Spec{Title: "T"}, "snakeXcase and 100 sure")
	b.described(key("upper"), prompt.Spec{Title: "ÄRGER MIT ÉCLAIRS"}, "text")
	b.described(key("comment"), prompt.Spec{Title: "T"}, "said {{! unspoken word }} aloud")
	b.described(key("style"), prompt.Spec{Title: "T"}, "houserule", exposed(store.Fragment))
	b.described(key("includer"), prompt.Spec{Title: "T"}, "before {{> style}} after")
	b.described(key("tagged"), prompt.Spec{Title: "T", Tags: []string{"first half", "second"}}, "text")
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
		b.same(fmt.Sprintf("contains %q", text), searching(text), keysNamed(want...))
	}
}

// searchAll has more hits of each kind than the fifty a predecessor looked at.
func searchAll(t *testing.T, b bench) {
	var words, parts []store.Key
	for i := range 60 {
		word := store.Key{Namespace: fmt.Sprint("n", i%2), Name: fmt.Sprint("w", i)}
		b.described(word, prompt.Spec{Title: "T"}, "the needle is a word")
		words = append(words, word)
		part := store.Key{Namespace: fmt.Sprint("n", i%2), Name: fmt.Sprint("p", i)}
		b.described(part, prompt.Spec{Title: "T"}, "the needles are another")
		parts = append(parts, part)
	}
	want := slices.Concat(keysOf(b.born(words...)), keysOf(b.born(parts...)))
	b.same("all", searching("needle"), want)
	one := searching("needle")
	one.Scope = store.Scope{Namespaces: []string{"n1"}}
	b.same("one namespace", one, slices.DeleteFunc(want, func(k store.Key) bool { return k.Namespace != "n1" }))
}

// searchErased: what was withdrawn or replaced is found by nobody.
func searchErased(t *testing.T, b bench) {
	b.described(handover, prompt.Spec{Title: "Secret"}, "hunter2")
	b.same("before", searching("hunter2"), []store.Key{handover})
	b.described(handover, prompt.Spec{Title: "Clean"}, "nothing here", func(p *store.Publication) { p.Withdrawn = []int64{1} })
	for _, text := range []string{"hunter2", "unter", "secret"} {
		b.same(text, searching(text), nil)
	}
	b.same("what is there now", searching("nothing"), []store.Key{handover})
	got, err := b.FindSimilar(b.Context(), store.SimilarQuery{Scope: all, Text: "hunter2", Threshold: 0.1, Limit: 9})
	require.NoError(b, err)
	equal(b, "similar to what was erased", nil, got)
}
