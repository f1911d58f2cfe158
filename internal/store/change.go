package store

import (
	"encoding/json"
	"errors"
	"time"
)

// Action is what a change request does to an object.
type Action string

// The three actions. Channel moves and withdrawals are updates.
const (
	ActionAdd    Action = "Add"
	ActionUpdate Action = "Update"
	ActionDelete Action = "Delete"
)

// Edit is what a change request asks of a spec, in the words of the tools. What is nil stays as it is.
type Edit struct {
	Title       *string   `json:"title,omitempty"`
	Description *string   `json:"description,omitempty"`
	Category    *string   `json:"category,omitempty"`
	Content     *string   `json:"content,omitempty"`
	IsTemplate  *bool     `json:"isTemplate,omitempty"`
	Tags        *[]string `json:"tags,omitempty"`
	// Metadata replaces the object there is.
	Metadata json.RawMessage `json:"metadata,omitempty"`
	Channel  *ChannelEdit    `json:"channel,omitempty"`
	// Withdraw is a version to withdraw.
	Withdraw int64 `json:"withdraw,omitempty"`
}

// ChannelEdit moves a channel to a version, has it follow the newest (Version zero), or removes it.
type ChannelEdit struct {
	Name    string `json:"name"`
	Version int64  `json:"version,omitempty"`
	Remove  bool   `json:"remove,omitempty"`
}

// ChangeRequest is a write asked for over MCP.
type ChangeRequest struct {
	// ID is a UUID the asker makes.
	ID     string
	Key    Key
	Action Action
	// Edit is empty for ActionDelete.
	Edit Edit
	// ExpectedVersion is the newest version the asker knows, or zero when any will do. For a channel it is
	// the version the channel points to.
	ExpectedVersion int64
	// Subject is who asks.
	Subject string
	// IdempotencyKey makes a repeat of the same subject the same request; empty for none.
	IdempotencyKey string
	RequestedAt    time.Time
}

// ChangeState is how far a change request has come.
type ChangeState string

// The states. ChangePending and ChangeApplied are not final.
const (
	// ChangePending: nothing was written yet, or it is not known to be.
	ChangePending ChangeState = "Pending"
	// ChangeApplied: the object says it; it is not published yet.
	ChangeApplied ChangeState = "Applied"
	// ChangePublished: it is served.
	ChangePublished ChangeState = "Published"
	// ChangeBlocked: the object says it, and is not published; Reason is the object's.
	ChangeBlocked ChangeState = "Blocked"
	// ChangeRefused: the object is not for agents to edit, or the edit is not valid there; nothing was written.
	ChangeRefused ChangeState = "Refused"
	// ChangeConflict: the object is not as the request expects; nothing of the request is in it.
	ChangeConflict ChangeState = "Conflict"
	// ChangeExpired: not begun in time, and never will be.
	ChangeExpired ChangeState = "Expired"
)

// Final reports whether the state will not change any more.
func (s ChangeState) Final() bool { return s != ChangePending && s != ChangeApplied }

// ChangeOutcome is what became of a change request so far.
type ChangeOutcome struct {
	ID     string
	Key    Key
	Action Action
	State  ChangeState
	// Version is the newest version after it, Served the default one; both zero unless Published.
	Version, Served int64
	// NewVersion says that the change made Version.
	NewVersion bool
	// Reason is one UpperCamel word, Message is for the caller; both empty for Pending, Applied and Published.
	Reason, Message string
}

// Reasons of changes beside those of objects.
const (
	// ReasonOwned: another manager owns the object (Refused).
	ReasonOwned = "OwnedElsewhere"
	// ReasonExists: an object of the name is there already (Conflict).
	ReasonExists = "AlreadyExists"
	// ReasonGone: the object is not there (Conflict).
	ReasonGone = "NotFound"
	// ReasonVersion: the version is not the expected one (Conflict).
	ReasonVersion = "VersionMismatch"
	// ReasonSuperseded: it was written, and replaced by another writer before it was published (Conflict).
	ReasonSuperseded = "Superseded"
	// ReasonContended: others wrote the object at each attempt (Conflict).
	ReasonContended = "Contended"
	// ReasonInterrupted: the controller ended while it wrote; nothing of it is there (Conflict).
	ReasonInterrupted = "Interrupted"
	// ReasonUnproven: the request carries no proof of who asks, and this controller wants one (Refused).
	ReasonUnproven = "Unproven"
	// ReasonInvalid: the object with the edit in it would not be valid (Refused).
	ReasonInvalid = "Invalid"
)

// ErrOtherRequest says that the idempotency key was used for a different request.
var ErrOtherRequest = errors.New("the idempotency key was used for another request")
