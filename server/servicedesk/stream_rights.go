package servicedesk

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
)

// StreamRights is what was found of what a caller may use, at the endpoint of a stream that follows the list of tools.
type StreamRights struct {
	// IsUser is whether they may use any connection.
	IsUser bool
	// offered is the same as long as the same tools are listed.
	offered string
	// by is a right that they had.
	by store.Key
}

// Differs reports whether other tools are listed than before.
func (r StreamRights) Differs(before StreamRights) bool { return r.offered != before.offered }

// reviewsOfStream bounds what is asked about one caller for one review of a stream: whether it may go on, and what changed.
const reviewsOfStream = 2 * questionsAboutConnections

// OpenStream notes what the caller of a stream is offered when it is opened, from the caches.
func (s *Service) OpenStream(ctx context.Context, endpoint string) (found StreamRights, err error) {
	seen, err := s.seeToolsets(auth.WithReviewBudget(ctx, reviewsOfStream), endpoint)
	found.offered = seen.summarize()
	return found, err
}

// ReviewStream finds out what the caller of a stream may use: past the caches whether that is anything, beginning with the right of the
// review before, and from the caches what they are offered.
func (s *Service) ReviewStream(ctx context.Context, endpoint string, before StreamRights) (StreamRights, error) {
	ctx = auth.WithReviewBudget(ctx, reviewsOfStream)
	var found StreamRights
	identity, ok := auth.FromContext(ctx)
	if !ok {
		return found, nil
	}
	keys := []store.Key{before.by, {}}
	if endpoint != "" {
		keys = append(keys, store.Key{Namespace: endpoint})
	}
	for _, c := range s.directory.list(endpoint) {
		keys = append(keys, c.key)
	}
	again := s.newConnectionReview(identity, auth.Use)
	again.authorize = func(ctx context.Context, identity auth.Identity, verb auth.Verb, key store.Key) error {
		return auth.AuthorizeAgain(ctx, s.authorizer, identity, verb, key)
	}
	for _, some := range [][]store.Key{keys[:1], keys} {
		usable, err := again.findAllowed(ctx, some)
		if len(usable) == 0 && err != nil {
			return found, err
		}
		if at := slices.IndexFunc(some, func(key store.Key) bool { return usable[key] }); at >= 0 {
			found.IsUser, found.by = true, some[at]
			break
		}
	}
	seen, err := s.seeToolsets(ctx, endpoint)
	found.offered = seen.summarize()
	return found, err
}

// summarize returns what is the same as long as the same tools are listed: those of toolsets that read, and that write, some for any
// connection, with the argument that names one for several.
func (seen seenToolsets) summarize() string {
	return strconv.Itoa(min(seen.connections, 2)) + " " + strings.Join(sortedKeys(seen.toolsets), " ") + "; " + strings.Join(sortedKeys(seen.writable), " ")
}
