package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/plan"
	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

// ClaimTokenRequest gives leave for one call to the token endpoint, and writes down that it is made: it counts as spent whatever
// becomes of it. The time is the caller's, which names none that it is far from.
//
// It returns a *store.TokenBudgetError where the fingerprint's budget is spent, by whatever connection, and a
// *store.TokenRequestUnderWayError where the connection's last call may still be answered.
func (w *Writer) ClaimTokenRequest(ctx context.Context, claim store.TokenClaim) (request int64, err error) {
	err = w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error {
		if _, err := q.LockTokenBudget(ctx, claim.Fingerprint[:]); err != nil {
			return fmt.Errorf("lock the budget: %w", err)
		}
		if err := checkTokenClaim(ctx, q, claim); err != nil {
			return err
		}
		request, err = q.InsertTokenRequest(ctx, sqlcgen.InsertTokenRequestParams{
			Namespace: claim.Key.Namespace, Name: claim.Key.Name, OwnerUid: claim.UID,
			Kind: string(claim.Kind), Cause: string(claim.Cause), Fingerprint: claim.Fingerprint[:], StartedAt: claim.At,
		})
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("claim a token request of connection %s: %w", claim.Key, err)
	}
	return request, nil
}

// checkTokenClaim returns why a claim may not be made now. The lock of its budget is held.
func checkTokenClaim(ctx context.Context, q *sqlcgen.Queries, claim store.TokenClaim) error {
	rows, err := q.SpentTokenRequests(ctx, sqlcgen.SpentTokenRequestsParams{
		Fingerprint: claim.Fingerprint[:], Since: secondsSince1970(claim.At.Add(-store.TokenRequestWindow)),
		OwnerUid: claim.UID, UnderWaySince: secondsSince1970(claim.At.Add(-store.TokenRequestTimeout)),
	})
	if err != nil {
		return fmt.Errorf("read the requests before: %w", err)
	}
	earlier := make([]store.TokenRequest, len(rows))
	for i, r := range rows {
		earlier[i] = store.TokenRequest{
			UID: r.OwnerUid, Fingerprint: store.TokenFingerprint(r.Fingerprint), Cause: store.TokenRequestCause(r.Cause),
			StartedAt: timeOf(r.StartedAt), Ended: r.Ended,
		}
	}
	return plan.CheckTokenClaim(claim, earlier)
}

// EndTokenRequest writes down what became of a request, and stores the token it got, in the place of the one before it. It
// reports whether the token is the current one now: not where the connection is gone or another's, the request had ended
// before, or a later one was answered first.
func (w *Writer) EndTokenRequest(ctx context.Context, s store.TokenRequestResult) (current bool, err error) {
	err = w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error {
		current = false
		connection, err := lockConnectionOfOwner(ctx, q, s.Key, s.UID)
		isGone := errors.Is(err, store.ErrConnectionGone)
		if err != nil && !isGone {
			return err
		}
		ended, err := q.EndTokenRequest(ctx, sqlcgen.EndTokenRequestParams{
			ID: s.Request, EndedAt: secondsSince1970(s.At), Outcome: string(s.Outcome), Detail: s.Detail,
		})
		if err != nil {
			return fmt.Errorf("end the request: %w", err)
		}
		if s.Token == nil || isGone || ended == 0 {
			return nil
		}
		current, err = replaceToken(ctx, q, connection, s.Request, s.Fingerprint, s.Token)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("end token request %d of connection %s: %w", s.Request, s.Key, err)
	}
	return current, nil
}

// StoreAPIKey stores what a server on premises takes, in the place of the one before it, and takes no revision where that is of
// the same key. It returns store.ErrConnectionGone where the connection is gone, or another's. Two controllers that lead at once may
// store keys that they read at different times: what is stored is right once the last of them has read the Secret again.
func (w *Writer) StoreAPIKey(
	ctx context.Context, key store.Key, uid string, fingerprint store.TokenFingerprint, token store.SealedToken,
) error {
	return w.putAPIKey(ctx, key, uid, fingerprint, token, "")
}

// ReplaceAPIKey does the same in the place of a token that nobody can open any more, though it is of the same key.
func (w *Writer) ReplaceAPIKey(
	ctx context.Context, key store.Key, uid string, fingerprint store.TokenFingerprint, token store.SealedToken, unopenable string,
) error {
	return w.putAPIKey(ctx, key, uid, fingerprint, token, unopenable)
}

func (w *Writer) putAPIKey(
	ctx context.Context, key store.Key, uid string, fingerprint store.TokenFingerprint, token store.SealedToken, unopenable string,
) error {
	err := w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error {
		connection, err := lockConnectionOfOwner(ctx, q, key, uid)
		if err != nil {
			return err
		}
		before, err := q.CurrentToken(ctx, connection)
		if err == nil && before.Kind == string(token.Kind) && store.TokenFingerprint(before.Fingerprint) == fingerprint && before.ID != unopenable {
			return nil
		}
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("read the current token: %w", err)
		}
		_, err = replaceToken(ctx, q, connection, 0, fingerprint, &token)
		return err
	})
	if err != nil {
		return fmt.Errorf("store the API key of connection %s: %w", key, err)
	}
	return nil
}

// replaceToken stores a token as the current one, unless a later request was answered before. The connection is locked.
func replaceToken(
	ctx context.Context, q *sqlcgen.Queries, connection, request int64, fingerprint store.TokenFingerprint, token *store.SealedToken,
) (bool, error) {
	before, err := q.CurrentToken(ctx, connection)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return false, fmt.Errorf("read the current token: %w", err)
	}
	refreshes := int64(0)
	if err == nil {
		if refreshes = before.Refreshes + 1; before.RequestID > request && request != 0 {
			return false, nil
		}
	}
	if err := q.ReplaceTokens(ctx, connection); err != nil {
		return false, fmt.Errorf("erase the token before: %w", err)
	}
	if err := q.InsertToken(ctx, sqlcgen.InsertTokenParams{
		ID: token.ID, ConnectionID: connection, Kind: string(token.Kind), Sealed: token.Sealed, Fingerprint: fingerprint[:],
		Scopes: nonNil(token.Scopes), RequestID: request, Refreshes: refreshes,
		IssuedAt: secondsSince1970(token.IssuedAt), ExpiresAt: secondsSince1970(token.ExpiresAt),
	}); err != nil {
		return false, fmt.Errorf("insert the token: %w", err)
	}
	if _, err := q.TouchConnection(ctx, connection); err != nil {
		return false, fmt.Errorf("take a revision: %w", err)
	}
	return true, nil
}

// CurrentToken returns what is known of the current token of a connection, or store.ErrNotFound.
func (w *Writer) CurrentToken(ctx context.Context, connection int64) (store.StoredToken, error) {
	ctx, cancel := w.store.withTimeout(ctx)
	defer cancel()
	t, err := w.store.queries.CurrentToken(ctx, connection)
	if errors.Is(err, pgx.ErrNoRows) {
		return store.StoredToken{}, store.ErrNotFound
	}
	if err != nil {
		return store.StoredToken{}, fmt.Errorf("read the current token: %w", translateError(err))
	}
	return store.StoredToken{
		SealedToken: store.SealedToken{
			ID: t.ID, Kind: store.TokenKind(t.Kind), Sealed: t.Sealed, Scopes: t.Scopes,
			IssuedAt: timeOf(t.IssuedAt), ExpiresAt: timeOf(t.ExpiresAt),
		},
		Fingerprint: store.TokenFingerprint(t.Fingerprint), Refreshes: t.Refreshes,
	}, nil
}

// IsFingerprintShared reports whether another connection has a token of the same refresh token, or asked for one in the last month: it is
// then not revoked with one of them.
func (w *Writer) IsFingerprintShared(ctx context.Context, fingerprint store.TokenFingerprint, uid string) (bool, error) {
	ctx, cancel := w.store.withTimeout(ctx)
	defer cancel()
	shared, err := w.store.queries.IsFingerprintShared(ctx, sqlcgen.IsFingerprintSharedParams{Fingerprint: fingerprint[:], OwnerUid: uid})
	if err != nil {
		return false, fmt.Errorf("read who shares a refresh token: %w", translateError(err))
	}
	return shared, nil
}

// SealedTokens returns all current tokens, for sealing them under another key.
func (w *Writer) SealedTokens(ctx context.Context) ([]store.SealedTokenOf, error) {
	ctx, cancel := w.store.withTimeout(ctx)
	defer cancel()
	rows, err := w.store.queries.SealedTokens(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the sealed tokens: %w", translateError(err))
	}
	var found []store.SealedTokenOf
	for _, r := range rows {
		found = append(found, store.SealedTokenOf{
			Key: store.Key{Namespace: r.Namespace, Name: r.Name}, UID: r.OwnerUid,
			ID: r.ID, Kind: store.TokenKind(r.Kind), Sealed: r.Sealed,
		})
	}
	return found, nil
}

// ResealToken stores a token that was sealed again, while it is the current one.
func (w *Writer) ResealToken(ctx context.Context, id string, sealed []byte) error {
	err := w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error {
		_, err := q.ResealToken(ctx, sqlcgen.ResealTokenParams{ID: id, Sealed: sealed})
		return err
	})
	if err != nil {
		return fmt.Errorf("store a token sealed again: %w", err)
	}
	return nil
}

// RecordTokenUse writes down when tokens were used last, by what was granted.
func (w *Writer) RecordTokenUse(ctx context.Context) error {
	err := w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error {
		_, err := q.RecordTokenUse(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("record the use of tokens: %w", err)
	}
	return nil
}

// ReportRefusal says that ServiceDesk Plus refused a token. It is for servers. To say it again changes nothing, and whoever waits
// for another token does so every few seconds: a report made while an earlier one is being disproved goes with that.
func (s *Store) ReportRefusal(ctx context.Context, connection int64, token string) error {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	if _, err := s.queries.ReportRefusal(ctx, sqlcgen.ReportRefusalParams{ConnectionID: connection, TokenID: token}); err != nil {
		return fmt.Errorf("report that a token is refused: %w", translateError(err))
	}
	return nil
}

// TokenRefusals returns at most limit of the current tokens that servers were refused, the oldest first.
func (w *Writer) TokenRefusals(ctx context.Context, limit int) ([]store.TokenRefusal, error) {
	ctx, cancel := w.store.withTimeout(ctx)
	defer cancel()
	rows, err := w.store.queries.TokenRefusals(ctx, rowLimit(limit))
	if err != nil {
		return nil, fmt.Errorf("read the refused tokens: %w", translateError(err))
	}
	var found []store.TokenRefusal
	for _, r := range rows {
		found = append(found, store.TokenRefusal{
			Key: store.Key{Namespace: r.Namespace, Name: r.Name}, UID: r.OwnerUid,
			TokenID: r.TokenID, Replica: r.Replica, Age: secondsOf(r.Age),
		})
	}
	return found, nil
}

// DeleteRefusal ends a refusal that is disproved. One that is proven ends with the token.
func (w *Writer) DeleteRefusal(ctx context.Context, token string) error {
	err := w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error { return q.DeleteRefusal(ctx, token) })
	if err != nil {
		return fmt.Errorf("delete the refusal of a token: %w", err)
	}
	return nil
}
