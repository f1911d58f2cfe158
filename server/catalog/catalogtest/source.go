// Package catalogtest has a source of prompts for tests of what reads a catalog: versions in memory,
// with a feed, that can go away.
//
// It stands on our own side of the seam and says nothing of Postgres, whose tests use the real one.
package catalogtest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// Source implements catalog.Source.
type Source struct {
	mu      sync.Mutex
	feed    store.Feed
	prompts map[store.Key]*stored
	wakes   map[int]func()
	serial  int
	err     error
	behind  bool
	gate    func(store.Key)
	gets    int
	lists   int
}

type stored struct {
	revision int64
	deleted  bool
	exposure store.Exposure
	title    string
	versions []store.Version
	channels map[string]int64
}

// New is an empty source.
func New() *Source {
	return &Source{
		feed:    store.Feed{Epoch: 1},
		prompts: make(map[store.Key]*stored),
		wakes:   make(map[int]func()),
	}
}

// Compile is prompt.Compile for a spec that is right.
func Compile(tb testing.TB, spec prompt.Spec, fragments ...prompt.Fragment) *prompt.Compiled {
	tb.Helper()
	byRef := make(map[prompt.Ref]prompt.Fragment, len(fragments))
	for _, f := range fragments {
		byRef[prompt.Ref{Name: f.Name}] = f
	}
	compiled, err := prompt.Compile(spec, byRef)
	if err != nil {
		tb.Fatalf("compile: %v", err)
	}
	return compiled
}

// Text is the spec of a prompt that is one text.
func Text(text string) prompt.Spec {
	return prompt.Spec{Messages: []prompt.Message{{Role: prompt.User, Text: text}}}
}

// Publish stores a version and returns its number.
func (s *Source) Publish(key store.Key, compiled *prompt.Compiled, exposure store.Exposure) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.prompts[key]
	if p == nil {
		p = &stored{channels: make(map[string]int64)}
		s.prompts[key] = p
	}
	version := int64(len(p.versions) + 1)
	p.versions = append(p.versions, store.Version{
		Key: key, Version: version, Digest: compiled.Digest, Document: compiled.Document, Includes: compiled.Includes,
	})
	p.channels[store.Latest] = version
	p.exposure, p.deleted, p.title = exposure, false, compiled.Document.Title
	s.moved(p)
	return version
}

// Point moves a channel; to version zero it is stated but not resolved.
func (s *Source) Point(key store.Key, channel string, version int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prompts[key].channels[channel] = version
	s.moved(s.prompts[key])
}

// Delete leaves a tombstone.
func (s *Source) Delete(key store.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prompts[key].deleted = true
	s.moved(s.prompts[key])
}

// Restore drops every prompt and sets the feed, as a restore of a database does.
func (s *Source) Restore(feed store.Feed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.feed, s.prompts = feed, make(map[store.Key]*stored)
	s.wake()
}

// Fail makes everything return err, until it is nil again.
func (s *Source) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

// Behind makes Verify fail.
func (s *Source) Behind(behind bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behind = behind
}

// Gate is called by Get after it read, before it returns.
func (s *Source) Gate(gate func(store.Key)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gate = gate
}

// Reads counts what Get and List were asked.
func (s *Source) Reads() (gets, lists int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gets, s.lists
}

// moved runs under the lock.
func (s *Source) moved(p *stored) {
	s.feed.Revision++
	p.revision = s.feed.Revision
	s.wake()
}

func (s *Source) wake() {
	for _, wake := range s.wakes {
		wake()
	}
}

// Verify implements catalog.Source.
func (s *Source) Verify(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.behind {
		return store.ErrBehind
	}
	return s.err
}

// Feed implements catalog.Source.
func (s *Source) Feed(context.Context) (store.Feed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.feed, s.err
}

// Changes implements catalog.Source.
func (s *Source) Changes(_ context.Context, after int64, limit int) ([]store.Change, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var changes []store.Change
	for key, p := range s.prompts {
		if p.revision > after {
			changes = append(changes, store.Change{Revision: p.revision, Key: key})
		}
	}
	slices.SortFunc(changes, func(a, b store.Change) int { return cmp.Compare(a.Revision, b.Revision) })
	return changes[:min(limit, len(changes))], s.err
}

// Listen implements catalog.Source.
func (s *Source) Listen(ctx context.Context, wake func()) error {
	s.mu.Lock()
	if s.err != nil {
		defer s.mu.Unlock()
		return s.err
	}
	s.serial++
	id := s.serial
	s.wakes[id] = wake
	s.mu.Unlock()
	wake()
	<-ctx.Done()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.wakes, id)
	return ctx.Err()
}

// Get implements catalog.Source.
func (s *Source) Get(_ context.Context, key store.Key, selector prompt.Selector) (store.Version, error) {
	s.mu.Lock()
	s.gets++
	version, err := s.get(key, selector)
	gate := s.gate
	s.mu.Unlock()
	if gate != nil {
		gate(key)
	}
	return version, err
}

func (s *Source) get(key store.Key, selector prompt.Selector) (store.Version, error) {
	p := s.prompts[key]
	switch {
	case s.err != nil:
		return store.Version{}, s.err
	case p == nil || p.deleted:
		return store.Version{}, store.ErrNotFound
	}
	number := selector.Version
	if number == 0 {
		channel := selector.Channel
		if channel == "" {
			channel = store.Latest
			if _, ok := p.channels[store.Production]; ok {
				channel = store.Production
			}
		}
		pointed, ok := p.channels[channel]
		switch {
		case !ok:
			return store.Version{}, store.ErrNotFound
		case pointed == 0:
			return store.Version{}, fmt.Errorf("channel %s: %w", channel, store.ErrUnresolved)
		}
		number = pointed
	}
	if number > int64(len(p.versions)) {
		return store.Version{}, store.ErrNotFound
	}
	version := p.versions[number-1]
	version.Exposure, version.Revision = p.exposure, p.revision
	return version, nil
}

// List implements catalog.Source.
func (s *Source) List(_ context.Context, q store.ListQuery) (store.ListPage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lists++
	if s.err != nil {
		return store.ListPage{}, s.err
	}
	keys := s.listed(q.Scope)
	first, _ := slices.BinarySearchFunc(keys, q.After, func(k, after store.Key) int {
		if compareKeys(k, after) <= 0 && after != (store.Key{}) {
			return -1
		}
		return 1
	})
	page := store.ListPage{More: len(keys)-first > q.Limit}
	for _, key := range keys[first:min(first+q.Limit, len(keys))] {
		version, err := s.get(key, prompt.Selector{})
		if err != nil {
			continue
		}
		d := &version.Document
		page.Prompts = append(page.Prompts, store.Summary{
			Key: key, Version: version.Version, Title: d.Title, Description: d.Description,
			Category: d.Category, Tags: d.Tags, Arguments: d.Arguments, Metadata: d.Metadata,
		})
	}
	return page, nil
}

// Count implements catalog.Source.
func (s *Source) Count(_ context.Context, scope store.Scope) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(len(s.listed(scope))), s.err
}

func (s *Source) listed(scope store.Scope) []store.Key {
	var keys []store.Key
	for key, p := range s.prompts {
		if !p.deleted && p.exposure == store.Listed && (scope.All || slices.Contains(scope.Namespaces, key.Namespace)) {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, compareKeys)
	return keys
}

func compareKeys(a, b store.Key) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
