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
	limit int
	mu    sync.Mutex
	open  map[*subscriber]struct{}
	// perCaller counts the streams of each caller, and byURI has those that follow a resource, by URI.
	perCaller map[string]int
	byURI     map[string]map[*subscriber]struct{}
	// stopping ends every stream, those to come included.
	stopping context.Context
	stop     context.CancelFunc
}

func newSubscriptions(limit int) *subscriptions {
	ctx, stop := context.WithCancel(context.Background())
	return &subscriptions{
		limit: limit, stopping: ctx, stop: stop,
		open: make(map[*subscriber]struct{}), perCaller: make(map[string]int), byURI: make(map[string]map[*subscriber]struct{}),
	}
}

// openStream opens a stream for the caller of ctx, unless they have as many as they may.
func (s *subscriptions) openStream(ctx context.Context, namespace string) (*subscriber, *Failure) {
	identity, _ := auth.FromContext(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.perCaller[identity.Subject] >= s.limit {
		return nil, tooMany(fmt.Sprintf("%d streams are open for this caller, which is all there may be: close one", s.limit))
	}
	s.perCaller[identity.Subject]++
	opened := newSubscriber(ctx, s, namespace)
	opened.subject, opened.counted = identity.Subject, true
	s.open[opened] = struct{}{}
	return opened, nil
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
	if s.perCaller[one.subject]--; s.perCaller[one.subject] <= 0 {
		delete(s.perCaller, one.subject)
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

// Audience reports whether a stream at the endpoint of a namespace is to hear of a change. The context
// is the stream's: it has the caller's identity.
type Audience = func(ctx context.Context, namespace string) bool

// NotifyPromptsChanged tells every stream that asked for it, and that is concerned, that the list of
// prompts changed.
func (h *Handler) NotifyPromptsChanged(concerned Audience) {
	h.subscriptions.notifyChanged(promptsChanged, concerned)
}

// NotifyToolsChanged is NotifyPromptsChanged for the list of tools.
func (h *Handler) NotifyToolsChanged(concerned Audience) {
	h.subscriptions.notifyChanged(toolsChanged, concerned)
}

// NotifyResourcesChanged is NotifyPromptsChanged for the list of resources.
func (h *Handler) NotifyResourcesChanged(concerned Audience) {
	h.subscriptions.notifyChanged(resourcesChanged, concerned)
}

// FollowedURIs returns the URIs of the resources that streams follow.
func (h *Handler) FollowedURIs() []string {
	h.subscriptions.mu.Lock()
	defer h.subscriptions.mu.Unlock()
	return slices.Collect(maps.Keys(h.subscriptions.byURI))
}

// NotifyResourceUpdated tells every stream that subscribed to a resource, and that is concerned, that it
// changed. One that was not written yet is told once.
func (h *Handler) NotifyResourceUpdated(uri string, concerned Audience) {
	for _, s := range h.subscriptions.snapshot(func() map[*subscriber]struct{} { return h.subscriptions.byURI[uri] }) {
		if concerned(s.ctx, s.namespace) {
			s.addPending(func(p *pendingChanges) { p.addURI(uri) })
		}
	}
}

func (s *subscriptions) notifyChanged(what listChange, concerned Audience) {
	for _, one := range s.snapshot(func() map[*subscriber]struct{} { return s.open }) {
		if one.wantsChange(what) && concerned(one.ctx, one.namespace) {
			one.addPending(func(p *pendingChanges) { p.lists[what] = true })
		}
	}
}
