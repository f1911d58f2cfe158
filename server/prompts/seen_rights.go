package prompts

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
)

// seenRights is what was seen, so far, of the rights of a caller at an endpoint. Nobody changes it.
type seenRights struct {
	// verbs are those that tools are listed for, and at has where one was found allowed.
	verbs verbSet
	at    map[auth.Verb]store.Key
	// everywhere is whether all prompts may be listed; else namespaces has those whose prompts may, sorted.
	everywhere bool
	namespaces []string
	// next is the namespace to be asked about next, and undecidedFrom the first one about which nobody asked yet; empty for
	// none.
	next, undecidedFrom string
	// listsChanged is whether other namespaces may be listed than were seen before.
	listsChanged bool
}

// seeRights looks at the rights of the caller for the first time, as far as a list of tools and of prompts would. Of what is
// undecided it says what a list of tools does.
func (s *Service) seeRights(ctx context.Context, endpoint string) *seenRights {
	seen := &seenRights{verbs: make(verbSet)}
	for _, verb := range promptVerbs {
		seen.verbs[verb] = true
	}
	if review, err := s.reviewVerbs(ctx, endpoint); err == nil {
		seen.at = review.at
		for _, verb := range review.missing() {
			seen.verbs[verb] = !errors.Is(review.found[verb], auth.ErrDenied)
		}
	}
	identity, _ := auth.FromContext(ctx)
	switch {
	case endpoint != "":
		if s.authorizer.Authorize(ctx, identity, auth.List, store.Key{Namespace: endpoint}) == nil {
			seen.namespaces = []string{endpoint}
		}
	default:
		visible, err := s.authorizer.VisibleNamespaces(ctx, identity, s.listNamespaces)
		seen.everywhere, seen.namespaces = visible.Scope.All, visible.Scope.Namespaces
		if seen.undecidedFrom = visible.UndecidedFrom; err != nil {
			seen.undecidedFrom = "-" // before every name
		}
		seen.next = seen.undecidedFrom
	}
	return seen
}

// seeChanges looks at the rights again: for what was allowed where it was, for the rest everywhere and near. Then the
// namespaces with prompts are gone through, some each time, so that a caller whose rights lie elsewhere costs no more than
// others. What is undecided is as it was seen before.
func (s *Service) seeChanges(ctx context.Context, endpoint string, verbs []auth.Verb, before *seenRights) *seenRights {
	ctx = auth.WithReviewBudget(ctx, reviewsOfChanges)
	review, err := s.newVerbReview(ctx, endpoint, verbs, reviewsOfChanges)
	if err != nil {
		return before
	}
	again := []right{{verb: auth.List}}
	for _, verb := range verbs {
		if at, was := before.at[verb]; was {
			again = append(again, right{verb, at})
		}
	}
	everywhere := review.ask(ctx, again)[0]
	review.askWide(ctx)
	seen := &seenRights{at: review.at, everywhere: before.everywhere, namespaces: before.namespaces}
	if everywhere == nil || errors.Is(everywhere, auth.ErrDenied) {
		seen.everywhere = everywhere == nil
	}
	complete := true
	if endpoint != "" {
		s.seeEndpoint(review, seen)
	} else {
		complete = s.seeNamespaces(ctx, review, before, seen)
	}
	seen.listsChanged = seen.listsChanged || seen.everywhere != before.everywhere
	seen.verbs = mergeVerbs(review, before, complete)
	return seen
}

// mergeVerbs returns for which verbs tools are listed. One that is not allowed any more where it was is not, until it is found
// elsewhere.
func mergeVerbs(review *verbReview, before *seenRights, complete bool) verbSet {
	verbs := maps.Clone(before.verbs)
	for verb, err := range review.found {
		_, was := before.at[verb]
		switch {
		case err == nil:
			verbs[verb] = true
		case errors.Is(err, auth.ErrDenied) && (complete || was):
			verbs[verb] = false
		}
	}
	return verbs
}

// seeEndpoint notes whether the namespace of the endpoint may be listed.
func (s *Service) seeEndpoint(review *verbReview, seen *seenRights) {
	was := len(seen.namespaces) > 0
	switch here := review.found[auth.List]; {
	case here == nil:
		seen.namespaces = []string{review.endpoint}
	case errors.Is(here, auth.ErrDenied):
		seen.namespaces = nil
	}
	seen.everywhere = false // no more than the namespace can be seen here
	seen.listsChanged = was != (len(seen.namespaces) > 0)
}

// seeNamespaces goes on through the namespaces with prompts, where it was left the last time, and notes which may be listed. It
// reports whether that were all of them.
func (s *Service) seeNamespaces(ctx context.Context, review *verbReview, before, seen *seenRights) (complete bool) {
	seen.next, seen.undecidedFrom = before.next, before.undecidedFrom
	namespaces, err := s.listNamespaces(ctx)
	if err != nil {
		return false
	}
	seen.namespaces = slices.DeleteFunc(slices.Clone(before.namespaces), func(one string) bool {
		_, exists := slices.BinarySearch(namespaces, one)
		return !exists
	})
	at, _ := slices.BinarySearch(namespaces, before.next)
	for range namespaces {
		if seen.everywhere && len(review.missing()) == 0 {
			break
		}
		if at == len(namespaces) {
			at, seen.undecidedFrom = 0, ""
		}
		if review.left <= len(review.missing()) {
			seen.next = namespaces[at]
			return false // not enough for all that would be asked
		}
		answer := review.askIn(ctx, namespaces[at:at+1])[0]
		if answer != nil && !errors.Is(answer, auth.ErrDenied) {
			seen.next = namespaces[at]
			return false
		}
		if !seen.everywhere {
			seen.setVisible(namespaces[at], answer == nil)
		}
		at++
	}
	if seen.everywhere {
		seen.namespaces = nil
	}
	seen.next, seen.undecidedFrom = "", ""
	return true
}

// setVisible notes whether a namespace may be listed, which is a change unless nobody asked before.
func (r *seenRights) setVisible(namespace string, is bool) {
	place, was := slices.BinarySearch(r.namespaces, namespace)
	switch {
	case is && !was:
		r.namespaces = slices.Insert(r.namespaces, place, namespace)
	case was && !is:
		r.namespaces = slices.Delete(r.namespaces, place, place+1)
	default:
		return
	}
	if r.undecidedFrom == "" || namespace < r.undecidedFrom {
		r.listsChanged = true
	}
}
