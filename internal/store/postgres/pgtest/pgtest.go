// Package pgtest gives each test a Postgres database of its own, with the schema in it.
//
// One server is shared by a test binary, or by all of them when LECTERN_TEST_DATABASE_URL names one.
// A database is cloned from a template that is migrated once for each state of the migrations, so a
// test costs a copy. Its invariant: no two tests ever see each other's rows; only roles are shared,
// because Postgres knows them by cluster.
package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/leak"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// The roles a test connects as. Neither is a superuser, and the first owns the database.
const (
	Owner  = "lectern_test_owner"
	Server = "lectern_test_server"

	password = "lectern-test"
)

// templateLock is the advisory lock under which one test binary at a time makes roles and templates.
const templateLock = 0x6c656374 // "lect"

var server struct {
	sync.Mutex
	*testenv.Postgres
	err      error
	template string
}

// Main runs the tests of a package, stops the server if one was started, and fails when a goroutine
// is left behind. It returns the exit code.
func Main(m interface{ Run() int }) int {
	return leak.Run(m, func() error {
		if server.Postgres != nil {
			server.Stop()
		}
		return nil
	})
}

// New makes a database of the test's own, reached as its owner. It is dropped when the test ends.
func New(t testing.TB) postgres.Options {
	t.Helper()
	template := templateName(t)
	name := "lectern_" + strings.ToLower(rand.Text())
	return makeDatabase(t, name, fmt.Sprintf("create database %s template %s owner %s", name, template, Owner))
}

// AsServerRole returns the same database reached as the role that may only read.
func AsServerRole(t testing.TB, owner postgres.Options) postgres.Options {
	t.Helper()
	owner.URL = withUser(t, owner.URL, url.UserPassword(Server, password))
	return owner
}

// AsSuperuser returns the same database reached as the server's superuser, for what a test does behind the
// store's back.
func AsSuperuser(t testing.TB, owner postgres.Options) postgres.Options {
	t.Helper()
	u, err := url.Parse(server.URL)
	require.NoError(t, err)
	owner.URL = withUser(t, owner.URL, u.User)
	return owner
}

// NewBlank makes a database without schema, reached as its owner.
func NewBlank(t testing.TB) postgres.Options {
	t.Helper()
	return NewBlankEncoded(t, "UTF8")
}

// NewBlankEncoded makes a database without schema in an encoding.
func NewBlankEncoded(t testing.TB, encoding string) postgres.Options {
	t.Helper()
	templateName(t)
	name := "lectern_" + strings.ToLower(rand.Text())
	return makeDatabase(t, name, fmt.Sprintf("create database %s owner %s encoding '%s' locale 'C' template template0", name, Owner, encoding))
}

// makeDatabase makes a database that is dropped when the test ends. A busy machine is no database that is away: connections
// are waited for as long as a test waits.
func makeDatabase(t testing.TB, name, statement string) postgres.Options {
	t.Helper()
	execAsSuperuser(t, statement)
	t.Cleanup(func() { execAsSuperuser(t, fmt.Sprintf("drop database %s with (force)", name)) })
	return postgres.Options{URL: databaseURL(Owner, name), ApplicationName: "lectern-test", ConnectTimeout: wait.Patience}
}

// Connect opens a plain connection, closed when the test ends.
func Connect(t testing.TB, o postgres.Options) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), o.URL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.Background())) })
	return conn
}

// FindProgram returns the path of a program of clients, such as pg_dump, that belongs to the server.
func FindProgram(name string) (string, error) { return server.FindProgram(name) }

// templateName starts the server and makes roles and template, once; it returns the template's name.
func templateName(t testing.TB) string {
	t.Helper()
	server.Lock()
	defer server.Unlock()
	if server.template == "" && server.err == nil {
		server.err = startServer()
	}
	require.NoError(t, server.err)
	return server.template
}

func startServer() error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	var err error
	if server.Postgres, err = testenv.StartPostgres(ctx, testenv.PostgresOptions{}); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, server.URL)
	if err != nil {
		return fmt.Errorf("connect to the test server: %w", err)
	}
	defer conn.Close(ctx) //nolint:errcheck // read and done
	if _, err := conn.Exec(ctx, "select pg_advisory_lock($1)", templateLock); err != nil {
		return err
	}
	for _, role := range []string{Owner, Server} {
		if err := ensureRole(ctx, conn, role); err != nil {
			return fmt.Errorf("make role %s: %w", role, err)
		}
	}
	// Of a month, since a template has the months that there are when it is made.
	name := "lectern_template_" + postgres.SchemaDigest() + time.Now().UTC().Format("_200601")
	if err := ensureTemplate(ctx, conn, name); err != nil {
		return fmt.Errorf("make the template database: %w", err)
	}
	server.template = name
	return nil
}

func ensureRole(ctx context.Context, conn *pgx.Conn, role string) error {
	var known bool
	if err := conn.QueryRow(ctx, "select exists(select from pg_roles where rolname = $1)", role).Scan(&known); err != nil || known {
		return err
	}
	_, err := conn.Exec(ctx, fmt.Sprintf("create role %s login password '%s'", role, password))
	return err
}

// ensureTemplate migrates under another name first, so that an unfinished one is never taken for a template.
func ensureTemplate(ctx context.Context, conn *pgx.Conn, name string) error {
	var known bool
	if err := conn.QueryRow(ctx, "select exists(select from pg_database where datname = $1)", name).Scan(&known); err != nil || known {
		return err
	}
	draft := name + "_draft"
	for _, statement := range []string{
		fmt.Sprintf("drop database if exists %s with (force)", draft),
		fmt.Sprintf("create database %s owner %s", draft, Owner),
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return err
		}
	}
	if _, err := postgres.Migrate(ctx, postgres.Options{URL: databaseURL(Owner, draft)}, postgres.MigrateOptions{ServerRole: Server}); err != nil {
		return err
	}
	_, err := conn.Exec(ctx, fmt.Sprintf("alter database %s rename to %s", draft, name))
	return err
}

func databaseURL(role, database string) string {
	u, err := url.Parse(server.URL)
	if err != nil {
		panic(err) // it was connected to
	}
	u.User = url.UserPassword(role, password)
	u.Path = "/" + database
	return u.String()
}

func withUser(t testing.TB, address string, user *url.Userinfo) string {
	t.Helper()
	u, err := url.Parse(address)
	require.NoError(t, err)
	u.User = user
	return u.String()
}

// stateInUse says that sessions are in a database that is to be copied or dropped. Postgres waits five seconds for those it ended.
const stateInUse = "55006"

func execAsSuperuser(t testing.TB, statement string) {
	t.Helper()
	require.Eventually(t, func() error {
		err := server.Exec(context.Background(), statement)
		if refused, is := errors.AsType[*pgconn.PgError](err); err == nil || is && refused.Code == stateInUse {
			return err
		}
		return wait.Permanent(err)
	})
}
