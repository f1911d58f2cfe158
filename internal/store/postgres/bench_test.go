package postgres_test

import (
	"fmt"
	"testing"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

func BenchmarkPublish(b *testing.B) {
	compiled := make(map[string]*prompt.Compiled)
	publicationOf := func(b *testing.B, name, text string) store.Publication {
		c := compiled[text]
		if c == nil {
			var err error
			c, err = prompt.Compile(prompt.Spec{Title: "t", Tags: []string{"a", "b"}, Messages: []prompt.Message{{Role: prompt.User, Text: text}}}, nil)
			require.NoError(b, err)
			compiled[text] = c
		}
		return store.Publication{
			Key: store.Key{Namespace: "bench", Name: name}, Owner: store.Owner{UID: "u", Generation: 1},
			Exposure: store.Listed, HistoryLimit: 1000, Compiled: c,
		}
	}
	b.Run("first", func(b *testing.B) {
		w := claimWriter(b, openStore(b, pgtest.New(b)), cluster)
		n := 0
		for b.Loop() {
			_, err := w.Publish(b.Context(), publicationOf(b, fmt.Sprint("p", n), "Hello {{name}}"))
			require.NoError(b, err)
			n++
		}
	})
	b.Run("next version", func(b *testing.B) {
		w := claimWriter(b, openStore(b, pgtest.New(b)), cluster)
		n := 0
		for b.Loop() {
			_, err := w.Publish(b.Context(), publicationOf(b, "p", fmt.Sprint("Hello ", n%2)))
			require.NoError(b, err)
			n++
		}
	})
	b.Run("equal", func(b *testing.B) {
		w := claimWriter(b, openStore(b, pgtest.New(b)), cluster)
		for b.Loop() {
			_, err := w.Publish(b.Context(), publicationOf(b, "p", "Hello"))
			require.NoError(b, err)
		}
	})
}

func BenchmarkGet(b *testing.B) {
	owner := pgtest.New(b)
	s := openStore(b, owner)
	w := claimWriter(b, s, cluster)
	_, err := w.Publish(b.Context(), store.Publication{
		Key: handover, Owner: store.Owner{UID: "u", Generation: 1}, Exposure: store.Listed,
		Compiled: must1(prompt.Compile(prompt.Spec{Messages: []prompt.Message{{Role: prompt.User, Text: "Hello {{name}}"}}}, nil)),
	})
	require.NoError(b, err)
	for b.Loop() {
		_, err := s.Get(b.Context(), handover, prompt.Selector{})
		require.NoError(b, err)
	}
}

func must1[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
