package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

// maxAPICalls is how many calls of ServiceDesk Plus are listed of one call.
const maxAPICalls = 200

// FindToolUsage returns the audited calls a query asks for, the newest first. The error is a *store.TooBroadError where that takes too
// long, and store.ErrBusy where too many search.
func (s *Store) FindToolUsage(ctx context.Context, q store.UsageQuery) ([]store.UsageRow, error) {
	params := usageParams(&q)
	found := []store.UsageRow{}
	err := s.search(ctx, func(ctx context.Context) error {
		rows, err := s.replanned.FindToolUsage(ctx, params)
		for i := range rows {
			found = append(found, toUsageRow(&rows[i]))
		}
		return translateError(err)
	})
	return found, err
}

func usageParams(q *store.UsageQuery) sqlcgen.FindToolUsageParams {
	params := sqlcgen.FindToolUsageParams{
		Since: q.Since, Until: q.Until, Actor: q.Actor, Tool: q.Tool, Target: q.Target, Outcome: q.Outcome, CallID: parseCallID(q.CallID),
		AllConnections: q.Visible.Connections.All, ConnectionNamespaces: q.Visible.Connections.Namespaces,
		Connections: joinKeys(q.Visible.Connections.Keys), Subject: q.Visible.Subject, Proof: q.Visible.Proof, AllOwnConnections: q.Visible.OwnConnections.All,
		OwnConnectionNamespaces: q.Visible.OwnConnections.Namespaces, OwnConnections: joinKeys(q.Visible.OwnConnections.Keys),
		AllPrompts: q.Visible.Prompts.All, PromptNamespaces: q.Visible.Prompts.Namespaces,
		MaxRows: int32(q.Limit), //nolint:gosec // a page
	}
	if before := q.Before; before != nil {
		params.IsAfter, params.BeforeLoggedAt, params.BeforeCallID = true, before.LoggedAt, parseCallID(before.CallID)
	}
	return params
}

// parseCallID returns the id of a call; null for what is none.
func parseCallID(text string) pgtype.UUID {
	id, err := uuid.Parse(text)
	return pgtype.UUID{Bytes: id, Valid: err == nil}
}

func joinKeys(keys []store.Key) []string {
	joined := make([]string, len(keys))
	for i, key := range keys {
		joined[i] = key.String()
	}
	return joined
}

func toUsageRow(r *sqlcgen.FindToolUsageRow) store.UsageRow {
	return store.UsageRow{
		UsagePlace: store.UsagePlace{LoggedAt: r.LoggedAt, CallID: uuid.UUID(r.CallID.Bytes).String()},
		Took:       time.Duration(r.TookUs) * time.Microsecond, Actor: r.Subject, Client: r.ClientName, ClientVersion: r.ClientVersion,
		Method: r.Method, Tool: r.Tool, Target: r.Target, Outcome: r.Outcome, ErrorKind: r.ErrorKind,
		Connection: store.Key{Namespace: r.ConnectionNamespace, Name: r.ConnectionName}, PromptVersion: r.PromptVersion,
	}
}

// ListAPICalls returns the calls of ServiceDesk Plus that were made for one, in their order. Who asks may see that one, which was logged
// within a day of the time.
func (s *Store) ListAPICalls(ctx context.Context, callID string, around time.Time) ([]store.APICallRow, error) {
	const day = 24 * time.Hour
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	rows, err := s.replanned.ListAPICalls(ctx, sqlcgen.ListAPICallsParams{
		CallID: parseCallID(callID), Since: around.Add(-day), Until: around.Add(day), MaxRows: maxAPICalls,
	})
	calls := make([]store.APICallRow, len(rows))
	for i, r := range rows {
		calls[i] = store.APICallRow{
			LoggedAt: r.LoggedAt, Took: time.Duration(r.TookUs) * time.Microsecond, Operation: r.Operation, Target: r.Target,
			Attempt: int(r.Attempt), Status: int(r.Status), Outcome: r.Outcome, ErrorKind: r.ErrorKind,
		}
	}
	return calls, translateError(err)
}

// CountPromptUses returns which versions of prompts were used most, and by whom. Its errors are those of FindToolUsage.
func (s *Store) CountPromptUses(ctx context.Context, q store.PromptUseQuery) ([]store.PromptUse, error) {
	var uses []store.PromptUse
	err := s.search(ctx, func(ctx context.Context) error {
		rows, err := s.replanned.CountPromptUses(ctx, sqlcgen.CountPromptUsesParams{
			Since: q.Since, Everywhere: q.Scope.All, Namespaces: q.Scope.Namespaces,
			MaxVersions: int32(q.Versions), MaxCallers: int32(q.Callers), //nolint:gosec // a few
		})
		for i := range rows {
			uses = addPromptUse(uses, &rows[i])
		}
		return translateError(err)
	})
	return uses, err
}

// addPromptUse adds a caller to the last version, or the version that comes after it.
func addPromptUse(uses []store.PromptUse, r *sqlcgen.CountPromptUsesRow) []store.PromptUse {
	key, digest := store.Key{Namespace: r.PromptNamespace, Name: r.PromptName}, prompt.Digest(r.PromptDigest)
	last := len(uses) - 1
	if last < 0 || uses[last].Key != key || uses[last].Version != r.PromptVersion || uses[last].Digest != digest {
		uses = append(uses, store.PromptUse{
			Key: key, Version: r.PromptVersion, Digest: digest, Uses: r.Uses, AllCallers: r.Callers, LastUsed: r.LastUsed,
		})
		last++
	}
	uses[last].Callers = append(uses[last].Callers, store.CallerUse{Subject: r.Subject, Uses: r.CallerUses})
	return uses
}
