package store

import (
	"time"

	"github.com/lectern-dev/lectern/internal/prompt"
)

// ComparedRow is what the comparison of rows and objects sees of a prompt.
type ComparedRow struct {
	Key    Key
	Fence  Fence
	Digest prompt.Digest
	// Quiescent says that the row has not changed for the grace period asked for.
	Quiescent bool
}

// Feed is the place a reader has come to. Another Epoch or Server, or a lower Revision, means that the
// database is not the one it was.
type Feed struct {
	Epoch    int64
	Revision int64
	// Server tells one run of the database server from every other: after another one took its place, or after a restart, the same
	// revisions may be of other changes.
	Server string
}

// ChangedKey says that what is served under a key is not what it was before Revision.
type ChangedKey struct {
	Revision int64
	Key      Key
}

// Version is one stored version as it is served.
type Version struct {
	Key      Key
	Version  int64
	Digest   prompt.Digest
	Document prompt.Document
	Includes []prompt.Included
	Exposure Exposure
	// Revision is the prompt's, not the version's: it tells a cache whether what it holds is current. So
	// are Latest, the highest version not withdrawn, and whether the channel production is there.
	Revision   int64
	Latest     int64
	Production bool
}

// VersionInfo is a line of a prompt's history.
type VersionInfo struct {
	Version     int64
	Digest      prompt.Digest
	PublishedAt time.Time
	Provenance  Provenance
	// Channels that point here, in order of name.
	Channels  []string
	Withdrawn bool
}

// Scope is the set of namespaces a caller may see. It is part of every query: there is no other
// way to read.
type Scope struct {
	// All is every namespace, those to come included; Namespaces is then ignored.
	All        bool
	Namespaces []string
}

// ListQuery asks for a page of listed prompts in order of (namespace, name).
type ListQuery struct {
	Scope Scope
	// After is the last key of the page before; zero for the first page.
	After Key
	// Limit is the page size, at least 1.
	Limit int
}

// ListPage is a page of a list.
type ListPage struct {
	Prompts []Summary
	// More says that there are prompts after the last one.
	More bool
}

// Summary is what a list says of a prompt: its default version without the text.
type Summary struct {
	Key         Key
	Version     int64
	Title       string
	Description string
	Arguments   []prompt.Argument
}
