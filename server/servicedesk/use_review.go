package servicedesk

import (
	"context"
	"errors"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
)

// questionsAboutConnections is how many reviews are asked to find out which connections a caller sees: most of the 64 of a request.
const questionsAboutConnections = 48

// useReview finds out which of many connections a caller may use, by few questions: about all of them, those of a namespace, and
// then single ones.
type useReview struct {
	service  *Service
	identity auth.Identity
	left     int
	answers  map[store.Key]error
}

func newUseReview(s *Service, identity auth.Identity) *useReview {
	return &useReview{service: s, identity: identity, left: questionsAboutConnections, answers: map[store.Key]error{}}
}

// mayUse reports whether the caller may use a connection, which need not exist. What is undecided when the questions run out counts as
// denied; the error says that nobody can be asked.
func (r *useReview) mayUse(ctx context.Context, key store.Key) (bool, error) {
	var err error
	for _, asked := range []store.Key{{}, {Namespace: key.Namespace}, key} {
		if err = r.ask(ctx, asked); err == nil {
			return true, nil
		}
	}
	if errors.Is(err, auth.ErrDenied) || errors.Is(err, auth.ErrReviewsSpent) {
		return false, nil
	}
	return false, err
}

func (r *useReview) ask(ctx context.Context, key store.Key) error {
	if answer, known := r.answers[key]; known {
		return answer
	}
	answer := auth.ErrReviewsSpent
	if r.left--; r.left >= 0 {
		answer = r.service.authorizer.Authorize(ctx, r.identity, auth.Use, key)
	}
	r.answers[key] = answer
	return answer
}

// usersOf returns who hears of a change of connections, at the endpoint of a namespace or of all: whoever may use one of them, also
// where it is gone.
func (s *Service) usersOf(changed []store.Key) func(ctx context.Context, namespace string) (bool, error) {
	return func(ctx context.Context, namespace string) (bool, error) {
		identity, ok := auth.FromContext(ctx)
		if !ok {
			return false, nil
		}
		review := newUseReview(s, identity)
		for _, key := range changed {
			if namespace != "" && namespace != key.Namespace {
				continue
			}
			if allowed, err := review.mayUse(ctx, key); allowed || err != nil {
				return allowed, err
			}
		}
		return false, nil
	}
}
