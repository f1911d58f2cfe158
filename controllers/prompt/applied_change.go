package prompt

import (
	"context"
	"fmt"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/status"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
)

// findAppliedChange is the change request that waits for this object's publish, or nil. At the generation it was written with the
// edit is there, whatever it looks like; later it is there if asking again would change nothing.
func (r *Reconciler) findAppliedChange(ctx context.Context, p *v1alpha1.Prompt) (*store.AppliedChange, error) {
	owner := store.Owner{UID: string(p.UID), Generation: p.Generation}
	change, err := r.Store.AppliedChange(ctx, promptobject.KeyOf(p), owner, p.Annotations[v1alpha1.LastChangeAnnotation])
	if err != nil || change == nil {
		return nil, err
	}
	change.Intact = change.Generation == p.Generation || promptobject.SatisfiesEdit(p.Spec, change.Edit)
	return change, nil
}

// finalizeUnpublishedChange answers a change request whose object ends otherwise than published, in the words of the object.
// What was published is answered by its publish.
func (r *Reconciler) finalizeUnpublishedChange(ctx context.Context, p *v1alpha1.Prompt, o status.Outcome) error {
	switch {
	case o.Kind() == status.KindRetry, o.Reason() == v1alpha1.ReasonForeignCluster: // there is no saying yet, or nowhere
		return nil
	case o.Kind() == status.KindReady && o.Reason() != v1alpha1.ReasonSuspended:
		return nil
	}
	change, err := r.findAppliedChange(ctx, p)
	if err == nil && change != nil {
		err = r.Store.FinalizeAppliedChange(ctx, *change, o.Reason(), o.Message())
	}
	if err != nil {
		return fmt.Errorf("answer the change request: %w", err)
	}
	return nil
}
