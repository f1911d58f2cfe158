package transport

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// decisionsAtATime bounds how many callers are decided about at the same time, decisionTimeout how long all of them may
	// take: who is left then is told when NotifyOwed comes to them.
	decisionsAtATime = 16
	decisionTimeout  = 5 * time.Second
)

// Audience decides whether a stream at the endpoint of a namespace is to hear of a change. The context has the caller's
// identity. With an error that is undecided: nothing is told until NotifyOwed.
type Audience = func(ctx context.Context, namespace string) (bool, error)

// NotifyPromptsChanged tells every stream that asked for it, and that is concerned, that the list of
// prompts changed.
func (h *Handler) NotifyPromptsChanged(concerned Audience) {
	h.subscriptions.notifyChanged(promptsChanged, concerned)
}

// NotifyToolsChanged is NotifyPromptsChanged for the list of tools. It reports whether for a stream that was undecided, until
// NotifyOwedTools.
func (h *Handler) NotifyToolsChanged(concerned Audience) (owed bool) {
	return h.subscriptions.notifyChanged(toolsChanged, concerned)
}

// NotifyOwedTools is NotifyOwed for the list of tools.
func (h *Handler) NotifyOwedTools(concerned Audience) (owed bool) {
	var undecided []*subscriber
	for _, one := range h.subscriptions.snapshot(func() map[*subscriber]struct{} { return h.subscriptions.open }) {
		if one.takeOwedTools() {
			undecided = append(undecided, one)
		}
	}
	return h.subscriptions.notify(undecided, concerned, func(p *pendingChanges) { p.lists[toolsChanged] = true })
}

// NotifyResourcesChanged is NotifyPromptsChanged for the list of resources.
func (h *Handler) NotifyResourcesChanged(concerned Audience) {
	h.subscriptions.notifyChanged(resourcesChanged, concerned)
}

// NotifyResourceUpdated tells every stream that subscribed to a resource, and that is concerned, that it
// changed. One that was not written yet is told once.
func (h *Handler) NotifyResourceUpdated(uri string, concerned Audience) {
	followers := h.subscriptions.snapshot(func() map[*subscriber]struct{} { return h.subscriptions.byURI[uri] })
	h.subscriptions.notify(followers, concerned, func(p *pendingChanges) { p.addURI(uri) })
}

// NotifyOwed tells streams what was undecided when it changed: of the lists of prompts and resources, and of each resource, by who is
// concerned now. It reports whether anything of that is undecided still.
func (h *Handler) NotifyOwed(lists Audience, updates func(uri string) Audience) (owed bool) {
	var undecided [listChanges][]*subscriber
	followers := make(map[string][]*subscriber)
	open := h.subscriptions.snapshot(func() map[*subscriber]struct{} { return h.subscriptions.open })
	for _, one := range open {
		taken := one.takeOwed()
		for what, is := range taken.lists {
			if is {
				undecided[what] = append(undecided[what], one)
			}
		}
		for _, uri := range taken.uris {
			followers[uri] = append(followers[uri], one)
		}
	}
	for what, streams := range undecided {
		owed = h.subscriptions.notify(streams, lists, func(p *pendingChanges) { p.lists[what] = true }) || owed
	}
	for uri, streams := range followers {
		owed = h.subscriptions.notify(streams, updates(uri), func(p *pendingChanges) { p.addURI(uri) }) || owed
	}
	return owed
}

// HasOwed reports whether a change that NotifyOwed tells of was undecided for an open stream.
func (h *Handler) HasOwed() bool {
	for _, one := range h.subscriptions.snapshot(func() map[*subscriber]struct{} { return h.subscriptions.open }) {
		if one.isOwed() {
			return true
		}
	}
	return false
}

func (s *subscriptions) notifyChanged(what listChange, concerned Audience) (owed bool) {
	var among []*subscriber
	for _, one := range s.snapshot(func() map[*subscriber]struct{} { return s.open }) {
		if one.wantsChange(what) {
			among = append(among, one)
		}
	}
	return s.notify(among, concerned, func(p *pendingChanges) { p.lists[what] = true })
}

// audienceKey is the same for streams of which the same is decided.
type audienceKey struct{ rights, namespace string }

// notify notes a change for the streams it concerns, and as owed for those of whom that is undecided. It decides once for
// all streams whose callers have the same rights at the same endpoint, some at a time.
func (s *subscriptions) notify(among []*subscriber, concerned Audience, note func(*pendingChanges)) (owed bool) {
	alike := make(map[audienceKey][]*subscriber)
	for _, one := range among {
		key := audienceKey{rights: one.rightsKey, namespace: one.namespace}
		alike[key] = append(alike[key], one)
	}
	deadline := time.Now().Add(decisionTimeout)
	var group errgroup.Group
	group.SetLimit(decisionsAtATime)
	for key, streams := range alike {
		group.Go(func() error {
			// The stream that is asked for may be closed meanwhile, the others stay.
			ctx, cancel := context.WithDeadline(context.WithoutCancel(streams[0].ctx), deadline)
			defer cancel()
			defer context.AfterFunc(s.stopping, cancel)()
			is, err := concerned(ctx, key.namespace)
			for _, one := range streams {
				switch {
				case err != nil:
					one.addOwed(note)
				case is:
					one.addPending(note)
				}
			}
			return err
		})
	}
	return group.Wait() != nil
}
