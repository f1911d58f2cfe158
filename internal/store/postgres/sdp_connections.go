package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/plan"
	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

// connectionRow is a connection as a publish finds it, locked.
type connectionRow struct {
	plan.State
	id       int64
	settings string
}

// StoreConnection makes what an object says known to the servers, in one transaction; when nothing changed it writes no row and
// takes no revision. Where the row was another object's, that one's tokens and lists are erased; where it was to
// another ServiceDesk Plus, its lists. Another rate is set afterwards.
//
// It returns a *store.FencedError when the row is not the object's to write, a *store.UnstorableValueError for a value
// Postgres cannot hold, a *store.ForeignClusterError, or store.ErrUnavailable, after which it may have happened or not; storing
// it again finds out.
func (w *Writer) StoreConnection(ctx context.Context, p store.ConnectionPublication) (store.StoredConnection, error) {
	var stored store.StoredConnection
	err := w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) (err error) {
		stored, err = w.storeConnectionLocked(ctx, q, &p)
		return err
	})
	if err == nil && stored.RatePending {
		stored.RatePending, err = w.setConnectionRate(ctx, stored.ID, &p)
	}
	if err != nil {
		return store.StoredConnection{}, fmt.Errorf("store connection %s: %w", p.Key, err)
	}
	return stored, nil
}

func (w *Writer) storeConnectionLocked(
	ctx context.Context, q *sqlcgen.Queries, p *store.ConnectionPublication,
) (store.StoredConnection, error) {
	settings, err := marshalJSON(p.Settings)
	if err != nil {
		return store.StoredConnection{}, fmt.Errorf("write the settings as JSON: %w", err)
	}
	if err := checkEncodableText(*w.store.encoding.Load(), "connection", settings); err != nil {
		return store.StoredConnection{}, err
	}
	row, err := lockConnection(ctx, q, p.Key, p.Owner)
	if err != nil {
		return store.StoredConnection{}, err
	}
	if plan.IsFenced(row.State, p.Owner, p.Takeover) {
		return store.StoredConnection{}, &store.FencedError{Key: p.Key, Row: row.Fence, Deleted: row.Deleted}
	}
	isTaken := row.UID != p.Owner.UID
	if isTaken { // what was got with the other object's credentials, and is sealed for it, is not this one's
		if err := eraseConnection(ctx, q, row.id); err != nil {
			return store.StoredConnection{}, err
		}
	} else if !isSameAddress(row.settings, &p.Settings) { // its lists have ids of another one
		if err := eraseConnectionLookups(ctx, q, row.id); err != nil {
			return store.StoredConnection{}, err
		}
	}
	isRate, err := insertConnectionRate(ctx, q, row.id, &p.Settings)
	if err != nil {
		return store.StoredConnection{}, err
	}
	visible := row.Revision == 0 || row.Deleted || isTaken || !isSameSettings(row.settings, settings)
	if !visible && row.Owner == p.Owner {
		return store.StoredConnection{ID: row.id, Revision: row.Revision, RatePending: !isRate}, nil
	}
	written, err := q.WriteConnection(ctx, sqlcgen.WriteConnectionParams{
		ID: row.id, Visible: visible, OwnerUid: p.Owner.UID, Generation: p.Owner.Generation,
		Settings: settings, RetentionDays: int32(p.Settings.RetentionDays), //nolint:gosec // the table has it between 1 and 3650
	})
	if err != nil {
		return store.StoredConnection{}, fmt.Errorf("write the row: %w", err)
	}
	return store.StoredConnection{ID: row.id, Revision: written.Revision, Changed: visible, RatePending: !isRate}, nil
}

// lockConnection locks the row of a connection, and inserts one where there is none.
func lockConnection(ctx context.Context, q *sqlcgen.Queries, key store.Key, owner store.Owner) (connectionRow, error) {
	for {
		found, err := q.LockConnection(ctx, sqlcgen.LockConnectionParams{Namespace: key.Namespace, Name: key.Name})
		if err == nil {
			return connectionRow{id: found.ID, settings: found.Settings, State: plan.State{
				Fence:   store.Fence{Owner: store.Owner{UID: found.OwnerUid, Generation: found.Generation}, Revision: found.Revision},
				Deleted: found.Deleted,
			}}, nil
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return connectionRow{}, fmt.Errorf("lock the row: %w", err)
		}
		id, err := q.InsertConnection(ctx, sqlcgen.InsertConnectionParams{
			Namespace: key.Namespace, Name: key.Name, OwnerUid: owner.UID, Generation: owner.Generation,
		})
		if err == nil {
			return connectionRow{id: id, State: plan.State{Fence: store.Fence{Owner: owner}}}, nil
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return connectionRow{}, fmt.Errorf("insert the row: %w", err)
		}
	}
}

// lockConnectionOfOwner locks the row of a connection that is still an object's and returns its id, or store.ErrConnectionGone.
func lockConnectionOfOwner(ctx context.Context, q *sqlcgen.Queries, key store.Key, uid string) (id int64, err error) {
	id, err = q.LockConnectionOfOwner(ctx, sqlcgen.LockConnectionOfOwnerParams{Namespace: key.Namespace, Name: key.Name, OwnerUid: uid})
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, store.ErrConnectionGone
	}
	if err != nil {
		return 0, fmt.Errorf("lock the connection: %w", err)
	}
	return id, nil
}

// rateLockWait is how long a rate waits for the lock that servers take for each call, and for as long as they like.
const rateLockWait = 500 * time.Millisecond

// insertConnectionRate gives a connection a rate that has none, and reports whether it has the one of its settings.
func insertConnectionRate(ctx context.Context, q *sqlcgen.Queries, id int64, settings *store.ConnectionSettings) (isSet bool, err error) {
	perMinute, burst := int32(settings.RequestsPerMinute), int32(settings.Burst) //nolint:gosec // the table refuses what is no rate
	err = q.InsertConnectionRate(ctx, sqlcgen.InsertConnectionRateParams{ConnectionID: id, RequestsPerMinute: perMinute, Burst: burst})
	if err != nil {
		return false, fmt.Errorf("insert the rate: %w", err)
	}
	isSet, err = q.HasConnectionRate(ctx, sqlcgen.HasConnectionRateParams{ConnectionID: id, RequestsPerMinute: perMinute, Burst: burst})
	if err != nil {
		return false, fmt.Errorf("read the rate: %w", err)
	}
	return isSet, nil
}

// setConnectionRate changes the rate, in a transaction of its own: what else a manifest says waits for no
// server. It reports whether the rate is still that of before, since a server keeps its lock.
func (w *Writer) setConnectionRate(ctx context.Context, id int64, p *store.ConnectionPublication) (pending bool, err error) {
	err = w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error {
		if err := q.LimitLockWait(ctx, rateLockWait.Milliseconds()); err != nil {
			return err
		}
		if err := q.LockConnectionRate(ctx, id); err != nil {
			return err
		}
		return q.SetConnectionRate(ctx, sqlcgen.SetConnectionRateParams{
			ConnectionID: id, RequestsPerMinute: int32(p.Settings.RequestsPerMinute), Burst: int32(p.Settings.Burst), //nolint:gosec // the table refuses what is no rate
			OwnerUid: p.Owner.UID, Generation: p.Owner.Generation,
		})
	})
	if hasState(err, stateLockNotAvailable) {
		return true, nil
	}
	return false, err
}

// isSameSettings compares by value: Postgres keeps JSON in an order of its own.
func isSameSettings(stored string, asked []byte) bool {
	var a, b any
	return json.Unmarshal([]byte(stored), &a) == nil && json.Unmarshal(asked, &b) == nil && reflect.DeepEqual(a, b)
}

// isSameAddress reports whether lists that were read as the stored settings say are what the asked ones name.
func isSameAddress(stored string, asked *store.ConnectionSettings) bool {
	var before store.ConnectionSettings
	return json.Unmarshal([]byte(stored), &before) == nil && before.Address() == asked.Address()
}

// RemoveConnection leaves a tombstone where the row is still of that uid, and also where there is none: a reconcile that is
// still under way would otherwise store what is deleted. Seals and lists go with it, and its rate with the next round of upkeep, so
// that no server is waited for; what was asked of accounts servers stays. Another owner's row, or a tombstone already, is success too, and writes nothing.
func (w *Writer) RemoveConnection(ctx context.Context, key store.Key, uid string) error {
	err := w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error {
		row, err := lockConnection(ctx, q, key, store.Owner{UID: uid})
		if err != nil || row.Deleted || row.UID != uid {
			return err
		}
		return writeConnectionTombstone(ctx, q, row.id)
	})
	if err != nil {
		return fmt.Errorf("remove connection %s: %w", key, err)
	}
	return nil
}

// RemoveConnectionIfUnchanged leaves a tombstone while the row still has the fence, and reports whether it did.
func (w *Writer) RemoveConnectionIfUnchanged(ctx context.Context, key store.Key, fence store.Fence) (removed bool, err error) {
	err = w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error {
		removed = false
		found, err := q.LockConnection(ctx, sqlcgen.LockConnectionParams{Namespace: key.Namespace, Name: key.Name})
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("lock the row: %w", err)
		}
		row := store.Fence{Owner: store.Owner{UID: found.OwnerUid, Generation: found.Generation}, Revision: found.Revision}
		if found.Deleted || row != fence {
			return nil
		}
		removed = true
		return writeConnectionTombstone(ctx, q, found.ID)
	})
	if err != nil {
		return false, fmt.Errorf("sweep connection %s: %w", key, err)
	}
	return removed, nil
}

func writeConnectionTombstone(ctx context.Context, q *sqlcgen.Queries, id int64) error {
	if err := eraseConnection(ctx, q, id); err != nil {
		return err
	}
	if _, err := q.WriteConnectionTombstone(ctx, id); err != nil {
		return fmt.Errorf("write the tombstone: %w", err)
	}
	return nil
}

// eraseConnection erases what was got with the credentials of an object: seals of tokens, and lists.
func eraseConnection(ctx context.Context, q *sqlcgen.Queries, id int64) error {
	if err := q.ReplaceTokens(ctx, id); err != nil {
		return fmt.Errorf("erase its tokens: %w", err)
	}
	return eraseConnectionLookups(ctx, q, id)
}

func eraseConnectionLookups(ctx context.Context, q *sqlcgen.Queries, id int64) error {
	if err := q.EraseConnectionLookups(ctx, id); err != nil {
		return fmt.Errorf("erase its lists: %w", err)
	}
	return nil
}

// ListConnectionRows returns the live rows after a key, in order of key.
func (w *Writer) ListConnectionRows(
	ctx context.Context, after store.Key, limit int, quiescent time.Duration,
) ([]store.ComparedConnection, error) {
	ctx, cancel := w.store.withTimeout(ctx)
	defer cancel()
	rows, err := w.store.queries.ListConnectionRows(ctx, sqlcgen.ListConnectionRowsParams{
		Namespace: after.Namespace, Name: after.Name, MaxRows: rowLimit(limit), QuiescentSeconds: quiescent.Seconds(),
	})
	if err != nil {
		return nil, fmt.Errorf("list the connections' rows: %w", translateError(err))
	}
	var found []store.ComparedConnection
	for _, r := range rows {
		found = append(found, store.ComparedConnection{
			Key:       store.Key{Namespace: r.Namespace, Name: r.Name},
			Fence:     store.Fence{Owner: store.Owner{UID: r.OwnerUid, Generation: r.Generation}, Revision: r.Revision},
			Quiescent: r.Quiescent,
		})
	}
	return found, nil
}

// ConnectionsSince returns the connections changed after a revision with their tokens, in order of revision, tombstones included:
// after revision 0 all there are.
func (s *Store) ConnectionsSince(ctx context.Context, after int64, limit int) ([]store.Connection, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	rows, err := s.queries.ConnectionsSince(ctx, sqlcgen.ConnectionsSinceParams{After: after, MaxRows: rowLimit(limit)})
	if err != nil {
		return nil, fmt.Errorf("read the connections: %w", translateError(err))
	}
	var found []store.Connection
	for _, r := range rows {
		c := store.Connection{
			ID: r.ID, Key: store.Key{Namespace: r.Namespace, Name: r.Name}, UID: r.OwnerUid, Revision: r.Revision, Deleted: r.Deleted,
		}
		if err := json.Unmarshal(r.Settings, &c.Settings); err != nil {
			return nil, fmt.Errorf("read the settings of connection %s: %w", c.Key, err)
		}
		if r.TokenID != "" {
			c.Token = &store.SealedToken{
				ID: r.TokenID, Kind: store.TokenKind(r.TokenKind), Sealed: r.Sealed, Scopes: r.Scopes,
				IssuedAt: timeOf(r.IssuedAt), ExpiresAt: timeOf(r.ExpiresAt),
			}
		}
		found = append(found, c)
	}
	return found, nil
}
