package prompt

import (
	"context"
	"fmt"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/status"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
)

// findAppliedChange returns the change request that waits for the publish of this object, or nil. At the generation the
// edit was written with it is intact, whatever the object looks like; later it is if asking again would change nothing.
func (r *Reconciler) findAppliedChange(ctx context.Context, p *v1alpha1.Prompt) (*store.AppliedChange, error) {
	owner := store.Owner{UID: string(p.UID), Generation: p.Generation}
	change, err := r.Store.AppliedChange(ctx, promptobject.KeyOf(p), owner, p.Annotations[v1alpha1.LastChangeAnnotation])
	if err != nil || change == nil {
		return nil, err
	}
	change.Intact = change.Generation == p.Generation || promptobject.SatisfiesEdit(p, change.Edit)
	return change, nil
}

// finalizeUnpublishedChange ends the change request of an object that was not published, with the object's reason and
// message. A publish finalizes its own.
func (r *Reconciler) finalizeUnpublishedChange(ctx context.Context, p *v1alpha1.Prompt, o status.Outcome) error {
	switch {
	case o.Kind() == status.KindRetry, o.Reason() == v1alpha1.ReasonForeignCluster: // not decided yet, or another cluster's database
		return nil
	case o.Kind() == status.KindReady && o.Reason() != v1alpha1.ReasonSuspended:
		return nil
	}
	change, err := r.findAppliedChange(ctx, p)
	if err == nil && change != nil {
		err = r.Store.FinalizeAppliedChange(ctx, *change, o.Reason(), o.Message())
	}
	if err != nil {
		return fmt.Errorf("finalize the change request: %w", err)
	}
	return nil
}
