package servicedesk

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/store"
)

const (
	// reloadEvery is how often a list is read again because a name was not in it, or how often one name of a list that is longer than
	// what is read at once is asked for; reloadNames is how many names of such a list are asked for in that time.
	reloadEvery = time.Minute
	reloadNames = 6
	// failurePause is how long a list is not read again after a failure that may pass.
	failurePause = 5 * time.Second
	// reloadPages bounds such a read, of sdp.MaxRows entries each.
	reloadPages = 4
)

// lookupReloads are the reads of one list from ServiceDesk Plus. Who holds turn reads it: those who miss the same name ask once.
type lookupReloads struct {
	turn chan struct{}
	// last are those that are not made again yet, by the name that was asked for, empty for the list.
	last map[string]reloadOutcome
}

// reloadOutcome is what became of a read, which is not made again for a while.
type reloadOutcome struct {
	until time.Time
	// err is why there is nothing; it is forgotten when the connection changes, as by another token.
	err      error
	revision int64
	from     store.Address
}

// waitForTurn returns the reads of a list once nobody else reads it.
func (c *lookupCache) waitForTurn(ctx context.Context, of sdp.LookupType) (*lookupReloads, error) {
	c.mu.Lock()
	reloads := c.reloads[of]
	if reloads == nil {
		reloads = &lookupReloads{turn: make(chan struct{}, 1), last: map[string]reloadOutcome{}}
		c.reloads[of] = reloads
	}
	c.mu.Unlock()
	select {
	case reloads.turn <- struct{}{}:
		return reloads, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// reload reads a list from ServiceDesk Plus, unless that was done within a minute; isNew reports whether it was now. Of a list that has
// more than is read at once the entry of the name is asked for, if there is one, and what was not read stays.
func (c *lookupCache) reload(ctx context.Context, of sdp.LookupType, name string) (list lookupList, isNew bool, err error) {
	reloads, err := c.waitForTurn(ctx, of)
	if err != nil {
		return lookupList{}, false, err
	}
	defer func() { <-reloads.turn }()
	now := c.connection.now.Load()
	list, has := c.cached(of, now.Address())
	if isLong := len(list.entries) > reloadPages*sdp.MaxRows; !isLong {
		name = ""
	}
	last, wait := reloads.find(name, now)
	switch {
	case last.err != nil:
		return lookupList{}, false, last.err
	case has && !last.until.IsZero():
		return list, false, nil
	case wait > 0:
		return lookupList{}, false, retryLater(rateKind, fmt.Sprintf("new names of the list %s were asked for too often", of), wait)
	}
	fresh, err := c.readAgain(ctx, of, name, now, list.entries)
	reloads.note(name, now, err)
	if err != nil {
		return lookupList{}, false, err
	}
	fresh.own = list.own || !has
	c.keep(of, fresh)
	if has {
		c.tellNew(ctx, of, list.entries, fresh.entries)
	}
	return fresh, true, nil
}

// find returns the last read of a name that is not made again yet, and otherwise how long no name is asked for.
func (r *lookupReloads) find(name string, now *settings) (last reloadOutcome, wait time.Duration) {
	named, first := 0, time.Time{}
	for asked, one := range r.last {
		isOther := one.from != now.Address() || one.err != nil && one.revision != now.revision
		if isOther || !time.Now().Before(one.until) {
			delete(r.last, asked)
			continue
		}
		if asked == "" {
			continue
		}
		if named++; first.IsZero() || one.until.Before(first) {
			first = one.until
		}
	}
	if last, has := r.last[strings.ToLower(name)]; has || name == "" || named < reloadNames {
		return last, 0
	}
	return reloadOutcome{}, time.Until(first)
}

// note keeps what became of a read. One whose caller left, or that was not sent, is as good as none.
func (r *lookupReloads) note(name string, now *settings, err error) {
	pause := reloadEvery
	if failed, is := errors.AsType[*sdp.Error](err); err != nil {
		switch {
		case !is:
			return
		case isNoList(err) || failed.Kind == sdp.KindRejected:
		case failed.Kind == sdp.KindUnavailable || failed.Kind == sdp.KindNotSDP:
			pause = failurePause
		default:
			return
		}
	}
	r.last[strings.ToLower(name)] = reloadOutcome{until: time.Now().Add(pause), err: err, revision: now.revision, from: now.Address()}
}

// isNoList reports whether a site does not have a list, or not for the owner of the token.
func isNoList(err error) bool {
	switch sdp.KindOf(err) {
	case sdp.KindForbidden, sdp.KindNotFound, sdp.KindUnsupported:
		return true
	}
	return false
}

// readAgain reads a list, or the entries of a name where there is one, beside what is known of it.
func (c *lookupCache) readAgain(ctx context.Context, of sdp.LookupType, name string, now *settings, known []entry) (lookupList, error) {
	o := sdp.ListOptions{Rows: sdp.MaxRows}
	if name != "" {
		o.Where = sdp.Where("name", sdp.Is, name)
	}
	rows, isWhole, err := sdp.Collect(ctx, func(ctx context.Context, o sdp.ListOptions) (sdp.Page[sdp.LookupEntry], error) {
		return now.client.ListLookup(ctx, of, o)
	}, o, reloadPages*sdp.MaxRows)
	if err != nil {
		return lookupList{}, needScope(setupScope, err)
	}
	fresh := lookupList{from: now.Address(), revision: now.revision, readAt: time.Now()}
	for _, r := range rows {
		if r.ID != "" && r.Name != "" {
			fresh.entries = append(fresh.entries, entry{r.ID, r.Name, r.Parent.ID, entryFlags{r.InternalName, r.InProgress, r.StopTimer, r.IsDeleted}})
		}
	}
	if !isWhole || name != "" {
		fresh.entries = append(fresh.entries, withoutThose(known, fresh.entries)...)
	}
	return fresh, nil
}
