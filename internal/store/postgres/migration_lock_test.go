package postgres_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3/lock"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestMigrate_LockHeldByServers: the servers' role can take the lock that earlier releases migrate under, and is not waited for
// long; ours it cannot take.
func TestMigrate_LockHeldByServers(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	thief := pgtest.Connect(t, pgtest.AsServerRole(t, owner))
	_, err := thief.Exec(t.Context(), "select pg_advisory_lock($1)", lock.DefaultLockID)
	require.NoError(t, err)
	for _, mode := range []string{"row share", "row exclusive", "share update exclusive", "share", "share row exclusive", "exclusive", "access exclusive"} {
		if isPermitted(t, thief, "lock table goose_db_version in "+mode+" mode") {
			t.Errorf("the servers' role may lock the table of versions in %s mode", mode)
		}
	}
	reading, err := thief.Begin(t.Context())
	require.NoError(t, err)
	_, err = reading.Exec(t.Context(), "lock table goose_db_version in access share mode")
	require.NoError(t, err)
	var log bytes.Buffer
	owner.Log = slog.New(slog.NewTextHandler(&log, nil))
	_, err = postgres.Migrate(t.Context(), owner, postgres.MigrateOptions{ServerRole: pgtest.Server, LockTimeout: time.Second})
	require.NoError(t, err)
	if want := fmt.Sprintf(`session %d of role \"%s\"`, thief.PgConn().PID(), pgtest.Server); !strings.Contains(log.String(), want) {
		t.Errorf("the log does not say %s:\n%s", want, &log)
	}
}

// TestMigrate_LockHeldByAnother: who migrates for too long is named.
func TestMigrate_LockHeldByAnother(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	other := pgtest.Connect(t, owner)
	tx, err := other.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "lock table goose_db_version in share update exclusive mode")
	require.NoError(t, err)
	_, err = postgres.Migrate(t.Context(), owner, postgres.MigrateOptions{LockTimeout: 200 * time.Millisecond})
	want := fmt.Sprintf("other migrations did not end within 200ms: session %d of role %q (), in a transaction for ", other.PgConn().PID(), pgtest.Owner)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	require.NoError(t, tx.Rollback(t.Context()))
	_, err = postgres.Migrate(t.Context(), owner, postgres.MigrateOptions{LockTimeout: 200 * time.Millisecond})
	require.NoError(t, err)
}

// TestMigrate_TableInUse: a migration does not make all readers wait behind it for longer than a few seconds; it names who uses
// the table, and ends the session where that is one of the servers' role and the owner's is a member of it.
func TestMigrate_TableInUse(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	role := newRole(t, owner)
	thief := pgtest.Connect(t, asRole(t, owner, role))
	conn := pgtest.Connect(t, owner)
	_, err := conn.Exec(t.Context(), fmt.Sprintf("grant select on prompt_versions to %[1]s; grant usage on schema public to %[1]s", role))
	require.NoError(t, err)
	files := fstest.MapFS{"90000_changes_versions.sql": {Data: []byte("-- +goose Up\nalter table prompt_versions add column x int;\n")}}
	using, err := thief.Begin(t.Context())
	require.NoError(t, err)
	_, err = using.Exec(t.Context(), "select from prompt_versions")
	require.NoError(t, err)
	migrate := func(timeout time.Duration) error {
		_, err := postgres.MigrateWith(t.Context(), owner, postgres.MigrateOptions{ServerRole: role, LockTimeout: timeout}, files)
		return err
	}
	err = migrate(time.Second)
	if want := fmt.Sprintf("session %d of role %q", thief.PgConn().PID(), role); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = conn.Exec(t.Context(), "select from prompt_versions")
	require.NoError(t, err)
	execAsSuperuser(t, owner, fmt.Sprintf("grant %s to %s", role, pgtest.Owner))
	require.NoError(t, migrate(time.Minute))
	if thief.Ping(t.Context()) == nil {
		t.Error("the session that kept the migration from the table still lives")
	}
}

// TestEndLongTransactions ends those of the servers' role, and only where the owner's is a member of it.
func TestEndLongTransactions(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	role := newRole(t, owner)
	s := openStore(t, owner)
	writer := claimWriter(t, s, cluster)
	s.SetLongTransaction(50 * time.Millisecond)
	thief, honest, others := pgtest.Connect(t, asRole(t, owner, role)), pgtest.Connect(t, asRole(t, owner, role)), pgtest.Connect(t, owner)
	for _, conn := range []*pgx.Conn{thief, others} {
		_, err := conn.Exec(t.Context(), "begin; select pg_sleep(0.1)")
		require.NoError(t, err)
	}
	end := func(want int) {
		t.Helper()
		if ended, err := writer.EndLongTransactions(t.Context(), role); err != nil || ended != want {
			t.Errorf("ended %d, %v; want %d", ended, err, want)
		}
	}
	end(0)
	require.NoError(t, thief.Ping(t.Context()))
	execAsSuperuser(t, owner, fmt.Sprintf("grant %s to %s", role, pgtest.Owner))
	end(1)
	if thief.Ping(t.Context()) == nil {
		t.Error("the session with a long transaction still lives")
	}
	require.NoError(t, honest.Ping(t.Context()))
	require.NoError(t, others.Ping(t.Context()))
}

// TestBeginChange_LocksOfServers: what earlier releases locked is anybody's to hold, and nobody waits for it.
func TestBeginChange_LocksOfServers(t *testing.T) {
	d := newChangeFixture(t)
	_, err := pgtest.Connect(t, pgtest.AsServerRole(t, d.owner)).Exec(t.Context(), "select pg_advisory_lock(hashtextextended('lectern changes of ' || $1::text, 0))", handover.String())
	require.NoError(t, err)
	d.requestChange(store.ActionUpdate)
	require.NoError(t, d.writer.BeginChange(t.Context(), d.nextChange(), store.Intent{}))
}

// newRole makes a role of the test's own, which goes with it.
func newRole(t *testing.T, owner postgres.Options) string {
	t.Helper()
	at, err := url.Parse(owner.URL)
	require.NoError(t, err)
	role := strings.TrimPrefix(at.Path, "/") + "_server"
	execAsSuperuser(t, owner, fmt.Sprintf("create role %s login password 'secret'", role))
	t.Cleanup(func() {
		execAsSuperuser(t, owner, fmt.Sprintf("select pg_terminate_backend(pid) from pg_stat_activity where usename = '%s'", role))
		execAsSuperuser(t, owner, "drop owned by "+role)
		execAsSuperuser(t, owner, "drop role "+role)
	})
	return role
}

func asRole(t *testing.T, owner postgres.Options, role string) postgres.Options {
	t.Helper()
	at, err := url.Parse(owner.URL)
	require.NoError(t, err)
	at.User = url.UserPassword(role, "secret")
	owner.URL = at.String()
	return owner
}

func execAsSuperuser(t *testing.T, owner postgres.Options, statement string) {
	t.Helper()
	ctx := context.Background() // also of what is cleaned up
	conn, err := pgx.Connect(ctx, pgtest.AsSuperuser(t, owner).URL)
	require.NoError(t, err)
	defer conn.Close(ctx) //nolint:errcheck // it was used
	_, err = conn.Exec(ctx, statement)
	require.NoError(t, err)
}
