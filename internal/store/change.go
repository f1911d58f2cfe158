package store

import (
	"encoding/json"
	"errors"
	"slices"
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

// IsEmpty reports whether nothing is asked.
func (e *Edit) IsEmpty() bool {
	return e.Title == nil && e.Description == nil && e.Category == nil && e.Content == nil && e.IsTemplate == nil && e.Tags == nil &&
		len(e.Metadata) == 0 && e.Channel == nil && e.Withdraw == 0
}

// NotAchievedBy reports whether a publish left out what the edit asks for. A channel rule that the publish could not
// meet counts only when it is the edit's own; a version in use always counts, since versions are withdrawn all together or
// none.
func (e *Edit) NotAchievedBy(p *Published) bool {
	isOwn := func(missing ChannelRule) bool { return missing.Name == e.Channel.Name }
	return e.Channel != nil && slices.ContainsFunc(p.Missing, isOwn) || e.Withdraw != 0 && len(p.InUse) > 0
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
	// Proof shows that the subject asks; nil where nobody is authenticated. Only who stores a request has it.
	Proof *CallerProof
}

// ChangeQuota bounds how many requests of one subject are open at the same time, in all and in one namespace; zero is no bound.
type ChangeQuota struct{ OfSubject, InNamespace int }

// ChangeState is how far a change request has come.
type ChangeState string

// The states. ChangePending and ChangeApplied are not final.
const (
	// ChangePending: nothing was written yet, or it is not known to be.
	ChangePending ChangeState = "Pending"
	// ChangeApplied: the object has the edit; it is not published yet.
	ChangeApplied ChangeState = "Applied"
	// ChangePublished: it is served.
	ChangePublished ChangeState = "Published"
	// ChangeBlocked: the object has the edit, and is not published; Reason is the object's.
	ChangeBlocked ChangeState = "Blocked"
	// ChangeRefused: the object is not for agents to edit, or the edit is not valid there; nothing was written.
	ChangeRefused ChangeState = "Refused"
	// ChangeConflict: the object is not as the request expects; nothing of the request is in it.
	ChangeConflict ChangeState = "Conflict"
	// ChangeExpired: it was not begun in time, and never will be.
	ChangeExpired ChangeState = "Expired"
)

// IsFinal reports whether the state will not change any more.
func (s ChangeState) IsFinal() bool { return s != ChangePending && s != ChangeApplied }

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
	// ReasonOwnedElsewhere: another manager owns the object (Refused).
	ReasonOwnedElsewhere = "OwnedElsewhere"
	// ReasonAlreadyExists: an object of the name is there already (Conflict).
	ReasonAlreadyExists = "AlreadyExists"
	// ReasonNotFound: the object is not there (Conflict).
	ReasonNotFound = "NotFound"
	// ReasonVersionMismatch: the version is not the expected one (Conflict).
	ReasonVersionMismatch = "VersionMismatch"
	// ReasonSuperseded: it was written, and replaced in whole or in part by another writer before it was
	// published (Conflict).
	ReasonSuperseded = "Superseded"
	// ReasonContended: others wrote the object at each attempt (Conflict).
	ReasonContended = "Contended"
	// ReasonInterrupted: the controller ended while it wrote; nothing of it is there (Conflict).
	ReasonInterrupted = "Interrupted"
	// ReasonUnproven: the request carries no valid proof of who asks, and this controller wants one (Refused).
	ReasonUnproven = "Unproven"
	// ReasonTokenExpired: the asker's token expired before the request was applied (Refused).
	ReasonTokenExpired = "TokenExpired"
	// ReasonProofExpired: the request waited for longer than a proof is kept (Refused).
	ReasonProofExpired = "ProofExpired"
	// ReasonKeyLost: the controller does not have the key that the proof is sealed to (Refused).
	ReasonKeyLost = "KeyLost"
	// ReasonIdempotencyKeyReused: another request of the same caller came first under the idempotency key (Refused).
	ReasonIdempotencyKeyReused = "IdempotencyKeyReused"
	// ReasonInvalid: the object with the edit in it would not be valid (Refused).
	ReasonInvalid = "Invalid"
	// ReasonNamespaceMissing: the namespace is not there, or is being deleted (Refused).
	ReasonNamespaceMissing = "NamespaceMissing"
	// ReasonForbidden: the asker may not do it, or the API server does not let the controller (Refused).
	ReasonForbidden = "Forbidden"
	// ReasonNotWatched: the controller does not watch the namespace (Refused; Blocked when the object has the edit).
	ReasonNotWatched = "NotWatched"
	// ReasonNotBegun: it was not begun within ChangeExpiry (Expired).
	ReasonNotBegun = "NotBegun"
)

const (
	// ChangeExpiry is how long a request may wait for the controller, from when its turn came, or while none serves the queue.
	// What was not begun by then never is.
	ChangeExpiry = 10 * time.Minute
	// ObjectWriteTimeout bounds each write of an object, at the API server too. A write is taken to be still under way
	// (OpenChange.MayLand) for twice as long: the one half for the call, the other for clocks and delays on the way.
	ObjectWriteTimeout = 5 * time.Second
	// MissingNamespaceMemory is how long nothing can be added to a namespace that was found not to be there.
	MissingNamespaceMemory = 10 * time.Second
)

// Messages to the caller where the store itself makes a request final.
const (
	MessageSuperseded   = "another writer replaced the edit, or a part of it, before it was published; read the prompt and decide again"
	MessageDeletedFirst = "the prompt was deleted before the edit was published"
	MessageNotBegun     = "the request waited for 10 minutes without being begun, and never will be; nothing was written; ask again"
)

// OpenChange is a change request that is not final, as the controller finds it.
type OpenChange struct {
	ChangeRequest
	State ChangeState
	// Attempt is how often a write of the object was begun, and Intent what the last one was about to write.
	Attempt int32
	Intent  Intent
	// Overdue says that it may not be begun any more.
	Overdue bool
	// MayLand says that the last write was begun so lately that it may still reach the object, from whichever
	// controller. Until then no outcome is final that this write could make wrong.
	MayLand bool
	// Stuck says that it is Applied for longer than a publish takes.
	Stuck bool
	// Seal is what the request came with, and what it has to be bound to.
	Seal SealedProof
}

// Intent is the write of an object that is about to be made: the object as it is now, both empty when it is to be
// created, and the generation it has afterwards.
type Intent struct {
	UID             string
	ResourceVersion string
	Generation      int64
}

// AppliedChange is a change request whose edit was written into an object.
type AppliedChange struct {
	ID string
	// Subject is who asked.
	Subject string
	Action  Action
	// Edit is what was asked.
	Edit Edit
	// Generation is the object's with the edit in it.
	Generation int64
	// Intact says that the object still has the edit; otherwise another writer replaced it. The controller finds it out.
	Intact bool
}

// PublishedState is what is published of a prompt: by which object, its newest version and where its channels are. It
// is zero when there is nothing.
type PublishedState struct {
	Owner
	Version  int64
	Channels map[string]int64
}

// ErrNotYours says that a change request is not the caller's to go on with: it is final, another controller works on
// it, or it is not its turn.
var ErrNotYours = errors.New("the change request is not this controller's to go on with")

// ErrIdempotencyKeyReused says that the idempotency key was used for a different request.
var ErrIdempotencyKeyReused = errors.New("the idempotency key was used for another request")
