package plan

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// Plan is what a publish changes in a row. It is made in two steps, New and SetDropped, because what may be erased
// depends on who pins it, which the store is asked in between.
type Plan struct {
	Newest     int64
	NewVersion bool

	// Withdraw and Drop are versions to erase: those the publication asks for, and those that are too old.
	Withdraw []int64
	Drop     []int64

	Served   []int64 // descending
	Channels map[string]int64
	Moves    []ChannelMove
	Missing  []store.ChannelRule
	Default  int64

	// Visible says that a reader can tell the difference; WriterOnly that only a writer can.
	Visible    bool
	WriterOnly bool
}

// MovesDefault reports whether callers who name no version get another one, or one again.
func (pl *Plan) MovesDefault(r *Row) bool { return r.Default != pl.Default || r.Deleted }

// ServedSince returns since when they get it, after a publish at that time.
func (pl *Plan) ServedSince(r *Row, at time.Time) time.Time {
	switch {
	case !pl.MovesDefault(r):
		return r.ServedSince
	case pl.Default == Unresolved:
		return time.Time{}
	default:
		return at
	}
}

// NextVersion decides whether the publication makes a version, and which is the newest afterwards. It compares
// with the newest only: going back to an older text makes a new version.
//
// When the object's status remembers a later version than the row does, the database lost some, and
// that one is the newest: the same text gets the same number again, and another text never one that
// was given out. The error is a *prompt.LimitError, when the next number would be larger than prompt.MaxVersion.
func NextVersion(r *Row, p *store.Publication) (newest int64, isNew bool, err error) {
	digest := p.Compiled.Digest
	stored := len(r.Served)+len(r.Withdrawn) > 0
	lost := p.LastObserved.Version > r.Highest || p.LastObserved.Version == r.Highest && !stored && p.LastObserved.Version > 0
	last := max(r.Highest, p.LastObserved.Version)
	again := lost && p.LastObserved.Digest == digest
	switch {
	case !lost && stored && r.Digest == digest:
		return r.Highest, false, nil
	case last > prompt.MaxVersion || last == prompt.MaxVersion && !again: // before anything is added to it
		return 0, false, &prompt.LimitError{Problem: fmt.Sprintf(
			"version %d is the newest, and numbers of versions go up to %d; create the prompt under another name", last, int64(prompt.MaxVersion))}
	case again:
		return last, true, nil
	default:
		return last + 1, true, nil
	}
}

// VersionsToWithdraw returns the versions the publication asks to withdraw that are still served, in ascending order.
func VersionsToWithdraw(r *Row, p *store.Publication, newest int64) []int64 {
	var versions []int64
	for _, version := range p.Withdrawn {
		if version == newest || slices.Contains(r.Served, version) {
			versions = append(versions, version)
		}
	}
	slices.Sort(versions)
	return slices.Compact(versions)
}

// New returns a plan that decides everything but what is dropped by age.
func New(r *Row, p *store.Publication, newest int64, isNew bool, withdraw []int64) *Plan {
	served := slices.Clone(r.Served)
	if isNew {
		served = append([]int64{newest}, served...)
	}
	served = slices.DeleteFunc(served, func(v int64) bool { return slices.Contains(withdraw, v) })
	pl := &Plan{Newest: newest, NewVersion: isNew, Withdraw: withdraw, Served: served}
	pl.Channels, pl.Missing = placeChannels(r.Channels, p.Channels, served)
	pl.Moves = movesBetween(r.Channels, pl.Channels)
	pl.Default = defaultVersion(pl.Channels)
	pl.Visible = r.Revision == 0 || r.Deleted || isNew || len(withdraw) > 0 || len(pl.Moves) > 0 ||
		r.Default != pl.Default || r.Exposure != p.Exposure
	pl.WriterOnly = r.Owner != p.Owner || !maps.Equal(r.Labels, p.Labels) ||
		r.Retain != p.Retain || r.HistoryLimit != HistoryLimit(p)
	return pl
}

// VersionsBeyondLimit returns the stored versions beyond the limits of the history that are neither in a channel nor the
// newest, in ascending order: those after so many, and of the others the oldest, until the texts of what is left have no more
// bytes than allowed. Withdrawn ones count as versions: they are lines of the history too.
func VersionsBeyondLimit(r *Row, p *store.Publication, pl *Plan) []int64 {
	stored := slices.Concat(pl.Served, r.Withdrawn, pl.Withdraw)
	slices.SortFunc(stored, func(a, b int64) int { return cmp.Compare(b, a) })
	newer := len(stored)
	if limit := int(HistoryLimit(p)); limit > 0 {
		newer = min(newer, limit)
	}
	inChannel := slices.Collect(maps.Values(pl.Channels))
	isKept := func(v int64) bool { return v == pl.Newest || slices.Contains(inChannel, v) }
	old := slices.DeleteFunc(slices.Clone(stored[newer:]), isKept)
	old = append(old, versionsBeyondBytes(r, p, pl, stored[:newer], old, isKept)...)
	slices.Sort(old)
	return old
}

// versionsBeyondBytes returns which of the newer versions have to go, too.
func versionsBeyondBytes(r *Row, p *store.Publication, pl *Plan, newer, old []int64, isKept func(int64) bool) []int64 {
	if p.HistoryBytes <= 0 {
		return nil
	}
	sizeOf := func(v int64) int64 {
		if pl.NewVersion && v == pl.Newest {
			return p.Compiled.Document.TextBytes()
		}
		return r.Bytes[v]
	}
	var bytes int64
	for _, v := range pl.Served {
		if !slices.Contains(old, v) {
			bytes += sizeOf(v)
		}
	}
	var beyond []int64
	for _, v := range slices.Backward(newer) {
		if bytes <= p.HistoryBytes {
			break
		}
		if slices.Contains(pl.Served, v) && !isKept(v) {
			beyond = append(beyond, v)
			bytes -= sizeOf(v)
		}
	}
	return beyond
}

// SetDropped adds the versions that are dropped by age.
func (pl *Plan) SetDropped(versions []int64) {
	pl.Drop = versions
	pl.Served = slices.DeleteFunc(pl.Served, func(v int64) bool { return slices.Contains(versions, v) })
	pl.Visible = pl.Visible || len(versions) > 0
}

// HistoryLimit returns how many versions a publication keeps, zero for no limit.
func HistoryLimit(p *store.Publication) int32 { return ClampInt32(p.HistoryLimit) }

// ClampInt32 keeps a number of rows or versions within what a database column or parameter holds.
func ClampInt32(n int) int32 { return int32(max(0, min(n, math.MaxInt32))) }
