package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lectern-dev/lectern/internal/faultpoint"
	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/store"
)

const (
	// upkeepInterval is the time between two rounds that take over segments and remove those that are too old.
	upkeepInterval = time.Minute
	// A database that takes nothing is tried again after these.
	firstBackoff, longestBackoff = 100 * time.Millisecond, 10 * time.Second
	// lastLoad is what Run takes to load what is left when it ends.
	lastLoad = 5 * time.Second
)

// Run syncs and loads until ctx ends, and then what is left if the database takes it; the rest is for the process that follows.
func (s *Spool) Run(ctx context.Context) error {
	var syncing sync.WaitGroup
	syncing.Go(func() { s.syncRepeatedly(ctx) })
	s.loadRepeatedly(ctx)
	syncing.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastLoad)
	defer cancel()
	if err := s.Flush(ctx); err != nil {
		s.options.Log.Warn("The audit ends with rows that are not loaded; they are loaded by the process that follows in this folder", "err", err)
	}
	return s.close()
}

func (s *Spool) syncRepeatedly(ctx context.Context) {
	tick := time.NewTicker(syncInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := s.syncAll(); err != nil {
				s.options.Log.Error("Cannot sync the audit", "err", err)
			}
		}
	}
}

func (s *Spool) loadRepeatedly(ctx context.Context) {
	tick, clean := time.NewTicker(syncInterval), time.NewTicker(upkeepInterval)
	defer tick.Stop()
	defer clean.Stop()
	backoff, isAway := firstBackoff, false
	for {
		err := s.Flush(ctx)
		pause := tick.C
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if !isAway {
				s.options.Log.Warn("The database does not take the audit; rows wait in the spool", "err", err)
			}
			isAway, pause = true, time.After(backoff)
			backoff = min(2*backoff, longestBackoff)
		default:
			if isAway {
				s.options.Log.Info("The database takes the audit again")
			}
			isAway, backoff = false, firstBackoff
		}
		wake := s.wake
		if isAway {
			wake = nil
		}
		select {
		case <-ctx.Done():
			return
		case <-pause:
		case <-wake:
		case <-clean.C:
			s.removeOld()
			if err := s.takeOverAll(); err != nil {
				s.options.Log.Error("Cannot read the folder of the audit", "err", err)
			}
		}
	}
}

// Flush loads all rows that were appended before. It returns the error of the database at the first batch that it does not take now.
// The current segment is written to until those before it are loaded.
func (s *Spool) Flush(ctx context.Context) error {
	s.loading.Lock()
	defer s.loading.Unlock()
	s.mu.Lock()
	before := slices.Clone(s.waiting)
	s.mu.Unlock()
	if err := s.loadAll(ctx, before); err != nil {
		return err
	}
	s.mu.Lock()
	if s.current != nil && s.current.frames > 0 {
		s.rotate()
	}
	added := slices.DeleteFunc(slices.Clone(s.waiting), func(w *segmentFile) bool { return slices.Contains(before, w) })
	s.mu.Unlock()
	return s.loadAll(ctx, added)
}

func (s *Spool) loadAll(ctx context.Context, segments []*segmentFile) error {
	for _, segment := range segments {
		if time.Now().Before(segment.notBefore) {
			continue
		}
		if !segment.found.IsZero() && segmentAge(segment.id) >= s.options.MaxAge {
			s.expire(segment) // the database may have forgotten that it was loaded
			continue
		}
		if err := s.load(ctx, segment); err != nil {
			return err
		}
	}
	return nil
}

// load loads a segment and removes it.
func (s *Spool) load(ctx context.Context, segment *segmentFile) error {
	faultpoint.Hit(faultpoint.AuditClosed)
	content := segmentContent{}
	if segment.rows != nil {
		content.rows = *segment.rows
	} else {
		var err error
		if content, err = segment.read(s.options.Keys); err != nil {
			s.passOver(segment, fmt.Errorf("read it: %w", err))
			return nil
		}
		if content.unknownKey > 0 && time.Since(segment.found) < 4*seal.KeyWait && !segment.found.IsZero() {
			segment.notBefore = time.Now().Add(seal.KeyWait) // a kubelet may be about to bring it
			return nil
		}
	}
	lost := content.damaged + content.unknownKey
	isNew := false
	if content.rows.Count()+lost > 0 {
		var err error
		isNew, err = s.options.Loader.LoadAudit(ctx, Batch{ID: segment.id, Writer: content.rows.findWriter(), Rows: content.rows, Damaged: lost})
		if refused, is := errors.AsType[*store.UnstorableValueError](err); is {
			s.reject(segment, content.rows.Count(), refused)
			return nil
		}
		if err != nil {
			s.stats.failures.Add(1)
			return fmt.Errorf("load a batch of the audit: %w", err)
		}
	}
	faultpoint.Hit(faultpoint.AuditLoaded)
	if !isNew && content.rows.Count() > 0 {
		s.options.Log.Warn("A segment of the audit was loaded before, by a process that ended then or by who claimed it", "segment", segment.id, "rows", content.rows.Count())
	}
	if isNew {
		s.stats.loaded.Add(int64(content.rows.Count()))
		s.stats.damaged.Add(int64(lost))
		if lost > 0 {
			s.options.Log.Error("Rows of the audit are lost: a segment is damaged, or its key is gone", "segment", segment.id,
				"rows", content.rows.Count(), "damaged", content.damaged, "withoutKey", content.unknownKey)
		}
	}
	end := s.remove
	if content.unknownKey > 0 {
		end = func(of *segmentFile) error { return s.setAside(of, unreadableSuffix) }
	}
	if err := end(segment); err != nil {
		s.passOver(segment, err)
	}
	return nil
}

// passOver leaves a segment that the disk does not give, or not let go of, for later, and none waits behind it. One that is gone is lost.
func (s *Spool) passOver(segment *segmentFile, failed error) {
	if errors.Is(failed, os.ErrNotExist) {
		s.stats.damaged.Add(max(int64(segment.frames), 1))
		s.options.Log.Error("Rows of the audit are lost: a segment is gone", "segment", segment.id, "err", failed)
		s.forget(segment, segment.size)
		return
	}
	segment.notBefore = time.Now().Add(upkeepInterval)
	s.options.Log.Error("Cannot load a segment of the audit, and go on with those behind it", "segment", segment.id, "err", failed)
}

// reject sets a batch aside that would be refused for ever.
func (s *Spool) reject(segment *segmentFile, rows int, refused error) {
	s.stats.rejected.Add(int64(rows))
	s.options.Log.Error("The database refuses a batch of the audit for what is in it; it is set aside", "segment", segment.id,
		"rows", rows, "file", filepath.Base(setAsidePath(segment, rejectedSuffix)), "err", refused)
	if err := s.setAside(segment, rejectedSuffix); err != nil {
		s.passOver(segment, err)
	}
}

func setAsidePath(segment *segmentFile, suffix string) string {
	return strings.TrimSuffix(segment.path, segmentSuffix) + suffix
}

// setAside keeps a segment that is not loaded any more for a person to see, until it is too old.
func (s *Spool) setAside(segment *segmentFile, suffix string) error {
	if err := os.Rename(segment.path, setAsidePath(segment, suffix)); err != nil {
		return fmt.Errorf("set a segment of the audit aside: %w", err)
	}
	s.forget(segment, 0)
	return nil
}

func (s *Spool) remove(segment *segmentFile) error {
	if err := os.Remove(segment.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove a segment of the audit: %w", err)
	}
	faultpoint.Hit(faultpoint.AuditRemoved)
	s.forget(segment, segment.size)
	return nil
}

func (s *Spool) forget(segment *segmentFile, freed int64) {
	s.mu.Lock()
	s.bytes -= freed
	s.forgetRefusals(segment)
	if segment.rows != nil {
		s.queued -= segment.rows.size()
		segment.rows.reset()
		s.spare, segment.rows = segment.rows, nil
	}
	s.waiting = slices.DeleteFunc(s.waiting, func(w *segmentFile) bool { return w == segment })
	s.mu.Unlock()
	if err := segment.close(); err != nil {
		s.options.Log.Warn("Cannot close a segment of the audit", "segment", segment.id, "err", err)
	}
}

// close lets go of all segments; what is in them is on the disk.
func (s *Spool) close() error {
	failed := s.syncAll()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.current != nil && s.current.frames == 0 {
		failed = errors.Join(failed, os.Remove(s.current.path))
	}
	s.endCurrent()
	for _, segment := range s.waiting {
		failed = errors.Join(failed, segment.close())
	}
	s.waiting = nil
	return failed
}
