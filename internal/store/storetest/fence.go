package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

const crowd = 100

func testConcurrentPublishes(t *testing.T, b subjectTest) {
	publications := make([]store.Publication, crowd)
	for i := range publications {
		publications[i] = b.newPublication(handover, "u1", 1, fmt.Sprintf("text %d", i))
	}
	published, errs := b.publishAll(publications)
	texts := map[int64]string{}
	for i, p := range published {
		require.NoError(b, errs[i])
		if !p.NewVersion || p.Served != p.Version {
			b.Errorf("publish %d: %+v, want a new version that is served", i, p)
		}
		texts[p.Version] = publications[i].Compiled.Document.Messages[0].Text
	}
	for v := int64(1); v <= crowd; v++ {
		requireEqual(b, fmt.Sprintf("version %d", v), texts[v], b.servedText(handover, atVersion(v)))
	}
	requireEqual(b, "feed", int64(crowd), b.currentFeed().Revision)
}

func testConcurrentGenerations(t *testing.T, b subjectTest) {
	publications := make([]store.Publication, crowd)
	for i := range publications {
		publications[i] = b.newPublication(handover, "u1", int64(i+1), fmt.Sprintf("text %d", i+1))
	}
	published, errs := b.publishAll(publications)
	refused, stored := 0, map[int64]bool{}
	for i := range published {
		fence, isFenced := errors.AsType[*store.FencedError](errs[i])
		switch {
		case errs[i] == nil:
			stored[published[i].Version] = true
		case isFenced && fence.Row.Generation > publications[i].Owner.Generation:
			refused++
		default:
			b.Errorf("generation %d: %v", i+1, errs[i])
		}
	}
	requireEqual(b, "what stays", fmt.Sprintf("text %d", crowd), b.servedText(handover, bare))
	requireEqual(b, "stored and refused", crowd, len(stored)+refused)
	requireEqual(b, "newest version", int64(len(stored)), b.mustGet(handover, bare).Version)
	t.Logf("%d of %d generations were refused", refused, crowd)
}

func (b subjectTest) publishAll(publications []store.Publication) ([]store.Published, []error) {
	published, errs := make([]store.Published, len(publications)), make([]error, len(publications))
	var wg sync.WaitGroup
	for i, p := range publications {
		wg.Go(func() { published[i], errs[i] = b.Publish(b.Context(), p) })
	}
	wg.Wait()
	return published, errs
}

func testFence(t *testing.T, b subjectTest) {
	b.mustPublish(b.newPublication(handover, "u1", 5, "five"))
	row, feed := b.liveRow(handover), b.currentFeed()
	for name, owner := range map[string]store.Owner{
		"a lower generation":               {UID: "u1", Generation: 4},
		"another uid":                      {UID: "u2", Generation: 5},
		"another uid, a higher generation": {UID: "u2", Generation: 9},
	} {
		got := b.requireFenced(b.newPublication(handover, owner.UID, owner.Generation, "stale"))
		requireEqual(b, name, store.FencedError{Key: handover, Row: row.Fence}, got)
	}
	requireEqual(b, "row", row, b.liveRow(handover))
	requireEqual(b, "feed", feed, b.currentFeed())
	requireEqual(b, "text", "five", b.servedText(handover, bare))
}

func testTakeover(t *testing.T, b subjectTest) {
	b.mustPublish(b.newPublication(handover, "u1", 5, "old object"))
	newer := b.newPublication(handover, "u2", 1, "new object")
	seen := b.requireFenced(newer).Row

	b.mustPublish(b.newPublication(handover, "u1", 6, "the old one moves meanwhile"))
	newer.Takeover = &seen
	again := b.requireFenced(newer)
	requireEqual(b, "fence seen the second time", b.liveRow(handover).Fence, again.Row)

	newer.Takeover = &again.Row
	got := b.mustPublish(newer)
	requireEqual(b, "version", int64(3), got.Version)
	requireEqual(b, "owner", newer.Owner, b.liveRow(handover).Fence.Owner)

	// The first attempt may be committed and its answer lost.
	requireEqual(b, "the same takeover again", false, b.mustPublish(newer).Changed)
	b.requireFenced(b.newPublication(handover, "u1", 7, "the old one is stale now"))
	requireEqual(b, "text", "new object", b.servedText(handover, bare))
}

// testRestoredObjects is a cluster restored from manifests: every object has a new uid and generation 1.
func testRestoredObjects(t *testing.T, b subjectTest) {
	names := []string{"a", "b", "c"}
	for _, name := range names {
		b.mustPublish(b.newPublication(keyOf(name), "old-"+name, 9, "text of "+name))
	}
	feed := b.currentFeed()
	for _, name := range names {
		p := b.newPublication(keyOf(name), "new-"+name, 1, "text of "+name)
		p.Takeover = new(b.requireFenced(p).Row)
		got := b.mustPublish(p)
		if got.NewVersion || got.Changed || got.Version != 1 {
			b.Errorf("takeover of an equal row: %+v, want version 1 and nothing visible", got)
		}
		requireEqual(b, "owner", p.Owner, b.liveRow(keyOf(name)).Fence.Owner)
	}
	requireEqual(b, "feed", feed, b.currentFeed())
}

// testGenerationBack is etcd restored from a backup: same uid, lower generation.
func testGenerationBack(t *testing.T, b subjectTest) {
	b.mustPublish(b.newPublication(handover, "u1", 8, "newer"))
	p := b.newPublication(handover, "u1", 3, "older")
	p.Takeover = new(b.requireFenced(p).Row)
	requireEqual(b, "version", int64(2), b.mustPublish(p).Version)
	requireEqual(b, "generation", int64(3), b.liveRow(handover).Fence.Generation)
	b.mustPublish(b.newPublication(handover, "u1", 4, "and on"))
	requireEqual(b, "text", "and on", b.servedText(handover, bare))
}

// testRemovedBeforePublished is a leader that stalled between reading an object and publishing it for the
// first time, while the object was deleted: without a tombstone nothing would stop it.
func testRemovedBeforePublished(t *testing.T, b subjectTest) {
	require.NoError(b, b.Remove(b.Context(), handover, "u1", false))
	late := b.newPublication(handover, "u1", 1, "deleted meanwhile")
	b.requireFenced(late)
	b.requireNotServed(handover, bare, store.ErrNotFound)

	again := b.newPublication(handover, "u2", 1, "made again")
	seen := b.requireFenced(again)
	again.Takeover = &seen.Row
	requireEqual(b, "version", int64(1), b.mustPublish(again).Version)
}

func testTombstone(t *testing.T, b subjectTest) {
	b.mustPublish(b.newPublication(handover, "u1", 1, "one"))
	require.NoError(b, b.Remove(b.Context(), handover, "another", false))
	requireEqual(b, "after removing another's", "one", b.servedText(handover, bare))

	feed := b.currentFeed()
	require.NoError(b, b.Remove(b.Context(), handover, "u1", false))
	requireEqual(b, "feed", feed.Revision+1, b.currentFeed().Revision)
	require.NoError(b, b.Remove(b.Context(), handover, "u1", false))
	requireEqual(b, "feed after removing what is gone", feed.Revision+1, b.currentFeed().Revision)

	b.requireNotServed(handover, bare, store.ErrNotFound)
	b.requireNotServed(handover, atVersion(1), store.ErrNotFound)
	if _, err := b.ListVersions(b.Context(), handover, 0, 10); !errors.Is(err, store.ErrNotFound) {
		b.Errorf("versions of a tombstone: %v, want not found", err)
	}
	changes, err := b.ChangedSince(b.Context(), feed.Revision, 10)
	require.NoError(b, err)
	requireEqual(b, "changes", []store.ChangedKey{{Revision: feed.Revision + 1, Key: handover}}, changes)

	p := b.newPublication(handover, "u2", 1, "two")
	seen := b.requireFenced(p)
	requireEqual(b, "seen", store.FencedError{
		Key: handover, Row: store.Fence{Owner: store.Owner{UID: "u1", Generation: 1}, Revision: feed.Revision + 1}, Deleted: true,
	}, seen)
	p.Takeover = &seen.Row
	requireEqual(b, "numbers go on", int64(2), b.mustPublish(p).Version)
	requireEqual(b, "text", "two", b.servedText(handover, bare))
}

// testResurrection: a leader that lost its lease still holds the object from before the deletion.
func testResurrection(t *testing.T, b subjectTest) {
	b.mustPublish(b.newPublication(handover, "u1", 1, "one"))
	late := b.newPublication(handover, "u1", 1, "one")
	require.NoError(b, b.Remove(b.Context(), handover, "u1", false))
	if !b.requireFenced(late).Deleted {
		b.Error("the fence does not say that the row is a tombstone")
	}
	late.Owner.Generation = 2
	b.requireFenced(late)
	b.requireNotServed(handover, bare, store.ErrNotFound)
}

func testRetained(t *testing.T, b subjectTest) {
	p := b.newPublication(handover, "u1", 1, "kept")
	p.Retain = true
	b.mustPublish(p)
	require.NoError(b, b.Remove(b.Context(), handover, "u1", true))
	purged, err := b.PurgeTombstones(b.Context(), 0, 10)
	require.NoError(b, err)
	requireEqual(b, "purged", 0, purged)

	next := b.newPublication(handover, "u2", 1, "kept")
	next.Takeover = new(b.requireFenced(next).Row)
	got := b.mustPublish(next)
	if got.Version != 1 || got.NewVersion || !got.Changed {
		b.Errorf("adoption: %+v, want version 1 served again without a new one", got)
	}
	requireEqual(b, "text", "kept", b.servedText(handover, bare))
}

func testRemoveIfUnchanged(t *testing.T, b subjectTest) {
	b.mustPublish(b.newPublication(handover, "u1", 1, "one"))
	stale := b.liveRow(handover).Fence
	b.mustPublish(b.newPublication(handover, "u1", 2, "two"))
	for name, step := range map[string]struct {
		key   store.Key
		fence store.Fence
	}{
		"a row that moved":     {handover, stale},
		"a row that never was": {keyOf("never"), stale},
	} {
		swept, err := b.RemoveIfUnchanged(b.Context(), step.key, step.fence)
		require.NoError(b, err)
		requireEqual(b, name, false, swept)
	}
	swept, err := b.RemoveIfUnchanged(b.Context(), handover, b.liveRow(handover).Fence)
	require.NoError(b, err)
	requireEqual(b, "the row as seen", true, swept)
	b.requireNotServed(handover, bare, store.ErrNotFound)
}

func testPurge(t *testing.T, b subjectTest) {
	b.mustPublish(b.newPublication(handover, "u1", 1, "one"))
	b.mustPublish(b.newPublication(handover, "u1", 2, "two"))
	b.mustPublish(b.newPublication(keyOf("live"), "u2", 1, "stays"))
	require.NoError(b, b.Remove(b.Context(), handover, "u1", false))
	feed := b.currentFeed()
	for _, step := range []struct {
		name string
		age  time.Duration
		want int
	}{
		{"too young", time.Hour, 0}, {"old enough", 0, 1}, {"never twice", 0, 0},
	} {
		purged, err := b.PurgeTombstones(b.Context(), step.age, 10)
		require.NoError(b, err)
		requireEqual(b, step.name, step.want, purged)
	}
	requireEqual(b, "feed", feed.Revision+1, b.currentFeed().Revision)

	p := b.newPublication(handover, "u3", 1, "two")
	p.Takeover = new(b.requireFenced(p).Row)
	got := b.mustPublish(p)
	requireEqual(b, "version after the purge", int64(3), got.Version)
	b.requireNotServed(handover, atVersion(2), store.ErrNotFound)
	requireEqual(b, "text", "two", b.servedText(handover, bare))
	requireEqual(b, "another prompt", "stays", b.servedText(keyOf("live"), bare))
}

func testListRows(t *testing.T, b subjectTest) {
	var want []store.ComparedRow
	for _, k := range []store.Key{{Namespace: "a", Name: "z"}, {Namespace: "a-b", Name: "a"}, {Namespace: "b", Name: "A"}, {Namespace: "b", Name: "a"}} {
		p := b.newPublication(k, "uid of "+k.String(), 3, "text")
		got := b.mustPublish(p)
		want = append(want, store.ComparedRow{Key: k, Fence: store.Fence{Owner: p.Owner, Revision: got.Revision}, Digest: got.Digest})
	}
	gone := b.newPublication(store.Key{Namespace: "a", Name: "zz"}, "u", 1, "gone")
	b.mustPublish(gone)
	require.NoError(b, b.Remove(b.Context(), gone.Key, "u", false))

	var got []store.ComparedRow
	for after := (store.Key{}); ; after = got[len(got)-1].Key {
		page, err := b.ListRows(b.Context(), after, 3, time.Hour)
		require.NoError(b, err)
		got = append(got, page...)
		if len(page) < 3 {
			break
		}
	}
	requireEqual(b, "rows", want, got)
	quiescent, err := b.ListRows(b.Context(), store.Key{}, 1, -time.Minute)
	require.NoError(b, err)
	requireEqual(b, "quiescent a minute from now", true, quiescent[0].Quiescent)
}
