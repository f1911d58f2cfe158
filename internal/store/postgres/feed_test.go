package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestPublish_Overlapping holds the feed as a publish does between its last statement and its commit:
// the next one waits there, and nobody sees its revision, nor the one after, before the first has ended.
func TestPublish_Overlapping(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		end  func(pgx.Tx, context.Context) error
		want int64 // revision of the one that waited
	}{
		"the first commits":            {pgx.Tx.Commit, 2},
		"the first rolls back: no gap": {pgx.Tx.Rollback, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			owner := pgtest.New(t)
			s := openStore(t, owner)
			w := claimWriter(t, s, cluster)
			first, err := pgtest.Connect(t, owner).Begin(t.Context())
			require.NoError(t, err)
			_, err = first.Exec(t.Context(), "update feed set revision = revision + 1")
			require.NoError(t, err)

			waited := publishLater(t, w, newPublication(t, handover, "u1", 1, "text"))
			awaitLock(t, owner)
			feed, err := s.Feed(t.Context())
			require.NoError(t, err)
			changes, err := s.ChangedSince(t.Context(), 0, 10)
			require.NoError(t, err)
			if feed.Revision != 0 || len(changes) != 0 {
				t.Errorf("while both run: feed %+v, changes %+v, want nothing yet", feed, changes)
			}
			require.NoError(t, tc.end(first, t.Context()))
			got := <-waited
			require.NoError(t, got.err)
			if got.Revision != tc.want {
				t.Errorf("the one that waited took revision %d, want %d", got.Revision, tc.want)
			}
			changes, err = s.ChangedSince(t.Context(), 0, 10)
			require.NoError(t, err)
			if diff := cmp.Diff([]store.ChangedKey{{Revision: tc.want, Key: handover}}, changes); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

// TestPublish_ConnectionCut ends the connection of a publish that waits at the feed, as a failover would.
func TestPublish_ConnectionCut(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	w := claimWriter(t, openStore(t, owner), cluster)
	conn := pgtest.Connect(t, owner)
	before := databaseContents(t, owner)
	first, err := conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = first.Exec(t.Context(), "select from feed for update")
	require.NoError(t, err)
	waited := publishLater(t, w, newPublication(t, handover, "u1", 1, "text"))
	awaitLock(t, owner)
	_, err = pgtest.Connect(t, owner).Exec(t.Context(), "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")
	require.NoError(t, err)
	if got := <-waited; !errors.Is(got.err, store.ErrUnavailable) {
		t.Errorf("got %v, want that the database is away", got.err)
	}
	require.NoError(t, first.Rollback(t.Context()))
	if diff := cmp.Diff(before, databaseContents(t, owner)); diff != "" {
		t.Errorf("what the cut-off publish left (-before +after):\n%s", diff)
	}
	if _, err := w.Publish(t.Context(), newPublication(t, handover, "u1", 1, "text")); err != nil {
		t.Errorf("publish after it: %v", err)
	}
}

// TestPublish_WriterOnlyNotifiesNobody: servers must not reload for what they cannot see.
func TestPublish_WriterOnlyNotifiesNobody(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	w := claimWriter(t, openStore(t, owner), cluster)
	_, err := w.Publish(t.Context(), newPublication(t, handover, "u1", 1, "text"))
	require.NoError(t, err)
	conn := pgtest.Connect(t, owner)
	_, err = conn.Exec(t.Context(), "listen lectern")
	require.NoError(t, err)
	_, err = w.Publish(t.Context(), newPublication(t, handover, "u1", 2, "text"))
	require.NoError(t, err)
	_, err = w.Publish(t.Context(), newPublication(t, handover, "u1", 3, "visible"))
	require.NoError(t, err)
	received, err := conn.WaitForNotification(t.Context())
	require.NoError(t, err)
	if received.Payload != "2" {
		t.Errorf("the first notification is of revision %s, want 2, that of the visible change", received.Payload)
	}
}

type publishResult struct {
	store.Published
	err error
}

func publishLater(t *testing.T, w *postgres.Writer, p store.Publication) <-chan publishResult {
	t.Helper()
	done := make(chan publishResult, 1)
	go func() {
		published, err := w.Publish(context.WithoutCancel(t.Context()), p)
		done <- publishResult{published, err}
	}()
	return done
}

// awaitLock returns once a session of the database waits for a lock.
func awaitLock(t *testing.T, o postgres.Options) {
	t.Helper()
	conn := pgtest.Connect(t, o)
	require.Until(t, "a session waits for a lock", func() (waiting bool) {
		require.NoError(t, conn.QueryRow(t.Context(), `select exists(
			select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')`).Scan(&waiting))
		return waiting
	})
}

func newPublication(t *testing.T, k store.Key, uid string, generation int64, text string) store.Publication {
	t.Helper()
	c, err := prompt.Compile(prompt.Spec{Title: k.Name, Messages: []prompt.Message{{Role: prompt.User, Text: text}}}, nil)
	require.NoError(t, err)
	return store.Publication{
		Key: k, Owner: store.Owner{UID: uid, Generation: generation}, Exposure: store.Listed, HistoryLimit: 100, Compiled: c,
	}
}

// databaseContents is every row of every table with the transaction that wrote it.
func databaseContents(t *testing.T, o postgres.Options) map[string][]string {
	t.Helper()
	conn := pgtest.Connect(t, o)
	found := map[string][]string{}
	for _, table := range tableNames(t, conn) {
		if table == "audit_chain" { // a view: it has no rows of its own
			continue
		}
		rows, err := conn.Query(t.Context(), fmt.Sprintf("select t.xmin::text || ' ' || t::text from %s t order by t.ctid", pgx.Identifier{table}.Sanitize()))
		require.NoError(t, err)
		found[table], err = pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
	}
	return found
}

// TestPublish_Deadlock makes the publish the victim: it waits first, so its check finds the cycle. It must run
// again by itself.
func TestPublish_Deadlock(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	w := claimWriter(t, openStore(t, owner), cluster)
	_, err := w.Publish(t.Context(), newPublication(t, handover, "u1", 1, "one"))
	require.NoError(t, err)
	other, err := pgtest.Connect(t, pgtest.AsSuperuser(t, owner)).Begin(t.Context())
	require.NoError(t, err)
	_, err = other.Exec(t.Context(), "set local deadlock_timeout = '1min'") // a superuser's right
	require.NoError(t, err)
	_, err = other.Exec(t.Context(), "select from feed for update")
	require.NoError(t, err)
	waited := publishLater(t, w, newPublication(t, handover, "u1", 2, "two"))
	awaitLock(t, owner)
	_, err = other.Exec(t.Context(), "select from prompts for update")
	require.NoError(t, err)
	require.NoError(t, other.Commit(t.Context()))
	got := <-waited
	require.NoError(t, got.err)
	if got.Version != 2 {
		t.Errorf("version %d, want 2", got.Version)
	}
}
