package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestPublish_IndexesRevived: the release that buried it wrote nothing of what it is searched by now.
func TestPublish_IndexesRevived(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	w := claimWriter(t, openStore(t, owner), cluster)
	p := newPublication(t, handover, "u1", 1, "text")
	_, err := w.Publish(t.Context(), p)
	require.NoError(t, err)
	want := readSearchIndex(t, owner)
	require.NoError(t, w.Remove(t.Context(), handover, "u1", false))
	for _, table := range []string{"prompt_search", "prompt_similarity"} {
		_, err := pgtest.Connect(t, owner).Exec(t.Context(), "delete from "+table)
		require.NoError(t, err)
	}
	p.Owner = store.Owner{UID: "u2", Generation: 1}
	_, err = w.Publish(t.Context(), p)
	fenced, ok := errors.AsType[*store.FencedError](err)
	if !ok {
		t.Fatalf("publish over a tombstone gives %v, want that it is fenced", err)
	}
	p.Takeover = &fenced.Row
	_, err = w.Publish(t.Context(), p)
	require.NoError(t, err)
	if diff := cmp.Diff(want, readSearchIndex(t, owner)); diff != "" {
		t.Errorf("what is searched (-want +got):\n%s", diff)
	}
}

// TestBackfillSearchIndex is an upgrade: the release before knew no searches, and its controller may still publish for a while.
func TestBackfillSearchIndex(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	w := claimWriter(t, openStore(t, owner), cluster)
	for i := range 7 {
		for generation, text := range []string{"first {{x}}", "Second Ünd letzte"} {
			p := newPublication(t, store.Key{Namespace: "support", Name: fmt.Sprint("p", i)}, "u1", int64(generation+1), fmt.Sprint(text, i))
			if i == 3 {
				p.Channels = []store.ChannelRule{{Name: store.Production, Version: 1}}
			}
			_, err := w.Publish(t.Context(), p)
			require.NoError(t, err)
		}
	}
	require.NoError(t, w.Remove(t.Context(), store.Key{Namespace: "support", Name: "p6"}, "u1", false))
	want := readSearchIndex(t, owner)

	conn := pgtest.Connect(t, owner)
	for _, sql := range []string{
		"delete from prompt_search using prompts p where p.id = prompt_id and p.name in ('p0', 'p3', 'p5', 'p6')",
		"delete from prompt_similarity using prompts p where p.id = prompt_id and p.name in ('p1', 'p5', 'p6')",
		"update prompt_search s set version = 1, written = 'stale' from prompts p where p.id = s.prompt_id and p.name = 'p2'",
	} {
		_, err := conn.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	feed, err := openStore(t, owner).Feed(t.Context())
	require.NoError(t, err)
	rounds := 0
	for after := int64(0); ; rounds++ {
		last, err := w.BackfillSearchIndex(t.Context(), after, 2)
		require.NoError(t, err)
		if last == 0 {
			break
		}
		after = last
	}
	if rounds != 3 {
		t.Errorf("%d rounds of two for five prompts, want 3", rounds)
	}
	delete(want, "p6") // a tombstone is not searched
	if diff := cmp.Diff(want, readSearchIndex(t, owner)); diff != "" {
		t.Errorf("(-as published +reindexed):\n%s", diff)
	}
	before := databaseContents(t, owner)
	last, err := w.BackfillSearchIndex(t.Context(), 0, 100)
	require.NoError(t, err)
	if diff := cmp.Diff(before, databaseContents(t, owner)); last != 0 || diff != "" {
		t.Errorf("again it came to %d and wrote (-before +after):\n%s", last, diff)
	}
	if now, err := openStore(t, owner).Feed(t.Context()); err != nil || now != feed {
		t.Errorf("the feed is %+v, %v after %+v: nothing that is served changed", now, err, feed)
	}
}

// readSearchIndex is what each prompt is found by, by name.
func readSearchIndex(t *testing.T, owner postgres.Options) map[string]string {
	t.Helper()
	rows, err := pgtest.Connect(t, owner).Query(t.Context(), `
		select p.name::text, (to_jsonb(s) || to_jsonb(l))::text
		  from prompts p join prompt_search s on s.prompt_id = p.id join prompt_similarity l on l.prompt_id = p.id`)
	require.NoError(t, err)
	found := map[string]string{}
	var name, line string
	_, err = pgx.ForEachRow(rows, []any{&name, &line}, func() error { found[name] = line; return nil })
	require.NoError(t, err)
	return found
}

// TestBackfillSearchIndex_LockedRow: who holds the row is just writing its index, or withdrawing its text.
func TestBackfillSearchIndex_LockedRow(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	w := claimWriter(t, openStore(t, owner), cluster)
	_, err := w.Publish(t.Context(), newPublication(t, handover, "u1", 1, "text"))
	require.NoError(t, err)
	conn := pgtest.Connect(t, owner)
	_, err = conn.Exec(t.Context(), "delete from prompt_search")
	require.NoError(t, err)
	publishing, err := conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = publishing.Exec(t.Context(), "select from prompts for update")
	require.NoError(t, err)
	last, err := w.BackfillSearchIndex(t.Context(), 0, 10)
	require.NoError(t, err)
	require.NoError(t, publishing.Rollback(context.Background()))
	again, err := w.BackfillSearchIndex(t.Context(), 0, 10)
	require.NoError(t, err)
	if last != 0 || again == 0 {
		t.Errorf("indexed up to %d under a lock and up to %d without, want none and one", last, again)
	}
}

// TestMigrate_WithoutTrigrams: what the owner of a schema, but not of the database, is told.
func TestMigrate_WithoutTrigrams(t *testing.T) {
	t.Parallel()
	blank := pgtest.NewBlank(t)
	super := pgtest.Connect(t, pgtest.AsSuperuser(t, blank))
	var database string
	require.NoError(t, super.QueryRow(t.Context(), "select current_database()").Scan(&database))
	for _, sql := range []string{
		fmt.Sprintf("alter database %s owner to current_user", database),
		"grant all on schema public to " + pgtest.Owner,
	} {
		_, err := super.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	_, err := postgres.Migrate(t.Context(), blank, postgres.MigrateOptions{})
	want := fmt.Sprintf(`role %s may not create the extension pg_trgm, which searches need; run "create extension pg_trgm" in database %s as a superuser`, pgtest.Owner, database)
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	// An administrator does, and not where it is searched.
	_, err = super.Exec(t.Context(), "create schema extensions; grant usage on schema extensions to public; create extension pg_trgm schema extensions")
	require.NoError(t, err)
	_, err = postgres.Migrate(t.Context(), blank, postgres.MigrateOptions{})
	require.NoError(t, err)
}

// TestDeleteUnusedTags lets tags be forgotten while prompts take them up again: each prompt must keep the tags it says.
func TestDeleteUnusedTags(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	w := claimWriter(t, openStore(t, owner), cluster)
	tagged := func(name string, generation int64, tags ...string) store.Publication {
		p := newPublication(t, store.Key{Namespace: "support", Name: name}, "u1", generation, "x")
		var err error
		p.Compiled, err = prompt.Compile(prompt.Spec{Tags: tags, Messages: []prompt.Message{{Role: prompt.User, Text: "text"}}}, nil)
		require.NoError(t, err)
		return p
	}
	_, err := w.Publish(t.Context(), tagged("p", 1, "hunter2", "kept"))
	require.NoError(t, err)
	second := tagged("p", 2, "kept")
	second.Withdrawn = []int64{1}
	_, err = w.Publish(t.Context(), second)
	require.NoError(t, err)
	require.NoError(t, w.DeleteUnusedTags(t.Context()))
	if diff := cmp.Diff([]string{"kept"}, tagNames(t, owner, "select name from tags order by name")); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}

	const writers, rounds = 4, 25
	publications := make([][]store.Publication, writers)
	for i := range publications {
		for round := range rounds {
			tags := []string{"a", "b"}
			if round%2 == 1 {
				tags = []string{fmt.Sprint("own", i)}
			}
			publications[i] = append(publications[i], tagged(fmt.Sprint("w", i), int64(round+1), tags...))
		}
	}
	var wg sync.WaitGroup
	for _, own := range publications {
		wg.Go(func() {
			for _, p := range own {
				if _, err := w.Publish(t.Context(), p); err != nil {
					t.Error(err)
				}
				if err := w.DeleteUnusedTags(t.Context()); err != nil {
					t.Error(err)
				}
				got := tagNames(t, owner, "select t.name from prompts p join prompt_tags pt on pt.prompt_id = p.id join tags t on t.id = pt.tag_id where p.name = $1 order by 1", p.Key.Name)
				if diff := cmp.Diff(p.Compiled.Document.Tags, got); diff != "" {
					t.Errorf("tags of %s (-said +kept):\n%s", p.Key, diff)
				}
			}
		})
	}
	wg.Wait()
}

func tagNames(t *testing.T, owner postgres.Options, sql string, args ...any) []string {
	conn, err := pgx.Connect(t.Context(), owner.URL)
	if err != nil {
		t.Error(err)
		return nil
	}
	defer conn.Close(context.Background()) //nolint:errcheck // read and done
	rows, err := conn.Query(t.Context(), sql, args...)
	if err != nil {
		t.Error(err)
		return nil
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Error(err)
	}
	return names
}
