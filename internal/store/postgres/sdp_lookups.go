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

// ReplaceLookup stores a list as it was read, and reports whether an entry changed, which takes a revision. Of two entries of
// one id and parent the last counts. It returns store.ErrConnectionGone where the connection is gone, or another's.
func (w *Writer) ReplaceLookup(ctx context.Context, key store.Key, uid string, lookup store.Lookup) (changed bool, err error) {
	merge, err := mappingsOf(lookup)
	if err != nil {
		return false, fmt.Errorf("replace the list %s of connection %s: %w", lookup.Type, key, err)
	}
	err = w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error {
		connection, err := lockConnectionOfOwner(ctx, q, key, uid)
		if err != nil {
			return err
		}
		merge.ConnectionID = connection
		changed, err = replaceLookupLocked(ctx, q, merge, lookup)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("replace the list %s of connection %s: %w", lookup.Type, key, err)
	}
	return changed, nil
}

func replaceLookupLocked(
	ctx context.Context, q *sqlcgen.Queries, merge sqlcgen.MergeMappingsParams, lookup store.Lookup,
) (changed bool, err error) {
	connection := merge.ConnectionID
	_, err = q.LockLookup(ctx, sqlcgen.LockLookupParams{ConnectionID: connection, Type: lookup.Type})
	isNew := errors.Is(err, pgx.ErrNoRows)
	if err != nil && !isNew {
		return false, fmt.Errorf("read the list: %w", err)
	}
	merged, err := q.MergeMappings(ctx, merge)
	if err != nil {
		return false, fmt.Errorf("merge the entries: %w", err)
	}
	written := sqlcgen.WriteLookupParams{
		ConnectionID: connection, Type: lookup.Type, Entries: int32(len(merge.ExternalIds)), //nolint:gosec // they are in memory
		RefreshedAt: secondsSince1970(lookup.RefreshedAt), ValidUntil: secondsSince1970(lookup.ValidUntil),
	}
	if changed = isNew || merged > 0; changed {
		touched, err := q.TouchConnection(ctx, connection)
		if err != nil {
			return false, fmt.Errorf("take a revision: %w", err)
		}
		written.Revision = touched.Revision
	}
	if err := q.WriteLookup(ctx, written); err != nil {
		return false, fmt.Errorf("write the list: %w", err)
	}
	return changed, nil
}

// mappingsOf returns the entries of a list as columns, each of them once.
func mappingsOf(lookup store.Lookup) (sqlcgen.MergeMappingsParams, error) {
	merge := sqlcgen.MergeMappingsParams{
		Type: lookup.Type, ParentIds: []string{}, ExternalIds: []string{}, Names: []string{}, Flags: []string{}, Positions: []int32{},
	}
	places := map[[2]string]int{}
	for i, e := range lookup.Entries {
		flags := "{}"
		if len(e.Flags) > 0 {
			if !json.Valid(e.Flags) {
				return merge, fmt.Errorf("the flags of entry %q are no JSON", e.ID)
			}
			flags = string(e.Flags)
		}
		id := [2]string{e.ParentID, e.ID}
		place, again := places[id]
		if !again {
			place = len(merge.ExternalIds)
			places[id] = place
			merge.ParentIds, merge.ExternalIds = append(merge.ParentIds, e.ParentID), append(merge.ExternalIds, e.ID)
			merge.Names, merge.Flags = append(merge.Names, ""), append(merge.Flags, "")
			merge.Positions = append(merge.Positions, int32(i))
		}
		merge.Names[place], merge.Flags[place] = e.Name, flags
	}
	return merge, nil
}

// ListLookups returns how the lists of a connection stand, in order of type.
func (s *Store) ListLookups(ctx context.Context, connection int64) ([]store.LookupState, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	rows, err := s.queries.ListLookups(ctx, connection)
	if err != nil {
		return nil, fmt.Errorf("read the lists: %w", translateError(err))
	}
	var found []store.LookupState
	for _, r := range rows {
		found = append(found, store.LookupState{
			Type: r.Type, Entries: int(r.Entries), Revision: r.Revision, RefreshedAt: timeOf(r.RefreshedAt), ValidUntil: timeOf(r.ValidUntil),
		})
	}
	return found, nil
}

// LookupEntries returns the entries of a list in its order, within those of one parent; with what servers met and it did not have.
func (s *Store) LookupEntries(ctx context.Context, connection int64, kind string) ([]store.LookupEntry, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	rows, err := s.queries.ListMappings(ctx, sqlcgen.ListMappingsParams{ConnectionID: connection, Type: kind})
	if err != nil {
		return nil, fmt.Errorf("read the list %s: %w", kind, translateError(err))
	}
	var found []store.LookupEntry
	for _, r := range rows {
		entry := store.LookupEntry{ParentID: r.ParentID, ID: r.ExternalID, Name: r.Name, Observed: r.Observed}
		if string(r.Flags) != "{}" {
			entry.Flags = r.Flags
		}
		found = append(found, entry)
	}
	return found, nil
}
