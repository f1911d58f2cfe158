package prompts

import (
	"context"
	"errors"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/transport"
)

// MayFollow returns for each of some resources whether a stream may subscribe to it. That depends on rights alone, not on
// whether there is such a prompt: an acknowledgement must not reveal it. What the request has no reviews left for may not be
// followed; another request can decide it, for what this one found is kept.
func (s *Service) MayFollow(ctx context.Context, uris []string) ([]bool, error) {
	endpoint := ""
	if call := transport.FromContext(ctx); call != nil {
		endpoint = call.Namespace
	}
	asked := newRightsReview(endpoint, s.authorizer.Authorize)
	may := make([]bool, len(uris))
	for i, uri := range uris {
		_, err := asked.reviewURI(ctx, uri)
		if err != nil && !errors.Is(err, auth.ErrDenied) && !errors.Is(err, auth.ErrReviewsSpent) {
			return nil, s.failureFor(ctx, store.Key{}, err)
		}
		may[i] = err == nil
	}
	return may, nil
}

// isUpdateVisible reports whether a stream is notified that a prompt it is subscribed to changed. A version never changes:
// all that can happen to it is that it is withdrawn or deleted.
func (s *Service) isUpdateVisible(ctx context.Context, namespace, uri string) (bool, error) {
	key, selector, ok := parseURI(uri)
	if !ok {
		return false, nil
	}
	ctx = auth.WithReviewBudget(ctx, reviewsOfAnnouncement)
	_, err := newRightsReview(namespace, s.authorizer.Authorize).reviewKey(ctx, key)
	switch {
	case errors.Is(err, auth.ErrDenied):
		return false, nil
	case err != nil:
		return false, err
	default:
		return selector.Version == 0 || s.isGone(ctx, key, selector), nil
	}
}

// isGone reports whether nothing is served for a version.
func (s *Service) isGone(ctx context.Context, key store.Key, selector prompt.Selector) bool {
	body, err := s.catalog.Get(ctx, key, selector)
	return err != nil || body.Exposure == store.Fragment
}
