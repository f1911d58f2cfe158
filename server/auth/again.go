package auth

import (
	"context"

	"github.com/lectern-dev/lectern/internal/access"
	"github.com/lectern-dev/lectern/internal/store"
)

// Reprover proves the callers of open streams again: a request is over before its proof is old, a stream is not.
type Reprover interface {
	// Reprove returns the caller whom the token of ctx proves now, past every cache. The error wraps an
	// *access.InvalidTokenError where it proves nobody any more, or ErrUnavailable.
	Reprove(ctx context.Context) (Identity, error)
}

// Reauthorizer is an Authorizer that can be asked past its caches, about what lasts longer than a request.
type Reauthorizer interface {
	Authorizer
	// AuthorizeAgain is Authorize past the caches. What it finds is kept for Authorize.
	AuthorizeAgain(ctx context.Context, identity Identity, verb Verb, key store.Key) error
}

// AuthorizeAgain asks an Authorizer past its caches, where it can be asked so.
func AuthorizeAgain(ctx context.Context, authorizer Authorizer, identity Identity, verb Verb, key store.Key) error {
	if again, is := authorizer.(Reauthorizer); is {
		return again.AuthorizeAgain(ctx, identity, verb, key)
	}
	return authorizer.Authorize(ctx, identity, verb, key)
}

// tokenReprover asks a Verifier past its cache.
type tokenReprover struct{ verifier access.Verifier }

// NewReprover returns a Reprover of bearer tokens.
func NewReprover(verifier access.Verifier) Reprover { return tokenReprover{verifier} }

// Reprove implements Reprover.
func (r tokenReprover) Reprove(ctx context.Context) (Identity, error) {
	token, is := TokenFromContext(ctx)
	if !is {
		return Identity{}, &access.InvalidTokenError{Reason: "there is none"}
	}
	return r.verifier.VerifyAgain(ctx, token)
}

// WithReviewBudget is that of package access.
func WithReviewBudget(ctx context.Context, n int) context.Context {
	return access.WithReviewBudget(ctx, n)
}
