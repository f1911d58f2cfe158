package memory

import (
	"context"
	"slices"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/plan"
)

// Remove leaves a tombstone where the row is still of that uid, and also where there is none: whoever still
// publishes the object would otherwise bring back what is deleted. Another owner's row or a tombstone already is
// success too, and changes nothing. With retain the texts are never purged.
func (s *Store) Remove(_ context.Context, key store.Key, uid string, retain bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.rows[key]
	if r == nil {
		r = s.insertRow(key, store.Owner{UID: uid}, time.Now())
	}
	if !r.Deleted && r.UID == uid {
		r.Retain = retain
		s.writeTombstone(r)
	}
	return nil
}

// RemoveIfUnchanged leaves a tombstone while the row still has the fence, and reports whether it did.
func (s *Store) RemoveIfUnchanged(_ context.Context, key store.Key, fence store.Fence) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.liveRow(key)
	if r == nil || r.Fence != fence {
		return false, nil
	}
	s.writeTombstone(r)
	return true, nil
}

func (s *Store) writeTombstone(r *row) {
	r.Deleted, r.deleted = true, time.Now()
	r.updated = r.deleted
	s.bumpRevision(r)
}

// ListRows returns the live rows after a key, in order of key. A row is quiescent when it was last written longer ago than
// that.
func (s *Store) ListRows(_ context.Context, after store.Key, limit int, quiescent time.Duration) ([]store.ComparedRow, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var rows []store.ComparedRow
	for _, key := range s.keysAfter(after) {
		if r := s.liveRow(key); r != nil {
			rows = append(rows, store.ComparedRow{Key: key, Fence: r.Fence, Digest: r.Digest, Quiescent: time.Since(r.updated) > quiescent})
		}
		if len(rows) == max(1, limit) {
			break
		}
	}
	return rows, nil
}

// PurgeTombstones erases versions and texts of at most limit tombstones older than that, but not of retained ones,
// and returns how many it erased. The row stays, with its highest number.
func (s *Store) PurgeTombstones(_ context.Context, olderThan time.Duration, limit int) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var tombstones []*row
	for _, r := range s.rows {
		if r.Deleted && !r.purged && !r.Retain && time.Since(r.deleted) > olderThan {
			tombstones = append(tombstones, r)
		}
	}
	slices.SortFunc(tombstones, func(a, b *row) int { return a.deleted.Compare(b.deleted) })
	tombstones = tombstones[:min(len(tombstones), limit)]
	for _, r := range tombstones {
		r.purged, r.versions = true, map[int64]*version{}
		r.Row = plan.Row{State: r.State, Highest: r.Highest, Exposure: r.Exposure, Bytes: map[int64]int64{}}
		r.updated = time.Now()
		s.bumpRevision(r)
	}
	return len(tombstones), nil
}
