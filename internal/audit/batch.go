package audit

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/google/uuid"
)

// Rows are rows as they are loaded, by table.
type Rows [tableCount]Tuples

// Tuples are rows of one table, one after the other, each a tuple of Postgres's binary COPY with the table's columns from logged_at to
// hash.
type Tuples struct {
	Bytes []byte
	// Starts are where in Bytes the rows begin.
	Starts []int
}

func (r *Rows) add(table Table, tuple []byte) {
	of := &r[table]
	of.Starts = append(of.Starts, len(of.Bytes))
	of.Bytes = append(of.Bytes, tuple...)
}

// reset has no rows, and keeps the memory they were in.
func (r *Rows) reset() {
	for i := range r {
		r[i].Bytes, r[i].Starts = r[i].Bytes[:0], r[i].Starts[:0]
	}
}

// Count returns how many rows there are.
func (r *Rows) Count() (n int) {
	for i := range r {
		n += len(r[i].Starts)
	}
	return n
}

func (r *Rows) size() (n int) {
	for i := range r {
		n += len(r[i].Bytes)
	}
	return n
}

// Batch is a segment on its way into the database.
type Batch struct {
	// ID is that of the segment: a batch is loaded once.
	ID     uuid.UUID
	Writer uuid.UUID
	Rows   Rows
	// Damaged is how many rows of the segment could not be read.
	Damaged int
}

// A Loader loads a batch, all of it or nothing. It returns isNew false for one that was loaded before, a *store.UnstorableValueError for
// one that no trying again loads, and anything else for a database that does not take it now.
type Loader interface {
	LoadAudit(ctx context.Context, batch Batch) (isNew bool, err error)
}

// ClampTimes has the rows that were logged before the first time or not before the last one be of the time now, and mark them. It
// returns how many there were.
func (t *Tuples) ClampTimes(first, last, now time.Time) (clamped int) {
	for _, start := range t.Starts {
		tuple := t.Bytes[start:]
		if at := loggedAtOf(tuple); !at.Before(first) && at.Before(last) {
			continue
		}
		binary.BigEndian.PutUint64(tuple[loggedAtOffset:], uint64(encodeTime(now))) //nolint:gosec // two's complement
		tuple[clampedOffset] = 1
		clamped++
	}
	return clamped
}

// findWriter returns who wrote the first of some rows.
func (r *Rows) findWriter() uuid.UUID {
	for i := range r {
		if len(r[i].Bytes) > 0 {
			return uuid.UUID(r[i].Bytes[hashedOffset+4 : hashedOffset+20])
		}
	}
	return uuid.Nil
}
