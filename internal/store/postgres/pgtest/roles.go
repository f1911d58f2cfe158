package pgtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// Roles are those of an installation, as `lectern migrate --print-roles` makes them.
type Roles struct {
	// Group has the rights, Logins are the two roles that servers log in as.
	Group     string
	Logins    [2]string
	Passwords [2]string
}

// NewRoles makes roles for a database of New, whose owner is Owner, and grants them what servers need. They go with the test.
func NewRoles(t testing.TB, owner postgres.Options) Roles {
	t.Helper()
	name := databaseName(t, owner)
	roles := Roles{name + "_group", [2]string{name + "_a", name + "_b"}, [2]string{rand.Text(), rand.Text()}}
	t.Cleanup(func() { dropRoles(t, owner, append(roles.Logins[:], roles.Group)...) })
	RunRolesScript(t, AsSuperuser(t, owner).URL, []string{"LECTERN_SERVER_A_PASSWORD=" + roles.Passwords[0], "LECTERN_SERVER_B_PASSWORD=" + roles.Passwords[1]},
		"owner="+Owner, "server="+roles.Group, "login_a="+roles.Logins[0], "login_b="+roles.Logins[1], "database="+name)
	_, err := postgres.Migrate(t.Context(), owner, postgres.MigrateOptions{ServerRole: roles.Group})
	require.NoError(t, err)
	return roles
}

// As returns a database reached as one of the logins.
func (r Roles) As(t testing.TB, owner postgres.Options, login int) postgres.Options {
	t.Helper()
	owner.URL = withUser(t, owner.URL, url.UserPassword(r.Logins[login], r.Passwords[login]))
	return owner
}

// RunRolesScript runs what `lectern migrate --print-roles` prints by psql, at an address, with passwords in the environment and
// variables. It returns what psql says.
func RunRolesScript(t testing.TB, address string, env []string, variables ...string) string {
	t.Helper()
	psql, err := exec.LookPath("psql")
	if err != nil {
		t.Fatalf("psql is needed, version 15 or newer (Debian and Ubuntu: apt-get install postgresql-client): %v", err)
	}
	script := t.TempDir() + "/roles.sql"
	require.NoError(t, os.WriteFile(script, []byte(postgres.RolesSQL), 0o600))
	args := []string{"--no-psqlrc", "--dbname", address, "--file", script}
	for _, v := range variables {
		args = append(args, "--set", v)
	}
	cmd := exec.CommandContext(t.Context(), psql, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("psql: %v\n%s", err, out)
	}
	return string(out)
}

func databaseName(t testing.TB, o postgres.Options) string {
	t.Helper()
	at, err := url.Parse(o.URL)
	require.NoError(t, err)
	return strings.TrimPrefix(at.Path, "/")
}

func dropRoles(t testing.TB, owner postgres.Options, roles ...string) {
	t.Helper()
	ctx := context.Background() // that of the test is over
	conn, err := pgx.Connect(ctx, AsSuperuser(t, owner).URL)
	require.NoError(t, err)
	defer conn.Close(ctx) //nolint:errcheck // done
	for _, role := range roles {
		for _, statement := range []string{
			fmt.Sprintf("select pg_terminate_backend(pid) from pg_stat_activity where usename = '%s'", role),
			"drop owned by " + role, "drop role " + role,
		} {
			_, err := conn.Exec(ctx, statement)
			require.NoError(t, err)
		}
	}
}
