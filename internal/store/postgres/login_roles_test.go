package postgres_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestChangePassword changes the password of a role by its own login, as an owner who may change no role's.
func TestChangePassword(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	roles := pgtest.NewRoles(t, owner)
	s := openStore(t, owner)
	role, first := roles.Logins[0], roles.Passwords[0]
	// What somebody who has the role may have set does not keep the password from being changed.
	for _, setting := range []string{"default_transaction_read_only = on", "statement_timeout = 1"} {
		execAsSuperuser(t, owner, fmt.Sprintf("alter role %s set %s", role, setting))
	}
	wantLogin := func(password string, want error) {
		t.Helper()
		if err := s.CheckLogin(t.Context(), role, password); !errors.Is(err, want) {
			t.Errorf("logging in: %v, want %v", err, want)
		}
	}
	wantLogin(first, nil)
	require.NoError(t, s.ChangePassword(t.Context(), role, first, "second"))
	wantLogin(first, store.ErrLoginRefused)
	wantLogin("second", nil)
	if err := s.ChangePassword(t.Context(), role, first, "third"); !errors.Is(err, store.ErrLoginRefused) {
		t.Errorf("with the password of before: %v", err)
	}
	wantLogin("second", nil)
	execAsSuperuser(t, owner, fmt.Sprintf("alter role %s nologin", role))
	wantLogin("second", store.ErrLoginRefused)
	away := openStore(t, postgres.Options{URL: "postgres://nobody@127.0.0.1:1/nowhere"})
	if err := away.CheckLogin(t.Context(), role, first); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrLoginRefused) {
		t.Errorf("a database that is away: %v", err)
	}
}

// TestChangePassword_Log: of a password nothing is in the log of a server that logs every statement, nor in an error.
func TestChangePassword_Log(t *testing.T) {
	t.Parallel()
	server, err := testenv.StartPostgres(t.Context(), testenv.PostgresOptions{Settings: map[string]string{
		"log_statement": "all", "log_min_messages": "debug1", "logging_collector": "on", "log_min_error_statement": "error",
	}})
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	require.NoError(t, server.Exec(t.Context(), "create role someone login password 'first-password'"))
	s := openStore(t, postgres.Options{URL: server.URL})
	require.NoError(t, s.ChangePassword(t.Context(), "someone", "first-password", "second-password"))
	err = s.ChangePassword(t.Context(), "someone", "wrong-password", "third-password")
	if err == nil || strings.Contains(err.Error(), "-password") {
		t.Errorf("a wrong password: %v", err)
	}
	conn, err := pgx.Connect(t.Context(), server.URL)
	require.NoError(t, err)
	defer conn.Close(t.Context()) //nolint:errcheck // done
	var log string
	require.NoError(t, conn.QueryRow(t.Context(), "select pg_read_file(pg_current_logfile())").Scan(&log))
	if !strings.Contains(log, "alter role \"someone\" password 'SCRAM-SHA-256$") {
		t.Fatalf("the log has no statement that changes the password:\n%s", log)
	}
	for _, secret := range []string{"second-password", "wrong-password", "third-password"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %s", secret)
		}
	}
}

func TestCountSessions(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	roles := pgtest.NewRoles(t, owner)
	s := openStore(t, owner)
	wantSessions := func(login, want int) {
		t.Helper()
		require.Until(t, fmt.Sprintf("login %d has %d sessions", login, want), func() bool {
			n, err := s.CountSessions(t.Context(), roles.Logins[login])
			require.NoError(t, err)
			return n == want
		})
	}
	wantSessions(0, 0)
	pgtest.Connect(t, roles.As(t, owner, 0))
	conn, err := pgx.Connect(t.Context(), roles.As(t, owner, 0).URL)
	require.NoError(t, err)
	wantSessions(0, 2)
	wantSessions(1, 0)
	require.NoError(t, conn.Close(t.Context()))
	wantSessions(0, 1)
}

// TestEndLongTransactions_Logins ends those of roles that log in as members of the servers' role.
func TestEndLongTransactions_Logins(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	roles := pgtest.NewRoles(t, owner)
	s := openStore(t, owner)
	writer := claimWriter(t, s, cluster)
	s.SetLongTransaction(50 * time.Millisecond)
	thief, others := pgtest.Connect(t, roles.As(t, owner, 1)), pgtest.Connect(t, owner)
	for _, conn := range []*pgx.Conn{thief, others} {
		_, err := conn.Exec(t.Context(), "begin; select pg_sleep(0.1)")
		require.NoError(t, err)
	}
	if ended, err := writer.EndLongTransactions(t.Context(), roles.Group); err != nil || ended != 1 {
		t.Errorf("ended %d, %v; want 1", ended, err)
	}
	if thief.Ping(t.Context()) == nil {
		t.Error("the session with a long transaction still lives")
	}
	require.NoError(t, others.Ping(t.Context()))
}
