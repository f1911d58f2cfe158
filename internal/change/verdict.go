package change

import (
	"fmt"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/store"
)

// Step is what comes next for a request.
type Step string

const (
	// StepWrite writes the object with the edit in it, or deletes it.
	StepWrite Step = "Write"
	// StepRecord records that the object says already what was asked.
	StepRecord Step = "Record"
	// StepForget records that the object that was to be deleted is gone.
	StepForget Step = "Forget"
	// StepWait asks again later: there is no saying yet.
	StepWait Step = "Wait"
	// StepReject ends the request; nothing of it is in the object.
	StepReject Step = "Reject"
)

// Verdict is a decision.
type Verdict struct {
	Step Step
	// Rejection is why, of StepReject only.
	Rejection *Rejection
	// Rule names the rule that decided; it is empty for StepWrite.
	Rule string
}

// AsError returns the rejection of a caller that writes at once, and so has nothing to record, forget or wait for.
func (v Verdict) AsError() error {
	if v.Rejection != nil {
		return v.Rejection
	}
	return nil
}

// Rejection is how a request ends before anything of it is written.
type Rejection struct {
	State           store.ChangeState
	Reason, Message string
}

func (r *Rejection) Error() string { return r.Message }

// OutcomeFor returns the rejection as what a caller is told of the request.
func (r *Rejection) OutcomeFor(request store.ChangeRequest) store.ChangeOutcome {
	return store.ChangeOutcome{
		ID: request.ID, Key: request.Key, Action: request.Action, State: r.State, Reason: r.Reason, Message: r.Message,
	}
}

// NewRefusal rejects a request that is not the asker's to make, or not valid.
func NewRefusal(reason, format string, args ...any) *Rejection {
	return newRejection(store.ChangeRefused, reason, format, args)
}

// NewConflict rejects a request whose prompt is not as it expects.
func NewConflict(reason, format string, args ...any) *Rejection {
	return newRejection(store.ChangeConflict, reason, format, args)
}

// maxRejection bounds the message of a rejection, in bytes: callers get words in front of it.
const maxRejection = excerpt.MaxMessage - 256

func newRejection(state store.ChangeState, reason, format string, args []any) *Rejection {
	return &Rejection{State: state, Reason: reason, Message: excerpt.TruncateBytes(fmt.Sprintf(format, args...), maxRejection)}
}

// MaxAttempts is how often the object of a request is written before the request gives way to other writers.
const MaxAttempts = 5

// RejectContended rejects a request whose object was written by others at each of MaxAttempts.
func RejectContended() *Rejection {
	return NewConflict(store.ReasonContended, "others changed the prompt each of %d times; ask again", MaxAttempts)
}

func rejectWith(r *Rejection) (Verdict, bool) { return Verdict{Step: StepReject, Rejection: r}, true }
func noVerdict() (Verdict, bool)              { return Verdict{}, false }
