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

// streams are the open subscriptions/listen streams, and the older clients on pipes, who are told
// without asking.
type streams struct {
	limit int
	mu    sync.Mutex
	open  map[*session]struct{}
	// held counts the streams of each caller, and about has those that follow a resource, by URI.
	held  map[string]int
	about map[string]map[*session]struct{}
	// stopping ends every stream, those to come included.
	stopping context.Context
	stop     context.CancelFunc
}

func newStreams(limit int) *streams {
	ctx, stop := context.WithCancel(context.Background())
	return &streams{
		limit: limit, stopping: ctx, stop: stop,
		open: make(map[*session]struct{}), held: make(map[string]int), about: make(map[string]map[*session]struct{}),
	}
}

// add opens a stream for the caller of ctx, unless he has as many as he may.
func (s *streams) add(ctx context.Context, namespace string) (*session, *Failure) {
	identity, _ := auth.FromContext(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held[identity.Subject] >= s.limit {
		return nil, tooMany(fmt.Sprintf("%d streams are open for this caller, which is all there may be: close one", s.limit))
	}
	s.held[identity.Subject]++
	opened := newSession(ctx, s, namespace)
	opened.subject, opened.counted = identity.Subject, true
	s.open[opened] = struct{}{}
	return opened, nil
}

// connect opens the one stream of an older client on a pipe, which does not count: it did not ask for it.
func (s *streams) connect(ctx context.Context, namespace string) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	opened := newSession(ctx, s, namespace)
	s.open[opened] = struct{}{}
	return opened
}

func (s *streams) remove(one *session) {
	one.subscribe(mcp.SubscriptionFilter{})
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, one)
	if !one.counted {
		return
	}
	if s.held[one.subject]--; s.held[one.subject] <= 0 {
		delete(s.held, one.subject)
	}
}

// follow tells a session of a resource from now on, ignore no longer.
func (s *streams) follow(one *session, uris []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, uri := range uris {
		if s.about[uri] == nil {
			s.about[uri] = make(map[*session]struct{})
		}
		s.about[uri][one] = struct{}{}
	}
}

func (s *streams) ignore(one *session, uris []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, uri := range uris {
		if delete(s.about[uri], one); len(s.about[uri]) == 0 {
			delete(s.about, uri)
		}
	}
}

// snapshot is who there is now; whoever is told is told outside the lock.
func (s *streams) snapshot(of func() map[*session]struct{}) []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	who := of()
	sessions := make([]*session, 0, len(who))
	for one := range who {
		sessions = append(sessions, one)
	}
	return sessions
}

// Stop ends every open stream with its final result. New ones end at once.
func (h *Handler) Stop() { h.streams.stop() }

// Streams counts the open ones.
func (h *Handler) Streams() int {
	h.streams.mu.Lock()
	defer h.streams.mu.Unlock()
	return len(h.streams.open)
}

// Concerned reports whether a stream at the endpoint of a namespace is to hear of a change. The context
// is the stream's: it has the caller's identity.
type Concerned = func(ctx context.Context, namespace string) bool

// NotifyPromptsChanged tells every stream that asked for it, and that is concerned, that the list of
// prompts changed.
func (h *Handler) NotifyPromptsChanged(concerned Concerned) {
	h.streams.changed(promptsChanged, concerned)
}

// NotifyToolsChanged is NotifyPromptsChanged for the list of tools.
func (h *Handler) NotifyToolsChanged(concerned Concerned) { h.streams.changed(toolsChanged, concerned) }

// NotifyResourcesChanged is NotifyPromptsChanged for the list of resources.
func (h *Handler) NotifyResourcesChanged(concerned Concerned) {
	h.streams.changed(resourcesChanged, concerned)
}

// Followed are the URIs of the resources that streams follow.
func (h *Handler) Followed() []string {
	h.streams.mu.Lock()
	defer h.streams.mu.Unlock()
	return slices.Collect(maps.Keys(h.streams.about))
}

// NotifyResourceUpdated tells every stream that subscribed to a resource, and that is concerned, that it
// changed. One that was not written yet is told once.
func (h *Handler) NotifyResourceUpdated(uri string, concerned Concerned) {
	for _, s := range h.streams.snapshot(func() map[*session]struct{} { return h.streams.about[uri] }) {
		if concerned(s.ctx, s.namespace) {
			s.tell(func(p *pending) { p.update(uri) })
		}
	}
}

func (s *streams) changed(what listChange, concerned Concerned) {
	for _, one := range s.snapshot(func() map[*session]struct{} { return s.open }) {
		if one.wants(what) && concerned(one.ctx, one.namespace) {
			one.tell(func(p *pending) { p.lists[what] = true })
		}
	}
}
