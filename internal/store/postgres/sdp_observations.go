package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

// StoreObservations says what entries a server met. It is for servers, whose hints they are: the controller folds them in.
func (s *Store) StoreObservations(ctx context.Context, connection int64, observations []store.Observation) error {
	if len(observations) == 0 {
		return nil
	}
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	params := sqlcgen.InsertObservationsParams{ConnectionID: connection}
	for _, o := range observations {
		detail, err := detailText(o.Detail)
		if err != nil {
			return fmt.Errorf("write what was observed of %s %s: %w", o.Type, o.ID, err)
		}
		params.Details = append(params.Details, detail)
		params.Types, params.ParentIds = append(params.Types, o.Type), append(params.ParentIds, o.ParentID)
		params.ExternalIds, params.Names = append(params.ExternalIds, o.ID), append(params.Names, o.Name)
	}
	if err := s.queries.InsertObservations(ctx, params); err != nil {
		return fmt.Errorf("store what was observed: %w", translateError(err))
	}
	return nil
}

// detailText writes the detail of an observation; nothing where there is none.
func detailText(detail map[string]string) (string, error) {
	if detail == nil {
		return "", nil
	}
	text, err := json.Marshal(detail)
	return string(text), err
}

// FoldObservations makes entries of at most limit observations, where there is none of that id, and returns how many there were.
// New entries take a revision, as those of a list that was read.
func (w *Writer) FoldObservations(ctx context.Context, limit int) (taken int, err error) {
	err = w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error {
		taken = 0
		connections, err := q.LockObservedConnections(ctx, rowLimit(limit))
		if err != nil {
			return fmt.Errorf("lock the connections: %w", err)
		}
		folded, err := q.FoldObservations(ctx, sqlcgen.FoldObservationsParams{Connections: nonNil(connections), MaxRows: rowLimit(limit)})
		if err != nil {
			return err
		}
		for _, f := range folded {
			taken += int(f.Taken)
			if err := touchLookups(ctx, q, f.ConnectionID, f.FoldedTypes); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("fold observations: %w", err)
	}
	return taken, nil
}

// touchLookups takes a revision for lists of a connection, if there are any.
func touchLookups(ctx context.Context, q *sqlcgen.Queries, connection int64, types []string) error {
	if len(types) == 0 {
		return nil
	}
	touched, err := q.TouchConnection(ctx, connection)
	if err != nil {
		return fmt.Errorf("take a revision: %w", err)
	}
	if err := q.TouchLookups(ctx, sqlcgen.TouchLookupsParams{Revision: touched.Revision, ConnectionID: connection, Types: types}); err != nil {
		return fmt.Errorf("write it to the lists: %w", err)
	}
	return nil
}
