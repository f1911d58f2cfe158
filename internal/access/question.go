package access

import (
	"context"
	"errors"
	"strings"
)

// Group is the API group of what callers ask for.
const Group = "lectern.dev"

// Resource is a kind of object in Group, in the plural as reviews name it.
type Resource string

// The resources that rights are about.
const (
	Prompts        Resource = "prompts"
	SDPConnections Resource = "sdpconnections"
)

// Verb is what a caller wants to do.
type Verb string

// The verbs of Kubernetes, and ours: Promote moves channels, Use reads through a connection, Operate writes through it, and
// Audit reads what others did.
const (
	Get     Verb = "get"
	List    Verb = "list"
	Create  Verb = "create"
	Patch   Verb = "patch"
	Delete  Verb = "delete"
	Promote Verb = "promote"
	Use     Verb = "use"
	Operate Verb = "operate"
	Audit   Verb = "audit"
)

// Question is what a review asks about a caller.
type Question struct {
	Verb     Verb
	Resource Resource
	// Namespace is empty for all of them.
	Namespace string
	// Name is empty for every object there is.
	Name string
}

var (
	// ErrDenied says that the caller may not. What the caller is told must equal what it would be told of an object that
	// does not exist.
	ErrDenied = errors.New("not allowed")
	// ErrUnavailable says that nobody could be asked, and no answer from before counts any more.
	ErrUnavailable = errors.New("callers and their rights cannot be reviewed now")
	// ErrReviewsSpent says that the request had its share of new reviews. The question is undecided.
	ErrReviewsSpent = errors.New("the request asked for too many reviews")
)

// InvalidTokenError says that a token proves nobody. Reason is for the log: a caller is told no more than that.
type InvalidTokenError struct{ Reason string }

func (e *InvalidTokenError) Error() string { return "the token is not valid: " + e.Reason }

// InsufficientScopeError says that a token is valid and has not all the scopes that callers need here.
type InsufficientScopeError struct {
	// Scopes are all that are needed, those the token has included (RFC 6750, 3.1).
	Scopes []string
}

func (e *InsufficientScopeError) Error() string {
	return "the token lacks a scope; needed are " + strings.Join(e.Scopes, " ")
}

// Verifier finds out whom a token proves.
type Verifier interface {
	// Verify returns the caller, from a cache if it was asked lately. The error wraps an *InvalidTokenError, an
	// *InsufficientScopeError, or ErrUnavailable.
	Verify(ctx context.Context, token string) (Identity, error)
	// VerifyAgain is Verify past the cache.
	VerifyAgain(ctx context.Context, token string) (Identity, error)
}

// Reviewer finds out what a caller may do.
type Reviewer interface {
	// Review returns nil, or an error that wraps ErrDenied, ErrUnavailable or ErrReviewsSpent, from a cache if it was
	// asked lately.
	Review(ctx context.Context, identity Identity, question Question) error
	// ReviewAll is Review of several questions, some at a time, with an error for each that is not allowed. Where the
	// request's share of new reviews ends in between, it is the later ones that are undecided.
	ReviewAll(ctx context.Context, identity Identity, questions []Question) []error
	// ReviewAgain is Review past the cache; what it finds is kept for others.
	ReviewAgain(ctx context.Context, identity Identity, question Question) error
}
