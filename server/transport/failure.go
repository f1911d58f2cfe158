package transport

import (
	"net/http"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/internal/excerpt"
)

// Failure is an error as a client sees it.
type Failure struct {
	// Code is one of JSON-RPC or MCP, or an application's outside -32768 to -32000.
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
}

func (f *Failure) Error() string { return f.Message }

// withShortMessage returns the failure with a message of at most excerpt.MaxMessage bytes: it may quote what the caller sent.
func (f *Failure) withShortMessage() *Failure {
	if f == nil || len(f.Message) <= excerpt.MaxMessage {
		return f
	}
	short := *f
	short.Message = excerpt.TruncateBytes(f.Message, excerpt.MaxMessage)
	return &short
}

// InvalidParams returns a failure the caller can cure by asking differently.
func InvalidParams(message string) *Failure {
	return &Failure{Code: mcp.INVALID_PARAMS, Message: message}
}

// UnknownCursor returns the failure of a list that is continued from where it did not end.
func UnknownCursor() *Failure {
	return InvalidParams("this cursor was not given out here; list again from the start, without one")
}

// UnknownResource returns the failure of resources/read for what is not there, or may not be read.
func UnknownResource() *Failure {
	return InvalidParams("no such resource, or not yours to read")
}

// Codes of what may be asked again later, outside the reserved range: what a caller has too much of, and
// what cannot be answered now.
const (
	codeTooMany     = 429
	codeUnavailable = 503
)

// tooMany returns the failure of a caller who has to wait until something of theirs ends.
func tooMany(message string) *Failure { return retryableFailure(codeTooMany, message, 1) }

// IsTooMany reports whether the caller has too much of something.
func (f *Failure) IsTooMany() bool { return f.Code == codeTooMany }

// Unavailable returns the failure of what cannot be answered now, and may be again after some seconds.
func Unavailable(message string, seconds int) *Failure {
	return retryableFailure(codeUnavailable, message, seconds)
}

func retryableFailure(code int, message string, seconds int) *Failure {
	return &Failure{Code: code, Message: message, Data: struct {
		RetryAfterSeconds int `json:"retryAfterSeconds"`
	}{seconds}}
}

// Internal returns all that a caller learns of an error inside.
func Internal() *Failure {
	return &Failure{Code: mcp.INTERNAL_ERROR, Message: "internal error"}
}

// Canceled returns the failure of a request whose caller went away: nobody reads it, and nothing failed.
func Canceled() *Failure {
	return &Failure{Code: mcp.REQUEST_INTERRUPTED, Message: "canceled"}
}

func invalidRequest(message string) *Failure {
	return &Failure{Code: mcp.INVALID_REQUEST, Message: message}
}

// httpStatus returns the HTTP status that revision 2026-07-28 prescribes for a code (SEP-2575; SEP-2243 for headers).
// Older revisions answer 200: their clients would otherwise report the status and lose the code. So does everything the
// revision names no status for, that the store is away included: clients take a 503 of HTTP for a proxy's, and neither
// show its body nor when to try again.
func (f *Failure) httpStatus() int {
	switch f.Code {
	case mcp.METHOD_NOT_FOUND:
		return http.StatusNotFound
	case mcp.HEADER_MISMATCH, mcp.MISSING_REQUIRED_CLIENT_CAPABILITY, mcp.UNSUPPORTED_PROTOCOL_VERSION,
		mcp.INVALID_REQUEST, mcp.INVALID_PARAMS, mcp.PARSE_ERROR:
		return http.StatusBadRequest
	default:
		return http.StatusOK
	}
}
