package servicedesk

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/store"
)

const (
	// reloadEvery is how often a list is read again because a name was not in it.
	reloadEvery = time.Minute
	// reloadPages bounds such a read, of sdp.MaxRows entries each.
	reloadPages = 4
	// setupScope is the OAuth scope that lists need.
	setupScope = "SDPOnDemand.setup.READ"
)

// entry is one of a list.
type entry struct {
	id, name, parentID string
	flags              entryFlags
}

// entryFlags are what else the store keeps of an entry.
type entryFlags struct {
	InternalName string `json:"internal_name,omitempty"`
	InProgress   *bool  `json:"in_progress,omitempty"`
	StopTimer    bool   `json:"stop_timer,omitempty"`
	Deleted      bool   `json:"deleted,omitempty"`
}

// lookupList is a list as it is in memory.
type lookupList struct {
	entries []entry
	// revision is that of the connection when it was read from the store.
	revision int64
	// readAt is when ServiceDesk Plus was asked for it, by this server or by the controller.
	readAt time.Time
	// own says that no store has it: this server reads it again when it is as old as it may become.
	own bool
}

// lookupCache has the lists of a connection, as new as its row. A list that is not in the store, or lacks a name, is read from
// ServiceDesk Plus, where somebody waits for it.
type lookupCache struct {
	service    *Service
	connection *connection

	mu       sync.Mutex
	lists    map[sdp.LookupType]lookupList
	reloaded map[sdp.LookupType]time.Time
	// reading has a lock for each list, so that those who miss the same name ask once.
	reading map[sdp.LookupType]*sync.Mutex
}

func newLookupCache(s *Service, c *connection) *lookupCache {
	return &lookupCache{
		service: s, connection: c, lists: map[sdp.LookupType]lookupList{},
		reloaded: map[sdp.LookupType]time.Time{}, reading: map[sdp.LookupType]*sync.Mutex{},
	}
}

func (c *lookupCache) cached(of sdp.LookupType) (lookupList, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	list, has := c.lists[of]
	return list, has
}

func (c *lookupCache) keep(of sdp.LookupType, list lookupList) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lists[of] = list
}

// read returns a list: from memory while its connection did not change, else from the store, and from ServiceDesk Plus where it was
// never read.
func (c *lookupCache) read(ctx context.Context, of sdp.LookupType) (lookupList, error) {
	revision := c.connection.now.Load().revision
	list, has := c.cached(of)
	isDue := list.own && time.Since(list.readAt) >= c.connection.now.Load().LookupInterval
	if has && list.revision == revision && !isDue {
		return list, nil
	}
	stored, isStored, err := c.readStored(ctx, of, revision)
	switch {
	case err != nil && has:
		return list, nil // it is the newest there is
	case err != nil:
		return lookupList{}, err
	case has && !isStored && isDue:
		if fresh, isNew, err := c.reload(ctx, of, ""); err == nil && isNew {
			return fresh, nil
		}
		return list, nil
	case has && (!isStored || list.readAt.After(stored.readAt)):
		list.revision, list.own = revision, !isStored // what this server read is newer
		c.keep(of, list)
		return list, nil
	case isStored:
		c.keep(of, stored)
		return stored, nil
	}
	list, _, err = c.reload(ctx, of, "")
	return list, err
}

// withOwn returns how lists stand, with those that this server has and no store.
func (c *lookupCache) withOwn(stored []store.LookupState) []store.LookupState {
	c.mu.Lock()
	defer c.mu.Unlock()
	states := slices.Clone(stored)
	for of, list := range c.lists {
		if !slices.ContainsFunc(stored, func(s store.LookupState) bool { return s.Type == string(of) }) {
			states = append(states, store.LookupState{Type: string(of), Entries: len(list.entries), RefreshedAt: list.readAt})
		}
	}
	slices.SortFunc(states, func(a, b store.LookupState) int { return cmp.Compare(a.Type, b.Type) })
	return states
}

// readStored returns a list as the controller read it, with what servers met since.
func (c *lookupCache) readStored(ctx context.Context, of sdp.LookupType, revision int64) (list lookupList, isStored bool, err error) {
	states, err := c.service.store.ListLookups(ctx, c.connection.id)
	if err != nil {
		return lookupList{}, false, err
	}
	list.revision = revision
	for _, state := range states {
		if state.Type == string(of) {
			list.readAt, isStored = state.RefreshedAt, true
		}
	}
	if !isStored {
		return lookupList{}, false, nil
	}
	rows, err := c.service.store.LookupEntries(ctx, c.connection.id, string(of))
	if err != nil {
		return lookupList{}, false, err
	}
	for _, row := range rows {
		e := entry{id: row.ID, name: row.Name, parentID: row.ParentID}
		_ = json.Unmarshal(row.Flags, &e.flags) // an entry without flags has none
		list.entries = append(list.entries, e)
	}
	return list, true, nil
}

// reload reads a list from ServiceDesk Plus, unless that was done within a minute; isNew reports whether it was now. Of a list that has
// more than is read at once the entry of the name is asked for, if there is one, and what was not read stays.
func (c *lookupCache) reload(ctx context.Context, of sdp.LookupType, name string) (list lookupList, isNew bool, err error) {
	c.mu.Lock()
	turn := c.reading[of]
	if turn == nil {
		turn = new(sync.Mutex)
		c.reading[of] = turn
	}
	c.mu.Unlock()
	turn.Lock()
	defer turn.Unlock()
	c.mu.Lock()
	list, has := c.lists[of]
	lately := time.Since(c.reloaded[of]) < reloadEvery
	if !lately {
		c.reloaded[of] = time.Now()
	}
	c.mu.Unlock()
	if lately && has {
		return list, false, nil
	}
	now := c.connection.now.Load()
	o := sdp.ListOptions{Rows: sdp.MaxRows}
	if isLong := len(list.entries) > reloadPages*sdp.MaxRows; isLong && name != "" {
		o.Where = sdp.Where("name", sdp.Is, name)
	}
	rows, isWhole, err := sdp.Collect(ctx, func(ctx context.Context, o sdp.ListOptions) (sdp.Page[sdp.LookupEntry], error) {
		return now.client.ListLookup(ctx, of, o)
	}, o, reloadPages*sdp.MaxRows)
	if err != nil {
		return lookupList{}, false, needScope(setupScope, err)
	}
	fresh := lookupList{revision: now.revision, readAt: time.Now(), own: list.own || !has}
	for _, r := range rows {
		if r.ID != "" && r.Name != "" {
			fresh.entries = append(fresh.entries, entry{r.ID, r.Name, r.Parent.ID, entryFlags{r.InternalName, r.InProgress, r.StopTimer, r.IsDeleted}})
		}
	}
	if !isWhole || !o.Where.IsZero() {
		fresh.entries = append(fresh.entries, withoutThose(list.entries, fresh.entries)...)
	}
	c.keep(of, fresh)
	if has {
		c.tellNew(ctx, of, list.entries, fresh.entries)
	}
	return fresh, true, nil
}

// withoutThose returns the entries of a list that are not among others.
func withoutThose(entries, others []entry) []entry {
	known := make(map[[2]string]bool, len(others))
	for _, e := range others {
		known[[2]string{e.parentID, e.id}] = true
	}
	var left []entry
	for _, e := range entries {
		if !known[[2]string{e.parentID, e.id}] {
			left = append(left, e)
		}
	}
	return left
}

// maxObserved bounds what is told of one list at once.
const maxObserved = 50

// tellNew tells the controller of entries that no list had. It is a hint: without it they are found when the list is due.
func (c *lookupCache) tellNew(ctx context.Context, of sdp.LookupType, before, after []entry) {
	var observed []store.Observation
	for _, e := range withoutThose(after, before) {
		if len(observed) < maxObserved {
			observed = append(observed, store.Observation{Type: string(of), ParentID: e.parentID, ID: e.id, Name: e.name})
		}
	}
	if err := c.service.store.StoreObservations(ctx, c.connection.id, observed); err != nil {
		c.service.log.InfoContext(ctx, "New entries of a list could not be told", "connection", c.connection.key, "list", of, "err", err)
	}
}
