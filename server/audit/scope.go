package audit

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
)

const (
	// reviewsAboutPrompts and reviewsAboutConnections are how many namespaces and connections are asked about one by one: a request has
	// auth.ReviewsPerRequest in all.
	reviewsAboutPrompts     = 24
	reviewsAboutConnections = 12
	reviewsAtATime          = 16
)

// scopeReview finds out which rows a caller may see, by the rights that rows name and not by which there are.
type scopeReview struct {
	authorizer auth.Authorizer
	identity   auth.Identity
	// endpoint is the namespace of the endpoint; empty for all.
	endpoint string
	// isPartial is set once there was more to ask about than a request may.
	isPartial bool
}

// decide asks about some objects, at most limit of them. The error wraps auth.ErrUnavailable.
func (r *scopeReview) decide(ctx context.Context, verb auth.Verb, keys []store.Key, limit int) (allowed []store.Key, err error) {
	if len(keys) > limit {
		keys, r.isPartial = keys[:limit], true
	}
	answers := make([]error, len(keys))
	var group errgroup.Group
	group.SetLimit(reviewsAtATime)
	for i, key := range keys {
		group.Go(func() error {
			answers[i] = r.authorizer.Authorize(ctx, r.identity, verb, key)
			return nil
		})
	}
	_ = group.Wait() // no function of it fails
	for i, answer := range answers {
		switch {
		case answer == nil:
			allowed = append(allowed, keys[i])
		case errors.Is(answer, auth.ErrReviewsSpent):
			r.isPartial = true
		case !errors.Is(answer, auth.ErrDenied):
			return nil, answer
		}
	}
	return allowed, nil
}

// mayEverywhere asks about all objects, or about those in the namespace of the endpoint.
func (r *scopeReview) mayEverywhere(ctx context.Context, verb auth.Verb) (bool, error) {
	allowed, err := r.decide(ctx, verb, []store.Key{{Namespace: r.endpoint}}, 1)
	return len(allowed) > 0, err
}

// ReviewPrompts returns of which namespaces the caller may see what was done with prompts. The error wraps auth.ErrUnavailable, or is of
// listNamespaces, which returns those with prompts.
func ReviewPrompts(
	ctx context.Context, authorizer auth.Authorizer, endpoint string, listNamespaces func(context.Context) ([]string, error),
) (store.Scope, error) {
	identity, known := auth.FromContext(ctx)
	if !known {
		return store.Scope{}, nil
	}
	r := &scopeReview{authorizer: authorizer, identity: identity, endpoint: endpoint}
	return r.decideNamespaces(ctx, listNamespaces)
}

// decideNamespaces returns of which namespaces the caller may see what was done with prompts.
func (r *scopeReview) decideNamespaces(ctx context.Context, listNamespaces func(context.Context) ([]string, error)) (store.Scope, error) {
	all, err := r.mayEverywhere(ctx, auth.AuditPrompts)
	switch {
	case err != nil:
		return store.Scope{}, err
	case all && r.endpoint == "":
		return store.Scope{All: true}, nil
	case all:
		return store.Scope{Namespaces: []string{r.endpoint}}, nil
	case r.endpoint != "":
		return store.Scope{}, nil
	}
	namespaces, err := listNamespaces(ctx)
	if err != nil {
		return store.Scope{}, err
	}
	keys := make([]store.Key, len(namespaces))
	for i, namespace := range namespaces {
		keys[i].Namespace = namespace
	}
	allowed, err := r.decide(auth.WithUnnamedNamespaces(ctx), auth.AuditPrompts, keys, reviewsAboutPrompts)
	scope := store.Scope{}
	for _, key := range allowed {
		scope.Namespaces = append(scope.Namespaces, key.Namespace)
	}
	return scope, err
}

// reviewConnections returns of which connections the caller has a right. Those that are gone are seen by who has it in their namespace.
func (r *scopeReview) reviewConnections(ctx context.Context, verb auth.Verb, there []store.Key) (store.ConnectionScope, error) {
	scope := store.ConnectionScope{}
	all, err := r.mayEverywhere(ctx, verb)
	switch {
	case err != nil:
		return scope, err
	case all && r.endpoint == "":
		return store.ConnectionScope{All: true}, nil
	case all:
		return store.ConnectionScope{Namespaces: []string{r.endpoint}}, nil
	}
	if r.endpoint == "" {
		var namespaces []store.Key
		for _, key := range there {
			if namespace := (store.Key{Namespace: key.Namespace}); !slices.Contains(namespaces, namespace) {
				namespaces = append(namespaces, namespace)
			}
		}
		allowed, err := r.decide(auth.WithUnnamedNamespaces(ctx), verb, namespaces, reviewsAboutConnections/2)
		if err != nil {
			return scope, err
		}
		for _, key := range allowed {
			scope.Namespaces = append(scope.Namespaces, key.Namespace)
		}
	}
	left := slices.DeleteFunc(slices.Clone(there), func(key store.Key) bool { return slices.Contains(scope.Namespaces, key.Namespace) })
	scope.Keys, err = r.decide(ctx, verb, left, reviewsAboutConnections/2)
	return scope, err
}
