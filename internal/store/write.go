package store

import (
	"errors"
	"time"
)

// WriteOutcome is what became of a write to ServiceDesk Plus. Done and not done replace indeterminate, and nothing replaces them.
type WriteOutcome string

// The outcomes.
const (
	WriteDone          WriteOutcome = "done"
	WriteNotDone       WriteOutcome = "not_done"
	WriteIndeterminate WriteOutcome = "indeterminate"
)

const (
	// WriteDeadline is how long a write may be sent after its intent was stored.
	WriteDeadline = 10 * time.Second
	// WriteLateness is after how long nobody is at a write any more that has no outcome: it is as one of unknown outcome.
	WriteLateness = time.Minute
	// WriteRepeatWindow is how long equal writes without a key are one.
	WriteRepeatWindow = 120 * time.Second
	// WriteKeyLifetime is how long an idempotency key is known.
	WriteKeyLifetime = 30 * 24 * time.Hour
	// WriteGiveUpAge is how old a write is that is looked up no more, and stays indeterminate.
	WriteGiveUpAge = 24 * time.Hour
)

// MaxWeightlessSteps is how many steps of a call may weigh nothing, beside one that weighs something.
const MaxWeightlessSteps = 50

// ErrWriteOver says that a write must not be sent any more: its deadline is past, or it has ended.
var ErrWriteOver = errors.New("the write is over")

// WriteIntent is one call that writes to ServiceDesk Plus, before it is sent.
type WriteIntent struct {
	Connection int64
	// CallID is a UUID of the call of the tool, which may take several steps; Step is the name of one.
	CallID, Step string
	// Caller is who it is done for, told apart from all others; Tool and Digest, 32 bytes of the tool and its arguments, are what is done
	// once.
	Caller, Tool string
	Digest       []byte
	// Key is an idempotency key; empty for none. Nonce is that of the plan, or of the answer, that confirmed it; empty for none.
	Key, Nonce string
	// ContinuesPlan has a plan that was used before go on with the steps that were not begun; a plan is used once otherwise.
	ContinuesPlan bool
	// MergesRepeats has an equal write of the caller, without a key, within WriteRepeatWindow be the same.
	MergesRepeats bool
	// Weight is what it counts of the caller's writes per hour: 0 for a step of a call of which another weighs something.
	Weight int
	// Mark ends each text that is written: 6 to 16 of a-z and 2-7.
	Mark string
}

// WriteState is what BeginWrite decided.
type WriteState string

// The states. All but WriteBegun say that nothing is to be sent.
const (
	// WriteBegun: the intent is stored, and may be sent until its deadline.
	WriteBegun WriteState = "begun"
	// WriteInFlight: an equal write of before is being sent.
	WriteInFlight WriteState = "in_flight"
	// WriteWasDone: an equal write of before did it.
	WriteWasDone WriteState = "done"
	// WriteWasIndeterminate: of an equal write of before nobody knows the outcome: it is looked up before anything is sent again.
	WriteWasIndeterminate WriteState = "indeterminate"
	// WriteOtherArguments: the key is of a write of other arguments.
	WriteOtherArguments WriteState = "other_arguments"
	// WritePlanUsed: the plan, or the answer of a person, was used before.
	WritePlanUsed WriteState = "plan_used"
	// WritePlanOfAnother: it was used by another caller, or for something else.
	WritePlanOfAnother WriteState = "plan_of_another"
	// WriteTooMany: the writes of the hour are used up.
	WriteTooMany WriteState = "too_many"
	// WriteReadOnly: the connection is not to be written through, or is suspended.
	WriteReadOnly WriteState = "read_only"
)

// BegunWrite is what BeginWrite decided, and about which intent: a new one, or an earlier one that the new one would repeat.
type BegunWrite struct {
	State WriteState
	// ID is of the intent; empty where there is none. Nobody else is told it.
	ID string
	// RetryAfter is when there is room again, of WriteTooMany.
	RetryAfter time.Duration
	// RecordID and RecordNumber are of what the earlier write made or changed; Mark and Trace are how it is looked up, and Age how long
	// ago it was begun.
	RecordID, RecordNumber string
	Mark                   string
	Trace                  []byte
	Age                    time.Duration
}

// WriteEnd is how an intent ends.
type WriteEnd struct {
	Outcome WriteOutcome
	// RecordID and RecordNumber are of what was made or changed; empty where nobody knows.
	RecordID, RecordNumber string
}

// UnresolvedWrite is one of which nobody knows the outcome, and nobody is at it any more.
type UnresolvedWrite struct {
	ID, Tool, Mark string
	// Trace is where it is looked up; empty for one that was not about to be sent, and will not be after its deadline.
	Trace []byte
	// IsOpen says that its server never said how it ended.
	IsOpen bool
	// Age is since it was begun, Overdue since its deadline.
	Age, Overdue time.Duration
}

// WriteSummary is how many writes of a connection wait to be decided.
type WriteSummary struct {
	Connection          Key
	Open, Indeterminate int64
	Oldest              time.Duration
}
