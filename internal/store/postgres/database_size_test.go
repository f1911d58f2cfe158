package postgres_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestMeasureTables: every table of ours is measured, and no other program's beside them.
func TestMeasureTables(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	w := claimWriter(t, openStore(t, owner), cluster)
	conn := pgtest.Connect(t, pgtest.AsSuperuser(t, owner))
	_, err := conn.Exec(t.Context(), "create table not_ours as select generate_series(1, 10)")
	require.NoError(t, err)
	_, err = w.Publish(t.Context(), newPublication(t, handover, "u1", 1, strings.Repeat("long ", 10_000)))
	require.NoError(t, err)
	tables, err := w.MeasureTables(t.Context())
	require.NoError(t, err)

	var want, got []string
	require.NoError(t, conn.QueryRow(t.Context(), `
		select array_agg(tablename::text order by tablename) from pg_tables where schemaname = current_schema() and tableowner = $1 and tablename !~ '_[0-9]{4}_[0-9]{2}$'`, pgtest.Owner).Scan(&want))
	var versions store.TableSize
	for _, table := range tables {
		got = append(got, table.Name)
		if table.Name == "prompt_versions" {
			versions = table
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tables (-want +got):\n%s", diff)
	}
	var bytes int64
	require.NoError(t, conn.QueryRow(t.Context(), "select pg_total_relation_size('prompt_versions')").Scan(&bytes))
	if versions.Bytes != bytes || bytes == 0 {
		t.Errorf("prompt_versions has %d bytes, and %d were measured", bytes, versions.Bytes)
	}
}

// TestMeasureTables_DeadTuples: rows that were updated and not vacuumed are counted, once the server has written down that they were.
func TestMeasureTables_DeadTuples(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	w := claimWriter(t, openStore(t, owner), cluster)
	conn := pgtest.Connect(t, owner)
	for _, statement := range []string{
		"alter table prompt_change_locks set (autovacuum_enabled = off)",
		"update prompt_change_locks set stripe = stripe + 1000",
	} {
		_, err := conn.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	require.Until(t, "256 dead tuples", func() bool {
		tables, err := w.MeasureTables(t.Context())
		require.NoError(t, err)
		return slices.ContainsFunc(tables, func(table store.TableSize) bool {
			return table.Name == "prompt_change_locks" && table.DeadTuples == 256
		})
	})
}

func TestMeasureOpenChanges(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	w := claimWriter(t, openStore(t, owner), cluster)
	open, err := w.MeasureOpenChanges(t.Context())
	require.NoError(t, err)
	if diff := cmp.Diff(store.OpenChanges{}, open); diff != "" {
		t.Errorf("without requests (-want +got):\n%s", diff)
	}
	conn := pgtest.Connect(t, owner)
	_, err = conn.Exec(t.Context(), `
		insert into prompt_changes (id, namespace, name, action, subject, requested_at, state, settled_at)
		values (gen_random_uuid(), 'a', 'b', 'Delete', 's', now() - interval '1 hour', 'Pending', null),
		       (gen_random_uuid(), 'a', 'b', 'Delete', 's', now() - interval '1 minute', 'Pending', null),
		       (gen_random_uuid(), 'a', 'b', 'Delete', 's', now() - interval '2 hours', 'Expired', now())`)
	require.NoError(t, err)
	open, err = w.MeasureOpenChanges(t.Context())
	require.NoError(t, err)
	if open.Count != 2 || open.Oldest.Round(time.Minute) != time.Hour {
		t.Errorf("got %+v, want 2 and an hour", open)
	}
}

// TestAutovacuum: tables whose rows are written again and again are vacuumed before much of them is dead.
func TestAutovacuum(t *testing.T) {
	t.Parallel()
	conn := pgtest.Connect(t, pgtest.New(t))
	rows, err := conn.Query(t.Context(), "select relname::text, array_to_string(reloptions, ' ') from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace and reloptions is not null")
	require.NoError(t, err)
	defer rows.Close()
	got := map[string]string{}
	for rows.Next() {
		var table, options string
		require.NoError(t, rows.Scan(&table, &options))
		got[table] = options
	}
	require.NoError(t, rows.Err())
	want := map[string]string{
		"project_title_claims": "autovacuum_vacuum_scale_factor=0 autovacuum_vacuum_threshold=200",
		"prompt_changes":       "autovacuum_vacuum_scale_factor=0.02 autovacuum_vacuum_threshold=500 autovacuum_analyze_scale_factor=0.02 autovacuum_analyze_threshold=500",
		"prompt_search":        "toast_tuple_target=512 autovacuum_vacuum_scale_factor=0.05",
		"prompts":              "autovacuum_vacuum_scale_factor=0.05",
		"prompt_similarity":    "autovacuum_vacuum_scale_factor=0.05",
		// Of these a row is new, or another one, every few seconds.
		"sdp_observations": "autovacuum_vacuum_scale_factor=0 autovacuum_vacuum_threshold=1000 autovacuum_analyze_scale_factor=0.1",
		"sdp_rate_limits":  "autovacuum_vacuum_scale_factor=0 autovacuum_vacuum_threshold=200 fillfactor=50",
		"sdp_windows":      "autovacuum_vacuum_scale_factor=0 autovacuum_vacuum_threshold=500 autovacuum_vacuum_insert_scale_factor=0.1 autovacuum_analyze_scale_factor=0.1 fillfactor=90",
		"sdp_writes":       "autovacuum_vacuum_scale_factor=0.02 autovacuum_vacuum_threshold=200 autovacuum_analyze_scale_factor=0.05",
		"token_refusals":   "autovacuum_vacuum_scale_factor=0 autovacuum_vacuum_threshold=100",
		"token_requests":   "autovacuum_vacuum_scale_factor=0.02 autovacuum_vacuum_threshold=100 autovacuum_analyze_scale_factor=0.05",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}
