package catalog

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
)

// later lets time go by in a bubble of synctest, until nothing happens any more.
func later(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// deafSource is a source that never says that something changed.
type deafSource struct{ *catalogtest.Source }

func (deafSource) Listen(ctx context.Context, _ func()) { <-ctx.Done() }

// TestFollowFeed_PollWithoutNotifications: what nobody tells of is found by the next poll.
func TestFollowFeed_PollWithoutNotifications(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := deafSource{catalogtest.New()}
		source.Publish(greeting, "one")
		c := New(source, Options{})
		runFollowFeed(t, c)
		synctest.Wait()
		requireEqual(t, "one", servedText(t, c, greeting))

		source.Publish(greeting, "two")
		synctest.Wait()
		requireEqual(t, "one", servedText(t, c, greeting))
		later(c.opts.PollEvery)
		requireEqual(t, "two", servedText(t, c, greeting))
	})
}

// silentSource is a source of which one call, or with an empty name every one, can be made to say nothing
// until its context ends.
type silentSource struct {
	*catalogtest.Source
	call atomic.Pointer[string]
}

func (s *silentSource) wait(ctx context.Context, call string) error {
	if silenced := s.call.Load(); silenced != nil && (*silenced == call || *silenced == "") {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func (s *silentSource) VerifySchema(ctx context.Context) error {
	if err := s.wait(ctx, "Verify"); err != nil {
		return err
	}
	return s.Source.VerifySchema(ctx)
}

func (s *silentSource) Get(ctx context.Context, key store.Key, selector prompt.Selector) (store.Version, error) {
	if err := s.wait(ctx, "Get"); err != nil {
		return store.Version{}, err
	}
	return s.Source.Get(ctx, key, selector)
}

func (s *silentSource) Feed(ctx context.Context) (store.Feed, error) {
	if err := s.wait(ctx, "Feed"); err != nil {
		return store.Feed{}, err
	}
	return s.Source.Feed(ctx)
}

func (s *silentSource) ChangedSince(ctx context.Context, after int64, limit int) ([]store.ChangedKey, error) {
	if err := s.wait(ctx, "Changes"); err != nil {
		return nil, err
	}
	return s.Source.ChangedSince(ctx, after, limit)
}

// TestFollowFeed_UnresponsiveStore: a call without an answer is given up, and the next one counts.
func TestFollowFeed_UnresponsiveStore(t *testing.T) {
	t.Parallel()
	for _, call := range []string{"Verify", "Feed", "Changes"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				source := &silentSource{Source: catalogtest.New()}
				source.Publish(greeting, "one")
				c := New(source, Options{PollEvery: 24 * time.Hour})
				if call == "Verify" { // which is only asked in the beginning
					source.call.Store(&call)
				}
				runFollowFeed(t, c)
				synctest.Wait()
				requireEqual(t, "one", servedText(t, c, greeting))

				source.call.Store(&call)
				source.Publish(greeting, "two")
				synctest.Wait() // the follower waits for an answer
				source.call.Store(nil)
				later(feedTimeout + c.opts.RetryEvery)
				requireEqual(t, "two", servedText(t, c, greeting))
				if err := c.CheckReady(); err != nil {
					t.Error(err)
				}
				if since, cause := c.UnavailableSince(); cause != nil || !since.IsZero() {
					t.Errorf("away since %s: %v", since, cause)
				}
			})
		})
	}
}

// TestUnavailableSince_FirstFailure: and what asks a silent store is told soon once that is known.
func TestUnavailableSince_FirstFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := &silentSource{Source: catalogtest.New()}
		source.Publish(greeting, "one")
		c := New(source, Options{PollEvery: 24 * time.Hour})
		runFollowFeed(t, c)
		synctest.Wait()
		requireEqual(t, "one", servedText(t, c, greeting))

		everything := ""
		source.call.Store(&everything)
		asked := time.Now()
		if _, err := c.Get(t.Context(), greeting, prompt.Selector{Version: 1}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("not held, of a store that fell silent: %v", err)
		}
		requireEqual(t, loadTimeout.String(), time.Since(asked).String())

		began := time.Now() // of the read that follows
		later(5 * feedTimeout)
		since, cause := c.UnavailableSince()
		if !since.Equal(began) || !errors.Is(cause, context.DeadlineExceeded) {
			t.Errorf("away since %s because of %v; want since %s", since, cause, began)
		}
		requireEqual(t, "one", servedText(t, c, greeting))
		asked = time.Now()
		if _, err := c.Get(t.Context(), greeting, prompt.Selector{Version: 1}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("not held, of a store known to be away: %v", err)
		}
		requireEqual(t, c.opts.RetryEvery.String(), time.Since(asked).String())
	})
}

// TestCheckReady_NothingToServe: a server that holds nothing leaves the callers to those that do.
func TestCheckReady_NothingToServe(t *testing.T) {
	t.Parallel()
	source := catalogtest.New()
	source.Publish(greeting, "one")
	c := startFollowing(t, source, Options{PollEvery: 5 * time.Millisecond})
	away := fmt.Errorf("connection refused: %w", store.ErrUnavailable)
	source.Fail(away)
	require.Until(t, "not ready", func() bool { return errors.Is(c.CheckReady(), store.ErrUnavailable) })
	source.Fail(nil)
	require.Until(t, "ready again", func() bool { return c.CheckReady() == nil })
	servedText(t, c, greeting)
	source.Fail(away)
	require.Until(t, "the follower saw it", func() bool { _, cause := c.UnavailableSince(); return cause != nil })
	if err := c.CheckReady(); err != nil {
		t.Errorf("holds a prompt and is not ready: %v", err)
	}
}

func TestFollowFeed_OtherDatabase(t *testing.T) {
	t.Parallel()
	for name, feed := range map[string]store.Feed{
		"the feed went backwards":               {Epoch: 1, Revision: 1},
		"another epoch at a higher revision":    {Epoch: 2, Revision: 100},
		"another epoch at the same revision":    {Epoch: 2, Revision: 3},
		"another epoch and a feed that is back": {Epoch: 2, Revision: 0},
		"another server at a higher revision":   {Epoch: 1, Revision: 100, Server: "standby"},
		"another server at the same revision":   {Epoch: 1, Revision: 3, Server: "standby"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := catalogtest.New()
			for _, body := range []string{"one", "two", "three"} {
				source.Publish(greeting, body)
			}
			c := New(source, Options{RetryEvery: 5 * time.Millisecond})
			moves := make(chan Change, 10)
			c.OnChange(func(m Change) { moves <- m })
			runFollowFeed(t, c)
			require.Until(t, "ready", func() bool { return c.CheckReady() == nil })
			if got := servedText(t, c, greeting); got != "three" {
				t.Errorf("got %q", got)
			}
			source.Restore(feed)
			if diff := cmp.Diff(Change{Everything: true}, <-moves); diff != "" {
				t.Errorf("move (-want +got)\n%s", diff)
			}
			if got := servedText(t, c, greeting); got != "not found" {
				t.Errorf("after the restore: %q", got)
			}
		})
	}
}

// outdatedSource is a source whose schema can be made too old, or out of reach.
type outdatedSource struct {
	*catalogtest.Source
	err error
}

func (o *outdatedSource) VerifySchema(context.Context) error { return o.err }

// TestFollowFeed_OtherDatabaseVerified: one that is restored from before a migration is not ready, whatever is held of
// the one there was, until it is migrated.
func TestFollowFeed_OtherDatabaseVerified(t *testing.T) {
	t.Parallel()
	for name, feed := range map[string]store.Feed{
		"the feed went backwards": {Epoch: 1, Revision: 1}, "another epoch": {Epoch: 2, Revision: 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := &outdatedSource{Source: catalogtest.New()}
			source.Publish(greeting, "one")
			source.Publish(greeting, "two")
			c := New(source, Options{})
			var moves []Change
			c.OnChange(func(m Change) { moves = append(moves, m) })
			if err := c.pollFeed(t.Context()); err != nil {
				t.Fatal(err)
			}
			requireEqual(t, "two", servedText(t, c, greeting))

			source.Restore(feed)
			source.err = fmt.Errorf("dial: %w", store.ErrUnavailable) // away again: what is held stays
			if err := c.pollFeed(t.Context()); !errors.Is(err, store.ErrUnavailable) || c.CheckReady() != nil {
				t.Errorf("read: %v; ready: %v", err, c.CheckReady())
			}
			requireEqual(t, "two", servedText(t, c, greeting))
			source.err = store.ErrSchemaBehind
			for range 2 {
				if err := c.pollFeed(t.Context()); !errors.Is(err, store.ErrSchemaBehind) {
					t.Errorf("read: %v", err)
				}
				if err := c.CheckReady(); !errors.Is(err, store.ErrSchemaBehind) {
					t.Errorf("ready: %v", err)
				}
			}
			requireEqual(t, "not found", servedText(t, c, greeting))

			source.err = nil
			if err := c.pollFeed(t.Context()); err != nil {
				t.Error(err)
			}
			if err := c.CheckReady(); err != nil {
				t.Errorf("migrated: %v", err)
			}
			if diff := cmp.Diff([]Change{{Everything: true}}, moves); diff != "" {
				t.Errorf("moves (-want +got)\n%s", diff)
			}
		})
	}
}

// TestOnChange_BeforeFirstRead: what changed until then is in no change that is read later.
func TestOnChange_BeforeFirstRead(t *testing.T) {
	t.Parallel()
	everything, away := []Change{{Everything: true}}, errors.New("away")
	for name, tc := range map[string]struct {
		before func(*catalogtest.Source, *Catalog)
		want   []Change
	}{
		"nobody asked": {func(source *catalogtest.Source, _ *Catalog) { source.Publish(greeting, "one") }, nil},
		"a change nobody saw": {func(source *catalogtest.Source, c *Catalog) {
			source.Publish(greeting, "one")
			servedText(t, c, greeting)
			source.Publish(greeting, "two")
		}, everything},
		"the store was away": {func(source *catalogtest.Source, c *Catalog) {
			source.Fail(away)
			if err := c.pollFeed(t.Context()); !errors.Is(err, away) {
				t.Error(err)
			}
			source.Fail(nil)
		}, everything},
		"no answer": {func(source *catalogtest.Source, c *Catalog) {
			source.Fail(away)
			if err := c.pollFeed(t.Context()); !errors.Is(err, away) {
				t.Error(err)
			}
			_, err := c.List(t.Context(), store.ListQuery{Scope: store.Scope{All: true}, Limit: 10})
			if !errors.Is(err, away) {
				t.Error(err)
			}
			source.Fail(nil)
		}, everything},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := catalogtest.New()
			c := New(source, Options{})
			var moves []Change
			c.OnChange(func(m Change) { moves = append(moves, m) })
			tc.before(source, c)
			for range 2 { // the second one has nothing to add
				if err := c.pollFeed(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(tc.want, moves); diff != "" {
				t.Errorf("moves (-want +got)\n%s", diff)
			}
		})
	}
}

func TestOnChange_NamesKeys(t *testing.T) {
	t.Parallel()
	author := catalogtest.NewAuthor(t)
	c := New(author, Options{})
	moves := make(chan Change, 10)
	c.OnChange(func(m Change) { moves <- m })
	runFollowFeed(t, c)
	require.Until(t, "ready", func() bool { return c.CheckReady() == nil })
	author.Publish(greeting, catalogtest.Text("one"))
	if diff := cmp.Diff(changeOfNames("it", "greeting"), <-moves); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestFollowFeed_ManyChanges: a catalog that slept through many changes misses none.
func TestFollowFeed_ManyChanges(t *testing.T) {
	t.Parallel()
	source := catalogtest.New()
	source.Publish(greeting, "one")
	c := New(source, Options{})
	if err := c.pollFeed(t.Context()); err != nil {
		t.Fatal(err)
	}
	servedText(t, c, greeting)
	for i := range 2*changesPerRead + 1 {
		source.Publish(store.Key{Namespace: "it", Name: fmt.Sprintf("p%d", i)}, "x")
	}
	source.Publish(greeting, "two")
	if err := c.pollFeed(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := servedText(t, c, greeting); got != "two" || c.Stats().Revision != 2*changesPerRead+3 {
		t.Errorf("got %q at revision %d", got, c.Stats().Revision)
	}
}

func TestCatalog_StoreAway(t *testing.T) {
	t.Parallel()
	source := catalogtest.New()
	source.Publish(greeting, "one")
	c := startFollowing(t, source, Options{PollEvery: 5 * time.Millisecond})
	all := store.ListQuery{Scope: store.Scope{All: true}, Limit: 10}
	servedText(t, c, greeting)
	if _, err := c.List(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	source.Fail(fmt.Errorf("connection refused: %w", store.ErrUnavailable))
	require.Until(t, "the follower saw it", func() bool { return c.currentFeed().err != nil })
	if got := servedText(t, c, greeting); got != "one" {
		t.Errorf("held: %q", got)
	}
	page, err := c.List(t.Context(), all)
	if err != nil || len(page.Prompts) != 1 {
		t.Errorf("held page: %v, %v", page, err)
	}
	if err := c.CheckReady(); err != nil {
		t.Errorf("not ready any more: %v", err)
	}
	_, err = c.Get(t.Context(), greeting, prompt.Selector{Version: 1})
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("not held: %v", err)
	}
	source.Fail(nil)
	require.Until(t, "what was not held", func() bool {
		_, err := c.Get(t.Context(), greeting, prompt.Selector{Version: 1})
		return err == nil
	})
}

func TestCheckReady_SchemaMissing(t *testing.T) {
	t.Parallel()
	blank := pgtest.NewBlank(t)
	db, err := postgres.Open(t.Context(), blank)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	c := New(db, Options{RetryEvery: 5 * time.Millisecond, PollEvery: 5 * time.Millisecond})
	if err := c.CheckReady(); err == nil {
		t.Error("ready before anything was read")
	}
	runFollowFeed(t, c)
	require.Until(t, "behind is the reason", func() bool { return errors.Is(c.CheckReady(), store.ErrSchemaBehind) })
	if _, err := postgres.Migrate(t.Context(), blank, postgres.MigrateOptions{}); err != nil {
		t.Fatal(err)
	}
	require.Until(t, "ready", func() bool { return c.CheckReady() == nil })
}
