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

// setupScope is the OAuth scope that lists need.
const setupScope = "SDPOnDemand.setup.READ"

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
	// from is where its ids mean something.
	from store.Address
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

	mu    sync.Mutex
	lists map[sdp.LookupType]lookupList
	// reloads has what was read of each list because somebody waited for it.
	reloads map[sdp.LookupType]*lookupReloads
}

func newLookupCache(s *Service, c *connection) *lookupCache {
	return &lookupCache{service: s, connection: c, lists: map[sdp.LookupType]lookupList{}, reloads: map[sdp.LookupType]*lookupReloads{}}
}

// cached returns a list in memory, where it is from a ServiceDesk Plus.
func (c *lookupCache) cached(of sdp.LookupType, from store.Address) (lookupList, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if list := c.lists[of]; list.from == from {
		return list, true
	}
	return lookupList{}, false
}

func (c *lookupCache) keep(of sdp.LookupType, list lookupList) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lists[of] = list
}

// read returns a list: from memory while its connection did not change, else from the store, and from ServiceDesk Plus where it was
// never read.
func (c *lookupCache) read(ctx context.Context, of sdp.LookupType) (lookupList, error) {
	now := c.connection.now.Load()
	list, has := c.cached(of, now.Address())
	isDue := list.own && (c.service.lookupsOff || time.Since(list.readAt) >= now.LookupInterval)
	if has && list.revision == now.revision && !isDue {
		return list, nil
	}
	stored, isStored, err := c.readStored(ctx, of, now)
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
		list.revision, list.own = now.revision, !isStored // what this server read is newer
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
	from := c.connection.now.Load().Address()
	c.mu.Lock()
	defer c.mu.Unlock()
	states := slices.Clone(stored)
	for of, list := range c.lists {
		if list.from == from && !slices.ContainsFunc(stored, func(s store.LookupState) bool { return s.Type == string(of) }) {
			states = append(states, store.LookupState{Type: string(of), Entries: len(list.entries), RefreshedAt: list.readAt})
		}
	}
	slices.SortFunc(states, func(a, b store.LookupState) int { return cmp.Compare(a.Type, b.Type) })
	return states
}

// readStored returns a list as the controller read it, with what servers met since.
func (c *lookupCache) readStored(ctx context.Context, of sdp.LookupType, now *settings) (list lookupList, isStored bool, err error) {
	states, err := c.service.store.ListLookups(ctx, c.connection.id)
	if err != nil {
		return lookupList{}, false, err
	}
	list.from, list.revision = now.Address(), now.revision
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

// knowsName reports whether a list in memory has an entry of a name. What none has, a person may have written.
func (c *lookupCache) knowsName(_, name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, list := range c.lists {
		if slices.ContainsFunc(list.entries, func(e entry) bool { return e.name == name }) {
			return true
		}
	}
	return false
}
