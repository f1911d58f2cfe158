package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

// RequestChange stores a request and wakes the controller. A repeat, by the id or by the subject's idempotency key, stores
// nothing and gets the first one's outcome, under the first one's id, or store.ErrIdempotencyKeyReused when it asks for
// something else. It returns a *store.ChangeQuotaError when too many of the subject's requests are open, and a
// *store.NamespaceMissingError for an addition where no namespace is. Requests that are counted at the same time do not see each
// other: a quota may be exceeded by as many as are inserted at once, which the pools of the servers bound.
func (s *Store) RequestChange(ctx context.Context, request store.ChangeRequest) (store.ChangeOutcome, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	outcome, err := s.insertRequest(ctx, request)
	if err != nil {
		return store.ChangeOutcome{}, fmt.Errorf("request a change of %s: %w", request.Key, translateError(err))
	}
	return outcome, nil
}

func (s *Store) insertRequest(ctx context.Context, request store.ChangeRequest) (store.ChangeOutcome, error) {
	edit, err := marshalJSON(request.Edit)
	if err != nil {
		return store.ChangeOutcome{}, fmt.Errorf("write the edit as JSON: %w", err)
	}
	sealed, err := s.sealProof(ctx, request, edit)
	if err != nil {
		return store.ChangeOutcome{}, err
	}
	_, err = s.queries.RequestChange(ctx, sqlcgen.RequestChangeParams{
		ID: request.ID, Namespace: request.Key.Namespace, Name: request.Key.Name, Action: string(request.Action), Edit: edit,
		ExpectedVersion: request.ExpectedVersion, Subject: request.Subject, IdempotencyKey: request.IdempotencyKey,
		CountedAs: countedAs(request), Sealed: sealed, TokenFingerprint: fingerprintOf(request),
		MaxOfSubject: int64(s.opts.ChangeQuota.OfSubject), MaxInNamespace: int64(s.opts.ChangeQuota.InNamespace),
		MissingSeconds: store.MissingNamespaceMemory.Seconds(),
	})
	if err == nil {
		return store.ChangeOutcome{ID: request.ID, Key: request.Key, Action: request.Action, State: store.ChangePending}, nil
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return store.ChangeOutcome{}, err
	}
	outcome, err := s.findRepeat(ctx, request, edit)
	if errors.Is(err, pgx.ErrNoRows) {
		err = s.explainUnstored(ctx, request)
	}
	return outcome, err
}

// explainUnstored returns why a request that is no repeat was not stored. What kept it from that may be over by now: sent again
// under its id, as after store.ErrUnavailable, it is stored.
func (s *Store) explainUnstored(ctx context.Context, request store.ChangeRequest) error {
	why, err := s.queries.ExplainUnstored(ctx, sqlcgen.ExplainUnstoredParams{
		ID: request.ID, Namespace: request.Key.Namespace, CountedAs: countedAs(request), Action: string(request.Action),
		MissingSeconds: store.MissingNamespaceMemory.Seconds(),
	})
	quota := s.opts.ChangeQuota
	switch {
	case err != nil:
		return err
	case why.IDTaken: // by another subject
		return store.ErrIdempotencyKeyReused
	case why.Missing != "":
		left := store.MissingNamespaceMemory - time.Duration(why.MissingAge*float64(time.Second))
		return &store.NamespaceMissingError{Message: why.Missing, RetryAfter: max(time.Second, left.Round(time.Second))}
	case quota.InNamespace > 0 && why.InNamespace >= int64(quota.InNamespace):
		return &store.ChangeQuotaError{
			Namespace: request.Key.Namespace, Waiting: why.InNamespace, Limit: quota.InNamespace,
			RetryAfter: timeUntilRoom(quota.InNamespace, why.FinalInNamespace),
		}
	case quota.OfSubject > 0 && why.OfSubject >= int64(quota.OfSubject):
		return &store.ChangeQuotaError{Waiting: why.OfSubject, Limit: quota.OfSubject, RetryAfter: timeUntilRoom(quota.OfSubject, why.FinalOfSubject)}
	default:
		return fmt.Errorf("%w: what kept the request from being stored is over; send it again", store.ErrUnavailable)
	}
}

// timeUntilRoom returns when a tenth of a quota will be free, to the second, if requests become final as in the last ten
// seconds.
func timeUntilRoom(quota int, finalLately int64) time.Duration {
	const shortest, longest = time.Second, 30 * time.Second
	if finalLately == 0 {
		return longest
	}
	room := max(1, quota/10)
	needed := time.Duration(room) * 10 * time.Second / time.Duration(finalLately)
	return min(max(needed.Round(time.Second), shortest), longest)
}

// FindEarlierRequest returns what RequestChange returns for a repeat, and stores nothing: store.ErrNotFound says that there
// was no such request. It is one statement.
func (s *Store) FindEarlierRequest(ctx context.Context, request store.ChangeRequest) (store.ChangeOutcome, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	edit, err := marshalJSON(request.Edit)
	if err != nil {
		return store.ChangeOutcome{}, fmt.Errorf("write the edit as JSON: %w", err)
	}
	outcome, err := s.findRepeat(ctx, request, edit)
	if errors.Is(err, pgx.ErrNoRows) {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.ChangeOutcome{}, fmt.Errorf("look for an earlier request: %w", translateError(err))
	}
	return outcome, nil
}

func (s *Store) findRepeat(ctx context.Context, request store.ChangeRequest, edit []byte) (store.ChangeOutcome, error) {
	first, err := s.queries.EarlierRequest(ctx, sqlcgen.EarlierRequestParams{
		ID: request.ID, Namespace: request.Key.Namespace, Name: request.Key.Name, Action: string(request.Action), Edit: edit,
		ExpectedVersion: request.ExpectedVersion, CountedAs: countedAs(request), IdempotencyKey: request.IdempotencyKey,
	})
	if err != nil {
		return store.ChangeOutcome{}, err
	}
	if !first.Same {
		return store.ChangeOutcome{}, store.ErrIdempotencyKeyReused
	}
	return toOutcome(sqlcgen.ChangeOutcomesRow{
		ID: first.ID, Namespace: first.Namespace, Name: first.Name, Action: first.Action, State: first.State,
		Version: first.Version, Served: first.Served, NewVersion: first.NewVersion, Reason: first.Reason, Message: first.Message,
	}), nil
}

// ChangeOutcomes returns the outcomes of those of the subject's requests that exist, in no order, by one statement.
func (s *Store) ChangeOutcomes(ctx context.Context, subject string, ids []string) ([]store.ChangeOutcome, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	known := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return !isUUID(id) })
	rows, err := s.queries.ChangeOutcomes(ctx, sqlcgen.ChangeOutcomesParams{Ids: known, Subject: subject})
	if err != nil {
		return nil, fmt.Errorf("read the outcomes of changes: %w", translateError(err))
	}
	outcomes := make([]store.ChangeOutcome, len(rows))
	for i, r := range rows {
		outcomes[i] = toOutcome(r)
	}
	return outcomes, nil
}

func toOutcome(r sqlcgen.ChangeOutcomesRow) store.ChangeOutcome {
	return store.ChangeOutcome{
		ID: r.ID, Key: store.Key{Namespace: r.Namespace, Name: r.Name}, Action: store.Action(r.Action), State: store.ChangeState(r.State),
		Version: r.Version, Served: r.Served, NewVersion: r.NewVersion, Reason: r.Reason, Message: r.Message,
	}
}

// isUUID reports whether the database takes an id that comes from outside.
func isUUID(id string) bool {
	return len(id) == 36 && uuid.Validate(id) == nil // pgx does not check the dashes
}
