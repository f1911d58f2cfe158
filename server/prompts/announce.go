package prompts

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/lectern-dev/lectern/server/catalog"
	"github.com/lectern-dev/lectern/server/transport"
)

// DefaultAnnounceDelay gathers changes before clients are notified: an apply of many prompts is one change to
// them.
const DefaultAnnounceDelay = 250 * time.Millisecond

// Listeners are the open streams. *transport.Handler has them.
type Listeners interface {
	NotifyPromptsChanged(concerned transport.Audience)
	NotifyResourcesChanged(concerned transport.Audience)
	// FollowedURIs returns the URIs that streams are subscribed to.
	FollowedURIs() []string
	NotifyResourceUpdated(uri string, concerned transport.Audience)
}

// Announcer notifies open streams of changed lists and of changed prompts, at most once a delay.
type Announcer struct {
	service   *Service
	delay     time.Duration
	listeners Listeners

	mu      sync.Mutex
	pending *catalog.Change
	timer   *time.Timer
	stopped bool
	running sync.WaitGroup
}

// NewAnnouncer makes an Announcer that notifies the listeners a change concerns, by what they may list and get when
// they are notified.
func (s *Service) NewAnnouncer(delay time.Duration, listeners Listeners) *Announcer {
	return &Announcer{service: s, delay: delay, listeners: listeners}
}

// CatalogChanged takes a change; it does not block. The first one after silence starts the delay, so that a
// steady flow of changes does not put the notification off for ever.
func (a *Announcer) CatalogChanged(change catalog.Change) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopped {
		return
	}
	if a.pending != nil {
		*a.pending = a.pending.Merge(change)
		return
	}
	a.pending = &change
	a.running.Add(1)
	a.timer = time.AfterFunc(a.delay, a.announcePending)
}

func (a *Announcer) announcePending() {
	defer a.running.Done()
	a.mu.Lock()
	change := a.pending
	a.pending = nil
	a.mu.Unlock()
	lists := func(ctx context.Context, namespace string) bool {
		return a.service.isListChangeVisible(ctx, namespace, change)
	}
	a.listeners.NotifyPromptsChanged(lists)
	a.listeners.NotifyResourcesChanged(lists)
	for _, uri := range a.listeners.FollowedURIs() {
		if key, _, ok := parseURI(uri); !ok || !change.Affects(key) {
			continue
		}
		a.listeners.NotifyResourceUpdated(uri, func(ctx context.Context, namespace string) bool {
			return a.service.isUpdateVisible(ctx, namespace, uri)
		})
	}
}

// Stop drops what is pending and waits for a notification that is being sent.
func (a *Announcer) Stop() {
	a.mu.Lock()
	a.stopped = true
	if a.timer != nil && a.timer.Stop() {
		a.running.Done()
	}
	a.mu.Unlock()
	a.running.Wait()
}

// isListChangeVisible reports whether the caller may list a namespace that changed: now, not when the stream began.
func (s *Service) isListChangeVisible(ctx context.Context, namespace string, change *catalog.Change) bool {
	scope, err := s.visibleScope(ctx, namespace)
	if err != nil {
		return false
	}
	if scope.All {
		return change.Everything || len(change.Namespaces) > 0
	}
	if change.Everything {
		return len(scope.Namespaces) > 0
	}
	return slices.ContainsFunc(scope.Namespaces, func(visible string) bool {
		return slices.Contains(change.Namespaces, visible)
	})
}
