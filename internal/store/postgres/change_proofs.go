package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

// proofRetry is how long a request whose proof could not be decided waits before it is read again.
const proofRetry = 2 * time.Second

// scrubInterval is how often every program removes old seals: a controller whether it leads or not, a server also where no
// controller runs.
const scrubInterval = 30 * time.Second

// countedAs returns under what a caller's requests are counted, and found again by their idempotency keys, as the column of that
// name has it: those that are proven by the subject, the others by what only the caller can have made.
func countedAs(request store.ChangeRequest) []string {
	unproven := "claimed " + request.Subject
	if fingerprint := fingerprintOf(request); fingerprint != nil {
		sum := sha256.Sum256(fingerprint)
		unproven = "token " + hex.EncodeToString(sum[:])
	}
	return []string{"proven " + request.Subject, unproven}
}

func fingerprintOf(request store.ChangeRequest) []byte {
	if request.Proof == nil {
		return nil
	}
	return request.Proof.TokenFingerprint
}

// sealProof returns the sealed proof of a request, or nothing for one without.
func (s *Store) sealProof(ctx context.Context, request store.ChangeRequest, edit []byte) ([]byte, error) {
	if request.Proof == nil {
		return nil, nil
	}
	bound, err := s.queries.ReadProofContext(ctx, edit)
	if err != nil {
		return nil, err
	}
	sealed, err := request.Proof.Seal(proofContext(request, bound.Installation, bound.Epoch, bound.Edit))
	if err != nil {
		return nil, fmt.Errorf("seal the proof: %w", err)
	}
	return sealed, nil
}

func proofContext(request store.ChangeRequest, installation string, epoch int64, edit string) store.ProofContext {
	return store.ProofContext{
		Installation: installation, Epoch: epoch, ID: request.ID, Key: request.Key, Action: request.Action, Edit: []byte(edit),
		ExpectedVersion: request.ExpectedVersion, IdempotencyKey: request.IdempotencyKey, Subject: request.Subject,
	}
}

// ScrubOldSeals removes the seals that are so old that they are of no use, and returns how many. It is one statement, and any
// role of ours may call it.
func (s *Store) ScrubOldSeals(ctx context.Context) (int64, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	scrubbed, err := s.queries.ScrubOldSeals(ctx)
	if err != nil {
		return 0, fmt.Errorf("scrub old seals: %w", translateError(err))
	}
	return scrubbed, nil
}

// KeepSealsScrubbed removes old seals at once, and again and again, until ctx ends.
func (s *Store) KeepSealsScrubbed(ctx context.Context) {
	ticker := time.NewTicker(scrubInterval)
	defer ticker.Stop()
	for {
		scrubbed, err := s.ScrubOldSeals(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			s.opts.Log.DebugContext(ctx, "Cannot scrub old seals now", "err", err)
		case scrubbed > 0:
			s.opts.Log.InfoContext(ctx, "Scrubbed the proofs of change requests that waited for too long", "changes", scrubbed)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// ProvenOnly has requests without proof of who asks not exist for those methods that give out requests to go on with, until
// MarkChangeProven. It is called before any of them. One that was begun always exists: what became of it has to be found out.
func (w *Writer) ProvenOnly() { w.provenOnly = true }

// UnprovenChanges returns requests that nothing was found out about, the first of each caller, then the second of each. It is
// one statement.
func (w *Writer) UnprovenChanges(ctx context.Context, limit int) ([]store.OpenChange, error) {
	ctx, cancel := w.store.withTimeout(ctx)
	defer cancel()
	rows, err := w.store.queries.UnprovenChanges(ctx, sqlcgen.UnprovenChangesParams{RetrySeconds: proofRetry.Seconds(), MaxRows: rowLimit(limit)})
	if err != nil {
		return nil, fmt.Errorf("read the changes that are not proven: %w", translateError(err))
	}
	open := make([]store.OpenChange, len(rows))
	for i, r := range rows {
		request := store.ChangeRequest{
			ID: r.ID, Key: store.Key{Namespace: r.Namespace, Name: r.Name}, Action: store.Action(r.Action),
			ExpectedVersion: r.ExpectedVersion, Subject: r.Subject, IdempotencyKey: r.IdempotencyKey,
		}
		open[i] = store.OpenChange{ChangeRequest: request, State: store.ChangePending, Seal: store.SealedProof{
			Sealed: r.Sealed, Context: proofContext(request, r.Installation, r.Epoch, r.Edit), Age: secondsOf(r.Age),
		}}
	}
	return open, nil
}

func secondsOf(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

// MarkChangeProven stores that a request is its subject's. It returns store.ErrIdempotencyKeyReused when another proven request
// of the subject has its idempotency key.
func (w *Writer) MarkChangeProven(ctx context.Context, id string) error {
	err := w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error {
		_, err := q.MarkChangeProven(ctx, id)
		if pg, is := errors.AsType[*pgconn.PgError](err); is && pg.Code == "23505" { // unique_violation
			return store.ErrIdempotencyKeyReused
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("mark change %s as proven: %w", id, err)
	}
	return nil
}

// DeferProofs stores that it could not be found out whose the requests are: they are read again after proofRetry.
func (w *Writer) DeferProofs(ctx context.Context, ids []string) error {
	err := w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error { return q.DeferProofs(ctx, ids) })
	if err != nil {
		return fmt.Errorf("defer the proofs of %d changes: %w", len(ids), err)
	}
	return nil
}

// RefuseUnproven ends requests that are not shown to be their subjects'. Those that went on since they were read stay as they are.
func (w *Writer) RefuseUnproven(ctx context.Context, refusals []store.UnprovenRefusal) error {
	var params sqlcgen.RefuseUnprovenParams
	for _, r := range refusals {
		params.Ids, params.Reasons, params.Messages = append(params.Ids, r.ID), append(params.Reasons, r.Reason), append(params.Messages, r.Message)
	}
	err := w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error {
		_, err := q.RefuseUnproven(ctx, params)
		return err
	})
	if err != nil {
		return fmt.Errorf("refuse %d changes without proof: %w", len(refusals), err)
	}
	return nil
}

// readEdit reads the edit of a request from the words of the database.
func readEdit(id, text string) (edit store.Edit, err error) {
	if err := json.Unmarshal([]byte(text), &edit); err != nil {
		return store.Edit{}, fmt.Errorf("read the edit of change %s: %w", id, err)
	}
	return edit, nil
}
