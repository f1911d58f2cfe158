package bulk

import (
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
)

// TestMain also fails when a goroutine is left behind.
func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// TestSet_FillsAsPublished holds every column of every table against a database into which the same
// prompts were published.
func TestSet_FillsAsPublished(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c := Set{Prompts: 30, Words: 20}
	filled, published := pgtest.New(t), pgtest.New(t)
	if err := c.Fill(ctx, filled.URL); err != nil {
		t.Fatal(err)
	}
	db, err := postgres.Open(ctx, published)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	writer := db.Writer("cluster-1")
	if err := writer.ClaimDatabase(ctx); err != nil {
		t.Fatal(err)
	}
	for i := range c.Prompts {
		compiled, err := prompt.Compile(c.promptSpec(i), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := writer.Publish(ctx, store.Publication{
			Key: c.Key(i), Owner: store.Owner{UID: fmt.Sprintf("uid-%d", i), Generation: 1}, Exposure: store.Listed, Compiled: compiled,
		}); err != nil {
			t.Fatal(err)
		}
	}
	want, got := comparableRows(t, published), comparableRows(t, filled)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-published +filled)\n%s", diff)
	}
}

// comparableRows returns all that can be the same in two databases: no ids, no times.
func comparableRows(t *testing.T, opts postgres.Options) []string {
	t.Helper()
	var found []string
	if err := pgtest.Connect(t, opts).QueryRow(t.Context(), `
		select array_agg(line order by line) from (
		  select to_jsonb(p) - array['id', 'created_at', 'updated_at'] || jsonb_build_object('served_since', served_since is not null) from prompts p
		  union all select to_jsonb(v) - array['prompt_id', 'published_at'] from prompt_versions v
		  union all select to_jsonb(v) - 'prompt_id' || jsonb_build_object('of', p.name, 'in', p.namespace) from prompt_variables v join prompts p on p.id = v.prompt_id
		  union all select to_jsonb(c) - 'prompt_id' || jsonb_build_object('of', p.name, 'in', p.namespace) from prompt_channels c join prompts p on p.id = c.prompt_id
		  union all select jsonb_build_object('of', p.name, 'in', p.namespace, 'tag', t.name) from prompt_tags g join prompts p on p.id = g.prompt_id join tags t on t.id = g.tag_id
		  union all select to_jsonb(s) - 'prompt_id' || jsonb_build_object('of', p.name, 'in', p.namespace) from prompt_search s join prompts p on p.id = s.prompt_id
		  union all select to_jsonb(s) - 'prompt_id' || jsonb_build_object('of', p.name, 'in', p.namespace) from prompt_similarity s join prompts p on p.id = s.prompt_id
		  union all select jsonb_build_object('revision', revision) from feed
		) as rows (line)`).Scan(&found); err != nil {
		t.Fatal(err)
	}
	return found
}

func TestSet_Text(t *testing.T) {
	t.Parallel()
	got := Set{Prompts: 1, Words: 3}.Text(0, "INC-1")
	if want := "Prompt 0 on INC-1, case0, matter000000."; got[:len(want)] != want {
		t.Errorf("got %q, want %q…", got, want)
	}
}
