package prompts

import (
	"context"
	"errors"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
)

// right is what a caller may do where: an empty key is everywhere, one without a name a whole namespace.
type right struct {
	verb auth.Verb
	key  store.Key
}

// askFunc asks whether a caller has a right, as auth.Authorizer does.
type askFunc func(ctx context.Context, identity auth.Identity, verb auth.Verb, key store.Key) error

// rightsReview asks about one caller at one endpoint, about each right once.
type rightsReview struct {
	endpoint string
	ask      askFunc
	answers  map[right]error
}

func newRightsReview(endpoint string, ask askFunc) *rightsReview {
	return &rightsReview{endpoint: endpoint, ask: ask, answers: make(map[right]error)}
}

// review returns nil where the caller of ctx has a right, or the error of the Authorizer.
func (r *rightsReview) review(ctx context.Context, asked right) error {
	if answer, known := r.answers[asked]; known {
		return answer
	}
	identity, err := callerIdentity(ctx)
	if err == nil {
		err = r.ask(ctx, identity, asked.verb, asked.key)
	}
	r.answers[asked] = err
	return err
}

// findFirst returns the first of some rights that the caller has. The error is what came nearest to one: auth.ErrDenied
// only where every right was denied.
func (r *rightsReview) findFirst(ctx context.Context, among ...right) (right, error) {
	var undecided error
	for _, one := range among {
		err := r.review(ctx, one)
		if err == nil {
			return one, nil
		}
		if undecided == nil || !errors.Is(err, auth.ErrDenied) {
			undecided = err
		}
	}
	if undecided == nil {
		undecided = auth.ErrDenied
	}
	return right{}, undecided
}

// reviewKey finds the right by which the caller may get a prompt. All prompts and those of a namespace come first: what is
// allowed there is allowed for each, and one answer serves for many prompts.
func (r *rightsReview) reviewKey(ctx context.Context, key store.Key) (right, error) {
	if r.endpoint != "" && r.endpoint != key.Namespace {
		return right{}, auth.ErrDenied
	}
	return r.findFirst(ctx, right{auth.Get, store.Key{}}, right{auth.Get, store.Key{Namespace: key.Namespace}}, right{auth.Get, key})
}

// reviewURI is reviewKey of what a URI names. One that names no prompt is denied, as one of somebody else's.
func (r *rightsReview) reviewURI(ctx context.Context, uri string) (right, error) {
	key, _, ok := parseURI(uri)
	if !ok {
		return right{}, auth.ErrDenied
	}
	return r.reviewKey(ctx, key)
}
