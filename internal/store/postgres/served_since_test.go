package postgres_test

import (
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestPublish_ServedSinceBeforeItWasStored: of rows that nobody wrote since the migration it is known when their version was published,
// and when production last moved.
func TestPublish_ServedSinceBeforeItWasStored(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	w := claimWriter(t, openStore(t, owner), cluster)
	conn := pgtest.Connect(t, owner)
	p := newPublication(t, handover, "u1", 1, "one")
	publish := func() store.Published {
		t.Helper()
		published, err := w.Publish(t.Context(), p)
		require.NoError(t, err)
		return published
	}
	read := func(sql string) (at time.Time) {
		t.Helper()
		require.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&at))
		return at
	}
	forget := func() {
		t.Helper()
		_, err := conn.Exec(t.Context(), "update prompts set served_since = null")
		require.NoError(t, err)
	}

	publish()
	forget()
	if got, want := publish().ServedSince, read("select published_at from prompt_versions where version = 1"); !got.Equal(want) {
		t.Errorf("served since %v, want since its version was published: %v", got, want)
	}

	p = newPublication(t, handover, "u1", 2, "two")
	publish()
	p.Owner.Generation, p.Channels = 3, []store.ChannelRule{{Name: store.Production, Version: 1}}
	moved := publish()
	forget()
	if got, want := publish().ServedSince, read("select max(moved_at) from prompt_channel_moves where name = 'production'"); !got.Equal(want) || !got.Equal(moved.ServedSince) {
		t.Errorf("served since %v, want since production moved: %v", got, want)
	}
}
