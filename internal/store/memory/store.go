package memory

import (
	"cmp"
	"context"
	"crypto/rand"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/plan"
)

// epoch never changes: nobody restores what is only in memory.
const epoch = 1

// Store holds prompts; it is written and read. Documents it was given and gives out are never written to.
type Store struct {
	mu       sync.RWMutex
	revision int64
	rows     map[store.Key]*row
	keys     []store.Key // of all rows, in order
	// changed is closed and replaced with every revision.
	changed chan struct{}
	// cursorKey is for as long as there is the store.
	cursorKey [32]byte
}

// row is a prompt, live or a tombstone.
type row struct {
	plan.Row
	key      store.Key
	versions map[int64]*version

	created, updated, deleted time.Time
	purged                    bool
}

// version is one version of a prompt; a withdrawn one has no document and no includes.
type version struct {
	digest     prompt.Digest
	document   *prompt.Document
	includes   []prompt.Included
	provenance store.Provenance
	published  time.Time
	withdrawn  bool
	// search is made by the first search that finds the version the default one, and goes when it no longer is.
	search atomic.Pointer[searchText]
}

func (v *version) searchText() *searchText {
	made := v.search.Load()
	if made == nil {
		made = newSearchText(v.document)
		v.search.Store(made)
	}
	return made
}

// New returns an empty store.
func New() *Store {
	s := &Store{rows: map[store.Key]*row{}, changed: make(chan struct{})}
	_, _ = rand.Read(s.cursorKey[:]) // it never fails
	return s
}

// liveRow returns the row of a key, or nil where there is none or a tombstone.
func (s *Store) liveRow(key store.Key) *row {
	if r := s.rows[key]; r != nil && !r.Deleted {
		return r
	}
	return nil
}

// insertRow adds an empty row.
func (s *Store) insertRow(key store.Key, owner store.Owner, at time.Time) *row {
	r := &row{key: key, versions: map[int64]*version{}, created: at, updated: at}
	r.Owner, r.Bytes = owner, map[int64]int64{}
	s.rows[key] = r
	place, _ := slices.BinarySearchFunc(s.keys, key, store.Key.Compare)
	s.keys = slices.Insert(s.keys, place, key)
	return r
}

// bumpRevision gives the row the next revision and wakes the listeners.
func (s *Store) bumpRevision(r *row) {
	s.revision++
	r.Revision = s.revision
	close(s.changed)
	s.changed = make(chan struct{})
}

// VerifySchema returns nil: there is no schema to be behind.
func (s *Store) VerifySchema(context.Context) error { return nil }

// Feed returns the last revision.
func (s *Store) Feed(context.Context) (store.Feed, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return store.Feed{Epoch: epoch, Revision: s.revision}, nil
}

// CursorKey returns the key that places in lists are sealed with: there is one server, which ends with its store.
func (s *Store) CursorKey(context.Context) ([]byte, error) { return s.cursorKey[:], nil }

// ChangedSince returns the prompts changed after a revision, in order of revision, tombstones included. A
// prompt changed more than once stands at its last revision only.
func (s *Store) ChangedSince(_ context.Context, after int64, limit int) ([]store.ChangedKey, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var changes []store.ChangedKey
	for _, r := range s.rows {
		if r.Revision > after {
			changes = append(changes, store.ChangedKey{Revision: r.Revision, Key: r.key})
		}
	}
	slices.SortFunc(changes, func(a, b store.ChangedKey) int { return cmp.Compare(a.Revision, b.Revision) })
	return changes[:min(len(changes), max(1, limit))], nil
}

// ListenChanges has nothing to tell until ctx ends: there are no change requests here.
func (s *Store) ListenChanges(ctx context.Context, _ func(id string)) { <-ctx.Done() }

// Listen calls wake at once and with every change, until ctx ends. Changes that come together may wake once.
func (s *Store) Listen(ctx context.Context, wake func()) {
	for {
		s.mu.RLock()
		moved := s.changed
		s.mu.RUnlock()
		wake()
		select {
		case <-ctx.Done():
			return
		case <-moved:
		}
	}
}
