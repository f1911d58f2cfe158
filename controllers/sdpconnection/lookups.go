package sdpconnection

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/status"
	"github.com/lectern-dev/lectern/internal/connectionlogin"
	"github.com/lectern-dev/lectern/internal/connectionobject"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/store"
)

const (
	// lookupTime is after how long a reconcile begins no other page: others wait for its worker.
	lookupTime = 5 * time.Second
	// unreadablePause is how long a list that cannot be read is left alone.
	unreadablePause = 15 * time.Minute
	// maxLookupEntries bounds a list.
	maxLookupEntries = 20_000
	// partialLifetime is how long the pages of a list wait for the rest of it.
	partialLifetime = 24 * time.Hour
)

// partialList is a list of which the rows before next are read.
type partialList struct {
	list sdp.LookupType
	// from is where its rows are.
	from    store.Address
	entries []store.LookupEntry
	next    int
	// begunAt is when; the list is as old as its first page.
	begunAt time.Time
}

// dropPartial forgets a list of which some pages are read, where the rest is long in coming: it may be much.
func (p *pass) dropPartial(outcome status.Kind) {
	if reading := p.memory.reading; reading != nil && (outcome == status.KindBlocked || p.Clock.Since(reading.begunAt) > partialLifetime) {
		p.memory.reading = nil
	}
}

// refreshLookups reads the lists that are due, as far as there are turns now. A list of many pages goes on where it stopped.
func (p *pass) refreshLookups(ctx context.Context) error {
	wanted := lookupsOf(connectionobject.Toolsets(&p.c.Spec))
	interval := connectionobject.LookupInterval(&p.c.Spec)
	states, err := p.Rates.ListLookups(ctx, p.id)
	if err != nil {
		return err
	}
	due := dueLookups(wanted, states, interval, p.Clock.Now(), p.isUnreadable)
	if len(due) > 0 {
		if err := p.readLists(ctx, due, interval); err != nil {
			return err
		}
		if states, err = p.Rates.ListLookups(ctx, p.id); err != nil {
			return err
		}
		due = dueLookups(wanted, states, interval, p.Clock.Now(), p.isUnreadable)
	}
	p.lookups, p.areRead, p.pending = states, true, len(due) > 0
	for _, list := range wanted {
		if p.isUnreadable(list) {
			p.unread = append(p.unread, fmt.Sprintf("%s (%s)", list, p.memory.unreadable[list].reason))
		}
	}
	for _, s := range states {
		if s.Entries >= maxLookupEntries {
			p.unread = append(p.unread, fmt.Sprintf("%s (has more than the %d entries that are kept)", s.Type, maxLookupEntries))
		}
	}
	return nil
}

func (p *pass) isUnreadable(list sdp.LookupType) bool {
	known := p.memory.unreadable[list]
	return p.Clock.Now().Before(known.until) && known.from == p.address()
}

// address is which ServiceDesk Plus the connection is to.
func (p *pass) address() store.Address {
	return store.Address{Edition: string(p.c.Spec.Edition), APIURL: p.remote.api.String(), Portal: p.c.Spec.Portal}
}

// readLists reads lists until there is no turn, or no time.
func (p *pass) readLists(ctx context.Context, due []sdp.LookupType, interval time.Duration) error {
	client, err := p.openForLists()
	if err != nil {
		return err
	}
	ends := p.Clock.Now().Add(lookupTime)
	for _, list := range due {
		err := p.readList(ctx, client, list, interval, ends)
		if err == nil {
			continue
		}
		if errors.Is(err, errRefusal) {
			return nil // whoever told of it wakes this connection
		}
		if errors.Is(err, errTimeOver) {
			p.requeueWithin(time.Second)
			return nil
		}
		if _, isCall := errors.AsType[*sdp.Error](err); !isCall {
			return err
		}
		if after, is := waitOf(err); is {
			p.requeueWithin(after)
			return nil
		}
		if canEndAll(err) {
			if isEnd, err := p.endLists(ctx); isEnd || err != nil {
				return err
			}
		}
		p.memory.unreadable[list] = unreadable{reason: err.Error(), from: p.address(), until: p.Clock.Now().Add(unreadablePause)}
	}
	return nil
}

// canEndAll reports whether what failed of a list may be what fails of every call, instead of that list's own.
func canEndAll(err error) bool {
	switch sdp.KindOf(err) {
	case sdp.KindTokenRefused, sdp.KindUnavailable, sdp.KindNotSDP:
		return true
	}
	return false
}

// endLists makes a call of another kind after one for a list failed, and reports whether that fails, too: then no list can be read now.
// A token that it proves to be refused is replaced.
func (p *pass) endLists(ctx context.Context) (isEnd bool, err error) {
	err = p.callOnce(ctx)
	switch {
	case err == nil:
		return false, nil
	case errors.Is(err, sdp.ErrTokenRefused) && p.c.Spec.Edition == v1alpha1.EditionOnPremises:
		return true, p.keyFailure(err, store.TokenRefusal{}, true)
	case errors.Is(err, sdp.ErrTokenRefused):
		p.requeueWithin(time.Second)
		return true, p.refresh(ctx, store.CauseRefused)
	}
	if wait, is := waitOf(err); is || canEndAll(err) {
		p.requeueWithin(max(wait, connectionlogin.ProofPause, p.unavailablePause()))
		return true, nil
	}
	if _, isCall := errors.AsType[*sdp.Error](err); !isCall {
		return true, err
	}
	return false, nil // the other call is not permitted, which says nothing of lists
}

// errTimeOver and errRefusal say why the next page is not read now.
var (
	errTimeOver = errors.New("the time for lists is over")
	errRefusal  = errors.New("a server waits for another token")
)

// checkTurn returns what is more urgent than the next page; nil for nothing.
func (p *pass) checkTurn(ends time.Time) error {
	if _, isRefused := p.refusals.of(p.c.UID, p.token); isRefused {
		return errRefusal
	}
	if p.Clock.Now().After(ends) {
		return errTimeOver
	}
	return nil
}

// waitOf returns after which time reading may go on that stopped for a while; not where a list itself cannot be read.
func waitOf(err error) (time.Duration, bool) {
	if wait, is := errors.AsType[*sdp.WaitError](err); is {
		return max(wait.RetryAfter, time.Second), true
	}
	failed, is := errors.AsType[*sdp.Error](err)
	if !is {
		return 0, false
	}
	switch failed.Kind {
	case sdp.KindThrottled, sdp.KindNotAllowed:
		return max(failed.RetryAfter, throttledPause), true
	case sdp.KindCanceled, sdp.KindNoToken:
		return time.Second, true
	}
	return 0, false
}

// readList reads a list page by page, and stores it when it has all of it. A list that this site does not have is an empty one.
func (p *pass) readList(ctx context.Context, client *sdp.Client, list sdp.LookupType, interval time.Duration, ends time.Time) error {
	partial := p.memory.reading
	if partial == nil || partial.list != list || partial.from != p.address() {
		partial = &partialList{list: list, from: p.address(), begunAt: p.Clock.Now()}
		p.memory.reading = partial
	}
	for {
		if err := p.checkTurn(ends); err != nil {
			return err
		}
		page, err := client.ListLookup(ctx, list, sdp.ListOptions{Start: partial.next, Rows: sdp.MaxRows})
		if sdp.KindOf(err) == sdp.KindNotFound {
			page, err = sdp.Page[sdp.LookupEntry]{}, nil
		}
		if err != nil {
			return err
		}
		entries, err := entriesOf(page.Items)
		if err != nil {
			return fmt.Errorf("write the entries of %s as JSON: %w", list, err)
		}
		partial.entries, partial.next = append(partial.entries, entries...), page.Next
		if page.Next == 0 || len(partial.entries) >= maxLookupEntries {
			break
		}
	}
	p.memory.reading = nil
	entries := partial.entries[:min(len(partial.entries), maxLookupEntries)]
	_, err := p.Store.ReplaceLookup(ctx, connectionobject.KeyOf(p.c), string(p.c.UID), store.Lookup{
		Type: string(list), Entries: entries, RefreshedAt: partial.begunAt, ValidUntil: partial.begunAt.Add(interval),
	})
	if err != nil {
		return err
	}
	delete(p.memory.unreadable, list)
	lookupsReadTotal.Inc()
	return nil
}
