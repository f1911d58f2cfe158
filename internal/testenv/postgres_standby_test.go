package testenv_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestCatchUp waits for what the primary has committed and not yet written out, too: without synchronous_commit, that is
// everything of the last moment, and a standby that is promoted then has lost it.
func TestCatchUp(t *testing.T) {
	t.Parallel()
	primary, err := testenv.StartPostgres(t.Context(), testenv.PostgresOptions{})
	require.NoError(t, err)
	t.Cleanup(primary.Stop)
	require.NoError(t, primary.Exec(t.Context(), "alter system set wal_writer_delay = '2s'"))
	require.NoError(t, primary.Exec(t.Context(), "create table notes (line int)"))
	standby, err := primary.StartStandby(t.Context())
	require.NoError(t, err)
	t.Cleanup(standby.Stop)

	require.NoError(t, primary.Exec(t.Context(), "insert into notes values (1)"))
	require.NoError(t, standby.CatchUp(t.Context(), primary))
	conn, err := pgx.Connect(t.Context(), standby.URL)
	require.NoError(t, err)
	defer conn.Close(t.Context()) //nolint:errcheck // read and done
	var lines int
	require.NoError(t, conn.QueryRow(t.Context(), "select count(*) from notes").Scan(&lines))
	if lines != 1 {
		t.Errorf("the standby has %d lines when it has caught up, want 1", lines)
	}
}
