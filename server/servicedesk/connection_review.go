package servicedesk

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
)

const (
	// questionsAboutConnections is how many reviews are asked to find out which connections a caller sees: most of the 64 of a request.
	questionsAboutConnections = 48
	// questionsAboutWrites is how many more are asked to find out through which of them the caller writes.
	questionsAboutWrites = 16
	// questionsAtATime is how many of them are on their way together.
	questionsAtATime = 16
)

// connectionReview finds out of which of many connections a caller has a right, by few questions: about all of them, those of a namespace, and
// then single ones.
type connectionReview struct {
	authorize func(ctx context.Context, identity auth.Identity, verb auth.Verb, key store.Key) error
	identity  auth.Identity
	verb      auth.Verb
	left      int
	answers   map[store.Key]error
}

func (s *Service) newConnectionReview(identity auth.Identity, verb auth.Verb) *connectionReview {
	r := &connectionReview{authorize: s.authorizer.Authorize, identity: identity, verb: verb, left: questionsAboutConnections, answers: map[store.Key]error{}}
	if verb == auth.Operate {
		r.left = questionsAboutWrites
	}
	return r
}

// findAllowed returns of which of some connections, which need not exist, the caller has the right. What is undecided when the questions run out
// counts as denied; the error says of what was not found allowed that nobody can be asked.
func (r *connectionReview) findAllowed(ctx context.Context, keys []store.Key) (allowed map[store.Key]bool, err error) {
	allowed = map[store.Key]bool{}
	failures := map[store.Key]error{}
	for _, widen := range []func(store.Key) store.Key{
		func(store.Key) store.Key { return store.Key{} },
		func(key store.Key) store.Key { return store.Key{Namespace: key.Namespace} },
		func(key store.Key) store.Key { return key },
	} {
		var asked []store.Key
		for _, key := range keys {
			if !allowed[key] {
				asked = append(asked, widen(key))
			}
		}
		r.ask(ctx, asked)
		for _, key := range keys {
			switch answer := r.answers[widen(key)]; {
			case allowed[key]:
			case answer == nil:
				allowed[key] = true
				delete(failures, key)
			case !errors.Is(answer, auth.ErrDenied) && !errors.Is(answer, auth.ErrReviewsSpent):
				failures[key] = answer
			}
		}
	}
	for _, failed := range failures {
		err = failed
	}
	return allowed, err
}

// ask asks what was not asked before, as long as there are questions left.
func (r *connectionReview) ask(ctx context.Context, keys []store.Key) {
	var open []store.Key
	for _, key := range keys {
		if _, known := r.answers[key]; known {
			continue
		}
		r.answers[key] = auth.ErrReviewsSpent
		if r.left--; r.left >= 0 {
			open = append(open, key)
		}
	}
	answers := make([]error, len(open))
	var group errgroup.Group
	group.SetLimit(questionsAtATime)
	for i, key := range open {
		group.Go(func() error {
			answers[i] = r.authorize(ctx, r.identity, r.verb, key)
			return nil
		})
	}
	_ = group.Wait() // no function of it fails
	for i, key := range open {
		r.answers[key] = answers[i]
	}
}

// usersOf returns who hears of a change of connections, at the endpoint of a namespace or of all: whoever may use one of them, also
// where it is gone.
func (s *Service) usersOf(changed []store.Key) func(ctx context.Context, namespace string) (bool, error) {
	return func(ctx context.Context, namespace string) (bool, error) {
		identity, ok := auth.FromContext(ctx)
		if !ok {
			return false, nil
		}
		var there []store.Key
		for _, key := range changed {
			if namespace == "" || namespace == key.Namespace {
				there = append(there, key)
			}
		}
		usable, err := s.newConnectionReview(identity, auth.Use).findAllowed(ctx, there)
		if len(usable) > 0 {
			return true, nil
		}
		return false, err
	}
}
