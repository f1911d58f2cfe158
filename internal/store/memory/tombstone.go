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
		r = s.insert(key, store.Owner{UID: uid}, time.Now())
	}
	if !r.Deleted && r.UID == uid {
		r.Retain = retain
		s.bury(r)
	}
	return nil
}

// RemoveIfUnchanged leaves a tombstone while the row still says fence, and says whether it did.
func (s *Store) RemoveIfUnchanged(_ context.Context, key store.Key, fence store.Fence) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.live(key)
	if r == nil || r.Fence != fence {
		return false, nil
	}
	s.bury(r)
	return true, nil
}

func (s *Store) bury(r *row) {
	r.Deleted, r.deleted = true, time.Now()
	r.updated = r.deleted
	s.take(r)
}

// ListRows are the live rows after a key, in order of key. A row is settled when it was last written longer ago than
// that.
func (s *Store) ListRows(_ context.Context, after store.Key, limit int, settled time.Duration) ([]store.ComparedRow, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var rows []store.ComparedRow
	for _, key := range s.after(after) {
		if r := s.live(key); r != nil {
			rows = append(rows, store.ComparedRow{Key: key, Fence: r.Fence, Digest: r.Digest, Quiescent: time.Since(r.updated) > settled})
		}
		if len(rows) == max(1, limit) {
			break
		}
	}
	return rows, nil
}

// PurgeTombstones erases versions and texts of at most limit tombstones older than that, but not of retained ones,
// and says how many it erased. The row stays, with its highest number.
func (s *Store) PurgeTombstones(_ context.Context, olderThan time.Duration, limit int) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var graves []*row
	for _, r := range s.rows {
		if r.Deleted && !r.purged && !r.Retain && time.Since(r.deleted) > olderThan {
			graves = append(graves, r)
		}
	}
	slices.SortFunc(graves, func(a, b *row) int { return a.deleted.Compare(b.deleted) })
	graves = graves[:min(len(graves), limit)]
	for _, r := range graves {
		r.purged, r.versions = true, map[int64]*version{}
		r.Row = plan.Row{State: r.State, Highest: r.Highest, Exposure: r.Exposure}
		r.updated = time.Now()
		s.take(r)
	}
	return len(graves), nil
}
