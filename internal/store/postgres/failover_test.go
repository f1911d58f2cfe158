package postgres_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// twoServers are a primary with Lectern's schema in it, and its standby.
type twoServers struct {
	primary, standby *testenv.Postgres
}

func startTwoServers(t *testing.T) *twoServers {
	t.Helper()
	primary, err := testenv.StartPostgres(t.Context(), testenv.PostgresOptions{})
	require.NoError(t, err)
	t.Cleanup(primary.Stop)
	_, err = postgres.Migrate(t.Context(), postgres.Options{URL: primary.URL}, postgres.MigrateOptions{})
	require.NoError(t, err)
	standby, err := primary.StartStandby(t.Context())
	require.NoError(t, err)
	t.Cleanup(standby.Stop)
	return &twoServers{primary, standby}
}

// promote has the standby catch up and take the primary's place; before is done to the primary in between.
func (s *twoServers) promote(t *testing.T, before func()) {
	t.Helper()
	require.NoError(t, s.standby.CatchUp(t.Context(), s.primary))
	before()
	require.NoError(t, s.standby.Promote(t.Context()))
}

func (s *twoServers) query(t *testing.T, of *testenv.Postgres, sql string, into any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), of.URL)
	require.NoError(t, err)
	defer conn.Close(t.Context()) //nolint:errcheck // read and done
	require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(into))
}

// retirePrimary leaves the primary alive and read-only, as an operator does before another one takes its place. Once a new
// connection is read-only, all that were open have been told to be.
func (s *twoServers) retirePrimary(t *testing.T) {
	t.Helper()
	require.NoError(t, s.primary.Exec(t.Context(), "alter system set default_transaction_read_only = on"))
	require.NoError(t, s.primary.Exec(t.Context(), "select pg_reload_conf()"))
	require.Until(t, "the old primary is read-only", func() (readOnly bool) {
		s.query(t, s.primary, "select current_setting('default_transaction_read_only')::boolean", &readOnly)
		return readOnly
	})
}

// TestFailover_OldPrimaryLivesOn moves the address of the database while connections to the old primary stay open: one that
// only reads finds out by the feed, one that writes by being refused.
func TestFailover_OldPrimaryLivesOn(t *testing.T) {
	t.Parallel()
	servers := startTwoServers(t)
	forwarder, err := testenv.StartForwarder(servers.primary.URL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, forwarder.Stop()) })
	options := postgres.Options{URL: forwarder.Route(servers.primary.URL), PoolSize: 3, IdleTimeout: time.Hour} // open connections stay so while the standby takes over
	reader, server := openStore(t, options), openStore(t, options)
	w := claimWriter(t, openStore(t, options), cluster)
	_, err = w.Publish(t.Context(), newPublication(t, handover, "u1", 1, "one"))
	require.NoError(t, err)
	woken := startListening(t, listenToFeed(reader))
	awaitHearing(t, reader, true)
	_, err = reader.Get(t.Context(), handover, prompt.Selector{})
	require.NoError(t, err)
	_, err = server.ChangeOutcomes(t.Context(), "sam", nil)
	require.NoError(t, err)

	servers.promote(t, func() { servers.retirePrimary(t) })
	forwarder.Move(servers.standby.URL)
	moved := time.Now()
	_, err = w.Publish(t.Context(), newPublication(t, handover, "u1", 2, "two"))
	require.NoError(t, err)
	request := store.ChangeRequest{ID: "6a1c3f04-7f0e-4d7c-8f3a-0d6f5b3f9e11", Key: handover, Action: store.ActionDelete, Subject: "sam"}
	_, err = server.RequestChange(t.Context(), request)
	require.NoError(t, err)
	t.Logf("writes after %s", time.Since(moved))

	woken.drain()
	if _, err := reader.Feed(t.Context()); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("the feed of a primary that was replaced gives %v, want that it is away and why", err)
	}
	feed, err := reader.Feed(t.Context())
	require.NoError(t, err)
	if feed.Revision != 2 {
		t.Errorf("the feed is at revision %d, want 2", feed.Revision)
	}
	got, err := reader.Get(t.Context(), handover, prompt.Selector{})
	require.NoError(t, err)
	if got.Version != 2 {
		t.Errorf("version %d is read, want 2, which the new primary has", got.Version)
	}
	woken.await(t, "listening to the new primary")
	awaitHearing(t, reader, true)
	require.Until(t, "no connection to the old primary is left", func() (none bool) {
		servers.query(t, servers.primary, "select count(*) = 0 from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()", &none)
		return none
	})
}

// TestFailover_SeveralHosts goes on with the host that takes writes, of those the connection string names.
func TestFailover_SeveralHosts(t *testing.T) {
	t.Parallel()
	servers := startTwoServers(t)
	both, err := url.Parse(servers.standby.URL)
	require.NoError(t, err)
	primary, err := url.Parse(servers.primary.URL)
	require.NoError(t, err)
	both.Host += "," + primary.Host
	both.RawQuery += "&target_session_attrs=read-write"
	s := openStore(t, postgres.Options{URL: both.String()})
	w := claimWriter(t, s, cluster)
	_, err = w.Publish(t.Context(), newPublication(t, handover, "u1", 1, "one"))
	require.NoError(t, err)

	servers.promote(t, func() { require.NoError(t, servers.primary.CrashServer(context.WithoutCancel(t.Context()))) })
	promoted := time.Now()
	require.Eventually(t, func() error {
		_, err := w.Publish(t.Context(), newPublication(t, handover, "u1", 2, "two"))
		return err
	})
	t.Logf("writes after %s", time.Since(promoted))
	_, err = s.Feed(t.Context())
	require.NoError(t, err)
}

// TestFailover_Standby: a server that only follows another one is none to serve from.
func TestFailover_Standby(t *testing.T) {
	t.Parallel()
	servers := startTwoServers(t)
	s := openStore(t, postgres.Options{URL: servers.standby.URL})
	for range 2 {
		if _, err := s.Feed(t.Context()); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("the feed of a standby gives %v, want %v", err, store.ErrUnavailable)
		}
	}
	servers.promote(t, func() {})
	_, err := s.Feed(t.Context())
	require.NoError(t, err)
}
