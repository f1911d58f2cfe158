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

func (b subjectTest) mustFind(q store.FindQuery) store.FindResult {
	b.Helper()
	found, err := b.Find(b.Context(), q)
	require.NoError(b, err)
	return found
}

// findByPages reads a query to its end, by the marks as a cursor would carry them.
func (b subjectTest) findByPages(q store.FindQuery) []store.PromptView {
	b.Helper()
	var records []store.PromptView
	for {
		found := b.mustFind(q)
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

// requireFound asks a query in every way there is and wants the same result: at once, by pages of every size, from an offset,
// counted.
func (b subjectTest) requireFound(what string, q store.FindQuery, want []store.Key) {
	b.Helper()
	for limit := 1; limit <= len(want)+1; limit += 1 + len(want)/7 {
		q.Limit = limit
		requireEqual(b, fmt.Sprintf("%s by %d", what, limit), want, keysOf(b.findByPages(q)))
	}
	for offset := 0; offset <= len(want)+1; offset += 1 + len(want)/5 {
		q.Limit, q.Offset = 2, offset
		requireEqual(b, fmt.Sprintf("%s from %d", what, offset), want[min(offset, len(want)):], keysOf(b.findByPages(q)))
	}
	total, err := b.CountFound(b.Context(), q)
	require.NoError(b, err)
	requireEqual(b, what+": count", int64(len(want)), total)
}

// testFindAll has more prompts than the fifty a predecessor stopped at.
func testFindAll(t *testing.T, b subjectTest) {
	var keys []store.Key
	for i := range 60 {
		k := store.Key{Namespace: fmt.Sprint("n", i%3), Name: fmt.Sprint("p", (i*7)%60)}
		b.newDescribed(k, prompt.Spec{Title: "Title of " + k.Name}, "text {{x}}")
		keys = append(keys, k)
	}
	born := b.viewsInOrder(keys...)
	b.requireFound("all", store.FindQuery{Filter: store.Filter{Scope: all}}, keysOf(born))
	requireEqual(b, "whole records", born[:5], b.mustFind(store.FindQuery{Filter: store.Filter{Scope: all}, Limit: 5}).Prompts)
	inOne := slices.DeleteFunc(keysOf(born), func(k store.Key) bool { return k.Namespace != "n1" })
	b.requireFound("one namespace", store.FindQuery{Filter: store.Filter{Scope: store.Scope{Namespaces: []string{"n1", "absent", "n1"}}}}, inOne)
	b.requireFound("no namespace", store.FindQuery{}, nil)

	// A later version is no later birth.
	b.newDescribed(keys[0], prompt.Spec{Title: "Again"}, "another text")
	b.requireFound("after an update", store.FindQuery{Filter: store.Filter{Scope: all}}, keysOf(born))
	after := b.mustFind(store.FindQuery{Filter: store.Filter{Scope: all}, Limit: 7})
	from := b.mustFind(store.FindQuery{Filter: store.Filter{Scope: all}, After: after.Next, Offset: 5, Limit: 3})
	requireEqual(b, "an offset behind a mark", keysOf(born)[12:15], keysOf(from.Prompts))
}

func testFilters(t *testing.T, b subjectTest) {
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
		b.newDescribed(keyOf(p.name), prompt.Spec{Category: p.category, Tags: p.tags, Syntax: p.syntax, Metadata: []byte(p.metadata)}, "text")
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
			want = append(want, keyOf(name))
		}
		b.requireFound(name, store.FindQuery{Filter: tc.filter}, want)
		b.requireFound(name+", as text", store.FindQuery{Filter: tc.filter, Text: "text"}, want)
		b.requireFound(name+", contained", store.FindQuery{Filter: tc.filter, Text: "ex"}, want)
	}
}

// testFindListed: neither a list nor a search knows other exposures, tombstones, or versions that are not the default.
func testFindListed(t *testing.T, b subjectTest) {
	pin := withChannels(store.ChannelRule{Name: store.Production, Version: 1})
	b.newDescribed(handover, prompt.Spec{Title: "First needle", Category: "first", Tags: []string{"old"}}, "haystack")
	b.newDescribed(handover, prompt.Spec{Title: "Second", Category: "second", Tags: []string{"new"}}, "pin", pin)
	b.newDescribed(keyOf("unlisted"), prompt.Spec{Title: "needle"}, "needle", withExposure(store.Unlisted))
	b.newDescribed(keyOf("fragment"), prompt.Spec{Title: "needle"}, "needle", withExposure(store.Fragment))
	b.newDescribed(keyOf("unresolved"), prompt.Spec{Title: "needle"}, "needle", withChannels(store.ChannelRule{Name: store.Production, Version: 9}))
	b.newDescribed(keyOf("gone"), prompt.Spec{Title: "needle"}, "needle")
	require.NoError(b, b.Remove(b.Context(), keyOf("gone"), "u", false))

	for name, q := range map[string]store.FindQuery{
		"all":                 {},
		"as text":             {Text: "needle"},
		"contained":           {Text: "eedl"},
		"the default's tag":   {Filter: store.Filter{Tags: []string{"old"}}},
		"the default's group": {Filter: store.Filter{Category: "first"}},
	} {
		q.Scope = all
		b.requireFound(name, q, []store.Key{handover})
	}
	for name, q := range map[string]store.FindQuery{
		"the newest's tag":   {Filter: store.Filter{Tags: []string{"new"}}},
		"the newest's title": {Text: "Second"},
		"the newest's text":  {Text: "pin"},
	} {
		q.Scope = all
		b.requireFound(name, q, nil)
	}
	found := b.mustFind(store.FindQuery{Filter: store.Filter{Scope: all}, Limit: 1}).Prompts[0]
	requireEqual(b, "found", b.mustGetView(handover, bare), found)
	requireEqual(b, "versions of what is found", []int64{1, 2, 1}, []int64{found.Version, found.Latest, found.Served})

	b.newDescribed(keyOf("unlisted"), prompt.Spec{Title: "T"}, "needle")
	b.requireFound("listed now", store.FindQuery{Filter: store.Filter{Scope: all}, Text: "needle"}, []store.Key{handover, keyOf("unlisted")})
}
