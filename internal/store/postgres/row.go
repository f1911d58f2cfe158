package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/plan"
	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

// row is a prompt as a publish finds it, locked.
type row struct {
	plan.Row
	ID int64
}

// lockRow locks the publication's row and the rows of the fragments that went into it, and reads the
// former; it inserts one where there is none. A row inserted meanwhile by another transaction is
// locked on the second round. Inserting last keeps the order of ids: the new one is the highest.
func lockRow(ctx context.Context, q *sqlcgen.Queries, p *store.Publication) (row, error) {
	fragments := make([]string, len(p.Compiled.Includes))
	for i, include := range p.Compiled.Includes {
		fragments[i] = include.Name
	}
	for {
		locked, err := q.LockPromptAndFragments(ctx, sqlcgen.LockPromptAndFragmentsParams{Namespace: p.Key.Namespace, Name: p.Key.Name, Fragments: fragments})
		if err != nil {
			return row{}, fmt.Errorf("lock the rows: %w", err)
		}
		if locked.Locked {
			found, err := q.ReadPrompt(ctx, sqlcgen.ReadPromptParams{Namespace: p.Key.Namespace, Name: p.Key.Name})
			if err != nil {
				return row{}, fmt.Errorf("read the row: %w", err)
			}
			return toRow(found)
		}
		id, err := q.InsertPrompt(ctx, sqlcgen.InsertPromptParams{
			Namespace: p.Key.Namespace, Name: p.Key.Name, OwnerUid: p.Owner.UID, Generation: p.Owner.Generation,
		})
		if err == nil {
			return row{ID: id, Row: plan.Row{State: plan.State{Fence: store.Fence{Owner: p.Owner}}}}, nil
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return row{}, fmt.Errorf("insert the row: %w", err)
		}
	}
}

func toRow(r sqlcgen.ReadPromptRow) (row, error) {
	found := row{ID: r.ID, Row: plan.Row{
		State: plan.State{
			Fence:   store.Fence{Owner: store.Owner{UID: r.OwnerUid, Generation: r.Generation}, Revision: r.Revision},
			Deleted: r.Deleted,
		},
		Exposure: store.Exposure(r.Exposure), Retain: r.DeletionPolicy == policyRetain, HistoryLimit: r.HistoryLimit,
		Highest: r.HighestVersion, Digest: prompt.Digest(r.Digest), Default: r.DefaultVersion,
		Channels: make(map[string]int64, len(r.ChannelNames)),
		Served:   r.Served, Withdrawn: r.Withdrawn, Bytes: make(map[int64]int64, len(r.Served)),
	}}
	if r.DefaultVersion != plan.Unresolved {
		found.ServedSince = r.ServedSince
	}
	for i, version := range r.Served {
		found.Bytes[version] = r.ServedBytes[i]
	}
	for i, name := range r.ChannelNames {
		found.Channels[name] = r.ChannelVersions[i]
	}
	if err := json.Unmarshal(r.Labels, &found.Labels); err != nil {
		return row{}, fmt.Errorf("read the labels: %w", err)
	}
	if err := json.Unmarshal(r.Includes, &found.NewestIncludes); err != nil {
		return row{}, fmt.Errorf("read the includes: %w", err)
	}
	return found, nil
}
