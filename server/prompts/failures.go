package prompts

import (
	"context"
	"errors"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/transport"
)

// noSuchPrompt is said of what is not there, may not be read, or is there for includes only.
const noSuchPrompt = "no such prompt, or not yours to read"

// failure is what a caller learns of an error. Inner words go to the log only.
func (s *Surface) failure(ctx context.Context, key store.Key, err error) *transport.Failure {
	var (
		argument  *prompt.ArgumentError
		limit     *prompt.LimitError
		forgotten *store.VersionExpiredError
	)
	switch {
	case errors.As(err, &forgotten):
		return transport.InvalidParams(noSuchPrompt + ": " + forgotten.Error())
	case errors.Is(err, auth.ErrDenied), errors.Is(err, store.ErrNotFound):
		return transport.InvalidParams(noSuchPrompt)
	case errors.As(err, &argument), errors.As(err, &limit):
		return transport.InvalidParams(err.Error())
	case errors.Is(err, store.ErrUnresolved):
		return transport.InvalidParams(store.ErrUnresolved.Error())
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		s.log.WarnContext(ctx, "The store is away", "prompt", key, "err", s.catalog.ReportUnavailable(err))
		return transport.Unavailable(s.away(), s.retryAfter())
	case errors.Is(err, context.Canceled):
		return transport.Canceled()
	default:
		s.log.ErrorContext(ctx, "A prompt could not be served", "prompt", key, "err", err)
		return transport.Internal()
	}
}
