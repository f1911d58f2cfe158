package releases

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestServedSince_OfAnOlderController publishes by the statements of v0.1.0, which know nothing of served_since, on the schema as it is
// now: a leader that is not replaced yet, or is back after a rollback. What it publishes is dated all the same, and what is here finds
// nothing to do.
func TestServedSince_OfAnOlderController(t *testing.T) {
	t.Parallel()
	options := pgtest.New(t)
	s, err := postgres.Open(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	writer := s.Writer("cluster")
	require.NoError(t, writer.ClaimDatabase(t.Context()))
	compile := func(text string) *prompt.Compiled {
		compiled, err := prompt.Compile(prompt.Spec{Title: "Handover", Messages: []prompt.Message{{Role: prompt.User, Text: text}}}, nil)
		require.NoError(t, err)
		return compiled
	}
	publication := store.Publication{
		Key: store.Key{Namespace: "support", Name: "handover"}, Owner: store.Owner{UID: "u1", Generation: 1}, Exposure: store.Listed, Compiled: compile("one"),
	}
	first, err := writer.Publish(t.Context(), publication)
	require.NoError(t, err)

	conn := pgtest.Connect(t, options)
	publication.Owner.Generation, publication.Compiled = 2, compile("two")
	publishAsReleased(t, conn, "../../hack/releases/v0.1.0", publication.Compiled)
	var since time.Time
	require.NoError(t, conn.QueryRow(t.Context(), "select served_since from prompts").Scan(&since))
	if !since.After(first.ServedSince) {
		t.Errorf("version 2 is served since %v, and version 1 was since %v", since, first.ServedSince)
	}

	got, err := writer.Publish(t.Context(), publication)
	require.NoError(t, err)
	if got.Version != 2 || got.Changed || !got.ServedSince.Equal(since) {
		t.Errorf("published again: %+v, want version 2 unchanged and served since %v", got, since)
	}
}

// publishAsReleased stores version 2 of the only prompt by the statements of a release.
func publishAsReleased(t *testing.T, conn *pgx.Conn, release string, compiled *prompt.Compiled) {
	t.Helper()
	queries := readQueries(t, release)
	digest := string(compiled.Digest)
	require.NoError(t, pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
		var id int64
		if err := tx.QueryRow(t.Context(), "select id from prompts").Scan(&id); err != nil {
			return err
		}
		for _, statement := range []struct {
			name string
			args []any
		}{
			{"InsertVersion", []any{id, int64(2), digest, &compiled.Document, []byte("[]"), compiled.Document.AsWritten(), "two", []string{}, []string{}, []byte("{}"), int64(6)}},
			{"UpdateDescription", []any{id, int64(2)}},
			{"MoveChannels", []any{id, int64(2), []string{store.Latest}, []int64{1}, []int64{2}, []bool{false}}},
			{"CommitRevision", []any{true, "u1", int64(2), []byte("{}"), "Listed", "Delete", int32(0), int64(2), digest, int64(2), int64(2), id}},
		} {
			if _, err := tx.Exec(t.Context(), queries[statement.name], statement.args...); err != nil {
				t.Errorf("%s of %s: %v", statement.name, release, err)
				return err
			}
		}
		return nil
	}))
}
