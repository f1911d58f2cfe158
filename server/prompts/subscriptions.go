package prompts

import (
	"context"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/transport"
)

// MayFollow reports whether a stream may subscribe to a resource. That depends on rights alone, not on whether there is
// such a prompt: an acknowledgement must not reveal it.
func (s *Service) MayFollow(ctx context.Context, uri string) bool {
	key, _, ok := parseURI(uri)
	return ok && s.authorizeRead(ctx, transport.FromContext(ctx).Namespace, key) == nil
}

// isUpdateVisible reports whether a stream is notified that a prompt it is subscribed to changed. A version never changes:
// all that can happen to it is that it is withdrawn or deleted.
func (s *Service) isUpdateVisible(ctx context.Context, namespace, uri string) bool {
	key, selector, ok := parseURI(uri)
	if !ok || s.authorizeRead(ctx, namespace, key) != nil {
		return false
	}
	if selector.Version == 0 {
		return true
	}
	body, err := s.catalog.Get(ctx, key, selector)
	return err != nil || body.Exposure == store.Fragment
}
