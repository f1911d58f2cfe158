package postgres_test

import (
	"fmt"
	"testing"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestFind_OneStatement: a search that finds few is planned once.
func TestFind_OneStatement(t *testing.T) {
	t.Parallel()
	s := openStore(t, pgtest.New(t))
	w := claimWriter(t, s, cluster)
	for i, text := range []string{"a zebra", "some zebras", "a horse"} {
		_, err := w.Publish(t.Context(), newPublication(t, store.Key{Namespace: "support", Name: fmt.Sprint("p", i)}, "u1", 1, text))
		require.NoError(t, err)
	}
	count := s.CountSearches()
	for text, found := range map[string]int{"zebra": 2, "horse": 1, "ebra": 2, "nothing": 0, "": 3} {
		before := count.Load()
		got, err := s.Find(t.Context(), store.FindQuery{Filter: store.Filter{Scope: store.Scope{All: true}}, Text: text, Limit: 50})
		require.NoError(t, err)
		if len(got.Prompts) != found || got.Next != nil {
			t.Errorf("%q finds %d prompts, want %d", text, len(got.Prompts), found)
		}
		if n := count.Load() - before; n != 1 {
			t.Errorf("%q took %d statements, want 1", text, n)
		}
	}
}
