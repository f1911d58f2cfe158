package catalogtest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// Source is a catalog.Source in memory. It has what its tests need and no more: listed prompts of
// one text, their versions, and a feed; no channels, no other exposures and no tombstones.
type Source struct {
	mu      sync.Mutex
	feed    store.Feed
	prompts map[store.Key][]store.Version
	// moved is closed at every change, and replaced.
	moved chan struct{}
	err   error
	gate  func()
	gets  int
	lists int
}

// New returns an empty source.
func New() *Source {
	return &Source{feed: store.Feed{Epoch: 1}, prompts: make(map[store.Key][]store.Version), moved: make(chan struct{})}
}

// Publish stores a text as the next version. It panics on one that does not compile.
func (s *Source) Publish(key store.Key, text string) {
	compiled, err := prompt.Compile(Text(text), nil)
	if err != nil {
		panic(err)
	}
	s.change(func() {
		s.feed.Revision++
		versions := s.prompts[key]
		s.prompts[key] = append(versions, store.Version{
			Key: key, Version: int64(len(versions) + 1), Digest: compiled.Digest, Document: compiled.Document,
			Exposure: store.Listed, Revision: s.feed.Revision,
		})
	})
}

// Restore drops every prompt and sets the feed, as a restore of a database does.
func (s *Source) Restore(feed store.Feed) {
	s.change(func() { s.feed, s.prompts = feed, make(map[store.Key][]store.Version) })
}

// Fail makes everything return err, until it is nil again.
func (s *Source) Fail(err error) { s.change(func() { s.err = err }) }

// Gate is called by Get and List after they read, before they return.
func (s *Source) Gate(gate func()) { s.change(func() { s.gate = gate }) }

// CountReads returns how often Get and List were asked.
func (s *Source) CountReads() (gets, lists int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gets, s.lists
}

func (s *Source) change(what func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	what()
	close(s.moved)
	s.moved = make(chan struct{})
}

// VerifySchema implements catalog.Source.
func (s *Source) VerifySchema(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Feed implements catalog.Source.
func (s *Source) Feed(context.Context) (store.Feed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.feed, s.err
}

// CursorKey implements catalog.Source.
func (s *Source) CursorKey(context.Context) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return make([]byte, 32), s.err
}

// ChangedSince implements catalog.Source.
func (s *Source) ChangedSince(_ context.Context, after int64, limit int) ([]store.ChangedKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var changes []store.ChangedKey
	for key, versions := range s.prompts {
		if newest := versions[len(versions)-1].Revision; newest > after {
			changes = append(changes, store.ChangedKey{Revision: newest, Key: key})
		}
	}
	slices.SortFunc(changes, func(a, b store.ChangedKey) int { return cmp.Compare(a.Revision, b.Revision) })
	return changes[:min(limit, len(changes))], s.err
}

// ListenChanges implements catalog.Source.
func (s *Source) ListenChanges(ctx context.Context, _ func(id string)) { <-ctx.Done() }

// Listen implements catalog.Source.
func (s *Source) Listen(ctx context.Context, wake func()) {
	for {
		s.mu.Lock()
		moved := s.moved
		s.mu.Unlock()
		wake()
		select {
		case <-ctx.Done():
			return
		case <-moved:
		}
	}
}

// Get implements catalog.Source.
func (s *Source) Get(_ context.Context, key store.Key, selector prompt.Selector) (store.Version, error) {
	s.mu.Lock()
	s.gets++
	versions, gate, err := s.prompts[key], s.gate, s.err
	s.mu.Unlock()
	if gate != nil {
		gate()
	}
	number := cmp.Or(selector.Version, int64(len(versions)))
	switch {
	case err != nil:
		return store.Version{}, err
	case number < 1 || number > int64(len(versions)) || selector.Channel != "":
		return store.Version{}, store.ErrNotFound
	}
	found := versions[number-1]
	found.Latest = int64(len(versions))
	return found, nil
}

// List implements catalog.Source.
func (s *Source) List(_ context.Context, q store.ListQuery) (store.ListPage, error) {
	s.mu.Lock()
	s.lists++
	keys, gate, err := s.listedKeys(q.Scope), s.gate, s.err
	s.mu.Unlock()
	if gate != nil {
		gate()
	}
	if err != nil {
		return store.ListPage{}, err
	}
	keys = slices.DeleteFunc(keys, func(key store.Key) bool { return key.Compare(q.After) <= 0 })
	page := store.ListPage{More: len(keys) > q.Limit}
	for _, key := range keys[:min(q.Limit, len(keys))] {
		page.Prompts = append(page.Prompts, store.Summary{Key: key})
	}
	return page, nil
}

// Count implements catalog.Source.
func (s *Source) Count(_ context.Context, scope store.Scope) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(len(s.listedKeys(scope))), s.err
}

// ListNamespaces implements catalog.Source.
func (s *Source) ListNamespaces(context.Context) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var namespaces []string
	for _, key := range s.listedKeys(store.Scope{All: true}) {
		namespaces = append(namespaces, key.Namespace)
	}
	return slices.Compact(namespaces), s.err
}

// listedKeys returns the keys in a scope, in order. It runs under the lock.
func (s *Source) listedKeys(scope store.Scope) []store.Key {
	keys := slices.SortedFunc(maps.Keys(s.prompts), store.Key.Compare)
	return slices.DeleteFunc(keys, func(key store.Key) bool {
		return !scope.All && !slices.Contains(scope.Namespaces, key.Namespace)
	})
}
