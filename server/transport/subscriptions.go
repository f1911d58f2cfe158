package transport

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/server/auth"
)

// subscriptions are the open subscriptions/listen streams, and the older clients on pipes, who are told
// without asking.
type subscriptions struct {
	// streamLimit and uriLimit bound the streams of a caller, and the URIs all of them follow; below zero nothing is bounded.
	streamLimit, uriLimit int

	mu   sync.Mutex
	open map[*subscriber]struct{}
	// perCaller counts what each caller has open, and byURI has the streams that follow a resource, by URI.
	perCaller map[auth.CallerKey]streamUsage
	byURI     map[string]map[*subscriber]struct{}
	// stopping ends every stream, those to come included.
	stopping context.Context
	stop     context.CancelFunc
}

// streamUsage is what a caller has open.
type streamUsage struct{ streams, uris int }

func newSubscriptions(streamLimit, uriLimit int) *subscriptions {
	ctx, stop := context.WithCancel(context.Background())
	return &subscriptions{
		streamLimit: streamLimit, uriLimit: uriLimit, stopping: ctx, stop: stop,
		open: make(map[*subscriber]struct{}), perCaller: make(map[auth.CallerKey]streamUsage), byURI: make(map[string]map[*subscriber]struct{}),
	}
}

// openStream opens a stream for the caller of ctx, unless they have as many as they may; end is what ends it.
func (s *subscriptions) openStream(ctx context.Context, end context.CancelFunc, namespace string) (*subscriber, *Failure) {
	opened := newSubscriber(ctx, s, namespace)
	opened.counted, opened.end = true, end
	s.mu.Lock()
	defer s.mu.Unlock()
	usage := s.perCaller[opened.key]
	if s.streamLimit >= 0 && usage.streams >= s.streamLimit {
		return nil, tooMany(fmt.Sprintf("%d streams are open for this caller, which is all there may be: close one", s.streamLimit))
	}
	usage.streams++
	s.perCaller[opened.key] = usage
	s.open[opened] = struct{}{}
	return opened, nil
}

// claimURIs lets a stream follow so many URIs, unless its caller then follows too many with all of them.
func (s *subscriptions) claimURIs(one *subscriber, count int) *Failure {
	s.mu.Lock()
	defer s.mu.Unlock()
	usage := s.perCaller[one.key]
	if s.uriLimit >= 0 && usage.uris+count > s.uriLimit {
		return tooMany(fmt.Sprintf("the streams of this caller follow %d resources, and all of them together may follow %d: close one, or follow fewer", usage.uris, s.uriLimit))
	}
	usage.uris += count
	one.claimed += count
	s.perCaller[one.key] = usage
	return nil
}

// openConnection opens the one stream of an older client on a pipe, which does not count: it did not ask for it.
func (s *subscriptions) openConnection(ctx context.Context, namespace string) *subscriber {
	s.mu.Lock()
	defer s.mu.Unlock()
	opened := newSubscriber(ctx, s, namespace)
	s.open[opened] = struct{}{}
	return opened
}

func (s *subscriptions) closeStream(one *subscriber) {
	one.setFilter(mcp.SubscriptionFilter{})
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, one)
	if !one.counted {
		return
	}
	usage := s.perCaller[one.key]
	usage.streams--
	usage.uris -= one.claimed
	if s.perCaller[one.key] = usage; usage.streams <= 0 {
		delete(s.perCaller, one.key)
	}
}

// followURIs tells a subscriber of resources from now on, unfollowURIs no longer.
func (s *subscriptions) followURIs(one *subscriber, uris []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, uri := range uris {
		if s.byURI[uri] == nil {
			s.byURI[uri] = make(map[*subscriber]struct{})
		}
		s.byURI[uri][one] = struct{}{}
	}
}

func (s *subscriptions) unfollowURIs(one *subscriber, uris []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, uri := range uris {
		if delete(s.byURI[uri], one); len(s.byURI[uri]) == 0 {
			delete(s.byURI, uri)
		}
	}
}

// snapshot returns who there is now; whoever is told is told outside the lock.
func (s *subscriptions) snapshot(of func() map[*subscriber]struct{}) []*subscriber {
	s.mu.Lock()
	defer s.mu.Unlock()
	who := of()
	subscribers := make([]*subscriber, 0, len(who))
	for one := range who {
		subscribers = append(subscribers, one)
	}
	return subscribers
}

// Stop ends every open stream with its final result. New ones end at once.
func (h *Handler) Stop() { h.subscriptions.stop() }

// OpenStreams counts the open streams.
func (h *Handler) OpenStreams() int {
	h.subscriptions.mu.Lock()
	defer h.subscriptions.mu.Unlock()
	return len(h.subscriptions.open)
}

// FollowedURIs returns the URIs of the resources that streams follow.
func (h *Handler) FollowedURIs() []string {
	h.subscriptions.mu.Lock()
	defer h.subscriptions.mu.Unlock()
	return slices.Collect(maps.Keys(h.subscriptions.byURI))
}
