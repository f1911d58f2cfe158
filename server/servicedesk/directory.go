package servicedesk

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
)

const (
	// connectionsPerRead bounds one read of the connections.
	connectionsPerRead = 500
	// directoryPoll is the time between two reads of which nobody told, directoryRetry after one that failed.
	directoryPoll  = 30 * time.Second
	directoryRetry = 2 * time.Second
)

// directory has the connections there are, as new as the feed.
type directory struct {
	store Store
	make  func(store.Connection) *connection
	log   *slog.Logger
	// announce is told of which connections callers may be offered other tools, and reports whether it is to be called again soon.
	announce func([]store.Key) (owed bool)

	wakeups     chan struct{}
	startedOver atomic.Bool

	mu          sync.RWMutex
	connections map[store.Key]*connection
	revision    int64
	// loaded is closed by the first read, and failure is why there was none yet.
	loaded  chan struct{}
	failure error
}

func newDirectory(from Store, makeConnection func(store.Connection) *connection, log *slog.Logger) *directory {
	return &directory{
		store: from, make: makeConnection, log: log, wakeups: make(chan struct{}, 1),
		connections: make(map[store.Key]*connection), loaded: make(chan struct{}),
		announce: func([]store.Key) bool { return false },
	}
}

// scheduleReload has the connections read again, all of them where the database may be another one.
func (d *directory) scheduleReload(startedOver bool) {
	if startedOver {
		d.startedOver.Store(true)
	}
	select {
	case d.wakeups <- struct{}{}:
	default: // they are about to be
	}
}

// keepCurrent reads the connections until ctx ends, and closes those it has then.
func (d *directory) keepCurrent(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	defer d.closeAll()
	failed := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.wakeups:
		case <-timer.C:
		}
		changed, err := d.reload(ctx)
		if err != nil && !failed && ctx.Err() == nil {
			d.log.WarnContext(ctx, "The connections of ServiceDesk Plus cannot be read, serving those in memory", "err", err)
		}
		pause := directoryPoll
		if failed = err != nil; d.announce(changed) || failed {
			pause = directoryRetry
		}
		timer.Reset(pause)
	}
}

// reload reads what changed, or everything where the database may be another one. It returns of which connections callers may be offered
// other tools.
func (d *directory) reload(ctx context.Context) (changed []store.Key, err error) {
	everything := d.startedOver.Swap(false)
	d.mu.RLock()
	after := d.revision
	d.mu.RUnlock()
	if everything {
		after = 0
	}
	var rows []store.Connection
	for {
		page, err := d.store.ConnectionsSince(ctx, after, connectionsPerRead)
		if err != nil {
			if everything {
				d.startedOver.Store(true)
			}
			d.mu.Lock()
			d.failure = err
			d.mu.Unlock()
			return nil, fmt.Errorf("read the connections: %w", err)
		}
		rows = append(rows, page...)
		if len(page) < connectionsPerRead {
			break
		}
		after = page[len(page)-1].Revision
	}
	return d.apply(rows, everything), nil
}

// apply takes over what was read, and returns the connections of which a caller may be offered other tools now.
func (d *directory) apply(rows []store.Connection, everything bool) (changed []store.Key) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if everything {
		d.revision = 0
	}
	kept := make(map[store.Key]bool, len(rows))
	for _, row := range rows {
		d.revision = max(d.revision, row.Revision)
		before := d.connections[row.Key]
		if before != nil && (row.Deleted || before.id != row.ID || before.uid != row.UID) {
			before.close()
			delete(d.connections, row.Key)
			before, changed = nil, append(changed, row.Key)
		}
		switch {
		case row.Deleted:
			continue
		case before == nil:
			d.connections[row.Key], changed = d.make(row), append(changed, row.Key)
		default:
			if before.update(row) {
				changed = append(changed, row.Key)
			}
		}
		kept[row.Key] = true
	}
	if everything {
		maps.DeleteFunc(d.connections, func(key store.Key, c *connection) bool {
			if !kept[key] {
				c.close()
				changed = append(changed, key)
			}
			return !kept[key]
		})
	}
	d.failure = nil
	select {
	case <-d.loaded:
	default:
		close(d.loaded)
	}
	return changed
}

func (d *directory) closeAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.connections {
		c.close()
	}
}

// waitLoaded returns nil once the connections were read for the first time.
func (d *directory) waitLoaded(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, directoryRetry)
	defer cancel()
	select {
	case <-d.loaded:
		return nil
	case <-ctx.Done():
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	return fmt.Errorf("the connections were not read yet: %w", cmp.Or(d.failure, store.ErrUnavailable))
}

// find returns a connection, or nil.
func (d *directory) find(key store.Key) *connection {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.connections[key]
}

// list returns the connections of a namespace, or of all when it is empty, by key.
func (d *directory) list(namespace string) []*connection {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var found []*connection
	for key, c := range d.connections {
		if namespace == "" || key.Namespace == namespace {
			found = append(found, c)
		}
	}
	slices.SortFunc(found, func(a, b *connection) int { return a.key.Compare(b.key) })
	return found
}

// ConnectionKeys returns the connections there are in a namespace, or all of them.
func (s *Service) ConnectionKeys(namespace string) []store.Key {
	var keys []store.Key
	for _, c := range s.directory.list(namespace) {
		keys = append(keys, c.key)
	}
	return keys
}
