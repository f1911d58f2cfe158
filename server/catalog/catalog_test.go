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
	"go.uber.org/goleak"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

var greeting = store.Key{Namespace: "it", Name: "greeting"}

// follow runs a catalog until the test ends and waits until it is ready.
func follow(t *testing.T, source Source, opts Options) *Catalog {
	t.Helper()
	if opts.Hurry == 0 {
		opts.Hurry = 5 * time.Millisecond
	}
	c := New(source, opts)
	run(t, c)
	until(t, "ready", func() bool { return c.Ready() == nil })
	return c
}

func run(t *testing.T, c *Catalog) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); c.Follow(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("never: %s", what)
		}
	}
}

func publish(t *testing.T, source *catalogtest.Source, key store.Key, text string) {
	t.Helper()
	source.Publish(key, catalogtest.Compile(t, catalogtest.Text(text)), store.Listed)
}

// text renders the default version of a prompt, or is the error.
func text(t *testing.T, c *Catalog, key store.Key) string {
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

func TestGetFollowsTheFeed(t *testing.T) {
	t.Parallel()
	source := catalogtest.New()
	publish(t, source, greeting, "one")
	c := follow(t, source, Options{Poll: time.Hour}) // hints only
	if got := text(t, c, greeting); got != "one" {
		t.Errorf("got %q", got)
	}
	publish(t, source, greeting, "two")
	until(t, "the second text", func() bool { return text(t, c, greeting) == "two" })
	source.Point(greeting, store.Production, 1)
	until(t, "production", func() bool { return text(t, c, greeting) == "one" })
	source.Delete(greeting)
	until(t, "the tombstone", func() bool { return text(t, c, greeting) == "not found" })
	publish(t, source, greeting, "three")
	source.Point(greeting, store.Production, 3)
	until(t, "the return", func() bool { return text(t, c, greeting) == "three" })
}

// TestPollFindsWhatHintsDoNot: a source without hints, and then one whose hints stopped.
func TestPollFindsWhatHintsDoNot(t *testing.T) {
	t.Parallel()
	source := catalogtest.New()
	publish(t, source, greeting, "one")
	c := follow(t, mute{source}, Options{Poll: time.Hour, Hurry: time.Millisecond})
	if got := text(t, c, greeting); got != "one" {
		t.Errorf("got %q", got)
	}
	publish(t, source, greeting, "two")
	until(t, "the second text", func() bool { return text(t, c, greeting) == "two" })
}

// mute gives no hints.
type mute struct{ *catalogtest.Source }

func (mute) Listen(context.Context, func()) error { return errors.New("LISTEN is not possible here") }

func TestHitsDoNotAskTheStore(t *testing.T) {
	t.Parallel()
	source := catalogtest.New()
	publish(t, source, greeting, "one")
	c := follow(t, source, Options{})
	for range 10 {
		text(t, c, greeting)
		if _, err := c.List(t.Context(), store.ListQuery{Scope: store.Scope{All: true}, Limit: 10}); err != nil {
			t.Fatal(err)
		}
	}
	gets, lists := source.Reads()
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

func TestManyMissesAreOneLoad(t *testing.T) {
	t.Parallel()
	source := catalogtest.New()
	publish(t, source, greeting, "one")
	c := follow(t, source, Options{})
	release := make(chan struct{})
	source.Gate(func(store.Key) { <-release })
	ctx, leave := context.WithCancel(t.Context())
	impatient := make(chan error, 1)
	go func() { _, err := c.Get(ctx, greeting, prompt.Selector{}); impatient <- err }()
	var waiting sync.WaitGroup
	for range 20 {
		waiting.Go(func() {
			if got := text(t, c, greeting); got != "one" {
				t.Errorf("got %q", got)
			}
		})
	}
	until(t, "all wait", func() bool { return c.Stats().Bodies.Misses == 21 })
	leave() // the first one going away does not fail the others
	if err := <-impatient; !errors.Is(err, context.Canceled) {
		t.Errorf("the one who left: %v", err)
	}
	close(release)
	waiting.Wait()
	if gets, _ := source.Reads(); gets != 1 {
		t.Errorf("%d gets reached the store", gets)
	}
}

// TestALoadOvertakenByAChange: what was read before a change is neither kept nor given to those who
// ask after the feed has shown it.
func TestALoadOvertakenByAChange(t *testing.T) {
	t.Parallel()
	source := catalogtest.New()
	publish(t, source, greeting, "one")
	c := follow(t, source, Options{})
	read, release := make(chan struct{}), make(chan struct{})
	var reads atomic.Int32
	source.Gate(func(store.Key) {
		if reads.Add(1) == 1 {
			close(read)
			<-release
		}
	})
	early := make(chan string, 1)
	go func() { early <- text(t, c, greeting) }()
	<-read
	publish(t, source, greeting, "two")
	until(t, "the feed has shown it", func() bool { return c.Stats().Revision == 2 })
	if got := text(t, c, greeting); got != "two" {
		t.Errorf("asked after the change: %q", got)
	}
	close(release)
	if got := <-early; got != "one" {
		t.Errorf("asked before the change: %q", got)
	}
	if got := text(t, c, greeting); got != "two" {
		t.Errorf("the old text was kept: %q", got)
	}
}

func TestAnotherDatabaseDropsEverything(t *testing.T) {
	t.Parallel()
	for name, feed := range map[string]store.Feed{
		"the feed went backwards":               {Epoch: 1, Revision: 1},
		"another epoch at a higher revision":    {Epoch: 2, Revision: 100},
		"another epoch at the same revision":    {Epoch: 2, Revision: 3},
		"another epoch and a feed that is back": {Epoch: 2, Revision: 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := catalogtest.New()
			for _, body := range []string{"one", "two", "three"} {
				publish(t, source, greeting, body)
			}
			c := New(source, Options{Hurry: 5 * time.Millisecond})
			moves := make(chan Move, 10)
			c.Watch(func(m Move) { moves <- m })
			run(t, c)
			until(t, "ready", func() bool { return c.Ready() == nil })
			if got := text(t, c, greeting); got != "three" {
				t.Errorf("got %q", got)
			}
			source.Restore(feed)
			if diff := cmp.Diff(Move{Everything: true}, <-moves); diff != "" {
				t.Errorf("move (-want +got)\n%s", diff)
			}
			if got := text(t, c, greeting); got != "not found" {
				t.Errorf("after the restore: %q", got)
			}
		})
	}
}

func TestMovesNameTheirNamespaces(t *testing.T) {
	t.Parallel()
	source := catalogtest.New()
	c := New(source, Options{})
	moves := make(chan Move, 10)
	c.Watch(func(m Move) { moves <- m })
	run(t, c)
	until(t, "ready", func() bool { return c.Ready() == nil })
	publish(t, source, greeting, "one")
	if diff := cmp.Diff(Move{Namespaces: []string{"it"}}, <-moves); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestMoreChangesThanOneRead: a catalog that slept through many changes misses none.
func TestMoreChangesThanOneRead(t *testing.T) {
	t.Parallel()
	source := catalogtest.New()
	publish(t, source, greeting, "one")
	c := New(source, Options{})
	if err := c.read(t.Context()); err != nil {
		t.Fatal(err)
	}
	text(t, c, greeting)
	compiled := catalogtest.Compile(t, catalogtest.Text("x"))
	for i := range 2*changesPerRead + 1 {
		source.Publish(store.Key{Namespace: "it", Name: fmt.Sprintf("p%d", i)}, compiled, store.Listed)
	}
	publish(t, source, greeting, "two")
	if err := c.read(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := text(t, c, greeting); got != "two" || c.Stats().Revision != 2*changesPerRead+3 {
		t.Errorf("got %q at revision %d", got, c.Stats().Revision)
	}
}

func TestServesOnWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	source := catalogtest.New()
	publish(t, source, greeting, "one")
	c := follow(t, source, Options{})
	all := store.ListQuery{Scope: store.Scope{All: true}, Limit: 10}
	text(t, c, greeting)
	if _, err := c.List(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	source.Fail(fmt.Errorf("connection refused: %w", store.ErrUnavailable))
	until(t, "the follower saw it", func() bool { return c.state().err != nil || c.read(t.Context()) != nil })
	if got := text(t, c, greeting); got != "one" {
		t.Errorf("held: %q", got)
	}
	page, err := c.List(t.Context(), all)
	if err != nil || len(page.Prompts) != 1 {
		t.Errorf("held page: %v, %v", page, err)
	}
	if err := c.Ready(); err != nil {
		t.Errorf("not ready any more: %v", err)
	}
	_, err = c.Get(t.Context(), greeting, prompt.Selector{Version: 1})
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("not held: %v", err)
	}
	source.Fail(nil)
	until(t, "what was not held", func() bool {
		_, err := c.Get(t.Context(), greeting, prompt.Selector{Version: 1})
		return err == nil
	})
}

func TestNotReadyBeforeTheSchemaIsThere(t *testing.T) {
	t.Parallel()
	source := catalogtest.New()
	source.Behind(true)
	c := New(source, Options{Hurry: time.Millisecond})
	if err := c.Ready(); err == nil {
		t.Error("ready before anything was read")
	}
	run(t, c)
	until(t, "behind is the reason", func() bool { return errors.Is(c.Ready(), store.ErrBehind) })
	source.Behind(false)
	until(t, "ready", func() bool { return c.Ready() == nil })
}

// TestBytesBoundWhatIsHeld also shows that unknown names push nothing out.
func TestBytesBoundWhatIsHeld(t *testing.T) {
	t.Parallel()
	source := catalogtest.New()
	const size = 8 << 10
	for i := range 40 {
		publish(t, source, store.Key{Namespace: "it", Name: fmt.Sprintf("p%d", i)}, strings.Repeat("x", size))
	}
	publish(t, source, greeting, strings.Repeat("y", 128<<10))
	c := follow(t, source, Options{Bytes: 256 << 10})
	for i := range 40 {
		text(t, c, store.Key{Namespace: "it", Name: fmt.Sprintf("p%d", i)})
	}
	held := c.Stats().Bodies
	if held.Bytes > 192<<10 || held.Entries < 10 || held.Entries > 12 {
		t.Errorf("held %+v", held)
	}
	if got := text(t, c, greeting); len(got) != 128<<10 {
		t.Errorf("a body larger than the catalog: %.20s", got)
	}
	for i := range 1000 {
		text(t, c, store.Key{Namespace: "it", Name: fmt.Sprintf("unknown-%d", i)})
	}
	if diff := cmp.Diff(held.Entries, c.Stats().Bodies.Entries); diff != "" {
		t.Errorf("entries (-before +after)\n%s", diff)
	}
	if n := len(c.bodies.groups); n != held.Entries {
		t.Errorf("%d groups for %d entries", n, held.Entries)
	}
}

func TestCountIsHeldUntilSomethingChanges(t *testing.T) {
	t.Parallel()
	source := catalogtest.New()
	publish(t, source, greeting, "one")
	c := follow(t, source, Options{})
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
	publish(t, source, store.Key{Namespace: "support", Name: "b"}, "two")
	until(t, "two", func() bool { return count() == 2 })
}

// TestReadersAndChanges is for the race detector.
func TestReadersAndChanges(t *testing.T) {
	t.Parallel()
	source := catalogtest.New()
	publish(t, source, greeting, "0")
	c := follow(t, source, Options{Bytes: 1 << 20})
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
	for i := range 200 {
		publish(t, source, greeting, fmt.Sprint(i+1))
	}
	until(t, "all changes seen", func() bool { return c.Stats().Revision == 201 })
	close(stop)
	readers.Wait()
}
