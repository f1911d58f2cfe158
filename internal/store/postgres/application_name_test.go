package postgres_test

import (
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestReplicaName: replicas are told apart by their pods, in pg_stat_activity, too.
func TestReplicaName(t *testing.T) {
	long := "lectern-server-" + strings.Repeat("x", 60) + "-5d4f8c9b7-x2x4z"
	for name, tc := range map[string]struct{ pod, want string }{
		"a pod":        {"lectern-server-5d4f8c9b7-x2x4z", "lectern-server-5d4f8c9b7-x2x4z"},
		"a long name":  {long, long[len(long)-63:]},
		"not in a pod": {"", "lectern-server"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("POD_NAME", tc.pod)
			t.Setenv("KUBERNETES_SERVICE_HOST", "")
			owner := pgtest.New(t)
			owner.ApplicationName = postgres.ReplicaName("lectern-server")
			require.NoError(t, openStore(t, owner).Ping(t.Context()))
			got := queryStrings(t, pgtest.Connect(t, pgtest.AsSuperuser(t, owner)),
				"select distinct application_name from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and application_name <> ''")
			if len(got) != 1 || got[0] != tc.want {
				t.Errorf("the sessions are of %q, want %q", got, tc.want)
			}
		})
	}
}
