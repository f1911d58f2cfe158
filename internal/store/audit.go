package store

import (
	"slices"
	"time"

	"github.com/lectern-dev/lectern/internal/prompt"
)

// UsageQuery asks for audited calls, the newest first. Empty fields do not narrow.
type UsageQuery struct {
	Visible UsageScope
	// Actor, Tool, Outcome and CallID are those of a row; a tool is also the method of a call that names none. Target is the
	// beginning of a word of it; a number that it ends with is a whole one.
	Actor, Tool, Target, Outcome, CallID string
	// Since is included, and Until is not.
	Since, Until time.Time
	// Before is the last row of the page before; nil for the first page.
	Before *UsagePlace
	Limit  int
}

// UsagePlace is where a row is among all.
type UsagePlace struct {
	LoggedAt time.Time
	CallID   string
}

// UsageScope is which rows a caller may see: of calls that concern a connection by Connections, or for their own by OwnConnections, and
// of all others by the namespace of the prompt, which only those have none of who may see all.
type UsageScope struct {
	Connections, OwnConnections ConnectionScope
	// Subject and Proof are the caller's: a subject is one caller's within its proof alone.
	Subject, Proof string
	Prompts        Scope
}

// ConnectionScope is some connections.
type ConnectionScope struct {
	All        bool
	Namespaces []string
	Keys       []Key
}

// IsEmpty reports whether it has none.
func (s *ConnectionScope) IsEmpty() bool { return !s.All && len(s.Namespaces) == 0 && len(s.Keys) == 0 }

// Has reports whether it has a connection.
func (s *ConnectionScope) Has(key Key) bool {
	if s.All {
		return true
	}
	if slices.Contains(s.Namespaces, key.Namespace) {
		return true
	}
	return slices.Contains(s.Keys, key)
}

// UsageRow is an audited call, without what was said.
type UsageRow struct {
	UsagePlace
	Took                  time.Duration
	Actor                 string
	Client, ClientVersion string
	Method, Tool, Target  string
	Outcome, ErrorKind    string
	Connection            Key
	PromptVersion         int64
}

// APICallRow is a call of ServiceDesk Plus that was made for an audited one.
type APICallRow struct {
	LoggedAt           time.Time
	Took               time.Duration
	Operation, Target  string
	Attempt, Status    int
	Outcome, ErrorKind string
}

// PromptUse is how often a version of a prompt was fetched or rendered.
type PromptUse struct {
	Key     Key
	Version int64
	Digest  prompt.Digest
	Uses    int64
	// Callers are those with the most uses, and AllCallers is how many there are.
	Callers    []CallerUse
	AllCallers int64
	LastUsed   time.Time
}

// CallerUse is how often a caller used something.
type CallerUse struct {
	Subject string
	Uses    int64
}

// PromptUseQuery asks which versions of prompts were used most.
type PromptUseQuery struct {
	Scope Scope
	Since time.Time
	// Versions is how many of them at most, and Callers how many callers of each.
	Versions, Callers int
}
