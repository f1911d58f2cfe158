package tool

import (
	"fmt"

	"github.com/lectern-dev/lectern/internal/excerpt"
)

// Kind is the second part of an error of a tool: "Error creating prompt: ValidationError: …".
type Kind string

// The kinds callers may decide by.
const (
	NotFound       Kind = "NotFoundError"
	Validation     Kind = "ValidationError"
	Storage        Kind = "StorageError"
	Conflict       Kind = "ConflictError"
	OwnedElsewhere Kind = "OwnedElsewhereError"
	Forbidden      Kind = "ForbiddenError"
	Quota          Kind = "QuotaError"
	// RateLimit is too many calls, and Indeterminate a write of which nobody knows whether it was carried out.
	RateLimit     Kind = "RateLimitError"
	Indeterminate Kind = "IndeterminateError"
	// Unclassified is what a missing variable of a template always was.
	Unclassified Kind = "Error"
)

// Error is what a caller is told instead of a result.
type Error struct {
	Kind Kind
	Text string
	// Sentence says that Text is all: there is neither a kind nor a prefix.
	Sentence bool
	// Details is the same for programs, in _meta of the result under DetailsKey; nil for nothing.
	Details any
}

// DetailsKey is where the _meta of an error has what programs decide by.
const DetailsKey = "dev.lectern/error"

// Error returns the words without the prefix of a tool.
func (e *Error) Error() string {
	if e.Sentence {
		return e.Text
	}
	return string(e.Kind) + ": " + e.Text
}

// withPrefix returns the words of a result, at most excerpt.MaxMessage bytes.
func (e *Error) withPrefix(prefix string) string {
	text := e.Error()
	if !e.Sentence {
		text = prefix + ": " + text
	}
	return excerpt.TruncateBytes(text, excerpt.MaxMessage)
}

// NewInvalid refuses arguments: what is wrong, what is allowed, what to do.
func NewInvalid(format string, args ...any) *Error {
	return &Error{Kind: Validation, Text: fmt.Sprintf(format, args...)}
}

// NewConflict refuses what does not fit what is there now.
func NewConflict(format string, args ...any) *Error {
	return &Error{Kind: Conflict, Text: fmt.Sprintf(format, args...)}
}

// NewForbidden refuses what the caller may not do, where they may know that.
func NewForbidden(format string, args ...any) *Error {
	return &Error{Kind: Forbidden, Text: fmt.Sprintf(format, args...)}
}
