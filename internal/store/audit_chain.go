package store

import (
	"fmt"
	"time"
)

// AuditAnchor is the last row of a chain of the audit when it was written down.
type AuditAnchor struct {
	Writer, ConnectionUID string
	Seq                   int64
	// Hash is hexadecimal.
	Hash string
}

// AuditProblem is where a chain of the audit is not as it was written.
type AuditProblem struct {
	// Kind says what is wrong.
	Kind AuditProblemKind
	// Table is where the row is; empty for what is missing at the end of a chain.
	Table string
	// Writer is the process that wrote the chain, ConnectionUID the connection it is of, or empty.
	Writer, ConnectionUID string
	// First and Last are the numbers of the rows that are changed, missing or there twice.
	First, Last int64
	// LoggedAt is the time of the row, of the one after those that are missing, or of the anchor.
	LoggedAt time.Time
	// AnchoredSeq is up to which row the chain was anchored before; 0 for not at all. AnchoredAt is when.
	AnchoredSeq int64
	AnchoredAt  time.Time
}

// AuditProblemKind is what is wrong with rows of a chain.
type AuditProblemKind string

// The kinds.
const (
	AuditChanged   AuditProblemKind = "changed"   // the row, or the one before it, is not the one that was written
	AuditMissing   AuditProblemKind = "missing"   // rows are gone before their time, or never arrived
	AuditDuplicate AuditProblemKind = "duplicate" // there are two rows of one number, or one of a number that was erased
)

// String returns a sentence.
func (p AuditProblem) String() string {
	rows := fmt.Sprintf("row %d", p.First)
	if p.Last > p.First {
		rows = fmt.Sprintf("rows %d to %d", p.First, p.Last)
	}
	of := "no connection"
	if p.ConnectionUID != "" {
		of = "connection " + p.ConnectionUID
	}
	at := p.Table
	if at == "" {
		at = "both tables"
	}
	anchored := "there is no anchor before it"
	if p.AnchoredSeq > 0 {
		anchored = fmt.Sprintf("the last anchor before it is of row %d, %s", p.AnchoredSeq, p.AnchoredAt.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("%s %s in %s at %s (writer %s, %s); %s", rows, p.Kind, at, p.LoggedAt.UTC().Format(time.RFC3339), p.Writer, of, anchored)
}

// AuditVerification is what was found of all chains.
type AuditVerification struct {
	Rows, Chains, Anchors int64
	Problems              []AuditProblem
	// More says that there are more problems than were asked for.
	More bool
}

// IsWithin reports whether another problem has these rows, too.
func (p AuditProblem) IsWithin(other AuditProblem) bool {
	return p.Writer == other.Writer && p.ConnectionUID == other.ConnectionUID && other.First <= p.First && p.Last <= other.Last
}
