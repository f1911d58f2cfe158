package catalog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
)

const (
	// changesPerRead bounds one read of the changes.
	changesPerRead = 1000
	// feedTimeout ends a read of the feed, which is one row.
	feedTimeout = 5 * time.Second
)

// feedState is how far the catalog has followed the feed.
type feedState struct {
	// known is whether the schema was verified and the feed read; at is where it was.
	known bool
	at    store.Feed
	read  time.Time
	// cursorKey is that of the source, which another database has another of.
	cursorKey []byte
	// err is why the last read failed, unavailableSince when the first of the failed reads in a row began.
	err              error
	unavailableSince time.Time
}

// OnChange has on called with every change, from the goroutine that follows the feed: it must not block.
// It is called before FollowFeed.
func (c *Catalog) OnChange(on func(Change)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watchers = append(c.watchers, on)
}

// OnChangeRequest has on called with the id of every change request that was made or became final, and with an empty one
// when it may be any, from the goroutine that listens: it must not block. It is called before FollowFeed.
func (c *Catalog) OnChangeRequest(on func(id string)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requestWatchers = append(c.requestWatchers, on)
}

// OnRevision has on called whenever the feed was read up to a revision that was not seen before, whatever changed with it; with
// startedOver where what was read before may be of another database. It is called from the goroutine that follows the feed, which
// it must not block, and before FollowFeed.
func (c *Catalog) OnRevision(on func(startedOver bool)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.revisionWatchers = append(c.revisionWatchers, on)
}

// CheckReady returns nil once the schema was verified and the feed read. While the store is away it still does, as long as
// anything in memory can be served; when another database that is not ready took the store's place, it does not.
func (c *Catalog) CheckReady() error {
	feed := c.currentFeed()
	switch {
	case !feed.known && feed.err == nil:
		return errors.New("the feed has not been read yet")
	case !feed.known || feed.err != nil && c.bodies.currentUsage().Entries+c.pages.currentUsage().Entries == 0:
		return feed.err
	default:
		return nil
	}
}

// UnavailableSince returns since when the feed cannot be read, and why; zero and nil while it can.
func (c *Catalog) UnavailableSince() (since time.Time, cause error) {
	feed := c.currentFeed()
	return feed.unavailableSince, feed.err
}

// QueryTimeout returns how long the store may take over a query. Once it is known to be away, callers are
// told soon: one that takes connections and says nothing would hold every caller for the whole time.
func (c *Catalog) QueryTimeout() time.Duration {
	if c.currentFeed().err != nil {
		return c.opts.RetryEvery
	}
	return loadTimeout
}

// ReportUnavailable has the feed read after the first query that found the store away: FollowFeed, which reads it
// seldom, would learn it later. It returns err.
func (c *Catalog) ReportUnavailable(err error) error {
	if (errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)) && c.currentFeed().err == nil {
		c.wake()
	}
	return err
}

// catchUpTimeout is how long is waited for the follower. It is late only when the store is.
const catchUpTimeout = time.Second

// CatchUp waits until the catalog knows of all that is visible in the store: callers that changed a prompt read the
// change with their next call, which may come before a notification or the next read of the feed.
func (c *Catalog) CatchUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	feed, err := c.source.Feed(ctx)
	if err != nil || c.currentFeed().at.Revision >= feed.Revision {
		return
	}
	c.wake()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for c.currentFeed().at.Revision < feed.Revision {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// wake has the feed read soon.
func (c *Catalog) wake() {
	select {
	case c.wakeups <- struct{}{}:
	default: // one is due already
	}
}

// FollowFeed keeps the catalog as new as the feed until ctx ends.
func (c *Catalog) FollowFeed(ctx context.Context) {
	var listening sync.WaitGroup
	listening.Go(func() { c.source.Listen(ctx, c.wake) })
	listening.Go(func() { c.source.ListenChanges(ctx, c.notifyOfRequest) })
	defer listening.Wait()

	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wakeups:
		case <-timer.C:
		}
		pause := c.opts.PollEvery
		if err := c.pollFeed(ctx); err != nil {
			pause = c.opts.RetryEvery
		}
		timer.Reset(pause)
	}
}

// pollFeed reads the feed once and applies what changed. It runs on one goroutine only, which a store that says
// nothing must not block.
func (c *Catalog) pollFeed(ctx context.Context) error {
	before, began := c.currentFeed(), time.Now()
	reading, cancel := context.WithTimeout(ctx, feedTimeout)
	defer cancel()
	err := c.syncFrom(reading, before)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.mu.Lock()
	c.feed.err = err
	switch {
	case err == nil:
		c.feed.read, c.feed.unavailableSince = time.Now(), time.Time{}
	case before.err == nil:
		c.feed.unavailableSince = began
	}
	c.mu.Unlock()

	switch {
	case err != nil && before.err == nil:
		c.opts.Log.Warn("The feed cannot be read, serving from memory", "err", err)
	case err == nil && before.err != nil:
		c.opts.Log.Info("The feed is read again")
	}
	return err
}

func (c *Catalog) syncFrom(ctx context.Context, before feedState) error {
	if !before.known {
		return c.startOver(ctx, before)
	}
	feed, err := c.readFeed(ctx)
	switch {
	case err != nil:
		return err
	case feed.Epoch != before.at.Epoch || feed.Server != before.at.Server || feed.Revision < before.at.Revision:
		// Of another server no revision need be of the change it was: one that took over may have lacked the newest, and given
		// out their revisions again since.
		c.opts.Log.Warn("The feed is not the one it was, dropping everything in memory", "epoch", feed.Epoch, "revision", feed.Revision,
			"epochBefore", before.at.Epoch, "revisionBefore", before.at.Revision, "anotherServer", feed.Server != before.at.Server)
		return c.startOver(ctx, before)
	case feed.Revision > before.at.Revision:
		return c.applyChanges(ctx, before.at, feed)
	}
	return nil
}

// startOver begins with a database that is not known, or not the one it was: it may have been restored from before a
// migration. Everything is dropped, which may be of another one, or older than this feed; but not because it is away again.
func (c *Catalog) startOver(ctx context.Context, before feedState) error {
	var (
		feed      store.Feed
		cursorKey []byte
	)
	err := c.source.VerifySchema(ctx)
	if err != nil {
		err = fmt.Errorf("verify the schema: %w", err)
	} else if feed, err = c.readFeed(ctx); err == nil {
		cursorKey, err = c.source.CursorKey(ctx)
	}
	if before.known && (errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)) {
		return err // the next read finds the same feed
	}
	c.bodies.clearAll()
	c.clearLists()
	c.mu.Lock()
	c.feed.known, c.feed.at, c.feed.cursorKey = err == nil, feed, cursorKey
	c.mu.Unlock()
	// What changed since a caller asked, here or of the store itself, is in no change that is read later.
	asked := before.err != nil || !before.read.IsZero() || c.bodies.currentUsage().Misses+c.pages.currentUsage().Misses > 0
	if err == nil && asked {
		c.notifyWatchers(Change{Everything: true})
	}
	if err == nil {
		c.notifyOfRevision(true)
	}
	return err
}

// clearLists drops what is of one revision.
func (c *Catalog) clearLists() {
	c.pages.clearAll()
	c.namespaces.clearAll()
}

func (c *Catalog) readFeed(ctx context.Context) (store.Feed, error) {
	feed, err := c.source.Feed(ctx)
	if err != nil {
		return store.Feed{}, fmt.Errorf("read the feed: %w", err)
	}
	return feed, nil
}

// applyChanges forgets what changed between two places of the feed. The revision is shown only after
// that, so nobody sees it together with something older.
func (c *Catalog) applyChanges(ctx context.Context, from, to store.Feed) error {
	for {
		changes, err := c.source.ChangedSince(ctx, from.Revision, changesPerRead)
		if err != nil {
			return fmt.Errorf("read the changes: %w", err)
		}
		keys := make(map[store.Key]struct{}, len(changes))
		for _, change := range changes {
			keys[change.Key] = struct{}{}
			from.Revision = max(from.Revision, change.Revision)
		}
		done := len(changes) < changesPerRead
		if done {
			// A revision need not be a prompt's.
			from.Revision = max(from.Revision, to.Revision)
		}
		if len(keys) > 0 {
			c.bodies.forgetGroups(keys)
			c.clearLists()
		}
		c.mu.Lock()
		c.feed.at = from
		c.mu.Unlock()
		if len(keys) > 0 {
			c.notifyWatchers(changeOf(keys))
		}
		if done {
			c.notifyOfRevision(false)
			return nil
		}
	}
}

func (c *Catalog) notifyOfRevision(startedOver bool) {
	c.mu.Lock()
	watchers := c.revisionWatchers
	c.mu.Unlock()
	for _, on := range watchers {
		on(startedOver)
	}
}

func (c *Catalog) notifyWatchers(change Change) {
	c.mu.Lock()
	watchers := c.watchers
	c.mu.Unlock()
	for _, on := range watchers {
		on(change)
	}
}

func (c *Catalog) notifyOfRequest(id string) {
	c.mu.Lock()
	watchers := c.requestWatchers
	c.mu.Unlock()
	for _, on := range watchers {
		on(id)
	}
}

func (c *Catalog) currentFeed() feedState {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.feed
}
