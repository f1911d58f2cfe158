package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/google/uuid"
)

// How files of a spool end: segments that are written or wait, those that the database refused, and those of which a part could not be
// opened.
const (
	segmentSuffix    = ".audit"
	rejectedSuffix   = ".rejected"
	unreadableSuffix = ".unreadable"
)

// segmentFile is a file of rows, locked by the process that has it open: what nobody locks, a process that was killed left behind.
type segmentFile struct {
	id   uuid.UUID
	path string
	// size and frames are what was written.
	size   int64
	frames uint32
	// room is where rows are written while it is the current segment; nil for files that are written to alone.
	room *mappedRoom
	// reserved is how far the file system has promised room.
	reserved int64
	// rows are what is in it; nil once they took too much memory, or another process wrote it.
	rows *Rows
	// refusals are what rows of calls that did nothing take in it.
	refusals refusals
	// notBefore is when to try it again; found is when it was taken over.
	notBefore, found time.Time

	mu     sync.Mutex // guards what follows; taken after Spool.mu or alone
	file   *os.File
	synced int64
}

// createSegment makes a segment that this process has locked.
func createSegment(folder string) (*segmentFile, error) {
	for range 3 {
		id := NewID()
		path := filepath.Join(folder, id.String()+segmentSuffix)
		file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) //nolint:gosec // the operator names the folder
		if err != nil {
			return nil, err
		}
		locked, err := lockFile(file)
		if err == nil && locked {
			return &segmentFile{id: id, path: path, rows: &Rows{}, file: file, room: mapRoom(file)}, nil
		}
		if err != nil {
			return nil, errors.Join(err, file.Close(), os.Remove(path))
		}
		_ = file.Close() // another process found it empty and removes it
	}
	return nil, errors.New("another process takes each new segment")
}

// takeOver opens and locks a segment that no process has; it returns nil for one that another has, or that is gone.
func takeOver(path string) (*segmentFile, error) {
	id, err := uuid.Parse(filepath.Base(path[:len(path)-len(segmentSuffix)]))
	if err != nil {
		return nil, nil //nolint:nilnil,nilerr // no segment of ours
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // it is in the folder of segments
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil //nolint:nilnil // loaded meanwhile
	}
	if err != nil {
		return nil, err
	}
	locked, err := lockFile(file)
	if err != nil || !locked {
		return nil, errors.Join(err, file.Close())
	}
	held, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if there, err := os.Stat(path); err != nil || !os.SameFile(there, held) {
		return nil, file.Close() // who had it loaded and removed it before it let go of the lock
	}
	return &segmentFile{id: id, path: path, size: held.Size(), file: file, found: time.Now()}, nil
}

// write appends whole frames, or nothing. With isTorn nobody knows how the file ends: a part of a frame may be there, the tail of a
// segment that is not written to any more.
func (s *segmentFile) write(frames []byte) (isTorn bool, err error) {
	if s.room.write(s.file, s.size, frames) {
		s.size += int64(len(frames))
		return false, nil
	}
	n, err := s.file.WriteAt(frames, s.size)
	if err == nil {
		s.size += int64(n)
		return false, nil
	}
	if n > 0 {
		torn := s.file.Truncate(s.size)
		return torn != nil, errors.Join(err, torn)
	}
	return false, err
}

// syncTo has what was written until now survive the machine.
func (s *segmentFile) syncTo(size int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil || s.synced >= size {
		return nil
	}
	if err := s.file.Sync(); err != nil {
		return fmt.Errorf("sync %s: %w", s.path, err)
	}
	s.synced = size
	return nil
}

// endWriting gives back what only a segment needs that is written to.
func (s *segmentFile) endWriting() error {
	err := s.room.release(s.file, s.size)
	s.room = nil
	return err
}

// close lets go of the lock. The name is removed or changed before.
func (s *segmentFile) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}

// read returns what is in the segment.
func (s *segmentFile) read(keys Keys) (segmentContent, error) {
	data, err := os.ReadFile(s.path)
	if err != nil {
		return segmentContent{}, err
	}
	return readSegment(s.id, data, keys), nil
}

// segmentAge returns how long ago a segment was begun: its id has the time.
func segmentAge(id uuid.UUID) time.Duration {
	seconds, nanoseconds := id.Time().UnixTime()
	return time.Since(time.Unix(seconds, nanoseconds))
}
