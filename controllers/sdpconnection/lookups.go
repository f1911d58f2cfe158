package sdpconnection

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lectern-dev/lectern/api/v1alpha1"
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
)

// partialList is a list of which the rows before next are read.
type partialList struct {
	list    sdp.LookupType
	entries []sdp.LookupEntry
	next    int
	// begunAt is when; the list is as old as its first page.
	begunAt time.Time
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
	return nil
}

func (p *pass) isUnreadable(list sdp.LookupType) bool {
	return p.Clock.Now().Before(p.memory.unreadable[list].until)
}

// readLists reads lists until there is no turn, or no time.
func (p *pass) readLists(ctx context.Context, due []sdp.LookupType, interval time.Duration) error {
	token, err := p.access()
	if err != nil {
		return fmt.Errorf("open the token: %w", err)
	}
	client, err := p.open(token, store.LaneLookup)
	if err != nil {
		return err
	}
	ends := p.Clock.Now().Add(lookupTime)
	for _, list := range due {
		err := p.readList(ctx, client, list, interval, ends)
		switch {
		case err == nil:
			continue
		case errors.Is(err, errNotNow):
			p.comeBack(time.Second)
			return nil
		case errors.Is(err, sdp.ErrTokenRefused) && p.c.Spec.Edition != v1alpha1.EditionOnPremises:
			p.comeBack(time.Second)
			return p.refresh(ctx, store.CauseRefused) // the call has proven it
		}
		if _, isCall := errors.AsType[*sdp.Error](err); !isCall {
			return err
		}
		if after, is := waitOf(err); is {
			p.comeBack(after)
			return nil
		}
		p.memory.unreadable[list] = unreadable{reason: err.Error(), until: p.Clock.Now().Add(unreadablePause)}
	}
	return nil
}

// errNotNow says that something else is more urgent than the next page.
var errNotNow = errors.New("something else is more urgent")

// checkTurn returns errNotNow when the time for lists is over, or a server waits for another token.
func (p *pass) checkTurn(ends time.Time) error {
	if _, isRefused := p.refusals.of(p.c.UID, p.token); isRefused || p.Clock.Now().After(ends) {
		return errNotNow
	}
	return nil
}

// waitOf returns after which time reading may go on that stopped for a while; not where a list itself cannot be read.
func waitOf(err error) (time.Duration, bool) {
	if wait, is := errors.AsType[*sdp.WaitError](err); is {
		return max(wait.RetryAfter, time.Second), true
	}
	failed, _ := errors.AsType[*sdp.Error](err)
	switch failed.Kind {
	case sdp.KindThrottled, sdp.KindUnavailable, sdp.KindNotSDP, sdp.KindNotAllowed:
		return max(failed.RetryAfter, connectionlogin.ProofPause), true
	case sdp.KindCanceled, sdp.KindNoToken:
		return time.Second, true
	case sdp.KindTokenRefused: // of an API key, of which there is no other
		return unreadablePause, true
	}
	return 0, false
}

// readList reads a list page by page, and stores it when it has all of it. A list that this site does not have is an empty one.
func (p *pass) readList(ctx context.Context, client *sdp.Client, list sdp.LookupType, interval time.Duration, ends time.Time) error {
	partial := p.memory.reading
	if partial == nil || partial.list != list {
		partial = &partialList{list: list, begunAt: p.Clock.Now()}
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
		partial.entries, partial.next = append(partial.entries, page.Items...), page.Next
		if page.Next == 0 || len(partial.entries) >= maxLookupEntries {
			break
		}
	}
	p.memory.reading = nil
	entries, err := entriesOf(partial.entries)
	if err != nil {
		return fmt.Errorf("write the entries of %s as JSON: %w", list, err)
	}
	_, err = p.Store.ReplaceLookup(ctx, connectionobject.KeyOf(p.c), string(p.c.UID), store.Lookup{
		Type: string(list), Entries: entries, RefreshedAt: partial.begunAt, ValidUntil: partial.begunAt.Add(interval),
	})
	if err != nil {
		return err
	}
	delete(p.memory.unreadable, list)
	lookupsReadTotal.Inc()
	return nil
}
