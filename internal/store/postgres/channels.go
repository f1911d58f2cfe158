package postgres

import (
	"context"

	"github.com/lectern-dev/lectern/internal/store/plan"
	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

func moveChannels(ctx context.Context, q *sqlcgen.Queries, id, generation int64, moves []plan.ChannelMove) error {
	if len(moves) == 0 {
		return nil
	}
	params := sqlcgen.MoveChannelsParams{PromptID: id, Generation: generation}
	for _, m := range moves {
		params.Names = append(params.Names, m.Name)
		params.FromVersions = append(params.FromVersions, m.From)
		params.ToVersions = append(params.ToVersions, m.To)
		params.Removed = append(params.Removed, m.Removed)
	}
	return q.MoveChannels(ctx, params)
}
