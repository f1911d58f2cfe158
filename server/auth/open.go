package auth

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lectern-dev/lectern/internal/access"
	"github.com/lectern-dev/lectern/internal/store"
)

// Gate is how a server lets callers in.
type Gate struct {
	Authenticator Authenticator
	Authorizer    Authorizer
	// Reprover proves the callers of open streams again; nil where nobody is proven.
	Reprover Reprover
	// Rates bound how often callers ask; nil bounds nobody.
	Rates *RateLimiter
	// Limits are those of the options; nothing is limited where nobody is authenticated.
	Limits Limits

	metadata *ResourceMetadata
	access   *access.Access
	metrics  []prometheus.Collector
}

// Open returns how callers are let in by options that were validated; user is who everybody is where nobody is asked. It asks
// nobody yet.
func Open(ctx context.Context, o Options, user string, log *slog.Logger) (*Gate, error) {
	opened, err := access.Open(ctx, o.Access, log)
	if err != nil {
		return nil, fmt.Errorf("authenticate callers: %w", err)
	}
	if o.IsNone() {
		anonymous := NewNone(user)
		anonymous.allowsWrites = o.AllowAnonymousWrites
		return &Gate{Authenticator: anonymous, Authorizer: anonymous, access: opened}, nil
	}
	origins, err := ParseOrigins(o.AllowedOrigins)
	if err != nil {
		return nil, err
	}
	proxies, err := parseProxies(o.TrustedProxies)
	if err != nil {
		return nil, err
	}
	metadata := o.metadata()
	bearer := NewBearer(BearerOptions{
		Verifier: opened.Verifier, AllowedOrigins: origins, Metadata: metadata, Log: log,
		FailuresPerSecond: o.FailuresPerSecond, TrustedProxies: proxies,
	})
	rates := NewRateLimiter(o.Limits)
	return &Gate{
		Authenticator: bearer, Reprover: NewReprover(opened.Verifier), Authorizer: &localUserOrReviewed{NewReviewed(opened.Reviewer), o.AllowAnonymousWrites}, Rates: rates,
		Limits: o.Limits, metadata: metadata, access: opened, metrics: append(bearer.Metrics(), rates.Metrics()...),
	}, nil
}

// ServeWellKnown returns a handler that serves what clients have to know before they are let in, and leaves all else to next.
func (g *Gate) ServeWellKnown(next http.Handler) http.Handler {
	return ServeWellKnown(g.metadata, next)
}

// NewCallerProver returns what proves the callers that this gate lets in, with their tokens sealed.
func (g *Gate) NewCallerProver(seal func(text, context []byte) ([]byte, error)) *CallerProver {
	return &CallerProver{Seal: seal, IsForUsAlone: g.access.IsForUsAlone}
}

// Metrics returns what was asked of Kubernetes, and who was refused, to be registered.
func (g *Gate) Metrics() []prometheus.Collector { return append(g.access.Metrics(), g.metrics...) }

// Close lets go of what is kept open.
func (g *Gate) Close() { g.access.Close() }

// localUserOrReviewed allows to the person who started this program, whom only its stdin is, what None does, and to all others what
// a review says.
type localUserOrReviewed struct {
	*Reviewed
	allowsWrites bool
}

func (a *localUserOrReviewed) Authorize(ctx context.Context, identity Identity, verb Verb, key store.Key) error {
	if IsLocalUser(identity) {
		return (&None{allowsWrites: a.allowsWrites}).Authorize(ctx, identity, verb, key)
	}
	return a.Reviewed.Authorize(ctx, identity, verb, key)
}

func (a *localUserOrReviewed) VisibleNamespaces(ctx context.Context, identity Identity, candidates Candidates) (Visible, error) {
	if IsLocalUser(identity) {
		return Visible{Scope: store.Scope{All: true}}, nil
	}
	return a.Reviewed.VisibleNamespaces(ctx, identity, candidates)
}
