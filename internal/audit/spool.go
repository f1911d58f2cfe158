package audit

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/lectern-dev/lectern/internal/faultpoint"
)

const (
	// segmentSize is when a segment is closed though the loader has not asked for it.
	segmentSize = 4 << 20
	// syncInterval is the time between two fsyncs, and between two batches.
	syncInterval = time.Second
	// roomAhead is what the file system promises before a write to ServiceDesk Plus: its rows, those of calls at the same time included.
	roomAhead = 256 << 10
	// promiseAge is for how long that holds: longer than any write takes.
	promiseAge = 5 * time.Minute

	defaultMaxBytes = 512 << 20
	defaultMaxAge   = 30 * 24 * time.Hour
	defaultMaxQueue = 16 << 20
	minMaxBytes     = 4 * roomAhead
)

// Options are what a Spool is made of.
type Options struct {
	// Folder is where segments are; it is made if it is not there. Only this process and those it follows use it.
	Folder string
	// MaxBytes is how much the folder may take, 512 MiB when 0; it has to be below what the volume has. MaxAge is how long a segment is
	// kept, 30 days when 0 and at most: the database remembers for 60 what it loaded.
	MaxBytes int64
	MaxAge   time.Duration
	// MaxQueue is how many bytes of rows wait in memory, 16 MiB when 0; more is read from the segments again.
	MaxQueue int
	// Keys seal segments; without, they have checksums alone, and no Payload has anything sealed.
	Keys   Keys
	Loader Loader
	Log    *slog.Logger
}

// Spool is a Writer that keeps rows in segments until they are loaded. Run has to run.
type Spool struct {
	options Options
	stats   counters

	mu      sync.Mutex
	encoder encoder
	frames  []byte
	rows    Rows // those of one Append
	chains  *chains
	// current is what rows are written to, nil when there is none yet; waiting are closed or taken over, the oldest first.
	current *segmentFile
	waiting []*segmentFile
	// spare is what the rows of a segment that is loaded were in, for the next one: at thousands of rows a second it grows to megabytes.
	spare *Rows
	// bytes is what all files take, queued what rows in memory do.
	bytes  int64
	queued int
	// refusals are what rows of calls take that did nothing, refusalBytes all of them.
	refusals     refusals
	refusalBytes int64
	// complainedAt is when the log was told last that a row found no room.
	complainedAt time.Time
	// promisedAt is when room was promised last.
	promisedAt time.Time
	// filesMade counts the files that were made, filesSynced those of them that a sync of the folder, which syncFolder does, has seen.
	filesMade, filesSynced int
	syncFolder             func(path string) error
	closed                 bool
	wake                   chan struct{}

	loading sync.Mutex // one batch at a time
}

// Open makes a spool and takes over what processes that ended left in its folder.
func Open(o Options) (*Spool, error) {
	if o.MaxBytes == 0 {
		o.MaxBytes = defaultMaxBytes
	}
	if o.MaxAge == 0 {
		o.MaxAge = defaultMaxAge
	}
	if o.MaxQueue == 0 {
		o.MaxQueue = defaultMaxQueue
	}
	switch {
	case o.Folder == "" || o.Loader == nil:
		return nil, errors.New("a spool needs a folder and a loader")
	case o.MaxBytes < minMaxBytes:
		return nil, fmt.Errorf("the spool of the audit needs at least %d bytes; %d are too few", minMaxBytes, o.MaxBytes)
	case o.MaxAge < 0 || o.MaxAge > defaultMaxAge:
		return nil, fmt.Errorf("segments of the audit are kept for at most %s", defaultMaxAge)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(o.Folder, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the audit: %w", err)
	}
	s := &Spool{options: o, chains: newChains(), refusals: refusals{}, syncFolder: syncFolder, wake: make(chan struct{}, 1)}
	if err := s.measure(); err != nil {
		return nil, fmt.Errorf("read the folder of the audit: %w", err)
	}
	if err := s.takeOverAll(); err != nil {
		return nil, fmt.Errorf("take over the rows of the audit that are not loaded: %w", err)
	}
	return s, nil
}

// Append implements Writer.
func (s *Spool) Append(rows ...Row) error {
	if len(rows) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.appendLocked(rows, false)
	if errors.Is(err, ErrFull) {
		err = s.appendBare(rows, err)
	}
	if err != nil {
		s.chains.rollback()
		s.countDropped(len(rows), err)
		return err
	}
	s.chains.commit()
	s.stats.appended.Add(int64(len(rows)))
	return nil
}

// appendBare keeps rows that found no room without what was said, if that makes them shorter.
func (s *Spool) appendBare(rows []Row, failed error) error {
	s.chains.rollback()
	if bare := leaveOutPayloads(rows); bare != nil {
		return s.appendLocked(bare, true)
	}
	return failed
}

func (s *Spool) appendLocked(rows []Row, isBare bool) error {
	if s.closed {
		return errors.New("the audit is closed")
	}
	segment, err := s.openSegment()
	if err != nil {
		return noRoom(err)
	}
	if err := s.encode(segment, rows); err != nil {
		return err
	}
	size, of, caller := int64(len(s.frames)), decidePriority(rows), ""
	if of == ofRefusal {
		caller = callerOf(rows[0])
	}
	if err := s.checkRoom(of, caller, segment, isBare); err != nil {
		return noRoom(err)
	}
	if isTorn, err := segment.write(s.frames); err != nil {
		if isTorn {
			s.rotate()
		}
		return noRoom(err)
	}
	faultpoint.Hit(faultpoint.AuditAppended)
	segment.frames += uint32(len(rows)) //nolint:gosec // a few
	s.bytes += size
	if of == ofRefusal {
		s.countRefusal(segment, caller, size)
	}
	s.remember(segment)
	if segment.size >= segmentSize {
		s.rotate()
	}
	return nil
}

// encode makes frames of rows.
func (s *Spool) encode(segment *segmentFile, rows []Row) (err error) {
	now := time.Now()
	s.frames, s.encoder.bytes = s.frames[:0], s.encoder.bytes[:0]
	for i := range s.rows {
		s.rows[i].Bytes, s.rows[i].Starts = s.rows[i].Bytes[:0], s.rows[i].Starts[:0]
	}
	for i, row := range rows {
		begin := len(s.encoder.bytes)
		table := rowTable(row)
		s.encoder.bytes = append(s.encoder.bytes, byte(table))
		s.chains.appendRow(&s.encoder, row, now)
		body := s.encoder.bytes[begin:]
		if s.frames, err = appendFrame(s.frames, s.options.Keys, segment.id, segment.frames+uint32(i), body); err != nil {
			return fmt.Errorf("seal a row of the audit: %w", err)
		}
		s.rows.add(table, body[1:])
	}
	return nil
}

// remember keeps the rows of this Append in memory, unless there are too many.
func (s *Spool) remember(segment *segmentFile) {
	if segment.rows == nil {
		return
	}
	if s.queued+s.rows.size() > s.options.MaxQueue {
		s.queued -= segment.rows.size()
		segment.rows = nil
		return
	}
	s.queued += s.rows.size()
	for table := range s.rows {
		of := &s.rows[table]
		for i, start := range of.Starts {
			end := len(of.Bytes)
			if i+1 < len(of.Starts) {
				end = of.Starts[i+1]
			}
			segment.rows.add(Table(table), of.Bytes[start:end])
		}
	}
}

// noRoom is the error of rows that find no room.
func noRoom(cause error) error { return fmt.Errorf("%w: %w", ErrFull, cause) }

// countDropped counts rows that were not kept, and tells the log of it now and then: whoever fills the spool does not fill the log.
func (s *Spool) countDropped(rows int, err error) {
	if errors.Is(err, errShare) {
		s.stats.refusals.Add(int64(rows))
	} else {
		s.stats.dropped.Add(int64(rows))
	}
	s.complain(err)
}

func (s *Spool) complain(err error) {
	if errors.Is(err, ErrFull) && time.Since(s.complainedAt) >= complaintInterval {
		s.complainedAt = time.Now()
		s.options.Log.Error("Rows of the audit are dropped", "folder", s.options.Folder, "err", err)
	}
}

func (s *Spool) openSegment() (*segmentFile, error) {
	if s.current == nil {
		made, err := createSegment(s.options.Folder)
		if err != nil {
			return nil, err
		}
		if s.spare != nil {
			made.rows, s.spare = s.spare, nil
		}
		s.current = made
		s.filesMade++
	}
	return s.current, nil
}

// rotate has the current segment wait for the loader. What room it was promised for rows of writes that may be under way the next one is
// promised.
func (s *Spool) rotate() {
	promised := int64(0)
	if s.current != nil && time.Since(s.promisedAt) < promiseAge {
		promised = s.current.reserved - s.current.size
	}
	s.endCurrent()
	if promised <= 0 {
		return
	}
	next, err := s.openSegment()
	if err == nil {
		err = reserveRoom(next.file, 0, promised)
	}
	if err != nil {
		s.options.Log.Warn("Rows of writes to ServiceDesk Plus that are under way may find no room", "err", err)
		return
	}
	next.reserved = promised
}

// endCurrent ends the current segment.
func (s *Spool) endCurrent() {
	if s.current == nil {
		return
	}
	if err := s.current.endWriting(); err != nil {
		s.options.Log.Warn("Cannot give back room of a segment of the audit", "segment", s.current.id, "err", err)
	}
	s.waiting = append(s.waiting, s.current)
	s.current = nil
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
