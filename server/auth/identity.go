package auth

import (
	"context"
	"net/http"

	"github.com/lectern-dev/lectern/internal/access"
	"github.com/lectern-dev/lectern/internal/store"
)

// Identity is the authenticated caller.
type Identity = access.Identity

// Verb is what a caller wants to do.
type Verb = access.Verb

// The verbs of reading, and of asking for changes. Promote moves channels; Use reads through a connection of ServiceDesk Plus, and
// Operate writes through it.
const (
	Get     = access.Get
	List    = access.List
	Create  = access.Create
	Patch   = access.Patch
	Delete  = access.Delete
	Promote = access.Promote
	Use     = access.Use
	Operate = access.Operate
)

// AuditPrompts and AuditConnections read what others did: the verb audit, of prompts in a namespace and of a connection.
const (
	AuditPrompts     Verb = "audit prompts"
	AuditConnections Verb = "audit sdpconnections"
)

// ErrDenied, ErrUnavailable and ErrReviewsSpent are those of package access.
var (
	ErrDenied       = access.ErrDenied
	ErrUnavailable  = access.ErrUnavailable
	ErrReviewsSpent = access.ErrReviewsSpent
)

// RightsKey returns what is the same for two callers exactly if they have the same rights.
func RightsKey(identity Identity) string { return access.RightsKey(&identity) }

// IsLocalUser reports whether a caller is the person who started the program, and nobody proved it (--auth=none, and stdin).
func IsLocalUser(identity Identity) bool { return identity.Proof == access.ProofNone }

type identityKey struct{}

// WithIdentity returns ctx with the caller of its request.
func WithIdentity(ctx context.Context, identity Identity) context.Context {
	return context.WithValue(ctx, identityKey{}, identity)
}

// FromContext returns the caller of the request, and false where nobody was authenticated.
func FromContext(ctx context.Context) (Identity, bool) {
	identity, ok := ctx.Value(identityKey{}).(Identity)
	return identity, ok
}

type tokenKey struct{}

// withToken returns ctx with the bearer token that proved the caller.
func withToken(ctx context.Context, token string) context.Context {
	return context.WithValue(ctx, tokenKey{}, token)
}

// TokenFromContext returns the bearer token that proved the caller of the request, and false where none did: with
// --auth=none and on stdio. It is for proving the caller to others who ask for it; nothing may log it.
func TokenFromContext(ctx context.Context) (string, bool) {
	token, ok := ctx.Value(tokenKey{}).(string)
	return token, ok
}

// Authenticator finds out who sent a request, and refuses what foreign web pages send; which those are is a rule of each
// mode. It is asked first of all.
type Authenticator interface {
	// Authenticate returns the context of the request with its caller, as FromContext has it. An error wraps a
	// *RefusedError when the request itself is to blame, or when it says when to ask again.
	Authenticate(r *http.Request) (context.Context, error)
}

// Candidates returns the namespaces that a list may have rows of, sorted. It is asked only for callers who may not list
// all namespaces.
type Candidates func(ctx context.Context) ([]string, error)

// Visible is where a caller may list prompts, as far as that was decided.
type Visible struct {
	// Scope is all namespaces, or those of the candidates before UndecidedFrom that the caller may list, sorted.
	Scope store.Scope
	// UndecidedFrom is the first candidate of which it was not decided, since the request had its share of reviews; empty when
	// none is left. The caller may not be shown it.
	UndecidedFrom string
}

// Authorizer is asked before every read and every request for a change. An error that wraps ErrUnavailable says that nobody
// could be asked, one that wraps ErrReviewsSpent that the request asked for too much.
type Authorizer interface {
	// Authorize returns nil or an error wrapping ErrDenied, or one wrapping ErrUnavailable or ErrReviewsSpent where
	// that is undecided. To list one namespace, the key has no name; an empty key stands for every namespace.
	Authorize(ctx context.Context, identity Identity, verb Verb, key store.Key) error
	// VisibleNamespaces returns where the caller may list prompts.
	VisibleNamespaces(ctx context.Context, identity Identity, candidates Candidates) (Visible, error)
}

// RefusedError is a request that is answered with an HTTP status before it is read.
type RefusedError struct {
	Status int
	// Reason is for the caller: it says what is allowed.
	Reason string
	// Header is what the answer says beside that; nil for nothing.
	Header http.Header
}

func (e *RefusedError) Error() string { return e.Reason }
