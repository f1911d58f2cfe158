package storetest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// testMutualIncluders publish over each other: whoever is overtaken compiles again, and nobody deadlocks. (That a
// cycle is refused is decided before, on specs.)
func testMutualIncluders(t *testing.T, b subjectTest) {
	left, right := keyOf("left"), keyOf("right")
	b.mustPublish(b.newPublication(left, "l", 1, "left"))
	b.mustPublish(b.newPublication(right, "r", 1, "right"))
	const rounds = 20
	var wg sync.WaitGroup
	for _, side := range []struct{ own, other store.Key }{{left, right}, {right, left}} {
		wg.Go(func() {
			uid := side.own.Name[:1]
			for round := range rounds {
				text := fmt.Sprintf("round %d {{> %s@1}}", round, side.other.Name)
				p := store.Publication{
					Key: side.own, Owner: store.Owner{UID: uid, Generation: int64(round + 2)}, Exposure: store.Listed, HistoryLimit: 1000,
				}
				fragments, err := b.LoadFragments(b.Context(), "support", []prompt.Ref{{Name: side.other.Name, Selector: atVersion(1)}})
				if err != nil {
					b.Error(err)
					return
				}
				if p.Compiled, err = prompt.Compile(withText(prompt.Spec{}, text), fragments); err != nil {
					b.Error(err)
					return
				}
				if _, err := b.Publish(b.Context(), p); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	requireEqual(b, "left", int64(rounds+1), b.mustGet(left, bare).Version)
	requireEqual(b, "right", int64(rounds+1), b.mustGet(right, bare).Version)
}

// testFeedOrder reads the feed while many write: a reader that asks for what came after the last revision
// it saw must see every one, in order.
func testFeedOrder(t *testing.T, b subjectTest) {
	const writers, each = 8, 20
	start := b.currentFeed()
	done := make(chan struct{})
	var wg sync.WaitGroup
	for w := range writers {
		publications := make([]store.Publication, each)
		for i := range publications {
			publications[i] = b.newPublication(keyOf(fmt.Sprintf("p-%d-%d", w, i)), "u", 1, "text")
		}
		wg.Go(func() {
			for _, p := range publications {
				if _, err := b.Publish(b.Context(), p); err != nil {
					b.Error(err)
				}
			}
		})
	}
	go func() { wg.Wait(); close(done) }()

	last, seen := start.Revision, 0
	poll := func() {
		feed := b.currentFeed()
		changes, err := b.ChangedSince(b.Context(), last, writers*each+1)
		require.NoError(b, err)
		for _, c := range changes {
			if c.Revision != last+1 {
				b.Fatalf("revision %d came after %d", c.Revision, last)
			}
			last = c.Revision
			seen++
		}
		if last < feed.Revision {
			b.Fatalf("the feed said %d, and the changes end at %d", feed.Revision, last)
		}
	}
	for finished := false; !finished; {
		select {
		case <-done:
			finished = true
		default:
		}
		poll()
	}
	requireEqual(b, "changes seen", writers*each, seen)
	some, err := b.ChangedSince(b.Context(), start.Revision, 3)
	require.NoError(b, err)
	requireEqual(b, "a page of changes", 3, len(some))
}

func testList(t *testing.T, b subjectTest) {
	keys := []store.Key{
		{Namespace: "a", Name: "x"}, {Namespace: "a", Name: "y"}, {Namespace: "a-b", Name: "x"},
		{Namespace: "b", Name: "a"}, {Namespace: "b", Name: "b"}, {Namespace: "c", Name: "x"},
	}
	for _, k := range slices.Backward(keys) {
		p := b.newPublication(k, "u", 1, "")
		p.Compiled = b.compile(k.Namespace, prompt.Spec{
			Title: "Title of " + k.String(), Description: "d", Category: "c", Tags: []string{"two", "one"}, Metadata: []byte(`{"a":1}`),
			Messages: []prompt.Message{{Role: prompt.User, Text: "{{z}} {{y}}"}},
		})
		b.mustPublish(p)
	}
	for name, exposure := range map[string]store.Exposure{"fragment": store.Fragment, "unlisted": store.Unlisted, "gone": store.Listed} {
		p := b.newPublication(store.Key{Namespace: "b", Name: name}, "u", 1, "hidden")
		p.Exposure = exposure
		b.mustPublish(p)
	}
	require.NoError(b, b.Remove(b.Context(), store.Key{Namespace: "b", Name: "gone"}, "u", false))

	for name, tc := range map[string]struct {
		scope store.Scope
		want  []store.Key
	}{
		"all":              {store.Scope{All: true}, keys},
		"some":             {store.Scope{Namespaces: []string{"c", "a", "absent", "a"}}, []store.Key{keys[0], keys[1], keys[5]}},
		"one":              {store.Scope{Namespaces: []string{"b"}}, keys[3:5]},
		"a prefix is none": {store.Scope{Namespaces: []string{"a-"}}, nil},
		"nothing":          {store.Scope{}, nil},
	} {
		for limit := 1; limit <= 7; limit++ {
			requireEqual(b, fmt.Sprintf("%s by %d", name, limit), tc.want, b.listAll(tc.scope, limit))
		}
		total, err := b.Count(b.Context(), tc.scope)
		require.NoError(b, err)
		requireEqual(b, name+": count", int64(len(tc.want)), total)
	}
	page, err := b.List(b.Context(), store.ListQuery{Scope: store.Scope{Namespaces: []string{"c"}}, Limit: 1})
	require.NoError(b, err)
	requireEqual(b, "page", store.ListPage{Prompts: []store.Summary{{
		Key: keys[5], Version: 1, Title: "Title of c/x", Description: "d", Arguments: b.mustGet(keys[5], bare).Document.Arguments,
	}}}, page)
}

func testListNamespaces(t *testing.T, b subjectTest) {
	namespaces := func() []string {
		found, err := b.ListNamespaces(b.Context())
		require.NoError(b, err)
		return found
	}
	requireEqual(b, "nothing", nil, namespaces())
	for _, k := range []store.Key{
		{Namespace: "b", Name: "x"}, {Namespace: "a-b", Name: "x"}, {Namespace: "a", Name: "x"}, {Namespace: "a", Name: "y"}, {Namespace: "gone", Name: "x"},
	} {
		b.mustPublish(b.newPublication(k, "u", 1, "text"))
	}
	for namespace, exposure := range map[string]store.Exposure{"fragments": store.Fragment, "unlisted": store.Unlisted} {
		p := b.newPublication(store.Key{Namespace: namespace, Name: "x"}, "u", 1, "hidden")
		p.Exposure = exposure
		b.mustPublish(p)
	}
	require.NoError(b, b.Remove(b.Context(), store.Key{Namespace: "gone", Name: "x"}, "u", false))
	requireEqual(b, "those with listed prompts", []string{"a", "a-b", "b"}, namespaces())
}

func (b subjectTest) listAll(scope store.Scope, limit int) []store.Key {
	b.Helper()
	var keys []store.Key
	for after := (store.Key{}); ; after = keys[len(keys)-1] {
		page, err := b.List(b.Context(), store.ListQuery{Scope: scope, After: after, Limit: limit})
		require.NoError(b, err)
		for _, s := range page.Prompts {
			keys = append(keys, s.Key)
		}
		if !page.More {
			return keys
		}
		if len(page.Prompts) != limit {
			b.Fatalf("a page of %d has %d prompts and says that there are more", limit, len(page.Prompts))
		}
	}
}

// testProvenance: a version that an include made of an object nobody changed has no author, and no message of one.
func testProvenance(t *testing.T, b subjectTest) {
	written := store.Provenance{Manager: "kubectl", SourceRevision: "main", Message: "why", ChangedBy: "agent"}
	publish := func(generation int64) {
		t.Helper()
		p := b.newPublication(handover, "u1", generation, "top {{> style}}")
		p.Provenance = written
		b.mustPublish(p)
	}
	b.mustPublish(b.newPublication(keyOf("style"), "s", 1, "plain"))
	publish(1)
	b.mustPublish(b.newPublication(keyOf("style"), "s", 2, "fancy"))
	publish(1)
	b.mustPublish(b.newPublication(keyOf("style"), "s", 3, "plain again"))
	publish(2) // somebody wrote meanwhile
	versions, err := b.ListVersions(b.Context(), handover, 0, 10)
	require.NoError(b, err)
	var got []store.Provenance
	for _, v := range versions {
		got = append(got, v.Provenance)
	}
	requireEqual(b, "provenance, newest first", []store.Provenance{
		written, {SourceRevision: "main", Cause: "included prompts changed: style from version 1 to 2"}, written,
	}, got)
}

func testHistory(t *testing.T, b subjectTest) {
	for i, text := range []string{"one", "two", "three"} {
		p := b.newPublication(handover, "u1", int64(i+1), text)
		p.Provenance = store.Provenance{Manager: "argocd", SourceRevision: text}
		p.Channels = []store.ChannelRule{{Name: "beta"}, {Name: "alpha", Version: 1}}
		b.mustPublish(p)
	}
	page := func(before int64, limit int) []store.VersionInfo {
		versions, err := b.ListVersions(b.Context(), handover, before, limit)
		require.NoError(b, err)
		for i := range versions {
			if versions[i].PublishedAt.IsZero() || versions[i].Digest == "" {
				b.Errorf("version %d has no time or digest: %+v", versions[i].Version, versions[i])
			}
			versions[i].PublishedAt, versions[i].Digest = versions[0].PublishedAt.Truncate(0), ""
		}
		return versions
	}
	line := func(v int64, at []store.VersionInfo, text string, channels ...string) store.VersionInfo {
		return store.VersionInfo{
			Version: v, PublishedAt: at[0].PublishedAt, Channels: channels,
			Provenance: store.Provenance{Manager: "argocd", SourceRevision: text},
		}
	}
	newest := page(0, 2)
	requireEqual(b, "first page", []store.VersionInfo{line(3, newest, "three", "beta", "latest"), line(2, newest, "two")}, newest)
	oldest := page(2, 2)
	requireEqual(b, "second page", []store.VersionInfo{line(1, oldest, "one", "alpha")}, oldest)
	requireEqual(b, "after the last", nil, page(1, 2))
	if _, err := b.ListVersions(b.Context(), keyOf("never"), 0, 2); !errors.Is(err, store.ErrNotFound) {
		b.Errorf("versions of no prompt: %v, want not found", err)
	}
}
