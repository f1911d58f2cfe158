package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

func (b bench) find(q store.FindQuery) store.FindResult {
	b.Helper()
	found, err := b.Find(b.Context(), q)
	require.NoError(b, err)
	return found
}

// pages reads a query to its end, by the marks as a cursor would carry them.
func (b bench) pages(q store.FindQuery) []store.PromptView {
	b.Helper()
	var records []store.PromptView
	for {
		found := b.find(q)
		records = append(records, found.Prompts...)
		if found.Next == nil {
			return records
		}
		if len(found.Prompts) != q.Limit {
			b.Fatalf("a page of %d has %d prompts and says that there are more", q.Limit, len(found.Prompts))
		}
		text, err := json.Marshal(found.Next)
		require.NoError(b, err)
		q.After, q.Offset = new(store.PageMark), 0
		require.NoError(b, json.Unmarshal(text, q.After))
	}
}

// same asks a query in every way there is and wants the same answer: whole, by pages of every size, from an offset,
// counted.
func (b bench) same(what string, q store.FindQuery, want []store.Key) {
	b.Helper()
	for limit := 1; limit <= len(want)+1; limit += 1 + len(want)/7 {
		q.Limit = limit
		equal(b, fmt.Sprintf("%s by %d", what, limit), want, keysOf(b.pages(q)))
	}
	for offset := 0; offset <= len(want)+1; offset += 1 + len(want)/5 {
		q.Limit, q.Offset = 2, offset
		equal(b, fmt.Sprintf("%s from %d", what, offset), want[min(offset, len(want)):], keysOf(b.pages(q)))
	}
	total, err := b.CountFound(b.Context(), q)
	require.NoError(b, err)
	equal(b, what+": count", int64(len(want)), total)
}

// findAll has more prompts than the fifty a predecessor stopped at.
func findAll(t *testing.T, b bench) {
	var keys []store.Key
	for i := range 60 {
		k := store.Key{Namespace: fmt.Sprint("n", i%3), Name: fmt.Sprint("p", (i*7)%60)}
		b.described(k, prompt.Spec{Title: "Title of " + k.Name}, "text {{x}}")
		keys = append(keys, k)
	}
	born := b.born(keys...)
	b.same("all", store.FindQuery{Filter: store.Filter{Scope: all}}, keysOf(born))
	equal(b, "whole records", born[:5], b.find(store.FindQuery{Filter: store.Filter{Scope: all}, Limit: 5}).Prompts)
	inOne := slices.DeleteFunc(keysOf(born), func(k store.Key) bool { return k.Namespace != "n1" })
	b.same("one namespace", store.FindQuery{Filter: store.Filter{Scope: store.Scope{Namespaces: []string{"n1", "absent", "n1"}}}}, inOne)
	b.same("no namespace", store.FindQuery{}, nil)

	// A later version is no later birth.
	b.described(keys[0], prompt.Spec{Title: "Again"}, "another text")
	b.same("after an update", store.FindQuery{Filter: store.Filter{Scope: all}}, keysOf(born))
	after := b.find(store.FindQuery{Filter: store.Filter{Scope: all}, Limit: 7})
	from := b.find(store.FindQuery{Filter: store.Filter{Scope: all}, After: after.Next, Offset: 5, Limit: 3})
	equal(b, "an offset behind a mark", keysOf(born)[12:15], keysOf(from.Prompts))
}

func filters(t *testing.T, b bench) {
	yes, no := true, false
	for _, p := range []struct {
		name, category, metadata string
		tags                     []string
		syntax                   prompt.Syntax
	}{
		{"a", "itsm", `{"team":"ops","models":["x","y"],"limits":{"tokens":5,"cost":1}}`, []string{"one", "two"}, prompt.Mustache},
		{"b", "itsm", `{"team":"dev","models":["y"]}`, []string{"two", "three"}, prompt.Plain},
		{"c", "sales", "", []string{"one"}, prompt.Simple},
		{"d", "", `{"team":"ops"}`, nil, prompt.Plain},
	} {
		b.described(key(p.name), prompt.Spec{Category: p.category, Tags: p.tags, Syntax: p.syntax, Metadata: []byte(p.metadata)}, "text")
	}
	for name, tc := range map[string]struct {
		filter store.Filter
		want   string
	}{
		"nothing asked":                      {store.Filter{}, "a b c d"},
		"category":                           {store.Filter{Category: "itsm"}, "a b"},
		"category, another case":             {store.Filter{Category: "ITSM"}, ""},
		"a tag":                              {store.Filter{Tags: []string{"two"}}, "a b"},
		"any of the tags":                    {store.Filter{Tags: []string{"one", "three", "unknown"}}, "a b c"},
		"all of the tags":                    {store.Filter{Tags: []string{"one", "two"}, AllTags: true}, "a"},
		"all of them, one unknown":           {store.Filter{Tags: []string{"one", "unknown"}, AllTags: true}, ""},
		"all of no tags":                     {store.Filter{AllTags: true}, "a b c d"},
		"templates":                          {store.Filter{Template: &yes}, "a c"},
		"what is none":                       {store.Filter{Template: &no}, "b d"},
		"metadata":                           {store.Filter{Metadata: []byte(`{"team":"ops"}`)}, "a d"},
		"metadata, an element of a list":     {store.Filter{Metadata: []byte(`{"models":["y"]}`)}, "a b"},
		"metadata, a part of an object":      {store.Filter{Metadata: []byte(`{"limits":{"tokens":5.0}}`)}, "a"},
		"metadata, another value":            {store.Filter{Metadata: []byte(`{"limits":{"tokens":6}}`)}, ""},
		"metadata, two members":              {store.Filter{Metadata: []byte(`{"team":"dev","models":[]}`)}, "b"},
		"metadata, any object":               {store.Filter{Metadata: []byte(`{}`)}, "a b d"},
		"everything together":                {store.Filter{Category: "itsm", Tags: []string{"two"}, Template: &yes, Metadata: []byte(`{"team":"ops"}`)}, "a"},
		"everything together, and no hit":    {store.Filter{Category: "sales", Tags: []string{"two"}}, ""},
		"another namespace":                  {store.Filter{Category: "itsm", Scope: store.Scope{Namespaces: []string{"other"}}}, ""},
		"the namespace and one more":         {store.Filter{Category: "sales", Scope: store.Scope{Namespaces: []string{"other", "support"}}}, "c"},
		"a tag is not a pattern":             {store.Filter{Tags: []string{"t%"}}, ""},
		"a tag with a quote breaks no query": {store.Filter{Tags: []string{`o"ne'`, "{three}"}}, ""},
	} {
		if !tc.filter.Scope.All && tc.filter.Scope.Namespaces == nil {
			tc.filter.Scope = all
		}
		var want []store.Key
		for name := range strings.FieldsSeq(tc.want) {
			want = append(want, key(name))
		}
		b.same(name, store.FindQuery{Filter: tc.filter}, want)
		b.same(name+", as text", store.FindQuery{Filter: tc.filter, Text: "text"}, want)
		b.same(name+", contained", store.FindQuery{Filter: tc.filter, Text: "ex"}, want)
	}
}

// findListed: neither a list nor a search knows other exposures, tombstones, or versions that are not the default.
func findListed(t *testing.T, b bench) {
	pin := ruled(store.ChannelRule{Name: store.Production, Version: 1})
	b.described(handover, prompt.Spec{Title: "First needle", Category: "first", Tags: []string{"old"}}, "haystack")
	b.described(handover, prompt.Spec{Title: "Second", Category: "second", Tags: []string{"new"}}, "pin", pin)
	b.described(key("unlisted"), prompt.Spec{Title: "needle"}, "needle", exposed(store.Unlisted))
	b.described(key("fragment"), prompt.Spec{Title: "needle"}, "needle", exposed(store.Fragment))
	b.described(key("unresolved"), prompt.Spec{Title: "needle"}, "needle", ruled(store.ChannelRule{Name: store.Production, Version: 9}))
	b.described(key("gone"), prompt.Spec{Title: "needle"}, "needle")
	require.NoError(b, b.Remove(b.Context(), key("gone"), "u", false))

	for name, q := range map[string]store.FindQuery{
		"all":                 {},
		"as text":             {Text: "needle"},
		"contained":           {Text: "eedl"},
		"the default's tag":   {Filter: store.Filter{Tags: []string{"old"}}},
		"the default's group": {Filter: store.Filter{Category: "first"}},
	} {
		q.Scope = all
		b.same(name, q, []store.Key{handover})
	}
	for name, q := range map[string]store.FindQuery{
		"the newest's tag":   {Filter: store.Filter{Tags: []string{"new"}}},
		"the newest's title": {Text: "Second"},
		"the newest's text":  {Text: "pin"},
	} {
		q.Scope = all
		b.same(name, q, nil)
	}
	found := b.find(store.FindQuery{Filter: store.Filter{Scope: all}, Limit: 1}).Prompts[0]
	equal(b, "found", b.read(handover, bare), found)
	equal(b, "versions of what is found", []int64{1, 2, 1}, []int64{found.Version, found.Latest, found.Served})

	b.described(key("unlisted"), prompt.Spec{Title: "T"}, "needle")
	b.same("listed now", store.FindQuery{Filter: store.Filter{Scope: all}, Text: "needle"}, []store.Key{handover, key("unlisted")})
}
