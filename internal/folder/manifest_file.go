package folder

import (
	"crypto/sha256"
	"io/fs"
	"os"
	"time"

	"github.com/lectern-dev/lectern/internal/manifest"
)

const (
	// quietPeriod is how long a file must have been left alone before it is read: an editor that writes in place
	// empties it first.
	quietPeriod = 100 * time.Millisecond
	// clockTick is how far the time of a file may be behind the time at which it was written.
	clockTick = 20 * time.Millisecond
	// openTimeout is how long a file that is left alone is not read because a program has it open for writing, and openRetry
	// when that is looked at again.
	openTimeout = 2 * time.Second
	openRetry   = quietPeriod / 2
	// busyTimeout is how long a file that is written again and again may keep what is missing from being removed.
	busyTimeout = time.Second
)

// manifestFile is a manifest file as it was last read.
type manifestFile struct {
	path string // in the folder, with slashes
	stat fs.FileInfo
	sum  [sha256.Size]byte // of its content
	set  manifest.Set
	// fresh says that it was read within quietPeriod after it was written, by this process: somebody else may have written
	// it since without another time.
	fresh bool
	// suspect says that it has other content now, whatever its time says.
	suspect bool
}

// hasNoInvalidBut reports whether every document of the file is valid but those known not to be: then what is not in it is
// meant not to be there.
func (f *manifestFile) hasNoInvalidBut(known map[manifest.Fingerprint]bool) bool {
	for invalid := range f.set.InvalidDocuments {
		if !known[invalid] {
			return false
		}
	}
	return true
}

// isSameState reports whether a file was not written between two stats.
func isSameState(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && changeTimeOf(a).Equal(changeTimeOf(b))
}

// pendingFile is a file that may still be written, as a scan found it.
type pendingFile struct {
	stat fs.FileInfo
	// since is when it was first found in this state, first when it was first found pending.
	since, first time.Time
	// doubtful says that its time does not tell when it was written.
	doubtful bool
	// own says that this process wrote it, and it is read already.
	own bool
	// notBefore is when to look again whether a program has it open for writing; zero when none has.
	notBefore time.Time
}

// isAtRest reports whether the file may be read: its time says that it was left alone for quietPeriod or, where the time does
// not tell, two scans found it the same.
func (p *pendingFile) isAtRest(now time.Time) bool { return p.restIn(now) <= 0 }

// restIn returns in what time the file is at rest, if nobody writes to it.
func (p *pendingFile) restIn(now time.Time) time.Duration {
	rest := quietPeriod - now.Sub(p.since)
	if !p.doubtful {
		rest = min(rest, quietPeriod-now.Sub(p.stat.ModTime()))
	}
	return max(rest, p.notBefore.Sub(now))
}

// nextPending returns what is to be known of a file that is found in a state, from what the scan before knew. lastScan is when
// that one began, or zero.
func nextPending(before pendingFile, isPending bool, stat fs.FileInfo, now, lastScan time.Time) pendingFile {
	next := pendingFile{stat: stat, since: now, first: now}
	if isPending {
		next.first = before.first
		if isSameState(before.stat, stat) {
			return before
		}
	}
	// A file that says it was written before the last scan, which did not see it so, was moved here, or a clock is wrong.
	isBackdated := !lastScan.IsZero() && stat.ModTime().Before(lastScan.Add(-clockTick))
	next.doubtful = isBackdated || stat.ModTime().After(now)
	return next
}
