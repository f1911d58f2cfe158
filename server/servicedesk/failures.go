package servicedesk

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/tool"
)

// The kinds of errors that tools on ServiceDesk Plus have beside those of others.
const (
	rateKind                  = tool.RateLimit
	tokenKind       tool.Kind = "TokenError"
	unavailableKind tool.Kind = "UnavailableError"
	rejectedKind    tool.Kind = "RejectedError"
)

// errorDetails is an error for programs.
type errorDetails struct {
	Kind              tool.Kind `json:"kind"`
	SDPCode           int       `json:"sdpCode,omitempty"`
	Fields            []string  `json:"fields,omitempty"`
	Allowed           []string  `json:"allowed,omitempty"`
	RetryAfterSeconds int       `json:"retryAfterSeconds,omitempty"`
	// Outcome is that of a write.
	Outcome store.WriteOutcome `json:"outcome,omitempty"`
}

// errNoTicket is said of a ticket that does not exist, or is outside of the ceilings.
var errNoTicket = &tool.Error{
	Kind: tool.NotFound, Text: "no such ticket; give its number, such as 31, as lists show it", Details: errorDetails{Kind: tool.NotFound},
}

// scopeError is a call that was refused for want of an OAuth scope, or of a right of the token's owner.
type scopeError struct {
	scope string
	cause error
}

func (e *scopeError) Error() string { return e.cause.Error() }
func (e *scopeError) Unwrap() error { return e.cause }

// needScope names the scope that a refused call needs.
func needScope(scope string, err error) error {
	if sdp.KindOf(err) == sdp.KindForbidden {
		return &scopeError{scope, err}
	}
	return err
}

// explainError translates an error into one of a tool. Inner words go to the log only.
func (s *Service) explainError(ctx context.Context, name string, in any, err error) *tool.Error {
	failed, isWrite := errors.AsType[*writeError](err)
	switch {
	case !isWrite:
		return s.explainFailure(ctx, name, err)
	case failed.outcome == store.WriteIndeterminate:
		s.log.WarnContext(ctx, "The outcome of a write is unknown", "tool", name, "err", err)
		return failed.explainUnknown()
	}
	explained := *s.explainFailure(ctx, name, failed.cause)
	details, isOurs := explained.Details.(errorDetails)
	if !isOurs {
		details = errorDetails{Kind: explained.Kind}
	}
	details.Outcome = failed.outcome
	explained.Details = details
	return &explained
}

// explainUnknown says that a write may have been done, and how to hear more.
func (e *writeError) explainUnknown() *tool.Error {
	seconds := auth.RetrySeconds(store.WriteLateness)
	text := "ServiceDesk Plus was sent this, and its answer was lost: it may have been done or not. Do not send it in other words; "
	if e.hasKey {
		text += fmt.Sprintf("ask again in %d s with the same arguments and the same idempotency_key: it is looked up, and nothing is made twice", seconds)
	} else {
		text += fmt.Sprintf("read the record to see, or ask again in %d s with the same arguments", seconds)
	}
	return &tool.Error{
		Kind: tool.Indeterminate, Text: text,
		Details: errorDetails{Kind: tool.Indeterminate, RetryAfterSeconds: seconds, Outcome: store.WriteIndeterminate},
	}
}

// explainFailure is explainError for what is no write.
func (s *Service) explainFailure(ctx context.Context, name string, err error) *tool.Error {
	waited, isToken := errors.AsType[*tokenError](err)
	queued, isQueued := errors.AsType[*sdp.WaitError](err)
	failed, isCall := errors.AsType[*sdp.Error](err)
	var explained *tool.Error
	switch {
	case errors.Is(err, auth.ErrUnavailable), errors.Is(err, auth.ErrReviewsSpent):
		s.log.WarnContext(ctx, "The rights of a caller cannot be reviewed", "tool", name, "err", err)
		explained = retryLater(tool.Storage, "your rights cannot be checked now", directoryRetry)
	case errors.Is(err, auth.ErrDenied):
		return errNoConnection
	case errors.Is(err, errLeaseClosed):
		explained = retryLater(unavailableKind, "the connection was deleted or made again meanwhile", directoryRetry)
	case isToken:
		explained = retryLater(tokenKind, waited.reason, waited.retryAfter)
	case isCall && failed.Kind == sdp.KindTokenRefused: // and so were those that came in its place
		explained = retryLater(tokenKind, "ServiceDesk Plus refuses the token of the connection", tokenRetry)
	case isQueued:
		explained = retryLater(rateKind, "the calls of the connection are used up", queued.RetryAfter)
	case isCall:
		s.log.InfoContext(ctx, "A call of ServiceDesk Plus failed", "tool", name, "err", err)
		explained = explainCall(failed, err)
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		s.log.WarnContext(ctx, "The store is away", "tool", name, "err", err)
		explained = retryLater(tool.Storage, "the store is away", directoryRetry)
	default:
		s.log.ErrorContext(ctx, "A tool could not answer", "tool", name, "err", err)
		explained = &tool.Error{Kind: tool.Storage, Text: "the server could not answer; its log says why"}
	}
	return explained
}

func retryLater(kind tool.Kind, what string, after time.Duration) *tool.Error {
	return &tool.Error{
		Kind: kind, Text: fmt.Sprintf("%s; try again in %d s", what, auth.RetrySeconds(after)), Details: errorDetails{Kind: kind, RetryAfterSeconds: auth.RetrySeconds(after)},
	}
}

// explainCall says what became of a call of ServiceDesk Plus. What that wrote is in a frame of its own.
func explainCall(failed *sdp.Error, err error) *tool.Error {
	kind := map[sdp.Kind]tool.Kind{
		sdp.KindNotFound: tool.NotFound, sdp.KindForbidden: tool.Forbidden, sdp.KindThrottled: rateKind,
		sdp.KindRejected: rejectedKind, sdp.KindNotPerformed: rejectedKind, sdp.KindInvalidInput: tool.Validation,
	}[failed.Kind]
	if kind == "" {
		kind = unavailableKind
	}
	details := errorDetails{Kind: kind, SDPCode: failed.Code, Fields: failed.Fields}
	text := failed.Error()
	if failed.RetryAfter > 0 {
		details.RetryAfterSeconds = auth.RetrySeconds(failed.RetryAfter)
	}
	if missing, is := errors.AsType[*scopeError](err); is {
		text += fmt.Sprintf(". The token needs the OAuth scope %s, and its owner the right in ServiceDesk Plus", missing.scope)
	}
	if len(failed.Messages) > 0 {
		words := richtext.Clean(excerpt.Truncate(strings.Join(failed.Messages, " "), 200))
		text += "\nServiceDesk Plus says:\n" + richtext.FrameUntrusted(words)
	}
	return &tool.Error{Kind: kind, Text: text, Details: details}
}

// failureLog has the last failed calls of a connection, for people who ask how it is.
type failureLog struct {
	mu   sync.Mutex
	last []sdp.Observation
}

// keptFailures is how many are kept.
const keptFailures = 3

func (l *failureLog) add(o sdp.Observation) {
	o.Sent, o.Answered = nil, nil // they may be large
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last = append(l.last, o); len(l.last) > keptFailures {
		l.last = l.last[1:]
	}
}

func (l *failureLog) list() []sdp.Observation {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]sdp.Observation(nil), l.last...)
}
