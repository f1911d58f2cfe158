package prompts

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
)

// problemKind is the second word of an error of a tool.
type problemKind string

const (
	notFoundError       problemKind = "NotFoundError"
	validationError     problemKind = "ValidationError"
	storageError        problemKind = "StorageError"
	conflictError       problemKind = "ConflictError"
	ownedElsewhereError problemKind = "OwnedElsewhereError"
	forbiddenError      problemKind = "ForbiddenError"
	// plainError is what a missing variable always was.
	plainError problemKind = "Error"
)

// problem is what a caller is told instead of a result.
type problem struct {
	kind problemKind
	text string
	// sentence says that text is all: there is neither a kind nor what the tool was about to do.
	sentence bool
}

func (p *problem) Error() string {
	if p.sentence {
		return p.text
	}
	return string(p.kind) + ": " + p.text
}

func invalid(format string, args ...any) *problem {
	return &problem{kind: validationError, text: fmt.Sprintf(format, args...)}
}

func conflict(format string, args ...any) *problem {
	return &problem{kind: conflictError, text: fmt.Sprintf(format, args...)}
}

func forbidden(format string, args ...any) *problem {
	return &problem{kind: forbiddenError, text: fmt.Sprintf(format, args...)}
}

// noSuchID is said of what is not there and of what the caller may not read; id is as he gave it.
func noSuchID(id string) *problem {
	return &problem{kind: notFoundError, text: fmt.Sprintf("Prompt with id '%s' not found", clip(id, 200))}
}

// problemOf is what a caller learns of an error. Inner words go to the log only.
func (s *Surface) problemOf(ctx context.Context, tool string, in given, err error) *problem {
	if told, is := errors.AsType[*problem](err); is {
		return told
	}
	if told := fault(err); told != nil {
		return told
	}
	switch {
	case errors.Is(err, auth.ErrDenied), errors.Is(err, store.ErrNotFound):
		told := noSuchID(in.text("id"))
		told.text += explained(err)
		return told
	case errors.Is(err, store.ErrUnresolved):
		return invalid("%s", store.ErrUnresolved)
	case errors.Is(err, store.ErrIdempotencyKeyReused):
		return conflict("%s; use another key for another request", store.ErrIdempotencyKeyReused)
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		s.log.WarnContext(ctx, "The store is away", "tool", tool, "err", s.catalog.ReportUnavailable(err))
		return &problem{kind: storageError, text: s.away()}
	default:
		s.log.ErrorContext(ctx, "A tool could not answer", "tool", tool, "err", err)
		return &problem{kind: storageError, text: "the server could not answer; its log says why"}
	}
}

// explained is why something is not there that may have been, where the store knows.
func explained(err error) string {
	if forgotten, is := errors.AsType[*store.VersionExpiredError](err); is {
		return ": " + forgotten.Error()
	}
	return ""
}

// soon bounds what a call may wait for a library that says nothing.
func (s *Surface) soon(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.catalog.QueryTimeout())
}

// away says that the store cannot be reached, and when to try again.
func (s *Surface) away() string {
	return fmt.Sprintf("the store is away, try again in %d s", s.retryAfter())
}

func (s *Surface) retryAfter() int { return int(math.Ceil(s.catalog.RetryAfter().Seconds())) }

// fault is an error the caller made, in words of the tools' arguments, or nil.
func fault(err error) *problem {
	if wrong, is := errors.AsType[*prompt.SpecError](err); is {
		return invalid("argument %q: %s", argumentOf(wrong.Field), wrong.Problem)
	}
	if wrong, is := errors.AsType[*prompt.TemplateError](err); is {
		return invalid("argument %q: %s", "content", wrong)
	}
	if wrong, is := errors.AsType[*prompt.LimitError](err); is {
		return invalid("%s", wrong)
	}
	if wrong, is := errors.AsType[*prompt.MissingError](err); is {
		return invalid("argument %q: %s", "content", wrong)
	}
	if wrong, is := errors.AsType[*prompt.ArgumentError](err); is {
		if wrong.Fault == prompt.Missing {
			return &problem{kind: plainError, text: "Missing required variable: " + wrong.Argument}
		}
		return invalid("%s", wrong)
	}
	if wrong, is := errors.AsType[*promptobject.EditError](err); is {
		return invalid("%s", wrong.Problem)
	}
	return nil
}

// argumentOf is the argument of a tool that a field of a spec is written from.
func argumentOf(field string) string {
	switch {
	case field == "title":
		return "name"
	case strings.HasPrefix(field, "messages"):
		return "content"
	default:
		return field
	}
}
