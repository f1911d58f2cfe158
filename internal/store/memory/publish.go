package memory

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/plan"
)

// Publish makes what an object says the served state; when nothing changed it takes no revision.
//
// It returns a *store.FencedError when the row is not the object's to write, store.ErrFragmentsMoved
// when an include would now take another version, or a *store.UnstorableValueError for a text no store holds.
func (s *Store) Publish(ctx context.Context, p store.Publication) (store.Published, error) {
	return s.PublishAt(ctx, p, time.Now())
}

// PublishAt publishes with the time at which the prompt was written: what is read from files is older than the store.
func (s *Store) PublishAt(_ context.Context, p store.Publication, at time.Time) (store.Published, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	published, err := s.publishLocked(&p, at)
	if err != nil {
		return store.Published{}, fmt.Errorf("publish %s: %w", p.Key, err)
	}
	return published, nil
}

// DryRunPublish returns what Publish would, except that it takes no revision and changes nothing.
func (s *Store) DryRunPublish(p store.Publication) (store.Published, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, published, err := s.decidePublish(&p)
	return published, err
}

func (s *Store) publishLocked(p *store.Publication, at time.Time) (store.Published, error) {
	pl, published, err := s.decidePublish(p)
	if err != nil || !pl.Visible && !pl.WriterOnly {
		return published, err
	}
	r := s.rows[p.Key]
	if r == nil {
		r = s.insertRow(p.Key, p.Owner, at)
	}
	s.applyPlan(r, p, pl, at)
	published.Revision, published.ServedSince = r.Revision, r.ServedSince
	return published, nil
}

// decidePublish returns what a publish changes, and its result.
func (s *Store) decidePublish(p *store.Publication) (*plan.Plan, store.Published, error) {
	found := plan.Row{State: plan.State{Fence: store.Fence{Owner: p.Owner}}}
	if r := s.rows[p.Key]; r != nil {
		found = r.Row
	}
	if plan.IsFenced(found.State, p.Owner, p.Takeover) {
		return nil, store.Published{}, &store.FencedError{Key: p.Key, Row: found.Fence, Deleted: found.Deleted}
	}
	if err := s.checkPublication(p); err != nil {
		return nil, store.Published{}, err
	}
	newest, isNew, err := plan.NextVersion(&found, p)
	if err != nil {
		return nil, store.Published{}, err
	}
	asked := plan.VersionsToWithdraw(&found, p, newest)
	withdraw, inUse := plan.DecideWithdrawal(asked, newest, s.pinnedBy(p.Key, asked))
	pl := plan.New(&found, p, newest, isNew, withdraw)
	old := plan.VersionsBeyondLimit(&found, p, pl)
	pl.SetDropped(plan.ExcludePinned(old, s.pinnedBy(p.Key, old)))

	published := plan.ResultOf(&found, p, pl)
	published.InUse = inUse
	published.Copies = s.promptsContaining(p.Key, slices.Concat(found.Withdrawn, withdraw))
	return pl, published, nil
}

// checkPublication refuses a text no store holds, and an include that would now take another version.
func (s *Store) checkPublication(p *store.Publication) error {
	for _, m := range slices.Concat(p.Compiled.Document.Messages, p.Compiled.Document.Source) {
		if strings.ContainsRune(m.Text, 0) {
			return &store.UnstorableValueError{Reason: "a text has the character U+0000"}
		}
	}
	for _, include := range p.Compiled.Includes {
		ref, err := plan.IncludedRef(include)
		if err != nil {
			return err
		}
		if chosen, _ := s.chooseFragment(p.Key.Namespace, ref); chosen != include.Version {
			return fmt.Errorf("%w: %s", store.ErrFragmentsMoved, ref)
		}
	}
	return nil
}

// chooseFragment returns the served version a reference stands for now, or none.
func (s *Store) chooseFragment(namespace string, ref prompt.Ref) (int64, *version) {
	r := s.liveRow(store.Key{Namespace: namespace, Name: ref.Name})
	if r == nil {
		return plan.Unresolved, nil
	}
	return r.chooseVersion(ref.Selector)
}

func (r *row) chooseVersion(sel prompt.Selector) (int64, *version) {
	chosen := r.Default
	switch {
	case sel.Version != 0:
		chosen = sel.Version
	case sel.Channel != "":
		chosen = r.Channels[sel.Channel]
	}
	v := r.versions[chosen]
	if v == nil || v.withdrawn {
		return plan.Unresolved, nil
	}
	return chosen, v
}

// pinnedBy returns, for each version that the newest version of a live prompt includes by number, the name of such a prompt.
func (s *Store) pinnedBy(key store.Key, versions []int64) map[int64]string {
	if len(versions) == 0 {
		return nil
	}
	by := map[int64]string{}
	for r := range s.otherPrompts(key) {
		newest := r.versions[r.Highest]
		if newest == nil {
			continue
		}
		for _, include := range newest.includes {
			pinned := include.Name == key.Name && include.Selector == (prompt.Selector{Version: include.Version}).String()
			if _, known := by[include.Version]; pinned && !known && slices.Contains(versions, include.Version) {
				by[include.Version] = r.key.Name
			}
		}
	}
	return by
}

// maxCopies bounds the prompts a result lists.
const maxCopies = 10

// promptsContaining returns the prompts that keep the text of withdrawn versions.
func (s *Store) promptsContaining(key store.Key, withdrawn []int64) []string {
	if len(withdrawn) == 0 {
		return nil
	}
	var names []string
	for r := range s.otherPrompts(key) {
		keeps := func(v *version) bool {
			return slices.ContainsFunc(v.includes, func(i prompt.Included) bool {
				return i.Name == key.Name && slices.Contains(withdrawn, i.Version)
			})
		}
		if len(names) < maxCopies && slices.ContainsFunc(slices.Collect(maps.Values(r.versions)), keeps) {
			names = append(names, r.key.Name)
		}
	}
	return names
}

// otherPrompts yields the other live prompts of the namespace, in order of name.
func (s *Store) otherPrompts(key store.Key) func(yield func(*row) bool) {
	return func(yield func(*row) bool) {
		for _, other := range s.keysAfter(store.Key{Namespace: key.Namespace}) {
			if other.Namespace != key.Namespace {
				return
			}
			if r := s.liveRow(other); r != nil && other != key && !yield(r) {
				return
			}
		}
	}
}

// keysAfter returns the keys behind one, in order.
func (s *Store) keysAfter(key store.Key) []store.Key {
	place, there := slices.BinarySearchFunc(s.keys, key, store.Key.Compare)
	if there {
		place++
	}
	return s.keys[place:]
}

func (s *Store) applyPlan(r *row, p *store.Publication, pl *plan.Plan, at time.Time) {
	if pl.NewVersion {
		r.versions[pl.Newest] = &version{
			digest: p.Compiled.Digest, document: &p.Compiled.Document, includes: p.Compiled.Includes,
			provenance: plan.ProvenanceOf(&r.Row, p), published: at,
		}
		r.NewestIncludes = p.Compiled.Includes
		r.Bytes[pl.Newest] = p.Compiled.Document.TextBytes()
	}
	for _, withdrawn := range pl.Withdraw {
		v := r.versions[withdrawn]
		v.withdrawn, v.document, v.includes = true, nil, nil
		v.provenance.Message, v.provenance.SourceRevision = "", ""
	}
	for _, dropped := range pl.Drop {
		delete(r.versions, dropped)
		delete(r.Bytes, dropped)
	}
	r.Withdrawn = slices.Concat(pl.Withdraw, r.Withdrawn)
	slices.SortFunc(r.Withdrawn, func(a, b int64) int { return cmp.Compare(b, a) })
	r.Withdrawn = slices.DeleteFunc(r.Withdrawn, func(v int64) bool { return slices.Contains(pl.Drop, v) })
	if was := r.versions[r.Default]; was != nil && (r.Default != pl.Default || was.withdrawn) {
		was.search.Store(nil)
	}
	r.ServedSince = pl.ServedSince(&r.Row, at)
	r.Served, r.Channels, r.Default = pl.Served, pl.Channels, pl.Default
	r.Owner, r.Labels, r.Exposure = p.Owner, p.Labels, p.Exposure
	r.Retain, r.HistoryLimit = p.Retain, plan.HistoryLimit(p)
	r.Highest, r.Digest = pl.Newest, p.Compiled.Digest
	r.Deleted, r.deleted, r.purged, r.updated = false, time.Time{}, false, at
	if pl.Visible {
		s.bumpRevision(r)
	}
}
