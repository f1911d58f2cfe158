package prompts

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
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
	// HasOwed reports whether of a change something was undecided for a stream, and NotifyOwed decides that again.
	HasOwed() bool
	NotifyOwed(lists transport.Audience, updates func(uri string) transport.Audience) (owed bool)
}

// owedDelay is after how long a change is announced again to streams of which it was undecided whether they may hear of it:
// a Kubernetes that does not answer is asked again.
const owedDelay = 2 * time.Second

// reviewsOfAnnouncement bounds what is asked about one caller for one announcement.
const reviewsOfAnnouncement = 64

// Announcer notifies open streams of changed lists and of changed prompts, at most once a delay.
type Announcer struct {
	service   *Service
	delay     time.Duration
	listeners Listeners

	mu sync.Mutex
	// pending is what changed and was not announced; owed is what was undecided for a stream when it was.
	pending, owed *catalog.Change
	timer         *time.Timer
	stopped       bool
	running       sync.WaitGroup
	// turn is held while something is announced.
	turn sync.Mutex
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
	a.schedule(a.delay)
}

// schedule has what is there announced after a delay, or at the time that is set already if that is earlier.
func (a *Announcer) schedule(delay time.Duration) {
	if a.timer != nil && a.timer.Stop() {
		a.running.Done()
	}
	a.running.Add(1)
	a.timer = time.AfterFunc(delay, a.announcePending)
}

func (a *Announcer) announcePending() {
	defer a.running.Done()
	a.turn.Lock()
	defer a.turn.Unlock()
	a.mu.Lock()
	change, owed := a.pending, a.owed
	a.pending, a.owed = nil, nil
	a.mu.Unlock()
	var isOwed bool
	if owed != nil {
		isOwed = a.listeners.NotifyOwed(a.listsAudience(owed), a.updateAudience)
	}
	if change != nil {
		a.announce(change)
		isOwed = isOwed || a.listeners.HasOwed()
	}
	if !isOwed {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.owed = mergeChanges(a.owed, mergeChanges(owed, change))
	if a.pending == nil && !a.stopped {
		a.schedule(owedDelay)
	}
}

// mergeChanges returns what is in either change.
func mergeChanges(one, other *catalog.Change) *catalog.Change {
	switch {
	case one == nil:
		return other
	case other == nil:
		return one
	}
	merged := one.Merge(*other)
	return &merged
}

func (a *Announcer) announce(change *catalog.Change) {
	lists := a.listsAudience(change)
	a.listeners.NotifyPromptsChanged(lists)
	a.listeners.NotifyResourcesChanged(lists)
	for _, uri := range a.listeners.FollowedURIs() {
		if key, _, ok := parseURI(uri); ok && change.Affects(key) {
			a.listeners.NotifyResourceUpdated(uri, a.updateAudience(uri))
		}
	}
}

func (a *Announcer) listsAudience(change *catalog.Change) transport.Audience {
	return func(ctx context.Context, namespace string) (bool, error) {
		return a.service.isListChangeVisible(ctx, namespace, change)
	}
}

func (a *Announcer) updateAudience(uri string) transport.Audience {
	return func(ctx context.Context, namespace string) (bool, error) {
		return a.service.isUpdateVisible(ctx, namespace, uri)
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

// isListChangeVisible reports whether the caller may list a namespace that changed: now, not when the stream began. An error
// says that of some that is undecided, and of the others that the caller may not.
func (s *Service) isListChangeVisible(ctx context.Context, endpoint string, change *catalog.Change) (bool, error) {
	ctx = auth.WithReviewBudget(ctx, reviewsOfAnnouncement)
	namespaces := change.Namespaces
	switch {
	case endpoint != "" && (change.Everything || slices.Contains(namespaces, endpoint)):
		namespaces = []string{endpoint}
	case endpoint != "":
		return false, nil
	case change.Everything:
		return s.mayListAnything(ctx)
	case len(namespaces) > 0:
		ctx = auth.WithUnnamedNamespaces(ctx)
		namespaces = slices.Concat([]string{""}, namespaces) // all of them first
	}
	rights := make([]right, len(namespaces))
	for i, namespace := range namespaces {
		rights[i] = right{auth.List, store.Key{Namespace: namespace}}
	}
	_, err := newRightsReview(endpoint, s.authorizer.Authorize).findFirst(ctx, rights...)
	if errors.Is(err, auth.ErrDenied) {
		return false, nil
	}
	return err == nil, err
}

// mayListAnything reports whether the caller may list any namespace with prompts.
func (s *Service) mayListAnything(ctx context.Context) (bool, error) {
	identity, err := callerIdentity(ctx)
	if err != nil {
		return false, err
	}
	visible, err := s.authorizer.VisibleNamespaces(ctx, identity, s.listNamespaces)
	switch {
	case err != nil:
		return false, err
	case visible.Scope.All, len(visible.Scope.Namespaces) > 0:
		return true, nil
	case visible.UndecidedFrom != "":
		return false, auth.ErrReviewsSpent
	default:
		return false, nil
	}
}

// listNamespaces returns the namespaces with listed prompts, sorted.
func (s *Service) listNamespaces(ctx context.Context) ([]string, error) {
	return s.catalog.ListNamespaces(ctx)
}
