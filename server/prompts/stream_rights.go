package prompts

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/transport"
)

const (
	// reviewsOfStreams bounds what is asked about one caller to find out whether their streams may go on: a stream needs one
	// right, nearly always that of the review before, and one that is to end is asked about all of its 256 resources once.
	reviewsOfStreams = 600
	// reviewsOfChanges bounds what is asked beside that to find out what changed for a caller at an endpoint.
	reviewsOfChanges = 24
)

// keptRights is what the review of a stream keeps for the next one. Nobody changes it.
type keptRights struct {
	// by is the right that the stream lives on; without a verb there is none yet.
	by right
	// seen is what was seen of the caller's rights at the endpoint; nil for a stream of resources alone.
	seen *seenRights
}

// ReviewStreams finds out what the streams of a caller may hear: past the caches whether they may hear anything, and from
// the caches what changed since the review before.
func (s *Service) ReviewStreams(ctx context.Context, streams []transport.Followed) ([]transport.StreamRights, error) {
	found := make([]transport.StreamRights, len(streams))
	endpoints := make(map[string]*reviewedEndpoint)
	for i := range streams {
		followed := &streams[i]
		endpoint := endpoints[followed.Namespace]
		if endpoint == nil {
			endpoint = &reviewedEndpoint{review: newRightsReview(followed.Namespace, s.authorizeAgain), verbs: []auth.Verb{auth.List}}
			endpoints[followed.Namespace] = endpoint
		}
		if followed.Tools {
			endpoint.verbs = promptVerbs
		}
	}
	deciding := auth.WithReviewBudget(ctx, reviewsOfStreams)
	for i := range streams {
		followed := &streams[i]
		if followed.Last == nil {
			found[i] = s.reviewOpening(ctx, followed)
			continue
		}
		endpoint := endpoints[followed.Namespace]
		last, _ := followed.Last.Kept.(keptRights)
		by, err := s.findReadable(deciding, endpoint.review, followed, last.by)
		switch {
		case err == nil:
			found[i] = s.noteChanges(ctx, endpoint, last, by)
		case !errors.Is(err, auth.ErrDenied):
			return nil, err
		}
	}
	return found, nil
}

// reviewedEndpoint is what one review asks for all streams of a caller at an endpoint.
type reviewedEndpoint struct {
	review *rightsReview
	// verbs are those whose loss or gain is to be seen; before is whose changes were seen.
	verbs        []auth.Verb
	before, seen *seenRights
}

// noteChanges returns the rights of a stream that lives on, and what changed of them.
func (s *Service) noteChanges(ctx context.Context, at *reviewedEndpoint, last keptRights, by right) transport.StreamRights {
	found := transport.StreamRights{Readable: true}
	kept := keptRights{by: by}
	if last.seen != nil {
		if at.seen == nil {
			at.before, at.seen = last.seen, s.seeChanges(ctx, at.review.endpoint, at.verbs, last.seen)
		}
		kept.seen = at.seen
		found.ToolsChanged = !maps.Equal(last.seen.verbs, at.seen.verbs)
		found.ListsChanged = at.seen.listsChanged
		if last.seen != at.before {
			found.ListsChanged = last.seen.everywhere != at.seen.everywhere || !slices.Equal(last.seen.namespaces, at.seen.namespaces)
		}
	}
	found.Kept = kept
	return found
}

// authorizeAgain asks past the caches what would be allowed from them, or for the first time.
func (s *Service) authorizeAgain(ctx context.Context, identity auth.Identity, verb auth.Verb, key store.Key) error {
	return auth.AuthorizeAgain(ctx, s.authorizer, identity, verb, key)
}

// findReadable returns a right to anything a stream follows: the one of the review before, or the first there is. A list of
// tools is readable as long as there are tools in it that need a right.
func (s *Service) findReadable(ctx context.Context, review *rightsReview, followed *transport.Followed, before right) (right, error) {
	if before.verb != "" {
		if err := review.review(ctx, before); err == nil || !errors.Is(err, auth.ErrDenied) {
			return before, err
		}
	}
	found, undecided := review.findFirst(ctx, s.rightsToLists(ctx, followed)...)
	if undecided == nil {
		return found, nil
	}
	for _, uri := range followed.URIs {
		by, err := review.reviewURI(ctx, uri)
		if err == nil {
			return by, nil
		}
		if !errors.Is(err, auth.ErrDenied) {
			undecided = err
		}
	}
	return right{}, undecided
}

// rightsToLists returns the rights of which one is enough to follow lists as a stream does: everywhere and near its endpoint
// or, on the endpoint for all, in a namespace with prompts, where tools too are listed only for who may list prompts.
func (s *Service) rightsToLists(ctx context.Context, followed *transport.Followed) []right {
	if !followed.Prompts && !followed.Resources && !followed.Tools {
		return nil
	}
	verbs := []auth.Verb{auth.List}
	if followed.Tools {
		verbs = promptVerbs
	}
	identity, _ := auth.FromContext(ctx)
	wide := []string{""}
	if near := cmp.Or(followed.Namespace, s.homeOf(identity)); near != "" {
		wide = append(wide, near)
	}
	rights := rightsIn(verbs, wide...)
	if followed.Namespace != "" {
		return rights
	}
	if namespaces, err := s.listNamespaces(ctx); err == nil {
		rights = append(rights, rightsIn([]auth.Verb{auth.List}, namespaces...)...)
	}
	return rights
}

// reviewOpening notes what the caller of a stream may do when it is opened, from the caches. Whether that is anything is
// found out by the first review after it: a stream that is opened before its caller has a right lives until then.
func (s *Service) reviewOpening(ctx context.Context, followed *transport.Followed) transport.StreamRights {
	found := transport.StreamRights{Readable: true}
	if followed.Prompts || followed.Tools || followed.Resources {
		found.Kept = keptRights{seen: s.seeRights(ctx, followed.Namespace)}
	}
	return found
}
