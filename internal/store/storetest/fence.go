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

func concurrentPublishes(t *testing.T, b bench) {
	publications := make([]store.Publication, crowd)
	for i := range publications {
		publications[i] = b.publication(handover, "u1", 1, fmt.Sprintf("text %d", i))
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
		equal(b, fmt.Sprintf("version %d", v), texts[v], b.text(handover, version(v)))
	}
	equal(b, "feed", int64(crowd), b.feed().Revision)
}

func concurrentGenerations(t *testing.T, b bench) {
	publications := make([]store.Publication, crowd)
	for i := range publications {
		publications[i] = b.publication(handover, "u1", int64(i+1), fmt.Sprintf("text %d", i+1))
	}
	published, errs := b.publishAll(publications)
	refused, stored := 0, map[int64]bool{}
	for i := range published {
		var fence *store.FencedError
		switch {
		case errs[i] == nil:
			stored[published[i].Version] = true
		case errors.As(errs[i], &fence) && fence.Row.Generation > publications[i].Owner.Generation:
			refused++
		default:
			b.Errorf("generation %d: %v", i+1, errs[i])
		}
	}
	equal(b, "what stays", fmt.Sprintf("text %d", crowd), b.text(handover, bare))
	equal(b, "stored and refused", crowd, len(stored)+refused)
	equal(b, "newest version", int64(len(stored)), b.get(handover, bare).Version)
	t.Logf("%d of %d generations were refused", refused, crowd)
}

func (b bench) publishAll(publications []store.Publication) ([]store.Published, []error) {
	published, errs := make([]store.Published, len(publications)), make([]error, len(publications))
	var wg sync.WaitGroup
	for i, p := range publications {
		wg.Go(func() { published[i], errs[i] = b.Publish(b.Context(), p) })
	}
	wg.Wait()
	return published, errs
}

func fence(t *testing.T, b bench) {
	b.publish(b.publication(handover, "u1", 5, "five"))
	row, feed := b.row(handover), b.feed()
	for name, owner := range map[string]store.Owner{
		"a lower generation":               {UID: "u1", Generation: 4},
		"another uid":                      {UID: "u2", Generation: 5},
		"another uid, a higher generation": {UID: "u2", Generation: 9},
	} {
		got := b.fenced(b.publication(handover, owner.UID, owner.Generation, "stale"))
		equal(b, name, store.FencedError{Key: handover, Row: row.Fence}, got)
	}
	equal(b, "row", row, b.row(handover))
	equal(b, "feed", feed, b.feed())
	equal(b, "text", "five", b.text(handover, bare))
}

func takeover(t *testing.T, b bench) {
	b.publish(b.publication(handover, "u1", 5, "old object"))
	newer := b.publication(handover, "u2", 1, "new object")
	seen := b.fenced(newer).Row

	b.publish(b.publication(handover, "u1", 6, "the old one moves meanwhile"))
	newer.Takeover = &seen
	again := b.fenced(newer)
	equal(b, "fence seen the second time", b.row(handover).Fence, again.Row)

	newer.Takeover = &again.Row
	got := b.publish(newer)
	equal(b, "version", int64(3), got.Version)
	equal(b, "owner", newer.Owner, b.row(handover).Fence.Owner)

	// The first attempt may be committed and its answer lost.
	equal(b, "the same takeover again", false, b.publish(newer).Changed)
	b.fenced(b.publication(handover, "u1", 7, "the old one is stale now"))
	equal(b, "text", "new object", b.text(handover, bare))
}

// restoredObjects is a cluster restored from manifests: every object has a new uid and generation 1.
func restoredObjects(t *testing.T, b bench) {
	names := []string{"a", "b", "c"}
	for _, name := range names {
		b.publish(b.publication(key(name), "old-"+name, 9, "text of "+name))
	}
	feed := b.feed()
	for _, name := range names {
		p := b.publication(key(name), "new-"+name, 1, "text of "+name)
		p.Takeover = new(b.fenced(p).Row)
		got := b.publish(p)
		if got.NewVersion || got.Changed || got.Version != 1 {
			b.Errorf("takeover of an equal row: %+v, want version 1 and nothing visible", got)
		}
		equal(b, "owner", p.Owner, b.row(key(name)).Fence.Owner)
	}
	equal(b, "feed", feed, b.feed())
}

// generationBack is etcd restored from a backup: same uid, lower generation.
func generationBack(t *testing.T, b bench) {
	b.publish(b.publication(handover, "u1", 8, "newer"))
	p := b.publication(handover, "u1", 3, "older")
	p.Takeover = new(b.fenced(p).Row)
	equal(b, "version", int64(2), b.publish(p).Version)
	equal(b, "generation", int64(3), b.row(handover).Fence.Generation)
	b.publish(b.publication(handover, "u1", 4, "and on"))
	equal(b, "text", "and on", b.text(handover, bare))
}

// removedBeforePublished is a leader that stalled between reading an object and publishing it for the
// first time, while the object was deleted: without a tombstone nothing would stop it.
func removedBeforePublished(t *testing.T, b bench) {
	require.NoError(b, b.Remove(b.Context(), handover, "u1", false))
	late := b.publication(handover, "u1", 1, "deleted meanwhile")
	b.fenced(late)
	b.notServed(handover, bare, store.ErrNotFound)

	again := b.publication(handover, "u2", 1, "made again")
	seen := b.fenced(again)
	again.Takeover = &seen.Row
	equal(b, "version", int64(1), b.publish(again).Version)
}

func tombstone(t *testing.T, b bench) {
	b.publish(b.publication(handover, "u1", 1, "one"))
	require.NoError(b, b.Remove(b.Context(), handover, "another", false))
	equal(b, "after removing another's", "one", b.text(handover, bare))

	feed := b.feed()
	require.NoError(b, b.Remove(b.Context(), handover, "u1", false))
	equal(b, "feed", feed.Revision+1, b.feed().Revision)
	require.NoError(b, b.Remove(b.Context(), handover, "u1", false))
	equal(b, "feed after removing what is gone", feed.Revision+1, b.feed().Revision)

	b.notServed(handover, bare, store.ErrNotFound)
	b.notServed(handover, version(1), store.ErrNotFound)
	if _, err := b.ListVersions(b.Context(), handover, 0, 10); !errors.Is(err, store.ErrNotFound) {
		b.Errorf("versions of a tombstone: %v, want not found", err)
	}
	changes, err := b.ChangedSince(b.Context(), feed.Revision, 10)
	require.NoError(b, err)
	equal(b, "changes", []store.ChangedKey{{Revision: feed.Revision + 1, Key: handover}}, changes)

	p := b.publication(handover, "u2", 1, "two")
	seen := b.fenced(p)
	equal(b, "seen", store.FencedError{
		Key: handover, Row: store.Fence{Owner: store.Owner{UID: "u1", Generation: 1}, Revision: feed.Revision + 1}, Deleted: true,
	}, seen)
	p.Takeover = &seen.Row
	equal(b, "numbers go on", int64(2), b.publish(p).Version)
	equal(b, "text", "two", b.text(handover, bare))
}

// resurrection: a leader that lost its lease still holds the object from before the deletion.
func resurrection(t *testing.T, b bench) {
	b.publish(b.publication(handover, "u1", 1, "one"))
	late := b.publication(handover, "u1", 1, "one")
	require.NoError(b, b.Remove(b.Context(), handover, "u1", false))
	if !b.fenced(late).Deleted {
		b.Error("the fence does not say that the row is a tombstone")
	}
	late.Owner.Generation = 2
	b.fenced(late)
	b.notServed(handover, bare, store.ErrNotFound)
}

func retained(t *testing.T, b bench) {
	p := b.publication(handover, "u1", 1, "kept")
	p.Retain = true
	b.publish(p)
	require.NoError(b, b.Remove(b.Context(), handover, "u1", true))
	purged, err := b.PurgeTombstones(b.Context(), 0, 10)
	require.NoError(b, err)
	equal(b, "purged", 0, purged)

	next := b.publication(handover, "u2", 1, "kept")
	next.Takeover = new(b.fenced(next).Row)
	got := b.publish(next)
	if got.Version != 1 || got.NewVersion || !got.Changed {
		b.Errorf("adoption: %+v, want version 1 served again without a new one", got)
	}
	equal(b, "text", "kept", b.text(handover, bare))
}

func sweep(t *testing.T, b bench) {
	b.publish(b.publication(handover, "u1", 1, "one"))
	stale := b.row(handover).Fence
	b.publish(b.publication(handover, "u1", 2, "two"))
	for name, step := range map[string]struct {
		key   store.Key
		fence store.Fence
	}{
		"a row that moved":     {handover, stale},
		"a row that never was": {key("never"), stale},
	} {
		swept, err := b.RemoveIfUnchanged(b.Context(), step.key, step.fence)
		require.NoError(b, err)
		equal(b, name, false, swept)
	}
	swept, err := b.RemoveIfUnchanged(b.Context(), handover, b.row(handover).Fence)
	require.NoError(b, err)
	equal(b, "the row as seen", true, swept)
	b.notServed(handover, bare, store.ErrNotFound)
}

func purge(t *testing.T, b bench) {
	b.publish(b.publication(handover, "u1", 1, "one"))
	b.publish(b.publication(handover, "u1", 2, "two"))
	b.publish(b.publication(key("live"), "u2", 1, "stays"))
	require.NoError(b, b.Remove(b.Context(), handover, "u1", false))
	feed := b.feed()
	for _, step := range []struct {
		name string
		age  time.Duration
		want int
	}{
		{"too young", time.Hour, 0}, {"old enough", 0, 1}, {"never twice", 0, 0},
	} {
		purged, err := b.PurgeTombstones(b.Context(), step.age, 10)
		require.NoError(b, err)
		equal(b, step.name, step.want, purged)
	}
	equal(b, "feed", feed.Revision+1, b.feed().Revision)

	p := b.publication(handover, "u3", 1, "two")
	p.Takeover = new(b.fenced(p).Row)
	got := b.publish(p)
	equal(b, "version after the purge", int64(3), got.Version)
	b.notServed(handover, version(2), store.ErrNotFound)
	equal(b, "text", "two", b.text(handover, bare))
	equal(b, "another prompt", "stays", b.text(key("live"), bare))
}

func rows(t *testing.T, b bench) {
	var want []store.ComparedRow
	for _, k := range []store.Key{{Namespace: "a", Name: "z"}, {Namespace: "a-b", Name: "a"}, {Namespace: "b", Name: "A"}, {Namespace: "b", Name: "a"}} {
		p := b.publication(k, "uid of "+k.String(), 3, "text")
		got := b.publish(p)
		want = append(want, store.ComparedRow{Key: k, Fence: store.Fence{Owner: p.Owner, Revision: got.Revision}, Digest: got.Digest})
	}
	gone := b.publication(store.Key{Namespace: "a", Name: "zz"}, "u", 1, "gone")
	b.publish(gone)
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
	equal(b, "rows", want, got)
	settled, err := b.ListRows(b.Context(), store.Key{}, 1, -time.Minute)
	require.NoError(b, err)
	equal(b, "settled a minute from now", true, settled[0].Quiescent)
}
