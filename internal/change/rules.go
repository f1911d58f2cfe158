package change

import (
	"fmt"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/store"
)

// rule decides about a request, or passes it to the next one.
type rule struct {
	name   string
	decide func(v *View) (Verdict, bool)
}

// chain is all the rules. The first that does not pass decides.
var chain = []rule{
	{"unknownAction", unknownAction},
	// A write that was begun, by whomever, may have ended the request: it succeeded, or its object is gone.
	{"alreadyWritten", alreadyWritten},
	{"alreadyDeleted", alreadyDeleted},
	{"interruptedAddition", interruptedAddition},
	{"deletedMeanwhile", deletedMeanwhile},

	{"notProven", notProven},
	{"overdue", waitedTooLong},
	{"alreadyExists", alreadyExists},
	{"nameReserved", nameReserved},
	{"notFound", notFound},
	{"ownedElsewhere", ownedElsewhere},
	{"invalidEdit", invalidEdit},
	{"versionPending", versionPending},
	{"versionMismatch", versionMismatch},
	{"channelMismatch", channelMismatch},
	{"withdrawnIsNewest", withdrawnIsNewest},
	{"withdrawnInChannel", withdrawnInChannel},
}

// Decide returns what comes next for a request: what the first rule says that does not pass, else StepWrite. A rejection
// that a write still under way could make untrue waits until that can no longer succeed.
func Decide(v View) Verdict {
	for _, r := range chain {
		verdict, decided := r.decide(&v)
		if !decided {
			continue
		}
		if verdict.Step == StepReject && v.MayStillLand() {
			verdict = Verdict{Step: StepWait}
		}
		verdict.Rule = r.name
		return verdict
	}
	return Verdict{Step: StepWrite}
}

// unknownAction refuses what a newer server may know, rather than taking it for one of the others.
func unknownAction(v *View) (Verdict, bool) {
	switch v.Request.Action {
	case store.ActionAdd, store.ActionUpdate, store.ActionDelete:
		return noVerdict()
	}
	return rejectWith(NewRefusal(store.ReasonInvalid, "action %q is not one of %s, %s, %s",
		v.Request.Action, store.ActionAdd, store.ActionUpdate, store.ActionDelete))
}

// alreadyWritten records what an earlier attempt did. Only of a request that was begun: anybody can put its id into an
// object.
func alreadyWritten(v *View) (Verdict, bool) {
	if v.Attempt == nil || !v.Object.exists() {
		return noVerdict()
	}
	written := v.Object.LastChange == v.Request.ID
	if v.Request.Action == store.ActionDelete {
		written = v.isIntended() && v.Object.Presence == Terminating
	}
	return Verdict{Step: StepRecord}, written
}

// alreadyDeleted: one of the same name that is there now is another object.
func alreadyDeleted(v *View) (Verdict, bool) {
	if v.Attempt == nil || v.Request.Action != store.ActionDelete || v.Object.Presence == Unknown {
		return noVerdict()
	}
	return Verdict{Step: StepForget}, !v.isIntended()
}

// interruptedAddition does not create again what may have been created and deleted since.
func interruptedAddition(v *View) (Verdict, bool) {
	if v.Attempt == nil || v.Request.Action != store.ActionAdd || v.Object.Presence != Absent {
		return noVerdict()
	}
	return rejectWith(NewConflict(store.ReasonInterrupted, "the prompt was about to be created and is not there; "+
		"it may have been deleted since, so it is not created again; ask again if you want it"))
}

func deletedMeanwhile(v *View) (Verdict, bool) {
	if v.Attempt == nil || v.Request.Action != store.ActionUpdate || v.Object.Presence == Unknown || v.isIntended() {
		return noVerdict()
	}
	return rejectWith(NewConflict(store.ReasonNotFound, "the prompt was deleted while it was edited"))
}

func notProven(v *View) (Verdict, bool) {
	if v.Unproven == nil {
		return noVerdict()
	}
	return rejectWith(v.Unproven)
}

// waitedTooLong ends a request for good. One that was begun was written by nobody, or an earlier rule had said so.
func waitedTooLong(v *View) (Verdict, bool) {
	if !v.Overdue {
		return noVerdict()
	}
	message := store.MessageNotBegun
	if v.Attempt != nil {
		message = "the request could not be written within 10 minutes, and never will be; nothing was written; ask again"
	}
	return rejectWith(&Rejection{State: store.ChangeExpired, Reason: store.ReasonNotBegun, Message: message})
}

func alreadyExists(v *View) (Verdict, bool) {
	switch {
	case v.Request.Action != store.ActionAdd || !v.Object.exists():
		return noVerdict()
	case v.Object.Presence == Terminating:
		return rejectWith(NewConflict(store.ReasonAlreadyExists, "a prompt %s is there and being deleted; ask again once it is gone", v.Request.Key))
	default:
		return rejectWith(NewConflict(store.ReasonAlreadyExists, "a prompt %s is there already; update it, or choose another name", v.Request.Key))
	}
}

func nameReserved(v *View) (Verdict, bool) {
	if v.Request.Action != store.ActionAdd || v.Reserved == "" {
		return noVerdict()
	}
	return rejectWith(NewConflict(store.ReasonAlreadyExists, "the name %s is not free: %s, or choose another name", v.Request.Key, v.Reserved))
}

// notFound lets a terminating object be deleted: that is what was asked for.
func notFound(v *View) (Verdict, bool) {
	switch {
	case v.Request.Action != store.ActionAdd && v.Object.Presence == Absent:
		return rejectWith(NewConflict(store.ReasonNotFound, "there is no prompt %s", v.Request.Key))
	case v.Request.Action == store.ActionUpdate && v.Object.Presence == Terminating:
		return rejectWith(NewConflict(store.ReasonNotFound, "the prompt %s is being deleted", v.Request.Key))
	default:
		return noVerdict()
	}
}

// ownedElsewhere refuses what another is to do, and says how it can be had all the same.
func ownedElsewhere(v *View) (Verdict, bool) {
	if v.Owner == "" || v.Request.Action == store.ActionAdd {
		return noVerdict()
	}
	remedy := "propose the change of its manifest there"
	switch {
	case v.Request.Action == store.ActionDelete:
		remedy = "propose there that it be deleted"
	case v.Proposal != "":
		remedy = "propose this change of its manifest there:\n" + v.Proposal
	}
	return rejectWith(NewRefusal(store.ReasonOwnedElsewhere, "the prompt %s is kept by %s, so it is not changed from here; %s", v.Request.Key, v.Owner, remedy))
}

func invalidEdit(v *View) (Verdict, bool) {
	if v.EditError == nil || v.Request.Action == store.ActionDelete {
		return noVerdict()
	}
	return rejectWith(NewRefusal(store.ReasonInvalid, "%v", v.EditError))
}

func versionPending(v *View) (Verdict, bool) {
	return Verdict{Step: StepWait}, v.expectedVersion() != 0 && v.Unpublished
}

func versionMismatch(v *View) (Verdict, bool) {
	expected := v.expectedVersion()
	if expected == 0 || v.Published == nil || v.Request.Edit.Channel != nil || v.Published.Version == expected {
		return noVerdict()
	}
	return rejectWith(NewConflict(store.ReasonVersionMismatch, "the newest version is %d, not %d; read it and decide again", v.Published.Version, expected))
}

func channelMismatch(v *View) (Verdict, bool) {
	expected, channel := v.expectedVersion(), v.Request.Edit.Channel
	if expected == 0 || v.Published == nil || channel == nil || v.Published.Channels[channel.Name] == expected {
		return noVerdict()
	}
	current := "no version"
	if version := v.Published.Channels[channel.Name]; version != 0 {
		current = fmt.Sprintf("version %d", version)
	}
	return rejectWith(NewConflict(store.ReasonVersionMismatch, "channel %s points to %s, not to version %d; read it and decide again", channel.Name, current, expected))
}

func withdrawnIsNewest(v *View) (Verdict, bool) {
	version := v.Request.Edit.Withdraw
	if version == 0 || v.Withdrawn == nil || !v.Withdrawn.Newest {
		return noVerdict()
	}
	return rejectWith(NewConflict(store.ReasonVersionMismatch, "version %d is the newest, which the prompt still states; "+
		"change the prompt with update_prompt, then delete version %d", version, version))
}

func withdrawnInChannel(v *View) (Verdict, bool) {
	version := v.Request.Edit.Withdraw
	if version == 0 || v.Withdrawn == nil || len(v.Withdrawn.Channels) == 0 {
		return noVerdict()
	}
	return rejectWith(NewConflict(store.ReasonVersionMismatch, "version %d is in channel %s; move that with set_prompt_channel, then delete version %d",
		version, excerpt.List(v.Withdrawn.Channels, ", "), version))
}
