package prompts

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/tool"
	"github.com/lectern-dev/lectern/server/transport"
)

// noSuchPrompt is the error of what does not exist, may not be read, or is for includes only.
const noSuchPrompt = "no such prompt, or not yours to read"

// failureFor translates an error into one of the protocol. Inner words go to the log only.
func (s *Service) failureFor(ctx context.Context, key store.Key, err error) *transport.Failure {
	_, badArgument := errors.AsType[*prompt.ArgumentError](err)
	_, overLimit := errors.AsType[*prompt.LimitError](err)
	switch {
	case errors.Is(err, tool.ErrCursor):
		return transport.UnknownCursor()
	case isUndecided(err):
		s.log.WarnContext(ctx, "The rights of a caller cannot be reviewed", "prompt", key, "err", err)
		return transport.Unavailable(s.undecidedMessage(), s.retryAfterSeconds())
	case errors.Is(err, auth.ErrDenied), errors.Is(err, store.ErrNotFound):
		return transport.InvalidParams(noSuchPrompt + expiredSuffix(err))
	case badArgument, overLimit:
		return transport.InvalidParams(err.Error())
	case errors.Is(err, store.ErrUnresolved):
		return transport.InvalidParams(store.ErrUnresolved.Error())
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		s.log.WarnContext(ctx, "The store is away", "prompt", key, "err", s.catalog.ReportUnavailable(err))
		return transport.Unavailable(s.unavailableMessage(), s.retryAfterSeconds())
	case errors.Is(err, context.Canceled):
		return transport.Canceled()
	default:
		s.log.ErrorContext(ctx, "A prompt could not be served", "prompt", key, "err", err)
		return transport.Internal()
	}
}

// explainError translates an error into one of a tool. Inner words go to the log only.
func (s *Service) explainError(ctx context.Context, name string, in any, err error) *tool.Error {
	if refused := argumentError(err); refused != nil {
		return refused
	}
	overQuota, isQuota := errors.AsType[*store.ChangeQuotaError](err)
	missing, isMissing := errors.AsType[*store.NamespaceMissingError](err)
	switch {
	case isUndecided(err):
		s.log.WarnContext(ctx, "The rights of a caller cannot be reviewed", "tool", name, "err", err)
		return &tool.Error{Kind: tool.Storage, Text: s.undecidedMessage()}
	case errors.Is(err, auth.ErrDenied), errors.Is(err, store.ErrNotFound):
		var id string
		if named, is := in.(interface{ promptID() string }); is {
			id = named.promptID()
		}
		return &tool.Error{Kind: tool.NotFound, Text: fmt.Sprintf("Prompt with id '%s' not found", excerpt.Truncate(id, 200)) + s.missingSuffix(err)}
	case errors.Is(err, store.ErrUnresolved):
		return tool.NewInvalid("%s", store.ErrUnresolved)
	case isQuota:
		return &tool.Error{Kind: tool.Quota, Text: overQuota.Error()}
	case isMissing:
		return tool.NewForbidden("%s", missing)
	case errors.Is(err, store.ErrIdempotencyKeyReused):
		return tool.NewConflict("%s; use another key for another request", store.ErrIdempotencyKeyReused)
	case errors.Is(err, store.ErrBusy):
		return &tool.Error{Kind: tool.Storage, Text: fmt.Sprintf("%s; try again in %d s", store.ErrBusy, s.retryAfterSeconds())}
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		s.log.WarnContext(ctx, "The store is away", "tool", name, "err", s.catalog.ReportUnavailable(err))
		return &tool.Error{Kind: tool.Storage, Text: s.unavailableMessage()}
	default:
		s.log.ErrorContext(ctx, "A tool could not answer", "tool", name, "err", err)
		return &tool.Error{Kind: tool.Storage, Text: "the server could not answer; its log says why"}
	}
}

// missingSuffix says why a version does not exist any more, or else which faults of files may be why a prompt does not.
func (s *Service) missingSuffix(err error) string {
	if expired := expiredSuffix(err); expired != "" {
		return expired
	}
	if note := s.fileFaultNote(); note != "" {
		return ". " + note
	}
	return ""
}

// expiredSuffix says why a version does not exist any more, where the store knows.
func expiredSuffix(err error) string {
	if expired, is := errors.AsType[*store.VersionExpiredError](err); is {
		return ": " + expired.Error()
	}
	return ""
}

// withQueryTimeout bounds how long a call waits for a library that does not answer.
func (s *Service) withQueryTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.catalog.QueryTimeout())
}

// isUndecided reports whether nobody could say what the caller may do: nothing is answered then.
func isUndecided(err error) bool {
	return errors.Is(err, auth.ErrUnavailable) || errors.Is(err, auth.ErrReviewsSpent)
}

// undecidedMessage says that the caller's rights are not known now, and when to try again.
func (s *Service) undecidedMessage() string {
	return fmt.Sprintf("your rights cannot be checked now, try again in %d s", s.retryAfterSeconds())
}

// unavailableMessage says that the store cannot be reached, and when to try again.
func (s *Service) unavailableMessage() string {
	return fmt.Sprintf("the store is away, try again in %d s", s.retryAfterSeconds())
}

func (s *Service) retryAfterSeconds() int { return int(math.Ceil(s.catalog.RetryAfter().Seconds())) }

// argumentError translates an error of the caller into the words of the arguments; nil when it is another.
func argumentError(err error) *tool.Error {
	if wrong, is := errors.AsType[*prompt.SpecError](err); is {
		return tool.NewInvalid("argument %q: %s", argumentForField(wrong.Field), wrong.Problem)
	}
	if wrong, is := errors.AsType[*prompt.TemplateError](err); is {
		return tool.NewInvalid("argument %q: %s", "content", wrong)
	}
	if wrong, is := errors.AsType[*prompt.LimitError](err); is {
		return tool.NewInvalid("%s", wrong)
	}
	if wrong, is := errors.AsType[*store.TooBroadError](err); is {
		return tool.NewInvalid("%s", wrong)
	}
	if wrong, is := errors.AsType[*store.UnstorableValueError](err); is {
		return tool.NewInvalid("%s", wrong)
	}
	if wrong, is := errors.AsType[*prompt.IncludeError](err); is {
		return tool.NewInvalid("argument %q: %s", "content", wrong)
	}
	if wrong, is := errors.AsType[*prompt.ArgumentError](err); is {
		if wrong.Fault == prompt.ArgumentMissing {
			return &tool.Error{Kind: tool.Unclassified, Text: "Missing required variable: " + wrong.Argument}
		}
		return tool.NewInvalid("%s", wrong)
	}
	return nil
}

// argumentForField names the argument of a tool that a field of a spec is written from.
func argumentForField(field string) string {
	switch {
	case field == "title":
		return "name"
	case strings.HasPrefix(field, "messages"):
		return "content"
	default:
		return field
	}
}
