package audit

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// Sync implements Writer.
func (s *Spool) Sync() error {
	if err := s.reserve(); err != nil {
		return err
	}
	return s.syncAll()
}

// reserve sees to it that the rows of a write find room.
func (s *Spool) reserve() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.New("the audit is closed")
	}
	if s.bytes+roomAhead > s.options.MaxBytes {
		return ErrFull
	}
	segment, err := s.openSegment()
	if err == nil && segment.reserved < segment.size+roomAhead {
		err = s.promise(segment, 0)
	}
	if err != nil {
		s.complain(noRoom(err))
		return noRoom(err)
	}
	s.promisedAt = time.Now()
	return nil
}

// syncAll has all rows that were appended until now survive the machine.
func (s *Spool) syncAll() error {
	type part struct {
		*segmentFile
		size int64
	}
	s.mu.Lock()
	parts := make([]part, 0, len(s.waiting)+1)
	for _, waiting := range s.waiting {
		parts = append(parts, part{waiting, waiting.size})
	}
	if s.current != nil {
		parts = append(parts, part{s.current, s.current.size})
	}
	made, synced := s.filesMade, s.filesSynced
	s.mu.Unlock()
	var failed error
	for _, p := range parts {
		failed = errors.Join(failed, p.syncTo(p.size))
	}
	if synced < made {
		failed = errors.Join(failed, s.syncFolder(s.options.Folder))
	}
	if failed != nil {
		return fmt.Errorf("sync the audit: %w", failed)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.filesSynced = max(s.filesSynced, made)
	return nil
}

func syncFolder(path string) error {
	folder, err := os.Open(path) //nolint:gosec // the operator names it
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
