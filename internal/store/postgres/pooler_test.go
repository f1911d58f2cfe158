package postgres_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/store/storetest"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/logbuffer"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// pooled is a database behind pgbouncer.
type pooled struct {
	owner, server postgres.Options
	logged        *logbuffer.Buffer
}

// sessionsOfPooler are fewer than the connections of a pool, so that each transaction gets another's session.
const sessionsOfPooler = 4

func newPooled(t *testing.T, mode string, direct postgres.Options) *pooled {
	t.Helper()
	p := &pooled{owner: direct, server: pgtest.AsServerRole(t, direct)}
	pooler, err := testenv.StartPgbouncer(t.Context(), mode, sessionsOfPooler, p.owner.URL, p.server.URL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, pooler.Stop()) })
	p.owner.URL, p.server.URL = pooler.Route(p.owner.URL), pooler.Route(p.server.URL)
	p.server.Log, p.logged = newLog()
	p.server.PoolSize = 12
	if mode == testenv.PoolSessions { // which gives no more clients a session than there are
		p.server.PoolSize = sessionsOfPooler - 2
		p.owner.PoolSize = sessionsOfPooler - 2
	}
	return p
}

// TestPooler_Reads makes 1,200 reads of every kind at once; a session that is not the one where a statement was prepared
// would refuse it.
func TestPooler_Reads(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		mode, prepared string
		linesOfPooler  int
	}{
		"transaction mode":           {testenv.PoolTransactions, postgres.PrepareAuto, 1},
		"session mode":               {testenv.PoolSessions, postgres.PrepareAuto, 1},
		"session mode, prepared":     {testenv.PoolSessions, postgres.PrepareAlways, 0},
		"never":                      {testenv.PoolTransactions, postgres.PrepareNever, 0},
		"transaction mode, prepared": {testenv.PoolTransactions, postgres.PrepareAlways, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPooled(t, tc.mode, pgtest.New(t))
			writer := claimWriter(t, openStore(t, p.owner), cluster)
			for i := range 20 {
				key := store.Key{Namespace: "support", Name: fmt.Sprintf("p%d", i)}
				_, err := writer.Publish(t.Context(), newPublication(t, key, "u1", 1, fmt.Sprintf("text of %d", i)))
				require.NoError(t, err)
			}
			p.server.PreparedStatements = tc.prepared
			reader := openStore(t, p.server)
			began := time.Now()
			failed := readConcurrently(t, reader, 1200)
			t.Logf("1,200 reads took %s", time.Since(began))
			if failed != 0 {
				t.Errorf("%d of 1,200 reads failed", failed)
			}
			if n := p.logged.Count("is behind a pooler"); n != tc.linesOfPooler {
				t.Errorf("%d lines say that there is a pooler, want %d", n, tc.linesOfPooler)
			}
		})
	}
}

func readConcurrently(t *testing.T, s *postgres.Store, n int) (failed int64) {
	t.Helper()
	scope := store.Scope{All: true}
	reads := []func(key store.Key) error{
		func(key store.Key) error { _, err := s.Get(t.Context(), key, prompt.Selector{}); return err },
		func(key store.Key) error { _, err := s.GetView(t.Context(), key, prompt.Selector{}); return err },
		func(store.Key) error {
			_, err := s.List(t.Context(), store.ListQuery{Scope: scope, Limit: 7})
			return err
		},
		func(store.Key) error { _, err := s.Feed(t.Context()); return err },
		func(store.Key) error {
			_, err := s.Find(t.Context(), store.FindQuery{Filter: store.Filter{Scope: scope}, Text: "text", Limit: 3})
			return err
		},
		func(key store.Key) error { _, err := s.ListVersions(t.Context(), key, 0, 10); return err },
	}
	var failures, next atomic.Int64
	var readers sync.WaitGroup
	for range 24 {
		readers.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				key := store.Key{Namespace: "support", Name: fmt.Sprintf("p%d", i%20)}
				if err := reads[i%int64(len(reads))](key); err != nil {
					if failures.Add(1) == 1 {
						t.Error(err)
					}
				}
			}
		})
	}
	readers.Wait()
	return failures.Load()
}

// TestPooler_Direct: without a pooler statements stay prepared, and nothing is logged.
func TestPooler_Direct(t *testing.T) {
	t.Parallel()
	options := pgtest.New(t)
	var logged *logbuffer.Buffer
	options.Log, logged = newLog()
	options.PoolSize = 1
	s := openStore(t, options)
	require.NoError(t, s.VerifySchema(t.Context()))
	for range 2 {
		if _, err := s.Get(t.Context(), handover, prompt.Selector{}); !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
	}
	var prepared int
	require.NoError(t, s.OnConnection(t.Context(), func(conn *pgx.Conn) error {
		return conn.QueryRow(t.Context(), "select count(*) from pg_prepared_statements", pgx.QueryExecModeExec).Scan(&prepared)
	}))
	if prepared != 1 || logged.Count("pooler") != 0 {
		t.Errorf("%d statements are prepared, want 1; logged: %s", prepared, logged.String())
	}
}

// TestStatements_LostStatement: what another client of a pooler did to a session costs one connection and fails nothing.
func TestStatements_LostStatement(t *testing.T) {
	t.Parallel()
	options := pgtest.New(t)
	options.PoolSize = 1
	s := openStore(t, options)
	w := claimWriter(t, s, cluster)
	_, err := w.Publish(t.Context(), newPublication(t, handover, "u1", 1, "text"))
	require.NoError(t, err)
	forget := func() {
		require.NoError(t, s.OnConnection(t.Context(), func(conn *pgx.Conn) error {
			_, err := conn.Exec(t.Context(), "deallocate all")
			return err
		}))
	}
	for name, call := range map[string]func() error{
		"a row": func() error { _, err := s.Get(t.Context(), handover, prompt.Selector{}); return err },
		"rows": func() error {
			_, err := s.List(t.Context(), store.ListQuery{Scope: store.Scope{All: true}, Limit: 3})
			return err
		},
		"a transaction": func() error { _, err := w.PurgeTombstones(t.Context(), time.Hour, 1); return err },
	} {
		require.NoError(t, call())
		forget()
		if err := call(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPooler_Contract writes and reads through a pooler that mixes the sessions of both roles.
func TestPooler_Contract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Subject {
		p := newPooled(t, testenv.PoolTransactions, pgtest.New(t))
		return storetest.Subject{Writer: claimWriter(t, openStore(t, p.owner), cluster), Reader: openStore(t, p.server)}
	})
}

// TestPooler_Migrate locks by a transaction, which a pooler keeps on one session.
func TestPooler_Migrate(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{testenv.PoolTransactions, testenv.PoolSessions} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			p := newPooled(t, mode, pgtest.NewBlank(t))
			results := migrateConcurrently(t, p.owner, 2)
			if len(results) != 2 {
				t.Errorf("results of 2 runners: %v; want one that migrates and one that finds nothing to do", results)
			}
			require.NoError(t, openStore(t, p.server).VerifySchema(t.Context()))
		})
	}
}

// TestPooler_Listen hears through a pooler in session mode, and polls where LISTEN does not reach its connection; both see a
// publish.
func TestPooler_Listen(t *testing.T) {
	t.Parallel()
	for mode, hears := range map[string]bool{testenv.PoolTransactions: false, testenv.PoolSessions: true} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			p := newPooled(t, mode, pgtest.New(t))
			reader := openStore(t, p.server)
			if !hears {
				reader.SetProbeTimeout(unheardAfter)
			}
			woken := startListening(t, listenToFeed(reader))
			require.Until(t, "it is found out whether notifications are heard", func() bool {
				return reader.HearsNotifications() || p.logged.Count("not heard") == 1
			})
			if got := reader.HearsNotifications(); got != hears {
				t.Errorf("notifications are heard: %v, want %v", got, hears)
			}
			woken.drain()
			w := claimWriter(t, openStore(t, p.owner), cluster)
			_, err := w.Publish(t.Context(), newPublication(t, handover, "u1", 1, "text"))
			require.NoError(t, err)
			published := time.Now()
			woken.await(t, "a publish")
			t.Logf("woken after %s", time.Since(published))
		})
	}
}
