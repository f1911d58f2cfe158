package transport

import (
	"context"
	"slices"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"
)

// listChange is a kind of list that changed.
type listChange int

const (
	promptsChanged listChange = iota
	toolsChanged
	resourcesChanged
	listChanges
)

// listMethods are the notifications of changed lists.
var listMethods = [listChanges]string{
	promptsChanged:   mcp.MethodNotificationPromptsListChanged,
	toolsChanged:     mcp.MethodNotificationToolsListChanged,
	resourcesChanged: mcp.MethodNotificationResourcesListChanged,
}

// session is one stream to mcp-go. It implements ClientSession and SessionWithSubscriptionFilter.
type session struct {
	ctx                    context.Context //nolint:containedctx // the stream's, for who is told of changes
	streams                *streams
	id, namespace, subject string
	// counted is whether the stream is one of those its caller may have so many of.
	counted bool
	// notes takes what mcp-go sends: the acknowledgement.
	notes chan mcp.JSONRPCNotification
	// wake holds at most one: that something is pending.
	wake chan struct{}

	mu      sync.Mutex
	filter  mcp.SubscriptionFilter
	pending pending
}

// pending is what a stream was not told yet. A list that changed twice is fetched once.
type pending struct {
	lists [listChanges]bool
	uris  []string
}

func (p *pending) update(uri string) {
	if !slices.Contains(p.uris, uri) {
		p.uris = append(p.uris, uri)
	}
}

func newSession(ctx context.Context, s *streams, id, namespace string) *session {
	return &session{
		ctx: ctx, streams: s, id: id, namespace: namespace,
		notes: make(chan mcp.JSONRPCNotification, 1), wake: make(chan struct{}, 1),
	}
}

func (*session) Initialize()         {}
func (*session) Initialized() bool   { return true }
func (s *session) SessionID() string { return s.id }

func (s *session) NotificationChannel() chan<- mcp.JSONRPCNotification { return s.notes }

// SetSubscriptionFilter takes what mcp-go grants. That it takes all of it back at the end, which was told to
// have come, means nothing.
func (s *session) SetSubscriptionFilter(filter mcp.SubscriptionFilter) {
	if !filter.IsEmpty() {
		s.subscribe(filter)
	}
}

// subscribe has the stream told of what a filter says from now on, and of nothing else.
func (s *session) subscribe(filter mcp.SubscriptionFilter) {
	s.mu.Lock()
	before := s.filter.ResourceSubscriptions
	s.filter = filter
	s.mu.Unlock()
	s.streams.follow(s, filter.ResourceSubscriptions)
	s.streams.ignore(s, slices.DeleteFunc(slices.Clone(before), func(uri string) bool {
		return slices.Contains(filter.ResourceSubscriptions, uri)
	}))
}

// hears reports whether the stream is told of anything.
func (s *session) hears() bool {
	_, active := s.SubscriptionFilter()
	return active
}

func (s *session) SubscriptionFilter() (mcp.SubscriptionFilter, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.filter, !s.filter.IsEmpty()
}

func (s *session) wants(what listChange) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch what {
	case promptsChanged:
		return s.filter.PromptsListChanged
	case toolsChanged:
		return s.filter.ToolsListChanged
	default:
		return s.filter.ResourcesListChanged
	}
}

// tell notes what the stream is to be told, and does not wait for it.
func (s *session) tell(note func(*pending)) {
	s.mu.Lock()
	note(&s.pending)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// untold takes what is pending, as notifications.
func (s *session) untold() []mcp.JSONRPCNotification {
	s.mu.Lock()
	p := s.pending
	s.pending = pending{}
	s.mu.Unlock()
	var notes []mcp.JSONRPCNotification
	for what, changed := range p.lists {
		if changed {
			notes = append(notes, notification(listMethods[what], nil))
		}
	}
	for _, uri := range p.uris {
		notes = append(notes, notification(mcp.MethodNotificationResourceUpdated, map[string]any{"uri": uri}))
	}
	return notes
}

func notification(method string, params map[string]any) mcp.JSONRPCNotification {
	return mcp.JSONRPCNotification{
		JSONRPC:      mcp.JSONRPC_VERSION,
		Notification: mcp.Notification{Method: method, Params: mcp.NotificationParams{AdditionalFields: params}},
	}
}
