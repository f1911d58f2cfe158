package auth

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/lectern-dev/lectern/internal/store"
)

// Identity is the authenticated caller.
type Identity struct {
	// Subject names the caller, unique within its proof: "local:anna".
	Subject string
	// Groups the caller belongs to.
	Groups []string
}

// Namespace returns that of a ServiceAccount, and nothing for anybody else.
func (i Identity) Namespace() string {
	account, is := strings.CutPrefix(i.Subject, "system:serviceaccount:")
	if !is {
		return ""
	}
	namespace, _, _ := strings.Cut(account, ":")
	return namespace
}

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

// Verb is what a caller wants to do with prompts.
type Verb string

// The verbs of reading, and of asking for changes. Promote moves channels.
const (
	Get     Verb = "get"
	List    Verb = "list"
	Create  Verb = "create"
	Patch   Verb = "patch"
	Delete  Verb = "delete"
	Promote Verb = "promote"
)

// ErrDenied says that the caller may not. What the caller is told must equal what it would be told of a
// prompt that does not exist.
var ErrDenied = errors.New("not allowed")

// Authenticator finds out who sent a request, and refuses what foreign web pages send; which those are is a rule of each
// mode. It is asked first of all. An error wraps a *RefusedError when the request itself is to blame.
type Authenticator interface {
	Authenticate(r *http.Request) (Identity, error)
}

// Authorizer is asked before every read and every request for a change.
type Authorizer interface {
	// Authorize returns nil or an error wrapping ErrDenied. To list one namespace, the key has no name.
	Authorize(ctx context.Context, identity Identity, verb Verb, key store.Key) error
	// VisibleNamespaces returns the namespaces whose prompts the caller may list.
	VisibleNamespaces(ctx context.Context, identity Identity) (store.Scope, error)
}

// RefusedError is a request that is answered with an HTTP status before it is read.
type RefusedError struct {
	Status int
	// Reason is for the caller: it says what is allowed.
	Reason string
}

func (e *RefusedError) Error() string { return e.Reason }
