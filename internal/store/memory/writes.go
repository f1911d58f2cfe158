package memory

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/lectern-dev/lectern/internal/store"
)

// WriteLimits are what the manifest of a connection says of writes through it.
type WriteLimits struct {
	// MayWrite is false where the connection is read only, suspended, or gone.
	MayWrite bool
	PerHour  int
}

// Writes are intents of writes to ServiceDesk Plus, for as long as the process lives: what begin_write and its like are in Postgres. It
// decides by the same rules.
type Writes struct {
	limits func(connection int64) WriteLimits

	mu     sync.Mutex
	now    func() time.Time
	writes []*heldWrite
}

// heldWrite is an intent, and what became of it.
type heldWrite struct {
	store.WriteIntent
	id      string
	begunAt time.Time
	trace   []byte
	outcome store.WriteOutcome // empty for none yet
	end     store.WriteEnd
}

// NewWrites returns no intents; limits says what a connection allows.
func NewWrites(limits func(connection int64) WriteLimits) *Writes {
	return &Writes{limits: limits, now: time.Now}
}

// SetClock has time be read from now.
func (w *Writes) SetClock(now func() time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = now
}

// BeginWrite stores the intent of a write, or says why it is not to be sent.
func (w *Writes) BeginWrite(_ context.Context, intent store.WriteIntent) (store.BegunWrite, error) {
	limits := w.limits(intent.Connection)
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	w.forgetOld(now)
	if !limits.MayWrite {
		return store.BegunWrite{State: store.WriteReadOnly}, nil
	}
	if intent.Weight == 0 && !w.hasWeighed(&intent, now) {
		return store.BegunWrite{}, &store.UnstorableValueError{
			Reason: fmt.Sprintf("a write that weighs nothing is one of at most %d more steps of a call of the last 10 minutes that weighs something, and was sent", store.MaxWeightlessSteps),
		}
	}
	w.endUnsent(&intent, now)
	if state, earlier := w.findEarlier(&intent, now); state != "" {
		begun := store.BegunWrite{State: state}
		if earlier != nil {
			begun.ID, begun.RecordID, begun.RecordNumber = earlier.id, earlier.end.RecordID, earlier.end.RecordNumber
			begun.Mark, begun.Trace, begun.Age = earlier.Mark, earlier.trace, now.Sub(earlier.begunAt)
		}
		return begun, nil
	}
	if retry, isFull := w.isFull(&intent, limits.PerHour, now); isFull {
		return store.BegunWrite{State: store.WriteTooMany, RetryAfter: retry}, nil
	}
	held := &heldWrite{WriteIntent: intent, id: uuid.NewString(), begunAt: now}
	w.writes = append(w.writes, held)
	return store.BegunWrite{State: store.WriteBegun, ID: held.id}, nil
}

// hasWeighed reports whether a step of the call weighs something, and there are not too many that do not, of those that were not refused before
// they were sent.
func (w *Writes) hasWeighed(intent *store.WriteIntent, now time.Time) bool {
	weighed, weightless := false, 0
	for _, held := range w.writes {
		if held.CallID != intent.CallID || held.Caller != intent.Caller || held.isUnsent() || held.begunAt.Before(now.Add(-10*time.Minute)) {
			continue
		}
		weighed = weighed || held.Weight > 0
		if held.Weight == 0 {
			weightless++
		}
	}
	return weighed && weightless < store.MaxWeightlessSteps
}

// endUnsent ends the caller's writes that were not about to be sent by their deadline: TraceWrite takes none afterwards.
func (w *Writes) endUnsent(intent *store.WriteIntent, now time.Time) {
	for _, held := range w.writes {
		if held.Connection == intent.Connection && held.Caller == intent.Caller && held.outcome == "" && held.trace == nil && held.isOver(now) {
			held.outcome, held.end = store.WriteNotDone, store.WriteEnd{Outcome: store.WriteNotDone}
		}
	}
}

// findEarlier returns what it means that an earlier write was the same, and which that is; nothing for none.
func (w *Writes) findEarlier(intent *store.WriteIntent, now time.Time) (state store.WriteState, earlier *heldWrite) {
	var keyed, planned, same []*heldWrite
	for _, held := range slices.Backward(w.writes) {
		if held.Connection != intent.Connection {
			continue
		}
		isKeyed := intent.Key != "" && held.Key == intent.Key && held.Caller == intent.Caller
		isPlanned := intent.Nonce != "" && held.Nonce == intent.Nonce
		isEqual := intent.Key == "" && intent.MergesRepeats && held.Key == "" && held.Caller == intent.Caller && bytes.Equal(held.Digest, intent.Digest) &&
			(held.begunAt.After(now.Add(-store.WriteRepeatWindow)) || held.outcome == "" || held.outcome == store.WriteIndeterminate)
		if isKeyed {
			keyed = append(keyed, held)
		}
		if isPlanned {
			planned = append(planned, held)
		}
		if held.Step == intent.Step && (isKeyed || isPlanned && intent.ContinuesPlan || isEqual) && held.outcome != store.WriteNotDone {
			same = append(same, held)
		}
	}
	isOther := func(held *heldWrite) bool { return !bytes.Equal(held.Digest, intent.Digest) }
	switch {
	case slices.ContainsFunc(keyed, isOther):
		return store.WriteOtherArguments, nil
	case len(same) > 0:
		return same[0].stateAt(now), same[0]
	case slices.ContainsFunc(planned, func(held *heldWrite) bool { return isOther(held) || held.Caller != intent.Caller }):
		return store.WritePlanOfAnother, nil
	}
	for _, held := range planned {
		if held.Step == intent.Step && !intent.ContinuesPlan && (held.CallID != intent.CallID || held.outcome != store.WriteNotDone) {
			return store.WritePlanUsed, held
		}
	}
	return "", nil
}

// isOver reports whether a write is not sent any more.
func (h *heldWrite) isOver(now time.Time) bool {
	return !now.Before(h.begunAt.Add(store.WriteDeadline))
}

// isUnsent reports whether a write ended before it was about to be sent.
func (h *heldWrite) isUnsent() bool { return h.outcome == store.WriteNotDone && h.trace == nil }

// stateAt returns what a write is to one that would repeat it.
func (h *heldWrite) stateAt(now time.Time) store.WriteState {
	switch {
	case h.outcome != "":
		return store.WriteState(h.outcome)
	case h.begunAt.After(now.Add(-store.WriteLateness)):
		return store.WriteInFlight
	}
	return store.WriteWasIndeterminate
}

// isFull reports whether a write weighs more than is left of the caller's hour, and when there is room.
func (w *Writes) isFull(intent *store.WriteIntent, perHour int, now time.Time) (retry time.Duration, isFull bool) {
	used := intent.Weight
	var last time.Time // of what has to leave the hour first
	for _, held := range slices.Backward(w.writes) {
		if held.Connection != intent.Connection || held.Caller != intent.Caller || held.isUnsent() || !held.begunAt.After(now.Add(-time.Hour)) {
			continue
		}
		if used += held.Weight; used > perHour && last.IsZero() {
			last = held.begunAt
		}
	}
	if used <= perHour {
		return 0, false
	}
	return max(time.Second, last.Add(time.Hour).Sub(now)), true
}

// forgetOld drops what is decided and older than keys live.
func (w *Writes) forgetOld(now time.Time) {
	w.writes = slices.DeleteFunc(w.writes, func(held *heldWrite) bool {
		return held.begunAt.Before(now.Add(-store.WriteKeyLifetime)) && held.outcome != "" && held.outcome != store.WriteIndeterminate
	})
}

func (w *Writes) findHeld(id string) *heldWrite {
	for _, held := range slices.Backward(w.writes) {
		if held.id == id {
			return held
		}
	}
	return nil
}

// TraceWrite says where an intent can be looked up. Its error is store.ErrWriteOver where it must not be sent.
func (w *Writes) TraceWrite(_ context.Context, id string, trace []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	held := w.findHeld(id)
	if held == nil || held.outcome != "" || held.isOver(w.now()) {
		return store.ErrWriteOver
	}
	held.trace = bytes.Clone(trace)
	return nil
}

// EndWrite says how an intent ended, and returns how it has: what is decided stays.
func (w *Writes) EndWrite(_ context.Context, id string, end store.WriteEnd) (store.WriteOutcome, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	held := w.findHeld(id)
	if held == nil {
		return "", fmt.Errorf("end a write: %w", store.ErrNotFound)
	}
	if held.outcome == "" || held.outcome == store.WriteIndeterminate && end.Outcome != store.WriteIndeterminate {
		held.outcome, held.end = end.Outcome, end
	}
	return held.outcome, nil
}

// WriteOutcome returns how an intent ended, nothing while it is open or where nobody has it.
func (w *Writes) WriteOutcome(_ context.Context, id string) (store.WriteOutcome, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if held := w.findHeld(id); held != nil {
		return held.outcome, nil
	}
	return "", nil
}
