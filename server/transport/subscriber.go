package transport

import (
	"context"
	"slices"
	"sync"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/server/auth"
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

// subscriber is one stream: what it is to be told of, and what it was not told yet.
type subscriber struct {
	ctx           context.Context //nolint:containedctx // the stream's, for who is told of changes
	subscriptions *subscriptions
	namespace     string
	// key is what the caller is counted under.
	key auth.CallerKey
	// rightsKey is the same for streams whose callers have the same rights.
	rightsKey string
	// counted is whether the stream is one of those its caller may have so many of, and claimed how many URIs count for it.
	counted bool
	claimed int
	// end ends the stream with its result.
	end context.CancelFunc
	// caller is whom the stream is reviewed with; nil where it is not.
	caller *provenCaller
	// wake holds at most one: that something is pending.
	wake chan struct{}

	mu      sync.Mutex
	filter  mcp.SubscriptionFilter
	pending pendingChanges
	// owed is what was undecided when it changed, whether the stream is to be told.
	owed   pendingChanges
	rights *StreamRights
}

// pendingChanges is what a stream was not told yet. A list that changed twice is fetched once.
type pendingChanges struct {
	lists [listChanges]bool
	uris  []string
}

func (p *pendingChanges) addURI(uri string) {
	if !slices.Contains(p.uris, uri) {
		p.uris = append(p.uris, uri)
	}
}

func newSubscriber(ctx context.Context, s *subscriptions, namespace string) *subscriber {
	identity, _ := auth.FromContext(ctx)
	return &subscriber{
		ctx: ctx, subscriptions: s, namespace: namespace, key: auth.KeyOf(&identity), rightsKey: auth.RightsKey(identity),
		wake: make(chan struct{}, 1),
	}
}

// setFilter has the stream told of what a filter says from now on, and of nothing else.
func (s *subscriber) setFilter(filter mcp.SubscriptionFilter) {
	s.mu.Lock()
	before := s.filter.ResourceSubscriptions
	s.filter = filter
	s.mu.Unlock()
	s.subscriptions.followURIs(s, filter.ResourceSubscriptions)
	s.subscriptions.unfollowURIs(s, slices.DeleteFunc(slices.Clone(before), func(uri string) bool {
		return slices.Contains(filter.ResourceSubscriptions, uri)
	}))
}

// currentURIs returns the URIs of the resources the stream is told of.
func (s *subscriber) currentURIs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.filter.ResourceSubscriptions
}

func (s *subscriber) wantsChange(what listChange) bool {
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

// describe returns what the stream follows, as far as that is about rights.
func (s *subscriber) describe() Followed {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Followed{
		Namespace: s.namespace, Last: s.rights, URIs: s.filter.ResourceSubscriptions,
		Prompts: s.filter.PromptsListChanged, Tools: s.filter.ToolsListChanged, Resources: s.filter.ResourcesListChanged,
	}
}

func (s *subscriber) setRights(found *StreamRights) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rights = found
}

// addPending notes what the stream is to be told, and does not wait for it.
func (s *subscriber) addPending(note func(*pendingChanges)) {
	s.mu.Lock()
	note(&s.pending)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// addOwed notes what the stream may have to be told.
func (s *subscriber) addOwed(note func(*pendingChanges)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	note(&s.owed)
}

func (s *subscriber) isOwed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.owed.lists[promptsChanged] || s.owed.lists[resourcesChanged] || len(s.owed.uris) > 0
}

// takeOwed returns what may have to be told beside the list of tools, which is not owed any more.
func (s *subscriber) takeOwed() pendingChanges {
	s.mu.Lock()
	defer s.mu.Unlock()
	owed := s.owed
	s.owed = pendingChanges{}
	s.owed.lists[toolsChanged], owed.lists[toolsChanged] = owed.lists[toolsChanged], false
	return owed
}

// takeOwedTools reports whether it may have to be told of the list of tools, which is not owed any more.
func (s *subscriber) takeOwedTools() (owed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	owed = s.owed.lists[toolsChanged]
	s.owed.lists[toolsChanged] = false
	return owed
}

// drain takes what is pending, as notifications.
func (s *subscriber) drain() []mcp.JSONRPCNotification {
	s.mu.Lock()
	p := s.pending
	s.pending = pendingChanges{}
	s.mu.Unlock()
	var notes []mcp.JSONRPCNotification
	for what, changed := range p.lists {
		if changed {
			notes = append(notes, newNotification(listMethods[what], nil))
		}
	}
	for _, uri := range p.uris {
		notes = append(notes, newNotification(mcp.MethodNotificationResourceUpdated, map[string]any{"uri": uri}))
	}
	return notes
}

func newNotification(method string, params map[string]any) mcp.JSONRPCNotification {
	return mcp.JSONRPCNotification{
		JSONRPC:      mcp.JSONRPC_VERSION,
		Notification: mcp.Notification{Method: method, Params: mcp.NotificationParams{AdditionalFields: params}},
	}
}
