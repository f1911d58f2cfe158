package memory

import (
	"context"
	"maps"
	"math"
	"slices"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/plan"
)

// Get returns one version of a live prompt, whatever its exposure. Its errors are those of the store in Postgres, and for a
// number that an earlier process may have given out a *store.VersionExpiredError.
func (s *Store) Get(_ context.Context, key store.Key, sel prompt.Selector) (store.Version, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r, number, v, err := s.servedVersion(key, sel)
	if err != nil {
		return store.Version{}, err
	}
	_, production := r.Channels[store.Production]
	return store.Version{
		Key: key, Version: number, Digest: v.digest, Document: *v.document, Includes: v.includes,
		Exposure: r.Exposure, Revision: r.Revision, Latest: r.Channels[store.Latest], Production: production,
	}, nil
}

func (s *Store) servedVersion(key store.Key, sel prompt.Selector) (*row, int64, *version, error) {
	r := s.liveRow(key)
	if r == nil {
		return nil, 0, nil, store.ErrNotFound
	}
	if number, v := r.chooseVersion(sel); v != nil {
		return r, number, v, nil
	}
	if r.Exposure != store.Fragment && sel.Version != 0 && r.versions[sel.Version] == nil {
		return nil, 0, nil, &store.VersionExpiredError{Key: key, Version: sel.Version, Highest: r.Highest}
	}
	_, stated := r.Channels[sel.Channel]
	return nil, 0, nil, plan.NotServedError(r.Exposure, sel, stated)
}

// listedPrompts yields the prompts of a scope that lists show, behind a key and in order, with their default versions.
func (s *Store) listedPrompts(scope store.Scope, after store.Key) func(yield func(*row, *version) bool) {
	return func(yield func(*row, *version) bool) {
		for _, key := range s.keysAfter(after) {
			r := s.liveRow(key)
			if r == nil || r.Exposure != store.Listed || !scope.All && !slices.Contains(scope.Namespaces, key.Namespace) {
				continue
			}
			if v := r.versions[r.Default]; v != nil && !yield(r, v) {
				return
			}
		}
	}
}

// List returns a page of the prompts of exposure Listed, in order of (namespace, name).
func (s *Store) List(_ context.Context, q store.ListQuery) (store.ListPage, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var page store.ListPage
	for r, v := range s.listedPrompts(q.Scope, q.After) {
		if page.More = len(page.Prompts) == max(1, q.Limit); page.More {
			break
		}
		page.Prompts = append(page.Prompts, store.Summary{
			Key: r.key, Version: r.Default, Title: v.document.Title, Description: v.document.Description,
			Arguments: v.document.Arguments,
		})
	}
	return page, nil
}

// Count returns how many prompts all pages of List have together.
func (s *Store) Count(_ context.Context, scope store.Scope) (int64, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var n int64
	for range s.listedPrompts(scope, store.Key{}) {
		n++
	}
	return n, nil
}

// ListNamespaces returns the namespaces with prompts of exposure Listed, in order.
func (s *Store) ListNamespaces(context.Context) ([]string, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var namespaces []string
	for r := range s.listedPrompts(store.Scope{All: true}, store.Key{}) {
		if n := len(namespaces); n == 0 || namespaces[n-1] != r.key.Namespace {
			namespaces = append(namespaces, r.key.Namespace)
		}
	}
	return namespaces, nil
}

// ListVersions returns a prompt's history below version before, newest first; before 0 starts at the newest.
func (s *Store) ListVersions(_ context.Context, key store.Key, before int64, limit int) ([]store.VersionInfo, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := s.liveRow(key)
	if r == nil {
		return nil, store.ErrNotFound
	}
	if before <= 0 {
		before = math.MaxInt64
	}
	var history []store.VersionInfo
	for _, number := range slices.Backward(slices.Sorted(maps.Keys(r.versions))) {
		if number >= before {
			continue
		}
		v := r.versions[number]
		history = append(history, store.VersionInfo{
			Version: number, Digest: v.digest, PublishedAt: v.published, Provenance: v.provenance,
			Channels: r.channelsAt(number), Withdrawn: v.withdrawn,
		})
		if len(history) == max(1, limit) {
			break
		}
	}
	return history, nil
}

// channelsAt returns the channels that point to a version, in order of name.
func (r *row) channelsAt(number int64) []string {
	var names []string
	for name, at := range r.Channels {
		if at == number {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// LoadFragments reads what includes need: for each reference the version it stands for now, with the
// messages as written. A reference to nothing served is not in the result.
func (s *Store) LoadFragments(_ context.Context, namespace string, refs []prompt.Ref) (map[prompt.Ref]prompt.Fragment, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	fragments := make(map[prompt.Ref]prompt.Fragment, len(refs))
	for _, ref := range refs {
		if number, v := s.chooseFragment(namespace, ref); v != nil {
			fragments[ref] = prompt.Fragment{
				Name: ref.Name, Version: number, Syntax: v.document.Syntax, Messages: v.document.AsWritten(),
			}
		}
	}
	return fragments, nil
}
