package store

import (
	"encoding/json"
	"time"
)

// Lookup is a list of ServiceDesk Plus as it was read.
type Lookup struct {
	Type    string
	Entries []LookupEntry
	// RefreshedAt is when, and ValidUntil when it is due again.
	RefreshedAt time.Time
	ValidUntil  time.Time
}

// LookupEntry is a name and an id.
type LookupEntry struct {
	// ParentID is of what the entry belongs to; empty for nothing.
	ParentID string
	ID       string
	Name     string
	// Flags are what else the list says of it, as a JSON object; nil for nothing.
	Flags json.RawMessage
	// Observed says that no list has it: a server met it in a record.
	Observed bool
}

// LookupState is how a list stands.
type LookupState struct {
	Type        string
	Entries     int
	RefreshedAt time.Time
	ValidUntil  time.Time
	// Revision is of the last change of an entry.
	Revision int64
}

// Observation is what a server met: an entry of a list in a record, or a project or a task (ObserveProject, ObserveTask).
type Observation struct {
	Type     string
	ParentID string
	ID       string
	Name     string
	// Detail is what else is known of a project or a task; nil for an entry of a list.
	Detail map[string]string
}
