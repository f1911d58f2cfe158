package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

const (
	// mayLandFor is how long after it was begun a write of an object may still succeed: twice what a controller and the
	// API server give it.
	mayLandFor = 2 * store.ObjectWriteTimeout
	// publishGrace is how long a request stays Applied before somebody asks why.
	publishGrace = 2 * time.Second
)

// PromptsWithOpenChanges returns the prompts with a request for the controller to go on with, in turns: one of each subject, of
// different namespaces one after the other, then the next of each. It is one statement.
func (w *Writer) PromptsWithOpenChanges(ctx context.Context, limit int) ([]store.Key, error) {
	ctx, cancel := w.store.withTimeout(ctx)
	defer cancel()
	rows, err := w.store.queries.PromptsWithOpenChanges(ctx, sqlcgen.PromptsWithOpenChangesParams{AppliedSeconds: publishGrace.Seconds(), WithUnproven: !w.provenOnly, MaxRows: rowLimit(limit)})
	if err != nil {
		return nil, fmt.Errorf("read the open changes: %w", translateError(err))
	}
	keys := make([]store.Key, len(rows))
	for i, r := range rows {
		keys[i] = store.Key{Namespace: r.Namespace, Name: r.Name}
	}
	return keys, nil
}

// CountAppliedChanges returns how many requests wait for the publish of their object, and not for longer than that takes. It
// is one statement.
func (w *Writer) CountAppliedChanges(ctx context.Context) (int, error) {
	ctx, cancel := w.store.withTimeout(ctx)
	defer cancel()
	n, err := w.store.queries.CountAppliedChanges(ctx, publishGrace.Seconds())
	if err != nil {
		return 0, fmt.Errorf("count the applied changes: %w", translateError(err))
	}
	return int(n), nil
}

// DeferChange records that the request of a prompt whose turn it is could not be begun: from now on what it waits is its own.
func (w *Writer) DeferChange(ctx context.Context, key store.Key) error {
	err := w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error {
		return q.DeferChange(ctx, sqlcgen.DeferChangeParams{Namespace: key.Namespace, Name: key.Name, WithUnproven: !w.provenOnly})
	})
	if err != nil {
		return fmt.Errorf("defer the change of %s: %w", key, err)
	}
	return nil
}

// NextChange returns the request of a prompt whose turn it is, or store.ErrNotFound. It is one statement; BeginChange finds
// out whether the request is still as it was read.
func (w *Writer) NextChange(ctx context.Context, key store.Key) (store.OpenChange, error) {
	ctx, cancel := w.store.withTimeout(ctx)
	defer cancel()
	r, err := w.store.queries.NextChange(ctx, sqlcgen.NextChangeParams{
		Namespace: key.Namespace, Name: key.Name, ExpirySeconds: store.ChangeExpiry.Seconds(),
		CallSeconds: mayLandFor.Seconds(), AppliedSeconds: publishGrace.Seconds(), WithUnproven: !w.provenOnly,
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return store.OpenChange{}, store.ErrNotFound
	}
	if err != nil {
		return store.OpenChange{}, fmt.Errorf("read the open change of %s: %w", key, translateError(err))
	}
	request := store.ChangeRequest{
		ID: r.ID, Key: key, Action: store.Action(r.Action), ExpectedVersion: r.ExpectedVersion, Subject: r.Subject, IdempotencyKey: r.IdempotencyKey,
	}
	if request.Edit, err = readEdit(r.ID, r.Edit); err != nil {
		return store.OpenChange{}, err
	}
	return store.OpenChange{
		ChangeRequest: request,
		State:         store.ChangeState(r.State), Attempt: r.Attempt,
		Intent:  store.Intent{UID: r.ObjectUid, ResourceVersion: r.ObjectVersion, Generation: r.Generation},
		Overdue: r.Overdue, MayLand: r.MayLand, Stuck: r.Stuck,
		Seal: store.SealedProof{
			Sealed: r.Sealed, Context: proofContext(request, r.Installation, r.Epoch, r.Edit), Age: secondsOf(r.Age),
		},
	}, nil
}

// BeginChange writes down what is about to be written, before each attempt. It returns store.ErrNotYours when the request
// went on without the caller, waits for an earlier one, or is overdue.
func (w *Writer) BeginChange(ctx context.Context, change store.OpenChange, intent store.Intent) error {
	err := w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error {
		if err := q.LockChangesOfPrompt(ctx, sqlcgen.LockChangesOfPromptParams{Namespace: change.Key.Namespace, Name: change.Key.Name}); err != nil {
			return err
		}
		begun, err := q.BeginChange(ctx, sqlcgen.BeginChangeParams{
			ID: change.ID, Attempt: change.Attempt, ExpirySeconds: store.ChangeExpiry.Seconds(), WithUnproven: !w.provenOnly,
			ObjectUid: intent.UID, ObjectVersion: intent.ResourceVersion, Generation: intent.Generation,
		})
		if err == nil && begun == 0 {
			return store.ErrNotYours
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("begin change %s: %w", change.ID, err)
	}
	return nil
}

// MarkChangeApplied stores that the edit is in the object, or that the object is being deleted as asked.
func (w *Writer) MarkChangeApplied(ctx context.Context, id, uid string, generation int64) error {
	err := w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error {
		return q.MarkChangeApplied(ctx, sqlcgen.MarkChangeAppliedParams{ID: id, ObjectUid: uid, Generation: generation})
	})
	if err != nil {
		return fmt.Errorf("mark change %s as applied: %w", id, err)
	}
	return nil
}

// FinalizeChange ends a request of which nothing was written. It returns store.ErrNotYours when the request went
// on since the caller read it.
func (w *Writer) FinalizeChange(ctx context.Context, change store.OpenChange, state store.ChangeState, reason, message string) error {
	err := w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error {
		now, err := q.LockChange(ctx, change.ID)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if store.ChangeState(now.State) != store.ChangePending || now.Attempt != change.Attempt {
			return store.ErrNotYours
		}
		return q.FinalizeChange(ctx, sqlcgen.FinalizeChangeParams{
			ID: change.ID, State: string(state), Reason: reason, Message: message, FreesKey: store.FreesIdempotencyKey(reason),
		})
	})
	if err != nil {
		return fmt.Errorf("finalize change %s: %w", change.ID, err)
	}
	return nil
}

// ExpireChanges ends what was not begun in time. It is called often by a controller that serves the queue, and before it
// begins to: what requests wait for others while one does is not counted. When no request waits long it only reads.
func (w *Writer) ExpireChanges(ctx context.Context) error {
	asking, cancel := w.store.withTimeout(ctx)
	defer cancel()
	if *w.refused.Load() == nil {
		if err := w.store.queries.ServeChangeQueue(asking, store.ChangeExpiry.Seconds()); err != nil {
			return fmt.Errorf("record that the change queue is served: %w", translateError(err))
		}
	}
	overdue, err := w.store.queries.HasOverdueChanges(asking, store.ChangeExpiry.Seconds())
	if err != nil {
		return fmt.Errorf("read the overdue changes: %w", translateError(err))
	}
	if !overdue {
		return nil
	}
	err = w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error {
		return q.ExpireChanges(ctx, sqlcgen.ExpireChangesParams{
			Reason: store.ReasonNotBegun, Message: store.MessageNotBegun, ExpirySeconds: store.ChangeExpiry.Seconds(),
		})
	})
	if err != nil {
		return fmt.Errorf("expire changes: %w", err)
	}
	return nil
}

// unprovenRetention is how long the outcome of a request can be asked for that was refused, or expired, before anybody was proven to
// have asked.
const unprovenRetention = time.Hour

// DeleteOldChanges deletes at most limit requests that became final longer ago than that, and as many that nobody proved to have
// asked for and are final for unprovenRetention; it returns how many.
func (w *Writer) DeleteOldChanges(ctx context.Context, olderThan time.Duration, limit int) (dropped int, err error) {
	err = w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error {
		n, err := q.DeleteOldChanges(ctx, sqlcgen.DeleteOldChangesParams{
			OlderThanSeconds: olderThan.Seconds(), UnprovenSeconds: min(olderThan, unprovenRetention).Seconds(), MaxRows: rowLimit(limit),
		})
		dropped = int(n)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("drop old changes: %w", err)
	}
	return dropped, nil
}

// PublishedState returns what is published of a prompt now; it is one statement.
func (w *Writer) PublishedState(ctx context.Context, key store.Key) (store.PublishedState, error) {
	ctx, cancel := w.store.withTimeout(ctx)
	defer cancel()
	found, err := w.store.queries.ReadPrompt(ctx, sqlcgen.ReadPromptParams{Namespace: key.Namespace, Name: key.Name})
	if errors.Is(err, pgx.ErrNoRows) || err == nil && found.Deleted {
		return store.PublishedState{}, nil
	}
	if err != nil {
		return store.PublishedState{}, fmt.Errorf("read what is published of %s: %w", key, translateError(err))
	}
	r, err := toRow(found)
	if err != nil {
		return store.PublishedState{}, fmt.Errorf("read what is published of %s: %w", key, err)
	}
	return store.PublishedState{Owner: r.Owner, Version: r.Highest, Channels: r.Channels}, nil
}
