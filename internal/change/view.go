package change

import "github.com/lectern-dev/lectern/internal/store"

// View is what a caller knows of a request and of the prompt it is for. What is left at its zero value is unknown, or does
// not stand in the way: a rule that needs it passes.
type View struct {
	Request store.ChangeRequest

	// Attempt is the last write of the object that was begun for the request; nil when none was.
	Attempt *Attempt
	// Unproven is why the request is not shown to be its subject's, and theirs to make; nil when it is, or where the
	// installation takes requests without proof.
	Unproven *Rejection
	// Overdue says that the request waited for store.ChangeExpiry without being written.
	Overdue bool

	Object Object
	// Reserved says what keeps the name of a prompt that is not there from being taken, and the remedy.
	Reserved string
	// Owner names who keeps the object, and does not let agents make this change.
	Owner string
	// Proposal is the edit as a patch, for the owner to make.
	Proposal string
	// EditError says why the edit does not fit what is there.
	EditError error

	// Published is what the expected version is held against.
	Published *store.PublishedState
	// Unpublished says that the object is ahead of what is published: its newest version has no number yet.
	Unpublished bool
	// Withdrawn is how the version that is to be withdrawn is in use.
	Withdrawn *Withdrawn
}

// Object is the Prompt object, or what stands for it, as it is now.
type Object struct {
	Presence Presence
	// UID and ResourceVersion are those of a Kubernetes object.
	UID, ResourceVersion string
	// LastChange is the id of the request that was written into it last.
	LastChange string
}

// Presence is whether an object is there.
type Presence string

// The values of Presence. A Terminating object is there, and waits for its finalizers.
const (
	Unknown     Presence = ""
	Absent      Presence = "Absent"
	Present     Presence = "Present"
	Terminating Presence = "Terminating"
)

func (o Object) exists() bool { return o.Presence == Present || o.Presence == Terminating }

// Attempt is a write of an object that was begun.
type Attempt struct {
	Intent store.Intent
	// InFlight says that it may still succeed: it was begun less than twice store.ObjectWriteTimeout ago, and the API
	// server has not said that another writer came first.
	InFlight bool
}

// Withdrawn is how a version is in use.
type Withdrawn struct {
	// Newest says that it is what the prompt still states.
	Newest bool
	// Channels point to it.
	Channels []string
}

// MayStillLand reports whether an earlier write may still succeed. That of an object that is there cannot once the object
// changed; that of an addition can, because what is in its way may be gone the next moment.
func (v *View) MayStillLand() bool {
	switch {
	case v.Attempt == nil || !v.Attempt.InFlight:
		return false
	case v.Request.Action == store.ActionAdd:
		return true
	default:
		return v.Object.exists() && v.Object.ResourceVersion == v.Attempt.Intent.ResourceVersion
	}
}

// isIntended reports whether the object is the one the last attempt was about to write.
func (v *View) isIntended() bool {
	return v.Object.exists() && v.Object.UID == v.Attempt.Intent.UID
}

// expectedVersion returns the version the asker knows, or zero: of an addition there is none yet.
func (v *View) expectedVersion() int64 {
	if v.Request.Action == store.ActionAdd {
		return 0
	}
	return v.Request.ExpectedVersion
}
