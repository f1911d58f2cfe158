package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

// AppliedChange returns the request whose edit is in an object of that owner and which is not final, or nil. lastChange is
// the request the object itself names. It is one statement; Publish locks the request again.
func (w *Writer) AppliedChange(ctx context.Context, key store.Key, owner store.Owner, lastChange string) (*store.AppliedChange, error) {
	ctx, cancel := w.store.withTimeout(ctx)
	defer cancel()
	if !isUUID(lastChange) { // anybody may write an annotation
		lastChange = "00000000-0000-0000-0000-000000000000"
	}
	r, err := w.store.queries.AppliedChange(ctx, sqlcgen.AppliedChangeParams{
		Namespace: key.Namespace, Name: key.Name, ObjectUid: owner.UID, Generation: owner.Generation, LastChange: lastChange,
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the change %s carries: %w", key, translateError(err))
	}
	applied := &store.AppliedChange{ID: r.ID, Subject: r.Subject, Action: store.Action(r.Action), Generation: r.Generation}
	if err := json.Unmarshal(r.Edit, &applied.Edit); err != nil {
		return nil, fmt.Errorf("read the edit of change %s: %w", r.ID, err)
	}
	return applied, nil
}

// FinalizeAppliedChange ends a request whose edit went into an object that is not published: it is blocked for the
// object's reason, or superseded when the edit is not intact. What is final already stays.
func (w *Writer) FinalizeAppliedChange(ctx context.Context, applied store.AppliedChange, reason, message string) error {
	params := sqlcgen.FinalizeChangeParams{ID: applied.ID, State: string(store.ChangeBlocked), Reason: reason, Message: message}
	if !applied.Intact {
		params = supersededParams(applied.ID)
	}
	err := w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error { return q.FinalizeChange(ctx, params) })
	if err != nil {
		return fmt.Errorf("finalize change %s: %w", applied.ID, err)
	}
	return nil
}

func supersededParams(id string) sqlcgen.FinalizeChangeParams {
	return sqlcgen.FinalizeChangeParams{
		ID: id, State: string(store.ChangeConflict), Reason: store.ReasonSuperseded, Message: store.MessageSuperseded,
	}
}

// lockAppliedChange locks the publication's request until the commit, and reports whether the publication may go on. It may not
// when a later state of the object was seen without the edit: then what it publishes is what was answered to be nowhere,
// and only a writer that was deposed meanwhile still has it.
func lockAppliedChange(ctx context.Context, q *sqlcgen.Queries, p *store.Publication) (bool, error) {
	if p.Change == nil {
		return true, nil
	}
	change, err := q.LockChange(ctx, p.Change.ID)
	if errors.Is(err, pgx.ErrNoRows) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("lock change %s: %w", p.Change.ID, err)
	}
	gone := change.Reason == store.ReasonSuperseded && change.Generation == p.Owner.Generation
	return !gone || p.Takeover != nil, nil
}

// finalizeWithPublish ends the publication's request: it is published, or its edit is not intact. One that the publish did
// not achieve is left to the reconciler, which knows the message.
func finalizeWithPublish(ctx context.Context, q *sqlcgen.Queries, p *store.Publication, published *store.Published) error {
	if p.Change == nil {
		return nil
	}
	params := supersededParams(p.Change.ID)
	if p.Change.Intact {
		if p.Change.Edit.NotAchievedBy(published) {
			return nil
		}
		params = sqlcgen.FinalizeChangeParams{
			ID: p.Change.ID, State: string(store.ChangePublished),
			Version: published.Version, Served: published.Served, NewVersion: published.NewVersion,
		}
	}
	if err := q.FinalizeChange(ctx, params); err != nil {
		return fmt.Errorf("finalize change %s: %w", p.Change.ID, err)
	}
	return nil
}

// finalizeChangesOfDeleted ends what was asked of an object that is gone now.
func finalizeChangesOfDeleted(ctx context.Context, q *sqlcgen.Queries, key store.Key, uid string) error {
	err := q.FinalizeChangesOfDeleted(ctx, sqlcgen.FinalizeChangesOfDeletedParams{
		Namespace: key.Namespace, Name: key.Name, ObjectUid: uid, Reason: store.ReasonNotFound, Message: store.MessageDeletedFirst,
	})
	if err != nil {
		return fmt.Errorf("finalize the changes of the deleted object: %w", err)
	}
	return nil
}
