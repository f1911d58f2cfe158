package audit

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// removeOld removes what waited for too long, and what was set aside that long ago.
func (s *Spool) removeOld() {
	s.loading.Lock()
	defer s.loading.Unlock()
	s.mu.Lock()
	waiting := slices.Clone(s.waiting)
	s.mu.Unlock()
	for _, segment := range waiting {
		if segmentAge(segment.id) < s.options.MaxAge {
			continue
		}
		s.expire(segment)
	}
	for _, suffix := range []string{rejectedSuffix, unreadableSuffix} {
		s.removeOldSetAside(suffix)
	}
}

// expire removes a segment that waited for too long.
func (s *Spool) expire(segment *segmentFile) {
	content, err := segment.read(s.options.Keys)
	rows := content.rows.Count() + content.damaged + content.unknownKey
	if err != nil { // it is lost, whatever was in it
		rows = max(int(segment.frames), 1)
	}
	if err := s.remove(segment); err != nil {
		segment.notBefore = time.Now().Add(upkeepInterval)
		s.options.Log.Error("Cannot remove an old segment of the audit", "segment", segment.id, "err", err)
		return
	}
	s.stats.expired.Add(int64(rows))
	s.options.Log.Error("Rows of the audit are lost: they waited for too long", "segment", segment.id, "rows", rows, "maxAge", s.options.MaxAge, "err", err)
}

func (s *Spool) removeOldSetAside(suffix string) {
	paths, _ := filepath.Glob(filepath.Join(s.options.Folder, "*"+suffix)) // the pattern is good, and nothing else is reported
	for _, path := range paths {
		id, err := uuid.Parse(strings.TrimSuffix(filepath.Base(path), suffix))
		if err != nil || segmentAge(id) < s.options.MaxAge {
			continue
		}
		info, err := os.Stat(path)
		if err == nil {
			err = os.Remove(path)
		}
		if err != nil {
			s.options.Log.Error("Cannot remove an old segment of the audit", "err", err)
			continue
		}
		s.mu.Lock()
		s.bytes -= info.Size()
		s.mu.Unlock()
	}
}
