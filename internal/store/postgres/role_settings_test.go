package postgres_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestStore_SettingsOfItsRole: whatever the role of the servers gives itself as settings, each as low and as high as it goes, servers read,
// search, hear and ask for changes.
func TestStore_SettingsOfItsRole(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	role := newRole(t, owner)
	_, err := postgres.Migrate(t.Context(), owner, postgres.MigrateOptions{ServerRole: role})
	require.NoError(t, err)
	writer := claimWriter(t, openStore(t, owner), cluster)
	_, err = writer.Publish(t.Context(), newPublication(t, handover, "u1", 1, "a text that is found"))
	require.NoError(t, err)
	thief := pgtest.Connect(t, asRole(t, owner, role)) // before its settings are what they will be
	for _, round := range []struct{ name, value string }{
		{"the lowest", "coalesce(min_val, enumvals[1], case when vartype = 'bool' then 'off' else 'nothing' end)"},
		{"the highest", "coalesce(max_val, enumvals[cardinality(enumvals)], case when vartype = 'bool' then 'on' else 'nothing' end)"},
		{"the shortest", "case when name like '%timeout' then '1' else coalesce(max_val, 'on') end"},
	} {
		given := giveItself(t, thief, round.value)
		t.Logf("%s: the role gave itself %d settings", round.name, given)
		server := openStore(t, asRole(t, owner, role))
		woken := startListening(t, listenToFeed(server))
		_, err := server.Get(t.Context(), handover, prompt.Selector{})
		require.NoError(t, err)
		found, err := server.Find(t.Context(), store.FindQuery{Filter: store.Filter{Scope: store.Scope{All: true}}, Text: "found", Limit: 10})
		require.NoError(t, err)
		if len(found.Prompts) != 1 {
			t.Errorf("%s: %d prompts are found, want 1", round.name, len(found.Prompts))
		}
		_, err = server.RequestChange(t.Context(), store.ChangeRequest{ID: uuid.NewString(), Key: handover, Action: store.ActionUpdate, Subject: "sam"})
		require.NoError(t, err)
		awaitHearing(t, server, true)
		woken.drain()
	}
}

// giveItself has a role set all it may to a value, an expression over pg_settings, and returns how many settings took it.
func giveItself(t *testing.T, conn *pgx.Conn, value string) (given int) {
	t.Helper()
	rows, err := conn.Query(t.Context(), "select name, "+value+" from pg_settings where context = 'user' and name <> 'session_authorization'")
	require.NoError(t, err)
	settings, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (setting [2]string, err error) {
		return setting, row.Scan(&setting[0], &setting[1])
	})
	require.NoError(t, err)
	for _, setting := range settings {
		if _, err := conn.Exec(t.Context(), fmt.Sprintf("alter role current_user set %s = '%s'", setting[0], setting[1])); err == nil {
			given++
		}
	}
	return given
}
