package access

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Access is how a program finds out who its callers are and what they may do.
type Access struct {
	// Verifier and Reviewer are nil with ModeNone.
	Verifier Verifier
	Reviewer Reviewer

	audiences []string
	server    *apiServer
	reviewer  *subjectReviewer
}

// Open prepares to ask. It asks nothing yet: an API server that is away now may be there when the first caller is. The
// options are valid. An OIDC issuer is asked for its keys until ctx ends.
func Open(ctx context.Context, o Options, log *slog.Logger) (*Access, error) {
	if o.Mode == ModeNone {
		return &Access{}, nil
	}
	server, err := connectByKubeconfig(o.Kubeconfig, log)
	if err != nil {
		return nil, err
	}
	reviewer := newSubjectReviewer(server, time.Now)
	a := &Access{Reviewer: reviewer, reviewer: reviewer, audiences: slices.Clone(o.Audiences), server: server}
	switch o.Mode {
	case ModeKubernetes:
		a.Verifier = newKubernetesVerifier(server, o.Audiences, time.Now)
	case ModeOIDC:
		a.Verifier = newOIDCVerifier(ctx, &o.OIDC, o.Audiences, log, time.Now)
	default:
		return nil, fmt.Errorf("no verifier for --auth=%s", o.Mode)
	}
	return a, nil
}

// Explain is Reviewer.ReviewAgain with the reason, for people who ask why. The error wraps ErrUnavailable or ErrReviewsSpent.
func (a *Access) Explain(ctx context.Context, identity Identity, question Question) (Decision, error) {
	return a.reviewer.Explain(ctx, identity, question)
}

// Metrics returns how often the API server was asked, and how long that took.
func (a *Access) Metrics() []prometheus.Collector {
	if a.server == nil {
		return nil
	}
	return []prometheus.Collector{a.server.asked}
}

// IsForUsAlone says whether every audience of a token is one of ours. It reads what the token claims, so it says something
// of tokens that were verified and of no others. One that is good elsewhere too must not be kept anywhere.
func (a *Access) IsForUsAlone(token string) bool {
	claimed := readClaims(token).Audiences
	return len(claimed) > 0 && !slices.ContainsFunc(claimed, func(audience string) bool { return !slices.Contains(a.audiences, audience) })
}

// Close lets go of the connections that nobody uses.
func (a *Access) Close() {
	if a.server != nil {
		a.server.http.CloseIdleConnections()
	}
}
