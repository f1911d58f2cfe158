package audit

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// measure counts the bytes of files that were set aside.
func (s *Spool) measure() error {
	entries, err := os.ReadDir(s.options.Folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if name := entry.Name(); !strings.HasSuffix(name, rejectedSuffix) && !strings.HasSuffix(name, unreadableSuffix) {
			continue
		}
		info, err := entry.Info()
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		default:
			s.bytes += info.Size()
		}
	}
	return nil
}

// takeOverAll has segments that nobody has locked wait for the loader, the oldest first.
func (s *Spool) takeOverAll() error {
	entries, err := os.ReadDir(s.options.Folder)
	if err != nil {
		return err
	}
	own := s.ownPaths()
	var taken []*segmentFile
	for _, entry := range entries {
		path := filepath.Join(s.options.Folder, entry.Name())
		if !strings.HasSuffix(path, segmentSuffix) || own[path] {
			continue
		}
		found, err := takeOver(path)
		if err != nil {
			s.options.Log.Error("Cannot take over a segment of the audit", "file", entry.Name(), "err", err)
			continue
		}
		if found != nil {
			taken = append(taken, found)
		}
	}
	if len(taken) == 0 {
		return nil
	}
	s.options.Log.Info("Took over segments of the audit that an ended process left", "segments", len(taken))
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, segment := range taken {
		s.bytes += segment.size
	}
	s.waiting = append(taken, s.waiting...)
	return nil
}

// ownPaths returns the segments that this process has.
func (s *Spool) ownPaths() map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	paths := map[string]bool{}
	for _, waiting := range s.waiting {
		paths[waiting.path] = true
	}
	if s.current != nil {
		paths[s.current.path] = true
	}
	return paths
}
