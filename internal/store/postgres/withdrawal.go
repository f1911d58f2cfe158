package postgres

import (
	"context"
	"fmt"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/plan"
	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

func decideWithdrawal(ctx context.Context, q *sqlcgen.Queries, p *store.Publication, versions []int64, newest int64) (withdraw []int64, inUse []store.VersionInUse, err error) {
	if len(versions) == 0 {
		return nil, nil, nil
	}
	pins, err := pinnedBy(ctx, q, p, versions)
	if err != nil {
		return nil, nil, err
	}
	withdraw, inUse = plan.DecideWithdrawal(versions, newest, pins)
	return withdraw, inUse, nil
}

// excludePinned returns those of the versions that no live prompt includes by number.
func excludePinned(ctx context.Context, q *sqlcgen.Queries, p *store.Publication, versions []int64) ([]int64, error) {
	if len(versions) == 0 {
		return nil, nil
	}
	pins, err := pinnedBy(ctx, q, p, versions)
	if err != nil {
		return nil, err
	}
	return plan.ExcludePinned(versions, pins), nil
}

// pinnedBy returns, for each version that a live prompt includes by number, the name of such a prompt. A prompt that is
// just publishing such a pin waits for our row, and finds its version gone or kept.
func pinnedBy(ctx context.Context, q *sqlcgen.Queries, p *store.Publication, versions []int64) (map[int64]string, error) {
	rows, err := q.PinnedVersions(ctx, sqlcgen.PinnedVersionsParams{Namespace: p.Key.Namespace, Name: p.Key.Name, Versions: versions})
	if err != nil {
		return nil, fmt.Errorf("read who pins versions %v: %w", versions, err)
	}
	by := make(map[int64]string, len(rows))
	for _, r := range rows {
		by[r.Version] = r.Dependent
	}
	return by, nil
}

// promptsContaining returns the prompts that keep the text of withdrawn versions.
func promptsContaining(ctx context.Context, q *sqlcgen.Queries, p *store.Publication, withdrawn []int64) ([]string, error) {
	if len(withdrawn) == 0 {
		return nil, nil
	}
	names, err := q.PromptsContaining(ctx, sqlcgen.PromptsContainingParams{Namespace: p.Key.Namespace, Name: p.Key.Name, Versions: withdrawn})
	if err != nil {
		return nil, fmt.Errorf("read who copied versions %v: %w", withdrawn, err)
	}
	return names, nil
}
