package postgres_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestPublish_EqualWritesNoRow compares every row of every table with the transaction that wrote it.
func TestPublish_EqualWritesNoRow(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	w := claimWriter(t, openStore(t, owner), cluster)
	p := newPublication(t, handover, "u1", 1, "text {{x}}")
	p.Labels = map[string]string{"team": "ops"}
	p.Channels = []store.ChannelRule{{Name: "beta"}, {Name: "production", Version: 1}, {Name: "none", Version: 7}}
	_, err := w.Publish(t.Context(), p)
	require.NoError(t, err)
	before := databaseContents(t, owner)
	for range 3 {
		_, err = w.Publish(t.Context(), p)
		require.NoError(t, err)
	}
	if diff := cmp.Diff(before, databaseContents(t, owner)); diff != "" {
		t.Errorf("rows (-before +after):\n%s", diff)
	}
}

// TestWriter_SecondCluster: the database belongs to the first controller's cluster until an operator says otherwise.
func TestWriter_SecondCluster(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	s := openStore(t, owner)
	first := claimWriter(t, s, "first")
	_, err := first.Publish(t.Context(), newPublication(t, handover, "u1", 1, "text"))
	require.NoError(t, err)
	before := databaseContents(t, owner)

	refused := s.Writer("second")
	requireForeign(t, refused.ClaimDatabase(t.Context()), store.ForeignClusterError{Owner: "first", Asked: "second"})
	_, err = refused.Publish(t.Context(), newPublication(t, handover, "u1", 2, "of the second"))
	requireForeign(t, err, store.ForeignClusterError{Owner: "first", Asked: "second"})
	requireForeign(t, s.Writer("second").CheckCluster(t.Context()), store.ForeignClusterError{Owner: "first", Asked: "second"})
	require.NoError(t, first.CheckCluster(t.Context()))
	claimWriter(t, s, "first")
	if diff := cmp.Diff(before, databaseContents(t, owner)); diff != "" {
		t.Errorf("what the refused claim wrote (-before +after):\n%s", diff)
	}

	_, err = postgres.Migrate(t.Context(), owner, postgres.MigrateOptions{AdoptCluster: true})
	require.NoError(t, err)
	requireForeign(t, first.CheckCluster(t.Context()), store.ForeignClusterError{Asked: "first"})
	second := claimWriter(t, s, "second")
	before = databaseContents(t, owner)
	for name, write := range map[string]func() error{
		"publish": func() error {
			_, err := first.Publish(t.Context(), newPublication(t, handover, "u1", 2, "of the first"))
			return err
		},
		"remove": func() error { return first.Remove(t.Context(), handover, "u1", false) },
		"sweep": func() error {
			_, err := first.RemoveIfUnchanged(t.Context(), handover, store.Fence{Owner: store.Owner{UID: "u1", Generation: 1}, Revision: 1})
			return err
		},
		"purge": func() error { _, err := first.PurgeTombstones(t.Context(), 0, 1); return err },
	} {
		t.Run(name, func(t *testing.T) {
			requireForeign(t, write(), store.ForeignClusterError{Owner: "second", Asked: "first"})
		})
	}
	if diff := cmp.Diff(before, databaseContents(t, owner)); diff != "" {
		t.Errorf("what the first cluster wrote (-before +after):\n%s", diff)
	}
	_, err = second.Publish(t.Context(), newPublication(t, handover, "u1", 2, "of the second"))
	require.NoError(t, err)
}

func requireForeign(t *testing.T, err error, want store.ForeignClusterError) {
	t.Helper()
	if got, ok := errors.AsType[*store.ForeignClusterError](err); !ok || *got != want {
		t.Errorf("got %v, want %v", err, &want)
	}
}

// TestErasure_TextIsNowhere looks for the text in every column of every table.
func TestErasure_TextIsNowhere(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	written := func(t *testing.T, w *postgres.Writer, k store.Key) {
		t.Helper()
		p := newPublication(t, k, "u1", 1, "x")
		c, err := prompt.Compile(prompt.Spec{
			Title: secret, Description: secret, Category: secret, Tags: []string{secret}, Metadata: []byte(`{"a":"` + secret + `"}`),
			Messages: []prompt.Message{{Role: prompt.User, Text: "password " + secret + " {{" + secret + "}}{{! " + secret + " }}"}},
		}, nil)
		require.NoError(t, err)
		p.Compiled = c
		p.Provenance = store.Provenance{Manager: "kubectl", SourceRevision: secret, Message: "set " + secret}
		_, err = w.Publish(t.Context(), p)
		require.NoError(t, err)
	}
	for name, erase := range map[string]func(*testing.T, *postgres.Writer) error{
		"withdrawn": func(t *testing.T, w *postgres.Writer) error {
			p := newPublication(t, handover, "u1", 2, "clean")
			p.Withdrawn = []int64{1}
			_, err := w.Publish(t.Context(), p)
			return err
		},
		"withdrawn under production": func(t *testing.T, w *postgres.Writer) error {
			p := newPublication(t, handover, "u1", 2, "clean")
			p.Channels = []store.ChannelRule{{Name: store.Production, Version: 5}}
			p.Withdrawn = []int64{1}
			_, err := w.Publish(t.Context(), p)
			return err
		},
		"purged": func(t *testing.T, w *postgres.Writer) error {
			require.NoError(t, w.Remove(t.Context(), handover, "u1", false))
			_, err := w.PurgeTombstones(t.Context(), 0, 1)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			owner := pgtest.New(t)
			w := claimWriter(t, openStore(t, owner), cluster)
			written(t, w, handover)
			if !strings.Contains(fmt.Sprint(databaseContents(t, owner)), secret) {
				t.Fatal("the text was never stored; this test sees nothing")
			}
			require.NoError(t, erase(t, w))
			require.NoError(t, w.DeleteUnusedTags(t.Context())) // as upkeep does every few minutes
			for table, rows := range databaseContents(t, owner) {
				for _, row := range rows {
					if strings.Contains(row, secret) {
						t.Errorf("%s still has it: %s", table, row)
					}
				}
			}
		})
	}
}

func TestVersions_Immutable(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	w := claimWriter(t, openStore(t, owner), cluster)
	_, err := w.Publish(t.Context(), newPublication(t, handover, "u1", 1, "text"))
	require.NoError(t, err)
	conn := pgtest.Connect(t, owner)
	for name, set := range map[string]string{
		"another text":               "document = '{}'",
		"another digest":             "digest = 'x'",
		"a withdrawal keeping texts": "withdrawn_at = now()",
		"a withdrawal and a digest":  "withdrawn_at = now(), document = null, source = null, content = null, digest = 'x', tags = '{}', variables = '{}'",
	} {
		if _, err := conn.Exec(t.Context(), "update prompt_versions set "+set); err == nil {
			t.Errorf("%s was let through", name)
		}
	}
}

// TestPublish_DerivedTables follows the tables that queries of later releases read: they speak of the default version.
func TestPublish_DerivedTables(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	w := claimWriter(t, openStore(t, owner), cluster)
	conn := pgtest.Connect(t, owner)
	type derived struct {
		Tags, Variables, Moves []string
		Found                  bool
		Template               bool
		Latest                 int64
	}
	brief := "brief"
	for generation, step := range []struct {
		name  string
		spec  prompt.Spec
		text  string
		rules []store.ChannelRule
		want  derived
	}{
		{"first", prompt.Spec{
			Tags:      []string{"b", "a"},
			Arguments: []prompt.Declaration{{Name: "z"}, {Name: "tone", Type: prompt.String, Enum: []string{"brief", "long"}, Default: &brief}},
		}, "needle {{z}} {{tone}}", nil, derived{
			Tags: []string{"a", "b"}, Variables: []string{"1 z String {} true", "2 tone String {brief,long} brief false"},
			Found: true, Template: true, Latest: 1,
		}},
		{"pinned", prompt.Spec{Tags: []string{"c"}, Syntax: prompt.Plain}, "hay", []store.ChannelRule{{Name: store.Production, Version: 1}}, derived{
			Tags: []string{"a", "b"}, Variables: []string{"1 z String {} true", "2 tone String {brief,long} brief false"},
			Moves: []string{"production 1"}, Found: true, Template: true, Latest: 2,
		}},
		{"moved", prompt.Spec{Tags: []string{"c"}, Syntax: prompt.Plain}, "hay", []store.ChannelRule{{Name: store.Production, Version: 2}}, derived{
			Tags: []string{"c"}, Moves: []string{"production 1", "production 1 2"}, Latest: 2,
		}},
		{"removed", prompt.Spec{Tags: []string{"a", "c"}}, "needle", nil, derived{
			Tags: []string{"a", "c"}, Moves: []string{"production 1", "production 1 2", "production 2"}, Found: true, Template: true, Latest: 3,
		}},
	} {
		p := newPublication(t, handover, "u1", int64(generation+1), "x")
		step.spec.Messages = []prompt.Message{{Role: prompt.User, Text: step.text}}
		var err error
		p.Compiled, err = prompt.Compile(step.spec, nil)
		require.NoError(t, err)
		p.Channels = step.rules
		_, err = w.Publish(t.Context(), p)
		require.NoError(t, err)

		var got derived
		require.NoError(t, conn.QueryRow(t.Context(), `select
			array(select t.name::text from tags t join prompt_tags pt on pt.tag_id = t.id where pt.prompt_id = p.id order by 1),
			array(select concat_ws(' ', position, name, type, enum, default_value, case when required then 'true' else 'false' end)
			        from prompt_variables v where v.prompt_id = p.id order by position),
			array(select concat_ws(' ', name, from_version, to_version) from prompt_channel_moves m where m.prompt_id = p.id order by id),
			exists(select from prompt_search s where s.prompt_id = p.id and s.words @@ 'needle'), is_template, latest_version
			from prompts p`).Scan(&got.Tags, &got.Variables, &got.Moves, &got.Found, &got.Template, &got.Latest))
		if diff := cmp.Diff(step.want, got, cmpEmpty); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
	}
}

var cmpEmpty = cmpopts.EquateEmpty()

// TestPublish_MutualIncluders publishes prompts that pin each other from many sides, and asks Postgres how many
// deadlocks it had to break: running again hides them from the caller, not from the clock.
func TestPublish_MutualIncluders(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	s, err := postgres.Open(t.Context(), owner)
	require.NoError(t, err)
	w := claimWriter(t, s, cluster)
	left, right := store.Key{Namespace: "support", Name: "left"}, store.Key{Namespace: "support", Name: "right"}
	for _, k := range []store.Key{left, right} {
		_, err := w.Publish(t.Context(), newPublication(t, k, "u1", 1, "first"))
		require.NoError(t, err)
	}
	const sides, rounds = 8, 40
	var wg sync.WaitGroup
	for side := range sides {
		own, other := left, right
		if side%2 == 1 {
			own, other = right, left
		}
		wg.Go(func() {
			for round := range rounds {
				p := newPublication(t, own, "u1", 1, fmt.Sprintf("side %d round %d", side, round))
				p.HistoryLimit = 0 // what nobody pins yet would be dropped
				p.Compiled.Includes = []prompt.Included{{Name: other.Name, Version: 1, Selector: "@1"}}
				if _, err := w.Publish(t.Context(), p); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	s.Close() // a session reports what it counted when it ends
	conn := pgtest.Connect(t, owner)
	var deadlocks int64
	require.Until(t, "no other session is left", func() bool {
		var sessions int64
		require.NoError(t, conn.QueryRow(t.Context(), `select deadlocks, (select count(*) from pg_stat_activity a where a.datname = d.datname)
			from pg_stat_database d where datname = current_database()`).Scan(&deadlocks, &sessions))
		return sessions == 1
	})
	if deadlocks != 0 {
		t.Errorf("%d deadlocks, want none", deadlocks)
	}
}
