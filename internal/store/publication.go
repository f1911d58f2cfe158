package store

import (
	"time"

	"github.com/lectern-dev/lectern/internal/prompt"
)

// Exposure is who finds a prompt.
type Exposure string

// The three exposures. They belong to a prompt, not to a version.
const (
	Listed   Exposure = "Listed"
	Unlisted Exposure = "Unlisted"
	// Fragment is there for includes only.
	Fragment Exposure = "Fragment"
)

// Channel is a pointer to a version.
type Channel struct {
	Name    string
	Version int64
}

// Latest is the channel that always exists and is the highest version not withdrawn; Production is
// the one callers get by default once it exists.
const (
	Latest     = "latest"
	Production = "production"
)

// ChannelRule is what a manifest says of a channel: where it stands, or with Version zero that it
// follows the newest version.
type ChannelRule struct {
	Name    string
	Version int64
}

// Provenance is where a version came from. It is kept with the version and never read back by a
// decision. Of a withdrawn version Message and SourceRevision are erased, which may say anything.
type Provenance struct {
	Manager        string `json:"manager,omitempty"`
	Tracking       string `json:"tracking,omitempty"`
	SourceRevision string `json:"sourceRevision,omitempty"`
	Message        string `json:"message,omitempty"`
	// ChangedBy is the subject of the change request that made the version, as the store has it; empty for everybody else's
	// writes.
	ChangedBy string `json:"changedBy,omitempty"`
	// Cause says why a version was made of an object that nobody changed.
	Cause string `json:"cause,omitempty"`
}

// FragmentVersion names a text that an include takes: a version never changes, and a database that lost some gives their
// numbers again with other digests.
type FragmentVersion struct {
	Version int64
	Digest  prompt.Digest
}

// Publication is everything one publish says of a prompt.
type Publication struct {
	Key   Key
	Owner Owner
	// Labels are the object's labels.
	Labels   map[string]string
	Exposure Exposure
	Retain   bool
	// HistoryLimit is how many versions are kept, and HistoryBytes how many bytes of texts; zero for no limit.
	HistoryLimit int
	HistoryBytes int64
	Compiled     *prompt.Compiled
	Provenance   Provenance
	Channels     []ChannelRule
	Withdrawn    []int64
	LastObserved LastObserved
	// Takeover is set after a *FencedError, once the API server has said that this object is the live one: the
	// fence of that error. The publish goes through only while the row still says so.
	Takeover *Fence
	// Change is the change request whose edit is in the object, while it is not final; nil for none. The publish makes it
	// final.
	Change *AppliedChange
}

// LastObserved is what the object's status remembers of the store: it lets a database that lost rows give
// out the same numbers again.
type LastObserved struct {
	Version int64
	Digest  prompt.Digest
}

// Published is what is live after a publish.
type Published struct {
	// Version is the newest version, Served the default one (zero when production never resolved).
	Version  int64
	Served   int64
	Digest   prompt.Digest
	Revision int64
	// ServedSince is when Served became what callers get; zero while nothing is served.
	ServedSince time.Time
	// Channels as they stand, latest included, in order of name.
	Channels []Channel
	Includes []prompt.Included
	// Changed says that something visible was written and a revision taken.
	Changed bool
	// NewVersion says that a version was stored.
	NewVersion bool
	// Missing are channel rules whose version is not stored: those channels stayed where they were.
	Missing []ChannelRule
	// Available are the versions stored and not withdrawn, newest first, at most ten; filled only
	// with Missing.
	Available []int64
	// InUse are versions that could not be withdrawn, and why. When there is one, none was.
	InUse []VersionInUse
	// Copies are prompts whose stored versions expanded a withdrawn version of this one and so keep its
	// text; at most ten.
	Copies []string
}

// VersionInUse is a version that cannot be withdrawn, and what needs it.
type VersionInUse struct {
	Version int64
	// By is a prompt of the namespace whose include pins the version, or empty when the version is
	// the newest and the spec still compiles to it.
	By string
}
