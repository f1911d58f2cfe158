package catalog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
)

func TestCatalog_Hits(t *testing.T) {
	t.Parallel()
	source := catalogtest.New()
	source.Publish(greeting, "one")
	c := startFollowing(t, source, Options{})
	for range 10 {
		servedText(t, c, greeting)
		if _, err := c.List(t.Context(), store.ListQuery{Scope: store.Scope{All: true}, Limit: 10}); err != nil {
			t.Fatal(err)
		}
	}
	gets, lists := source.CountReads()
	if gets != 1 || lists != 1 {
		t.Errorf("%d gets and %d lists reached the store", gets, lists)
	}
	want := Stats{Revision: 1}
	want.Bodies, want.Pages = Usage{Entries: 1, Hits: 9, Misses: 1}, Usage{Entries: 1, Hits: 9, Misses: 1}
	got := c.Stats()
	if got.Bodies.Bytes == 0 || got.Pages.Bytes == 0 || got.Read.IsZero() {
		t.Errorf("stats %+v", got)
	}
	got.Bodies.Bytes, got.Pages.Bytes, got.Read = 0, 0, time.Time{}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestCatalog_MissesShareOneLoad(t *testing.T) {
	t.Parallel()
	source := catalogtest.New()
	source.Publish(greeting, "one")
	c := startFollowing(t, source, Options{})
	release := make(chan struct{})
	source.Gate(func() { <-release })
	ctx, leave := context.WithCancel(t.Context())
	impatient := make(chan error, 1)
	go func() { _, err := c.Get(ctx, greeting, prompt.Selector{}); impatient <- err }()
	var waiting sync.WaitGroup
	for range 20 {
		waiting.Go(func() {
			if got := servedText(t, c, greeting); got != "one" {
				t.Errorf("got %q", got)
			}
		})
	}
	require.Until(t, "all wait", func() bool { return c.Stats().Bodies.Misses == 21 })
	leave() // the first one going away does not fail the others
	if err := <-impatient; !errors.Is(err, context.Canceled) {
		t.Errorf("the one who left: %v", err)
	}
	close(release)
	waiting.Wait()
	if gets, _ := source.CountReads(); gets != 1 {
		t.Errorf("%d gets reached the store", gets)
	}
}

// TestCatalog_LoadOvertakenByChange: what was read before a change is neither kept nor given to those who
// ask after the feed has shown it.
func TestCatalog_LoadOvertakenByChange(t *testing.T) {
	t.Parallel()
	source := catalogtest.New()
	source.Publish(greeting, "one")
	c := startFollowing(t, source, Options{})
	read, release := make(chan struct{}), make(chan struct{})
	var reads atomic.Int32
	source.Gate(func() {
		if reads.Add(1) == 1 {
			close(read)
			<-release
		}
	})
	early := make(chan string, 1)
	go func() { early <- servedText(t, c, greeting) }()
	<-read
	source.Publish(greeting, "two")
	require.Until(t, "the feed has shown it", func() bool { return c.Stats().Revision == 2 })
	if got := servedText(t, c, greeting); got != "two" {
		t.Errorf("asked after the change: %q", got)
	}
	close(release)
	if got := <-early; got != "one" {
		t.Errorf("asked before the change: %q", got)
	}
	if got := servedText(t, c, greeting); got != "two" {
		t.Errorf("the old text was kept: %q", got)
	}
}

// TestCatalog_Capacity also shows that unknown names push nothing out.
func TestCatalog_Capacity(t *testing.T) {
	t.Parallel()
	author := catalogtest.NewAuthor(t)
	const size = 8 << 10
	for i := range 40 {
		author.Publish(store.Key{Namespace: "it", Name: fmt.Sprintf("p%d", i)}, catalogtest.Text(strings.Repeat("x", size)))
	}
	author.Publish(greeting, catalogtest.Text(strings.Repeat("y", 128<<10)))
	c := startFollowing(t, author, Options{Bytes: 128 << 10})
	for i := range 40 {
		servedText(t, c, store.Key{Namespace: "it", Name: fmt.Sprintf("p%d", i)})
	}
	held := c.Stats().Bodies
	if held.Bytes > 96<<10 || held.Entries < 9 || held.Entries > 12 {
		t.Errorf("held %+v", held)
	}
	if got := servedText(t, c, greeting); len(got) != 128<<10 {
		t.Errorf("a body larger than the catalog: %.20s", got)
	}
	for i := range 1000 {
		servedText(t, c, store.Key{Namespace: "it", Name: fmt.Sprintf("unknown-%d", i)})
	}
	if diff := cmp.Diff(held.Entries, c.Stats().Bodies.Entries); diff != "" {
		t.Errorf("entries (-before +after)\n%s", diff)
	}
	if n := len(c.bodies.groups); n != held.Entries {
		t.Errorf("%d groups for %d entries", n, held.Entries)
	}
}

// TestCatalog_GuessedNamespaces: their pages are empty, and anybody can ask for any number of them.
func TestCatalog_GuessedNamespaces(t *testing.T) {
	t.Parallel()
	source := catalogtest.New()
	c := New(source, Options{Bytes: 64 << 10})
	list := func(scope store.Scope) {
		t.Helper()
		if _, err := c.List(t.Context(), store.ListQuery{Scope: scope, Limit: 10}); err != nil {
			t.Fatal(err)
		}
	}
	list(store.Scope{All: true}) // empty as well, and the only one of its kind
	source.Publish(greeting, "one")
	list(store.Scope{Namespaces: []string{"it"}})
	before := c.Stats().Pages
	for i := range 1000 {
		list(store.Scope{Namespaces: []string{fmt.Sprintf("x%d", i)}})
	}
	after := c.Stats().Pages
	if before.Entries != 2 || after.Entries != 2 || after.Bytes != before.Bytes {
		t.Errorf("held %+v, then %+v", before, after)
	}
}

// TestCatalog_GreedyCaller: one caller asks for 5,000 prompts that are there and 5,000 that are not; what another one uses
// stays, with the store away too.
func TestCatalog_GreedyCaller(t *testing.T) {
	t.Parallel()
	source := catalogtest.New()
	text := strings.Repeat("x", 2000)
	name := func(i int) store.Key { return store.Key{Namespace: "it", Name: fmt.Sprint("p", i)} }
	for i := range 5000 {
		source.Publish(name(i), text)
	}
	c := startFollowing(t, source, Options{Bytes: 1 << 20})
	as := func(subject string) context.Context {
		return auth.WithIdentity(t.Context(), auth.Identity{Subject: subject})
	}
	read := func(ctx context.Context, from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			if _, err := c.Get(ctx, name(i), prompt.Selector{}); err != nil && i < 5000 {
				t.Fatal(err)
			}
		}
	}
	read(as("greedy"), 0, 50) // half of what the other uses was the greedy one's first
	read(as("normal"), 0, 100)
	gets, _ := source.CountReads()
	read(as("greedy"), 100, 10_000)
	if after, _ := source.CountReads(); after-gets < 9900 {
		t.Fatalf("the greedy caller had only %d look-ups", after-gets)
	}
	gets, _ = source.CountReads()
	read(as("normal"), 0, 100)
	if after, _ := source.CountReads(); after != gets {
		t.Errorf("%d of the normal caller's 100 prompts were pushed out", after-gets)
	}
}
