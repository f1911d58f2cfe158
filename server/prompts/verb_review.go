package prompts

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
)

const (
	// questionsAtATime are on their way about one caller.
	questionsAtATime = 16
	// namespacesAtATime are reviewed together when it is looked for one in which a verb is allowed.
	namespacesAtATime = 8
)

// promptVerbs are all that is asked for before prompts are read or changed.
var promptVerbs = []auth.Verb{auth.Get, auth.List, auth.Create, auth.Patch, auth.Delete, auth.Promote}

// verbReview finds out which verbs a caller may use on any prompt that an endpoint reaches.
type verbReview struct {
	service  *Service
	identity auth.Identity
	endpoint string
	// left is how many questions may be asked still. Those whose answers are in a cache count too: all replicas then come to the
	// same end.
	left int
	// found has the answer for each verb: nil, auth.ErrDenied, or why it is undecided; at is where an allowed one was found.
	found map[auth.Verb]error
	at    map[auth.Verb]store.Key
}

func (s *Service) newVerbReview(ctx context.Context, endpoint string, verbs []auth.Verb, questions int) (*verbReview, error) {
	identity, err := callerIdentity(ctx)
	if err != nil {
		return nil, err
	}
	r := &verbReview{
		service: s, identity: identity, endpoint: endpoint, left: questions,
		found: make(map[auth.Verb]error, len(verbs)), at: make(map[auth.Verb]store.Key, len(verbs)),
	}
	for _, verb := range verbs {
		r.found[verb] = auth.ErrDenied
	}
	return r, nil
}

// missing returns the verbs that were not found allowed, in the order of promptVerbs.
func (r *verbReview) missing() []auth.Verb {
	var missing []auth.Verb
	for _, verb := range promptVerbs {
		if err, asked := r.found[verb]; asked && err != nil {
			missing = append(missing, verb)
		}
	}
	return missing
}

// askAll returns the answer to each question, some asked at a time.
func (r *verbReview) askAll(ctx context.Context, questions []right) []error {
	answers := make([]error, len(questions))
	var group errgroup.Group
	group.SetLimit(questionsAtATime)
	for i, question := range questions {
		if r.left == 0 {
			answers[i] = auth.ErrReviewsSpent
			continue
		}
		r.left--
		group.Go(func() error {
			answers[i] = r.service.authorizer.Authorize(ctx, r.identity, question.verb, question.key)
			return nil
		})
	}
	_ = group.Wait() // it is in the answers
	return answers
}

// ask asks and notes what is found.
func (r *verbReview) ask(ctx context.Context, questions []right) []error {
	answers := r.askAll(ctx, questions)
	for i, err := range answers {
		r.note(questions[i], err)
	}
	return answers
}

// note keeps an answer: one that allows beats every other, and one that is no answer beats a denial.
func (r *verbReview) note(question right, err error) {
	before, asked := r.found[question.verb]
	switch {
	case !asked || before == nil:
	case err == nil:
		r.found[question.verb], r.at[question.verb] = nil, question.key
	case errors.Is(before, auth.ErrDenied), errors.Is(err, auth.ErrUnavailable):
		r.found[question.verb] = err
	}
}

// askWide asks for verbs everywhere, and then in the namespace of the endpoint; on the endpoint for all, in the one where
// the caller's prompts are added.
func (r *verbReview) askWide(ctx context.Context) {
	near := r.endpoint
	if near == "" {
		near = r.service.homeOf(r.identity)
	}
	for i, namespace := range []string{"", near} {
		if i == 0 || namespace != "" {
			r.ask(ctx, rightsIn(r.missing(), namespace))
		}
	}
}

func rightsIn(verbs []auth.Verb, namespaces ...string) []right {
	var rights []right
	for _, namespace := range namespaces {
		for _, verb := range verbs {
			rights = append(rights, right{verb, store.Key{Namespace: namespace}})
		}
	}
	return rights
}

// askListed asks for the verbs that are missing in the namespaces that the caller may list, until none is missing.
func (r *verbReview) askListed(ctx context.Context) {
	namespaces, err := r.service.listNamespaces(ctx)
	if err != nil {
		r.leaveUndecided(auth.ErrReviewsSpent)
		return
	}
	for some := range slices.Chunk(namespaces, namespacesAtATime) {
		if len(r.missing()) == 0 {
			return
		}
		if r.left == 0 {
			r.leaveUndecided(auth.ErrReviewsSpent)
			return
		}
		r.askIn(ctx, some)
	}
}

// askIn asks whether the caller may list each of some namespaces, unless they may list all, and for the missing verbs where
// they may. It returns the answers to the former.
func (r *verbReview) askIn(ctx context.Context, namespaces []string) []error {
	answers := make([]error, len(namespaces))
	if everywhere, is := r.at[auth.List]; !is || everywhere != (store.Key{}) {
		answers = r.ask(auth.WithUnnamedNamespaces(ctx), rightsIn([]auth.Verb{auth.List}, namespaces...))
	}
	var listed []string
	for i, err := range answers {
		switch {
		case err == nil:
			listed = append(listed, namespaces[i])
		case !errors.Is(err, auth.ErrDenied):
			r.leaveUndecided(err)
		}
	}
	r.ask(ctx, rightsIn(r.missing(), listed...))
	return answers
}

// leaveUndecided notes of the verbs that are missing that they may be allowed somewhere.
func (r *verbReview) leaveUndecided(why error) {
	for _, verb := range r.missing() {
		r.note(right{verb: verb}, why)
	}
}
