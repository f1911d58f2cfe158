package audit

import "sync/atomic"

type counters struct {
	appended, dropped, refusals, loaded, damaged, rejected, expired, failures atomic.Int64
}

// Stats is what became of rows since the process began, and what waits.
type Stats struct {
	// Appended rows were kept, Dropped ones found no room; Refusals are rows of calls that did nothing, beyond the share that those have.
	Appended, Dropped, Refusals int64
	// Loaded rows are in the database; Damaged could not be read from a segment, Rejected are of batches that the database refused for
	// what is in them, and Expired waited for longer than a segment is kept.
	Loaded, Damaged, Rejected, Expired int64
	// LoadFailures are attempts to load a batch that failed and are repeated.
	LoadFailures int64
	// Segments wait or are written to, QueuedBytes are their rows in memory, and SpoolBytes is what all files take, of at most MaxBytes.
	Segments             int
	QueuedBytes          int
	SpoolBytes, MaxBytes int64
}

// Stats returns a snapshot for metrics.
func (s *Spool) Stats() Stats {
	c := &s.stats
	stats := Stats{
		Appended: c.appended.Load(), Dropped: c.dropped.Load(), Refusals: c.refusals.Load(), Loaded: c.loaded.Load(), Damaged: c.damaged.Load(),
		Rejected: c.rejected.Load(), Expired: c.expired.Load(), LoadFailures: c.failures.Load(), MaxBytes: s.options.MaxBytes,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	stats.Segments, stats.QueuedBytes, stats.SpoolBytes = len(s.waiting), s.queued, s.bytes
	if s.current != nil {
		stats.Segments++
	}
	return stats
}
