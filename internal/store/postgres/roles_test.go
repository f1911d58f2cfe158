package postgres_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// installation is what the script of --print-roles makes, on the server of the tests.
type installation struct {
	*testing.T
	prefix string
	// server reaches the server as its superuser.
	server postgres.Options
}

func newInstallation(t *testing.T) installation {
	t.Helper()
	i := installation{t, "roles_" + strings.ToLower(rand.Text()[:10]), pgtest.AsSuperuser(t, pgtest.NewBlank(t))}
	t.Cleanup(func() {
		ctx := context.Background()
		conn, err := pgx.Connect(ctx, i.server.URL)
		require.NoError(t, err)
		defer conn.Close(ctx) //nolint:errcheck // done
		for _, statement := range []string{
			"drop database if exists " + i.prefix + " with (force)",
			fmt.Sprintf("drop role if exists %[1]s_owner, %[1]s_group, %[1]s_a, %[1]s_b, %[1]s_installer", i.prefix),
		} {
			_, err := conn.Exec(ctx, statement)
			require.NoError(t, err)
		}
	})
	return i
}

// at reaches a database as a role.
func (i installation) at(role, password, database string) postgres.Options {
	i.Helper()
	at, err := url.Parse(i.server.URL)
	require.NoError(i, err)
	at.Path = "/" + database
	if role != "" {
		at.User = url.UserPassword(role, password)
	}
	return postgres.Options{URL: at.String()}
}

// run runs the script as whoever is at an address.
func (i installation) run(address string) string {
	i.Helper()
	return pgtest.RunRolesScript(i.T, address,
		[]string{"LECTERN_OWNER_PASSWORD=o'1", "LECTERN_SERVER_A_PASSWORD=a-1", "LECTERN_SERVER_B_PASSWORD=b-1"},
		"owner="+i.prefix+"_owner", "server="+i.prefix+"_group", "login_a="+i.prefix+"_a", "login_b="+i.prefix+"_b", "database="+i.prefix)
}

func (i installation) owner() postgres.Options { return i.at(i.prefix+"_owner", "o'1", i.prefix) }

// TestRolesSQL makes an installation by psql, as a superuser and as an administrator who is none, and migrates it as its owner, who may
// make no role. Run once more the script changes nothing.
func TestRolesSQL(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		installer string // what it may, beside logging in; empty for the superuser
		warnings  int
	}{
		"superuser":               {"", 0},
		"createrole and createdb": {"createrole createdb", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newInstallation(t)
			address := i.at("", "", "postgres").URL
			if tc.installer != "" {
				execAsSuperuser(t, i.server, fmt.Sprintf("create role %s_installer login password 'i' %s", i.prefix, tc.installer))
				address = i.at(i.prefix+"_installer", "i", "postgres").URL
			}
			if said := i.run(address); strings.Contains(said, "Not a superuser") != (tc.installer != "") || strings.Contains(said, "o'1") {
				t.Errorf("psql says:\n%s", said)
			}
			before := i.describeRoles()
			want := []string{
				i.prefix + "_a login limit 100 of " + i.prefix + "_group",
				i.prefix + "_b login limit 100 of " + i.prefix + "_group",
				i.prefix + "_group",
				i.prefix + "_owner login owns the database of " + i.prefix + "_a," + i.prefix + "_b",
			}
			if diff := cmp.Diff(want, before); diff != "" {
				t.Errorf("roles (-want +got):\n%s", diff)
			}
			execAsSuperuser(t, i.server, fmt.Sprintf("alter role %s_a password 'rotated'", i.prefix))
			i.run(address)
			if diff := cmp.Diff(before, i.describeRoles()); diff != "" {
				t.Errorf("the second run changes roles (-first +second):\n%s", diff)
			}

			migrating := i.owner()
			log, logged := newLog()
			migrating.Log = log
			for range 2 {
				_, err := postgres.Migrate(t.Context(), migrating, postgres.MigrateOptions{ServerRole: i.prefix + "_group"})
				require.NoError(t, err)
			}
			if n := logged.Count("may do what no server needs"); n != 2*tc.warnings {
				t.Errorf("migrating warns of the servers' role %d times, want %d", n, 2*tc.warnings)
			}
			for role, password := range map[string]string{"_a": "rotated", "_b": "b-1"} {
				require.NoError(t, openStore(t, i.at(i.prefix+role, password, i.prefix)).VerifySchema(t.Context()))
			}
			owner := pgtest.Connect(t, i.owner())
			for _, statement := range []string{"create role x", "alter role NAME_a password 'x'", "alter role NAME_a createrole", "create database x", "alter role NAME_owner superuser"} {
				if succeeds(t, owner, strings.ReplaceAll(statement, "NAME", i.prefix)) {
					t.Errorf("the owner may %s", statement)
				}
			}
		})
	}
}

// describeRoles says what each role is, in the order of their names. Superusers alone see who is a member of what.
func (i installation) describeRoles() []string {
	i.Helper()
	return queryStrings(i.T, pgtest.Connect(i.T, i.at("", "", i.prefix)), `
select r.rolname || case when rolcanlogin then ' login' else '' end
       || case when rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls then ' with attributes' else '' end
       || case when rolconnlimit >= 0 then ' limit ' || rolconnlimit else '' end
       || case when exists(select from pg_database where datname = current_database() and datdba = r.oid) then ' owns the database' else '' end
       || coalesce(' of ' || (select string_agg(g.rolname, ',' order by g.rolname) from pg_auth_members m join pg_roles g on g.oid = m.roleid where m.member = r.oid), '')
  from pg_roles r
 where starts_with(rolname, $1) and not rolname ~ '_installer$'
 order by 1`, i.prefix)
}
