package audit

import (
	"errors"
	"fmt"
	"time"
)

// How much of a spool is for which rows. What its callers can have made for nothing keeps nobody's writes from being audited, and so made.
const (
	// writeReserve is the part, 1/4, that only rows of writes take; and at least twice roomAhead.
	writeReserve = 4
	// refusalShare is the part, 1/8, that rows of calls take which did nothing, and refusalShareOfCaller, 1/64, what those of one caller take.
	refusalShare         = 8
	refusalShareOfCaller = 64
	// minRefusals is what one caller's may take in a small spool.
	minRefusals = 32 << 10
	// complaintInterval is the time between two lines of the log about rows that find no room.
	complaintInterval = time.Minute
)

// priority is how much it matters that a row finds room.
type priority int

const (
	ofRefusal priority = iota // the call did nothing: refused, throttled, failed
	ofRead
	ofWrite // something was sent that changes ServiceDesk Plus, or is about to be
)

// decidePriority returns that of rows which are kept together: the highest.
func decidePriority(rows []Row) (highest priority) {
	for _, row := range rows {
		highest = max(highest, priorityOf(row))
	}
	return highest
}

func priorityOf(row Row) priority {
	switch r := row.(type) {
	case *APICall:
		if !r.Write {
			return ofRead
		}
	case *ToolUsage:
		switch {
		case r.WriteBegun:
		case r.Outcome == OutcomeSuccess, r.Outcome == OutcomeIndeterminate:
			return ofRead
		default:
			return ofRefusal
		}
	}
	return ofWrite
}

// callerOf returns who made a call, as one text.
func callerOf(row Row) string {
	var actor Actor
	switch r := row.(type) {
	case *APICall:
		actor = r.Actor
	case *ToolUsage:
		actor = r.Actor
	}
	return actor.Proof + "\x00" + actor.Subject
}

// refusals are the bytes that rows of calls take which did nothing, by caller.
type refusals map[string]int64

// errShare says that a caller, or all callers, had as many calls refused as there are rows kept of.
var errShare = errors.New("rows of refused calls have their share of it")

// checkRoom returns why rows find no room. The last of it is for rows of writes without payloads, and what the file system promised for
// writes others leave to them.
func (s *Spool) checkRoom(of priority, caller string, segment *segmentFile, isBare bool) error {
	size, limit := int64(len(s.frames)), s.options.MaxBytes
	switch {
	case of != ofWrite:
		limit -= max(limit/writeReserve, 2*roomAhead)
	case !isBare:
		limit -= roomAhead / 2
	}
	if s.bytes+size > limit {
		return fmt.Errorf("its files have %d of %d bytes", s.bytes, s.options.MaxBytes)
	}
	if of == ofRefusal {
		ofCaller := max(s.options.MaxBytes/refusalShareOfCaller, minRefusals)
		if s.refusals[caller]+size > ofCaller || s.refusalBytes+size > s.options.MaxBytes/refusalShare {
			return errShare
		}
	}
	if of == ofWrite || time.Since(s.promisedAt) >= promiseAge || segment.reserved >= segment.size+size+roomAhead {
		return nil
	}
	return s.promise(segment, size)
}

// promise has the file system promise room behind so many bytes of a segment, for rows of writes.
func (s *Spool) promise(segment *segmentFile, behind int64) error {
	end := segment.size + behind + 2*roomAhead
	if err := reserveRoom(segment.file, segment.size, end-segment.size); err != nil {
		return err
	}
	segment.reserved = end
	return nil
}

// countRefusal remembers what a row of a call that did nothing takes in a segment.
func (s *Spool) countRefusal(segment *segmentFile, caller string, size int64) {
	if segment.refusals == nil {
		segment.refusals = refusals{}
	}
	segment.refusals[caller] += size
	s.refusals[caller] += size
	s.refusalBytes += size
}

// forgetRefusals gives back what such rows took in a segment that is gone.
func (s *Spool) forgetRefusals(segment *segmentFile) {
	for caller, bytes := range segment.refusals {
		s.refusalBytes -= bytes
		if s.refusals[caller] -= bytes; s.refusals[caller] <= 0 {
			delete(s.refusals, caller)
		}
	}
	segment.refusals = nil
}

// leaveOutPayloads returns rows that say of what was said that there was no room for it; nil where that makes them no shorter.
func leaveOutPayloads(rows []Row) []Row {
	bare, isShorter := make([]Row, len(rows)), false
	leaveOut := func(p *Payload) {
		if len(p.Redacted)+len(p.Sealed) <= len(noRoomPayload) {
			return
		}
		*p, isShorter = Payload{Redacted: []byte(noRoomPayload)}, true
	}
	for i, row := range rows {
		switch r := row.(type) {
		case *APICall:
			cut := *r
			leaveOut(&cut.Payload)
			bare[i] = &cut
		case *ToolUsage:
			cut := *r
			leaveOut(&cut.Payload)
			bare[i] = &cut
		}
	}
	if !isShorter {
		return nil
	}
	return bare
}

// noRoomPayload takes the place of a payload that there was no room for.
const noRoomPayload = `{"leftOut":"there was no room"}`
