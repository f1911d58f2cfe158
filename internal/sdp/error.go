package sdp

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/internal/excerpt"
)

// Kind says what became of a call that failed, and so what its caller can do.
type Kind string

// The kinds of failures.
const (
	// KindTokenRefused: the token is not valid, and another may be: HTTP 401 with 4022, with INVALID_OAUTHTOKEN or without an
	// answer of SDP. It is also ErrTokenRefused.
	KindTokenRefused Kind = "token_refused"
	// KindForbidden: the owner of the token may not, a scope is missing, or a field is locked (4002).
	KindForbidden Kind = "forbidden"
	// KindNotFound: there is no such record, or no such list at this site (4007, HTTP 404).
	KindNotFound Kind = "not_found"
	// KindRejected: SDP refuses what was sent; Code and Fields say what of it.
	KindRejected Kind = "rejected"
	// KindNotPerformed: SDP answered with a warning (3000) and did nothing; Fields say what is missing.
	KindNotPerformed Kind = "not_performed"
	// KindThrottled: too many calls; nothing was carried out. RetryAfter says when to try again.
	KindThrottled Kind = "throttled"
	// KindUnavailable: SDP was not reached, or failed, and nothing was carried out.
	KindUnavailable Kind = "unavailable"
	// KindIndeterminate: a write may have been carried out or not. Attempt has what a lookup needs.
	KindIndeterminate Kind = "indeterminate"
	// KindNotSDP: something else answered, such as a login page: the URL or the portal is wrong.
	KindNotSDP Kind = "not_service_desk_plus"
	// KindNoToken: the TokenSource gave none; its error is the cause.
	KindNoToken Kind = "no_token"
	// KindNotAllowed: credentials may not go to that host; the error wraps an egress.NotAllowedError.
	KindNotAllowed Kind = "host_not_allowed"
	// KindInvalidInput: the call was not sent, since it cannot be right.
	KindInvalidInput Kind = "invalid_input"
	// KindUnsupported: the edition has no such operation.
	KindUnsupported Kind = "unsupported"
	// KindCanceled: the caller's context ended before anything was sent, or while something was read.
	KindCanceled Kind = "canceled"
)

// ErrTokenRefused is what an Error of KindTokenRefused is, for errors.Is.
var ErrTokenRefused = errors.New("SDP refused the token")

// Error is a call that failed. Its text is our own: what SDP wrote is in Messages alone, and is untrusted.
type Error struct {
	// Op is what was to be done, such as "update request".
	Op   string
	Kind Kind
	// Status is the HTTP status, 0 without an answer. Code is SDP's own, of the first message that failed, 0 without one.
	Status, Code int
	// Fields are the names of fields that SDP complains of, as it names them.
	Fields []string
	// Messages are SDP's own words, at most 10 of at most 200 characters, without credentials.
	Messages []string
	// RetryAfter is how long SDP, or the Limiter, asks to wait; 0 when it does not say.
	RetryAfter time.Duration
	// Attempt is set on KindIndeterminate.
	Attempt *Attempt

	reason string
	cause  error
	// transient is set where the same call may succeed in seconds.
	transient bool
}

// IsRetrySafe reports whether the same call may be sent again without a lookup, because it reads or was not carried out. Whether
// that would help is another question.
func (e *Error) IsRetrySafe() bool { return e.Kind != KindIndeterminate }

// Attempt is a write of which nobody knows whether it was carried out: what a lookup of it needs beside the input.
type Attempt struct {
	// Method and Path are those of the call, without the part before the record's path: POST, /requests/31/notes.
	Method, Path string
	// Record is what was written, such as "request note".
	Record string
	// SentAt and EndedAt are by our clock; what was made, was made between them or, if SDP was slow, later.
	SentAt, EndedAt time.Time
}

// Error returns what was to be done, and why it was not.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op + ": " + e.reason)
	if e.Status != 0 || e.Code != 0 {
		var parts []string
		if e.Status != 0 {
			parts = append(parts, fmt.Sprintf("HTTP %d", e.Status))
		}
		if e.Code != 0 {
			parts = append(parts, fmt.Sprintf("code %d", e.Code))
		}
		b.WriteString(" (" + strings.Join(parts, ", ") + ")")
	}
	if len(e.Fields) > 0 {
		b.WriteString(": " + excerpt.List(e.Fields, ", "))
	}
	if e.RetryAfter > 0 {
		fmt.Fprintf(&b, "; try again in %s", e.RetryAfter.Round(time.Second))
	}
	return b.String()
}

// Is reports whether target is ErrTokenRefused and that is what happened.
func (e *Error) Is(target error) bool { return target == ErrTokenRefused && e.Kind == KindTokenRefused }

// Unwrap returns the error below that is safe to show: of the context, of the system, of the TokenSource or the Limiter, or an
// egress.NotAllowedError, which names the host.
func (e *Error) Unwrap() error { return e.cause }

// KindOf returns the kind of an Error that err is or wraps, or "".
func KindOf(err error) Kind {
	if failed, is := errors.AsType[*Error](err); is {
		return failed.Kind
	}
	return ""
}

// reasons are our words for codes of SDP.
var reasons = map[int]string{
	3000: "SDP did not do it, since something is missing",
	4001: "SDP knows no such value, or no such field",
	4002: "SDP does not permit it to the owner of the token, or the field is locked",
	4004: "SDP failed",
	4005: "it is in use elsewhere",
	4007: "SDP knows no such record or path",
	4008: "a value has to be unique",
	4009: "a field cannot be edited",
	4012: "mandatory fields are missing",
	4014: "a field is read-only, too long or of another format",
	4015: "SDP allows no more calls now",
	4016: "times contradict each other",
	4017: "it is not in the trash",
	4021: "a value is of another type",
	4022: "SDP refused the token",
	7001: "the licence does not cover it",
}

// reasonOf returns our words for a failure of a kind.
func reasonOf(kind Kind, code int) string {
	if reason, known := reasons[code]; known && kind != KindIndeterminate {
		return reason
	}
	switch kind {
	case KindTokenRefused:
		return "SDP refused the token"
	case KindForbidden:
		return "SDP does not permit it"
	case KindNotFound:
		return "SDP knows no such record or path"
	case KindThrottled:
		return "SDP allows no more calls now"
	case KindUnavailable:
		return "SDP is not available"
	case KindIndeterminate:
		return "it may have been done or not"
	case KindNotSDP:
		return "what answered is not the API of ServiceDesk Plus; check the URL and the portal"
	}
	return "SDP refuses it"
}

// invalidInput returns the error of a call that is not sent.
func invalidInput(op, reason string) *Error {
	return &Error{Op: op, Kind: KindInvalidInput, reason: reason}
}

func newUnsupported(op string, edition Edition) *Error {
	return &Error{Op: op, Kind: KindUnsupported, reason: fmt.Sprintf("edition %s has no such operation", edition)}
}
