package changes

import (
	"context"

	"github.com/lectern-dev/lectern/internal/change"
	"github.com/lectern-dev/lectern/internal/store"
)

// refuseUnwatched ends a request for a namespace that is not watched, without asking about the object, which may not be read:
// one that a server took which names other namespaces, or that waited while they were changed. What was begun before is
// waited for. Nobody publishes what was written.
func (c *Changes) refuseUnwatched(ctx context.Context, request store.OpenChange) error {
	reason := c.Watched.ExplainForeign(request.Key.Namespace)
	switch {
	case request.State == store.ChangeApplied:
		applied := store.AppliedChange{ID: request.ID, Intact: true}
		return c.Store.FinalizeAppliedChange(ctx, applied, store.ReasonNotWatched, "the object has the edit, and is not published: "+reason)
	case request.MayLand:
		return errNotYet
	}
	return c.finalizeRejected(ctx, request, change.NewRefusal(store.ReasonNotWatched, "%s", reason))
}
