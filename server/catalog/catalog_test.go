package catalog

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
)

// TestMain also fails when a goroutine is left behind.
func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

var greeting = store.Key{Namespace: "it", Name: "greeting"}

// startFollowing runs a catalog until the test ends and waits until it is ready.
func startFollowing(t *testing.T, source Source, opts Options) *Catalog {
	t.Helper()
	if opts.RetryEvery == 0 {
		opts.RetryEvery = 5 * time.Millisecond
	}
	c := New(source, opts)
	runFollowFeed(t, c)
	require.Until(t, "ready", func() bool { return c.CheckReady() == nil })
	return c
}

func runFollowFeed(t *testing.T, c *Catalog) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); c.FollowFeed(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
}

func requireEqual(t *testing.T, want, got string) {
	t.Helper()
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// servedText renders the default version of a prompt, or is the error.
func servedText(t *testing.T, c *Catalog, key store.Key) string {
	t.Helper()
	body, err := c.Get(t.Context(), key, prompt.Selector{})
	if err != nil {
		return err.Error()
	}
	messages, err := body.Template.Render(nil)
	if err != nil {
		t.Fatal(err)
	}
	return messages[0].Text
}

// TestGet_FollowsFeed of a database: every kind of change is seen by a hint, without a poll.
func TestGet_FollowsFeed(t *testing.T) {
	t.Parallel()
	author := catalogtest.NewAuthor(t)
	author.Publish(greeting, catalogtest.Text("one"))
	c := startFollowing(t, author, Options{PollEvery: time.Hour})
	if got := servedText(t, c, greeting); got != "one" {
		t.Errorf("got %q", got)
	}
	author.Publish(greeting, catalogtest.Text("two"))
	require.Until(t, "the second text", func() bool { return servedText(t, c, greeting) == "two" })
	author.Publish(greeting, catalogtest.Text("two"), func(p *store.Publication) {
		p.Channels = []store.ChannelRule{{Name: store.Production, Version: 1}}
	})
	require.Until(t, "production", func() bool { return servedText(t, c, greeting) == "one" })
	author.Delete(greeting)
	require.Until(t, "the tombstone", func() bool { return servedText(t, c, greeting) == "not found" })
	author.Publish(greeting, catalogtest.Text("three"))
	require.Until(t, "the return", func() bool { return servedText(t, c, greeting) == "three" })
}

func TestCount_CachedUntilChange(t *testing.T) {
	t.Parallel()
	author := catalogtest.NewAuthor(t)
	author.Publish(greeting, catalogtest.Text("one"))
	c := startFollowing(t, author, Options{})
	count := func() int64 {
		n, err := c.Count(t.Context(), store.Scope{Namespaces: []string{"it", "support"}})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if got := count(); got != 1 {
		t.Errorf("got %d", got)
	}
	author.Publish(store.Key{Namespace: "support", Name: "b"}, catalogtest.Text("two"))
	require.Until(t, "two", func() bool { return count() == 2 })
}

// TestCatalog_ConcurrentReadersAndChanges is for the race detector.
func TestCatalog_ConcurrentReadersAndChanges(t *testing.T) {
	t.Parallel()
	author := catalogtest.NewAuthor(t)
	author.Publish(greeting, catalogtest.Text("0"))
	c := startFollowing(t, author, Options{Bytes: 1 << 20})
	var readers sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					before := c.Stats().Revision
					body, err := c.Get(t.Context(), greeting, prompt.Selector{})
					if err != nil || body.Version < before {
						t.Errorf("version %v after the feed had shown %d: %v", body, before, err)
						return
					}
					_, _ = c.List(t.Context(), store.ListQuery{Scope: store.Scope{All: true}, Limit: 5})
				}
			}
		})
	}
	for i := range 50 {
		author.Publish(greeting, catalogtest.Text(fmt.Sprint(i+1)))
	}
	require.Until(t, "all changes seen", func() bool { return c.Stats().Revision == 51 })
	close(stop)
	readers.Wait()
}
