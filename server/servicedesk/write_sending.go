package servicedesk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/writetrace"
	"github.com/lectern-dev/lectern/server/audit"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/tool"
)

// WriteStore keeps intents of writes. An error that trying again may cure wraps store.ErrUnavailable.
type WriteStore interface {
	BeginWrite(ctx context.Context, intent store.WriteIntent) (store.BegunWrite, error)
	TraceWrite(ctx context.Context, id string, trace []byte) error
	EndWrite(ctx context.Context, id string, end store.WriteEnd) (store.WriteOutcome, error)
	// WriteOutcome returns how an intent ended, nothing while it is open. It keeps nobody waiting, as BeginWrite does.
	WriteOutcome(ctx context.Context, id string) (store.WriteOutcome, error)
}

// TraceSealer binds where a write is looked up to its intent, by keys that all replicas and the controller have, and the database has not.
type TraceSealer interface {
	SealTrace(of writetrace.Intent, trace *sdp.WriteTrace) ([]byte, error)
	OpenTrace(of writetrace.Intent, stored []byte) (sdp.WriteTrace, error)
}

const (
	// storeTimeout bounds what the store is asked about a write that may not be broken off.
	storeTimeout = 5 * time.Second
	// equalWait is how long is waited for an equal write that is on its way, equalPoll how often is looked.
	equalWait, equalPoll = 15 * time.Second, 250 * time.Millisecond
	// lookupTime is how long a call looks for a write whose answer was lost, with pauses between that double from lookupPause.
	lookupTime, lookupPause = 20 * time.Second, 2 * time.Second
)

// writeError is the answer of a call whose write was not done, or of which nobody knows. It is the error of the call of ServiceDesk Plus, too.
type writeError struct {
	outcome store.WriteOutcome
	// hasKey says that the caller can ask again with the same key.
	hasKey bool
	cause  error
}

func (e *writeError) Error() string { return string(e.outcome) + ": " + e.cause.Error() }
func (e *writeError) Unwrap() error { return e.cause }

// errUnknownOutcome is the cause where an earlier call's write is of unknown outcome.
var errUnknownOutcome = errors.New("nobody knows yet what became of an equal write")

// send carries out a step at most once: its intent is stored before, its outcome after, and a call whose answer was lost is
// looked up. A repeat returns what the first one made. Once the intent is stored, the caller's leaving ends nothing.
func (w *write) send(ctx context.Context, step writeStep) (writtenRecord, error) {
	if err := ctx.Err(); err != nil {
		return writtenRecord{}, err
	}
	if err := w.d.service.syncAudit(ctx); err != nil {
		return writtenRecord{}, err
	}
	attempt := &stepAttempt{write: w, step: &step, signature: w.d.makeSignature(newMark())}
	begun, before, err := attempt.begin(ctx)
	if err != nil {
		return writtenRecord{}, err
	}
	ctx = context.WithoutCancel(ctx)
	switch begun.State {
	case store.WriteBegun:
		audit.FromContext(ctx).BeginWrite()
		w.hasBegun = true
		return attempt.carryOut(ctx, begun.ID, before.Add(store.WriteDeadline))
	case store.WriteWasDone:
		w.hasRepeated = true
		w.d.service.metrics.countWrite(w.d.key.String(), w.intent.Tool, "repeat")
		return writtenRecord{ID: begun.RecordID, Number: begun.RecordNumber, isRepeat: true}, nil
	}
	return writtenRecord{}, w.refuseStep(begun)
}

// weigh remembers that a step weighed something once it is about to be sent: before, the store does not count it. The first of a call
// always does; the one that was to is lighter then.
func (w *write) weigh(weighed, meant int) {
	w.isAhead = w.isAhead && meant == 0 || weighed > meant
	w.isWeighed = w.isWeighed || weighed > 0
}

// weightOf returns what a step weighs.
func (w *write) weightOf(step *writeStep) int {
	switch {
	case !w.isWeighed:
		return max(step.weight, 1)
	case w.isAhead && step.weight > 0:
		return step.weight - 1
	}
	return step.weight
}

// refuseStep says why a write is not sent.
func (w *write) refuseStep(begun store.BegunWrite) error {
	d := w.d
	switch begun.State {
	case store.WriteOtherArguments:
		return tool.NewConflict("argument %q: a call with other arguments had it; give each call a key of its own", "idempotency_key")
	case store.WritePlanUsed:
		return tool.NewConflict("argument %q: it was used before, and a plan is good for one call%s", planArgument, againWithoutPlan)
	case store.WritePlanOfAnother:
		return tool.NewConflict("argument %q: it was used by another call%s", planArgument, againWithoutPlan)
	case store.WriteTooMany:
		seconds := auth.RetrySeconds(begun.RetryAfter)
		return &tool.Error{
			Kind: tool.Quota, Details: errorDetails{Kind: tool.Quota, RetryAfterSeconds: seconds, Outcome: store.WriteNotDone},
			Text: fmt.Sprintf("your writes of this hour are used up: %d through connection %s (spec.access.writesPerHour); try again in %d s", d.Access.WritesPerHour, d.key, seconds),
		}
	case store.WriteReadOnly:
		return tool.NewForbidden("connection %s is not written through now (spec.access.mode, spec.suspend)", d.key)
	case store.WriteInFlight:
		seconds := auth.RetrySeconds(equalWait)
		return &tool.Error{
			Kind: tool.Conflict, Details: errorDetails{Kind: tool.Conflict, RetryAfterSeconds: seconds, Outcome: store.WriteIndeterminate},
			Text: fmt.Sprintf("an equal call is still at it; ask again in %d s with the same arguments to hear how it ended", seconds),
		}
	}
	return &writeError{store.WriteIndeterminate, w.intent.Key != "", errUnknownOutcome}
}

// stepAttempt is one try of a step.
type stepAttempt struct {
	*write
	step      *writeStep
	signature signature
	intent    store.WriteIntent
}

// begin stores the intent. Where an equal write is on its way it waits for that, and one of unknown outcome is looked up first. Before is
// when the store was asked for what it decided.
func (a *stepAttempt) begin(ctx context.Context) (begun store.BegunWrite, before time.Time, err error) {
	a.intent = a.write.intent
	a.intent.Step, a.intent.Weight, a.intent.Mark = a.step.name, a.weightOf(a.step), a.signature.mark
	until := time.Now().Add(equalWait)
	isLookedUp := false
	for {
		before = time.Now()
		begun, err = a.askStore(ctx)
		if err != nil {
			return begun, before, err
		}
		switch {
		case begun.State == store.WriteInFlight && time.Now().Before(until):
			if err := a.waitForEqual(ctx, &begun, until); err != nil {
				return begun, before, err
			}
		case begun.State == store.WriteWasIndeterminate && !isLookedUp:
			isLookedUp = true
			if !a.findEarlier(ctx, begun) {
				return begun, before, nil
			}
		default:
			return begun, before, nil
		}
	}
}

// waitForEqual waits until an equal write has ended, or has to be begun again to hear more: at its deadline, after which one that was not sent
// is over, and at until. It takes no lock for that, and holds nothing meanwhile.
func (a *stepAttempt) waitForEqual(ctx context.Context, equal *store.BegunWrite, until time.Time) error {
	if left := store.WriteDeadline - equal.Age; left > 0 && time.Now().Add(left).Before(until) {
		until = time.Now().Add(left)
	}
	poll := time.NewTicker(equalPoll)
	defer poll.Stop()
	for time.Now().Before(until) {
		select {
		case <-poll.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if outcome, err := a.d.service.writes.WriteOutcome(ctx, equal.ID); err != nil || outcome != "" {
			return ctx.Err()
		}
	}
	return nil
}

// askStore begins the write. It is not broken off: whether the intent is stored has to be known.
func (a *stepAttempt) askStore(ctx context.Context) (store.BegunWrite, error) {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	begun, err := a.d.service.writes.BeginWrite(bounded, a.intent)
	if err != nil {
		return begun, fmt.Errorf("nothing was written: %w", err)
	}
	return begun, nil
}

// findEarlier looks up an earlier write of unknown outcome, and reports whether it is decided now.
func (a *stepAttempt) findEarlier(ctx context.Context, earlier store.BegunWrite) bool {
	sentAt := time.Now().Add(-earlier.Age)
	of := a.d.traceOf(earlier.ID, earlier.Mark)
	found, err := a.d.findByTrace(ctx, &sdp.Attempt{SentAt: sentAt, EndedAt: sentAt.Add(store.WriteDeadline)}, earlier.Trace, of)
	if err != nil {
		a.d.service.log.InfoContext(ctx, "A write of unknown outcome cannot be looked up", "connection", a.d.key, "tool", a.intent.Tool, "err", err)
		return false
	}
	if found.Outcome == sdp.WriteIndeterminate {
		return false
	}
	_, ended := a.end(ctx, earlier.ID, store.WriteEnd{Outcome: store.WriteOutcome(found.Outcome), RecordID: found.ID})
	return ended
}

// findByTrace looks up a write by what is stored of it. One that has no trace by its deadline was not sent: the store takes none afterwards.
func (d *desk) findByTrace(ctx context.Context, attempt *sdp.Attempt, stored []byte, of writetrace.Intent) (sdp.WriteLookup, error) {
	if len(stored) == 0 {
		outcome := sdp.WriteIndeterminate
		if !time.Now().Before(attempt.EndedAt) {
			outcome = sdp.WriteNotDone
		}
		return sdp.WriteLookup{Outcome: outcome}, nil
	}
	trace, err := d.service.traces.OpenTrace(of, stored)
	if err != nil {
		return sdp.WriteLookup{Outcome: sdp.WriteIndeterminate}, fmt.Errorf("read the trace of a write: %w", err)
	}
	return d.client.FindWrite(ctx, attempt, trace, signature{mark: of.Mark}.inText())
}

// traceOf returns what the trace of an intent is bound to.
func (d *desk) traceOf(id, mark string) writetrace.Intent {
	return writetrace.Intent{ConnectionUID: d.uid, ID: id, Mark: mark}
}

// carryOut sends a step whose intent is stored, and ends the intent.
func (a *stepAttempt) carryOut(ctx context.Context, id string, deadline time.Time) (writtenRecord, error) {
	var sent []byte // the trace of what left
	guarded := sdp.WithWriteGuard(ctx, &sdp.WriteGuard{
		Deadline: deadline, Mark: a.signature.inText(), Seen: a.step.seen,
		BeforeSend: func(ctx context.Context, trace sdp.WriteTrace) error {
			sealed, err := a.d.service.traces.SealTrace(a.d.traceOf(id, a.signature.mark), &trace)
			if err != nil {
				return err
			}
			if err := a.d.service.writes.TraceWrite(ctx, id, sealed); err != nil {
				return err
			}
			if sent == nil {
				a.weigh(a.intent.Weight, a.step.weight)
			}
			sent = sealed
			return nil
		},
	})
	guarded, cancel := context.WithDeadline(guarded, deadline)
	written, err := a.step.send(guarded, a.signature)
	cancel()
	if err == nil {
		a.end(ctx, id, store.WriteEnd{Outcome: store.WriteDone, RecordID: digitsOnly(written.ID), RecordNumber: written.Number})
		return written, nil
	}
	failed, isCall := errors.AsType[*sdp.Error](err)
	if sent == nil || isCall && failed.IsRetrySafe() {
		a.end(ctx, id, store.WriteEnd{Outcome: store.WriteNotDone})
		return writtenRecord{}, &writeError{store.WriteNotDone, false, err}
	}
	attempt := &sdp.Attempt{SentAt: deadline.Add(-store.WriteDeadline), EndedAt: time.Now()}
	if isCall && failed.Attempt != nil {
		attempt = failed.Attempt
	}
	return a.lookUp(ctx, id, attempt, sent, err)
}

// lookUp finds out, for as long as the call has, what became of a step whose answer was lost.
func (a *stepAttempt) lookUp(ctx context.Context, id string, attempt *sdp.Attempt, trace []byte, cause error) (writtenRecord, error) {
	bounded, cancel := context.WithTimeout(ctx, lookupTime)
	defer cancel()
	for pause := time.Duration(0); ; pause = max(lookupPause, 2*pause) {
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-bounded.Done():
			timer.Stop()
		}
		if bounded.Err() != nil {
			break
		}
		found, err := a.findNow(bounded, id, attempt, trace)
		if err != nil {
			a.d.service.log.InfoContext(ctx, "A write of unknown outcome cannot be looked up", "connection", a.d.key, "tool", a.intent.Tool, "err", err)
			continue
		}
		switch found.Outcome {
		case sdp.WriteDone:
			a.end(ctx, id, store.WriteEnd{Outcome: store.WriteDone, RecordID: found.ID})
			return writtenRecord{ID: found.ID}, nil
		case sdp.WriteNotDone:
			a.end(ctx, id, store.WriteEnd{Outcome: store.WriteNotDone})
			return writtenRecord{}, &writeError{store.WriteNotDone, false, cause}
		}
	}
	a.end(ctx, id, store.WriteEnd{Outcome: store.WriteIndeterminate})
	return writtenRecord{}, &writeError{store.WriteIndeterminate, a.intent.Key != "", cause}
}

func (a *stepAttempt) findNow(ctx context.Context, id string, attempt *sdp.Attempt, trace []byte) (sdp.WriteLookup, error) {
	if a.step.find != nil {
		return a.step.find(ctx, attempt, a.signature)
	}
	return a.d.findByTrace(ctx, attempt, trace, a.d.traceOf(id, a.signature.mark))
}

// end says how a step ended, again where the store is away for a moment; a controller finds out what is not said. What is counted is how it
// ended.
func (a *stepAttempt) end(ctx context.Context, id string, end store.WriteEnd) (outcome store.WriteOutcome, ended bool) {
	bounded, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	for pause := 100 * time.Millisecond; ; pause *= 2 {
		outcome, err := a.d.service.writes.EndWrite(bounded, id, end)
		if err == nil {
			a.d.service.metrics.countWrite(a.d.key.String(), a.intent.Tool, string(outcome))
			return outcome, true
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
			continue
		case <-bounded.Done():
			timer.Stop()
		}
		a.d.service.log.WarnContext(ctx, "The outcome of a write could not be stored", "connection", a.d.key, "tool", a.intent.Tool, "outcome", end.Outcome, "err", err)
		a.d.service.metrics.countWrite(a.d.key.String(), a.intent.Tool, string(end.Outcome))
		return end.Outcome, false
	}
}

// digitsOnly returns an id of ServiceDesk Plus, and nothing for what is none.
func digitsOnly(id string) string {
	for _, r := range id {
		if r < '0' || r > '9' {
			return ""
		}
	}
	return id
}
