package postgres_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/exaring/otelpgx"
	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// generatedQuery is how sqlc names a query in the code it generates.
var generatedQuery = regexp.MustCompile("(?m)^const \\w+ = `-- name: (\\w+) :")

// TestMetrics_EveryQuery holds the series there are against the code that sqlc generated.
func TestMetrics_EveryQuery(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("internal/sqlcgen/*.sql.go")
	require.NoError(t, err)
	want := []string{"begin", "commit", "other", "rollback"}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, found := range generatedQuery.FindAllSubmatch(text, -1) {
			want = append(want, string(found[1]))
		}
	}
	if len(want) < 80 {
		t.Fatalf("only %d queries were found in %q", len(want), files)
	}
	s := openStore(t, postgres.Options{URL: "postgres://nobody@127.0.0.1:1/nothing"})
	slices.Sort(want)
	got := slices.Sorted(maps.Keys(countStatements(t, s)))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("series by query (-queries +metrics):\n%s", diff)
	}
}

// countStatements returns how many statements were measured, by the name of the query.
func countStatements(t *testing.T, s *postgres.Store) map[string]uint64 {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(s.Metrics()...)
	families, err := registry.Gather()
	require.NoError(t, err)
	counts := map[string]uint64{}
	for _, family := range families {
		if family.GetName() == "lectern_store_query_duration_seconds" {
			for _, m := range family.GetMetric() {
				counts[m.GetLabel()[0].GetValue()] = m.GetHistogram().GetSampleCount()
			}
		}
	}
	return counts
}

// TestMetrics_Count follows calls to the series they are counted in, however their statements are sent.
func TestMetrics_Count(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	s := openStore(t, owner)
	w := claimWriter(t, s, cluster)
	before := countStatements(t, s)
	_, err := w.Publish(t.Context(), newPublication(t, handover, "u1", 1, "Hello {{name}}"))
	require.NoError(t, err)
	_, err = s.Feed(t.Context())
	require.NoError(t, err)
	_, err = s.List(t.Context(), store.ListQuery{Scope: store.Scope{All: true}, Limit: 10})
	require.NoError(t, err)
	_, err = s.Migrate(t.Context(), postgres.MigrateOptions{})
	require.NoError(t, err)
	after := countStatements(t, s)
	for name, want := range map[string]uint64{
		"LockInstallation": 1, "InsertVersion": 1, "ReadFeed": 1, "ListAll": 1, "LockMigrations": 1, "CountAll": 0,
	} {
		if got := after[name] - before[name]; got != want {
			t.Errorf("%s was counted %d times, want %d", name, got, want)
		}
	}
	if after["commit"] <= before["commit"] {
		t.Error("the commit of a publish is not counted")
	}
}

// BenchmarkTracer measures what a statement costs for being measured, besides the database, against a tracer that makes spans and
// counts nothing.
func BenchmarkTracer(b *testing.B) {
	const sql = "-- name: ReadVersion :one\nselect 1"
	for name, tracer := range map[string]pgx.QueryTracer{"a histogram a query": postgres.NewTracer(b), "otelpgx alone": otelpgx.NewTracer()} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ctx := tracer.TraceQueryStart(b.Context(), nil, pgx.TraceQueryStartData{SQL: sql})
				tracer.TraceQueryEnd(ctx, nil, pgx.TraceQueryEndData{})
			}
		})
	}
}
