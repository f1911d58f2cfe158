package auth

import (
	"context"
	"errors"
	"fmt"

	"github.com/lectern-dev/lectern/internal/access"
	"github.com/lectern-dev/lectern/internal/store"
)

// ReviewsPerRequest is how many questions one request may have asked whose answers are in no cache.
const ReviewsPerRequest = 64

// Reviewed decides by what a Reviewer says: Kubernetes, behind its caches.
type Reviewed struct {
	reviewer access.Reviewer
}

// NewReviewed returns an Authorizer that asks the reviewer.
func NewReviewed(reviewer access.Reviewer) *Reviewed { return &Reviewed{reviewer: reviewer} }

// Authorize asks one question, about the name where the verb is about one object. A denial is returned as it is: to say of what
// would take time that an allow does not.
func (r *Reviewed) Authorize(ctx context.Context, identity Identity, verb Verb, key store.Key) error {
	err := r.reviewer.Review(ctx, identity, newQuestion(verb, key))
	if err == nil || errors.Is(err, ErrDenied) {
		return err
	}
	return fmt.Errorf("%s %s: %w", verb, key, err)
}

// AuthorizeAgain implements Reauthorizer.
func (r *Reviewed) AuthorizeAgain(ctx context.Context, identity Identity, verb Verb, key store.Key) error {
	if err := r.reviewer.ReviewAgain(ctx, identity, newQuestion(verb, key)); err != nil {
		return fmt.Errorf("%s %s: %w", verb, key, err)
	}
	return nil
}

// WithUnnamedNamespaces is that of package access.
func WithUnnamedNamespaces(ctx context.Context) context.Context {
	return access.WithUnnamedNamespaces(ctx)
}

// newQuestion asks about a prompt, or about a connection where the verb is for those, or about a namespace where there is no name:
// what is listed or made has none yet.
func newQuestion(verb Verb, key store.Key) access.Question {
	question := access.Question{Verb: verb, Resource: access.Prompts, Namespace: key.Namespace, Name: key.Name}
	if verb == Use || verb == Operate {
		question.Resource = access.SDPConnections
	}
	switch verb {
	case List, Create:
		question.Name = ""
	case AuditPrompts:
		question.Verb, question.Name = access.Audit, ""
	case AuditConnections:
		question.Verb, question.Resource = access.Audit, access.SDPConnections
	}
	return question
}

// VisibleNamespaces asks once for all namespaces, and only where that is denied for each candidate, in their order, up to the
// first for which the request has no review left.
func (r *Reviewed) VisibleNamespaces(ctx context.Context, identity Identity, candidates Candidates) (Visible, error) {
	err := r.reviewer.Review(ctx, identity, newQuestion(List, store.Key{}))
	if err == nil {
		return Visible{Scope: store.Scope{All: true}}, nil
	}
	if !errors.Is(err, ErrDenied) && !errors.Is(err, ErrReviewsSpent) {
		return Visible{}, fmt.Errorf("list prompts everywhere: %w", err)
	}
	namespaces, err := candidates(ctx)
	if err != nil {
		return Visible{}, err
	}
	questions := make([]access.Question, len(namespaces))
	for i, namespace := range namespaces {
		questions[i] = newQuestion(List, store.Key{Namespace: namespace})
	}
	return collectVisible(namespaces, r.reviewer.ReviewAll(WithUnnamedNamespaces(ctx), identity, questions))
}

// collectVisible makes of the answers for candidates what is visible, up to the first that is undecided.
func collectVisible(candidates []string, answers []error) (Visible, error) {
	var visible Visible
	for i, err := range answers {
		switch {
		case err == nil:
			visible.Scope.Namespaces = append(visible.Scope.Namespaces, candidates[i])
		case errors.Is(err, ErrDenied):
		case errors.Is(err, ErrReviewsSpent):
			visible.UndecidedFrom = candidates[i]
			return visible, nil
		default:
			return Visible{}, fmt.Errorf("list prompts in %s: %w", candidates[i], err)
		}
	}
	return visible, nil
}
