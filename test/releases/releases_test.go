package releases

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/manifest"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// released returns the folders of the releases that are kept.
func released(t *testing.T) []string {
	t.Helper()
	folders, err := filepath.Glob("../../hack/releases/v*")
	require.NoError(t, err)
	if len(folders) == 0 {
		t.Fatal("no release is kept in hack/releases")
	}
	return folders
}

var queryName = regexp.MustCompile(`(?m)^-- name: (\w+) :\w+$`)

// readQueries returns the queries of a release by their names.
func readQueries(t *testing.T, release string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(release, "queries", "*.sql"))
	require.NoError(t, err)
	queries := map[string]string{}
	for _, file := range files {
		content, err := os.ReadFile(filepath.Clean(file))
		require.NoError(t, err)
		text := string(content)
		names := queryName.FindAllStringSubmatchIndex(text, -1)
		for i, at := range names {
			end := len(text)
			if i+1 < len(names) {
				end = names[i+1][0]
			}
			queries[text[at[2]:at[3]]] = strings.TrimSpace(text[at[0]:end])
		}
	}
	if len(queries) < 50 {
		t.Fatalf("%s has only %d queries", release, len(queries))
	}
	return queries
}

// TestQueries prepares every query of every release on the schema as it is now: a pod of the release before runs them while it
// is replaced, and after a rollback.
func TestQueries(t *testing.T) {
	t.Parallel()
	for _, release := range released(t) {
		t.Run(filepath.Base(release), func(t *testing.T) {
			t.Parallel()
			connection, err := pgx.Connect(t.Context(), pgtest.New(t).URL)
			require.NoError(t, err)
			defer func() { _ = connection.Close(context.WithoutCancel(t.Context())) }()
			queries := readQueries(t, release)
			for name, query := range queries {
				if _, err := connection.Prepare(t.Context(), name, query); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			t.Logf("%d queries run on the schema as it is now", len(queries))
		})
	}
}

// TestObjects validates the objects of every release against the custom resource definition as it is now.
func TestObjects(t *testing.T) {
	t.Parallel()
	for _, release := range released(t) {
		t.Run(filepath.Base(release), func(t *testing.T) {
			t.Parallel()
			files, problems, err := manifest.ReadFolder(t.Context(), filepath.Join(release, "samples"))
			require.NoError(t, err)
			reader, err := manifest.NewReader()
			require.NoError(t, err)
			set := reader.Read(files...)
			problems = append(problems, set.Problems...)
			_, compiled := set.CompileAll()
			for _, problem := range append(problems, compiled...) {
				t.Errorf("%v", problem)
			}
			if len(set.Manifests) < 5 {
				t.Errorf("%s has only %d objects", release, len(set.Manifests))
			}
		})
	}
}
