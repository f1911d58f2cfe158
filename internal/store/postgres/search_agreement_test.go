package postgres_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/memory"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/store/storetest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// bothStores are Postgres and memory with the same prompts: of few words, so that queries made of these find some.
func bothStores(t *testing.T) (inPostgres, inMemory storetest.Library) {
	t.Helper()
	owner := pgtest.New(t)
	reader := openStore(t, pgtest.AsServerRole(t, owner))
	kept := memory.New()
	words := []string{"alpha", "beta", "gamma", "or", "b", "Über", "срок", "12", "-", "--", "---", "\x1f", "\t", "'", `\`, "%", "_", "!", "(", "&", ":*", "\u2028", "🙂"}
	random := rand.New(rand.NewPCG(1, 2))
	text := func(n int) string {
		some := make([]string, n)
		for i := range some {
			some[i] = words[random.IntN(len(words))]
		}
		return strings.Join(some, " ")
	}
	for i := range 40 {
		compiled, err := prompt.Compile(prompt.Spec{
			Syntax: prompt.Plain, Title: text(2), Description: text(2), Tags: []string{text(1)}, Messages: []prompt.Message{{Role: prompt.User, Text: text(4)}},
		}, nil)
		require.NoError(t, err)
		p := store.Publication{
			Key: store.Key{Namespace: "n", Name: fmt.Sprint("p", i)}, Owner: store.Owner{UID: "u", Generation: 1},
			Exposure: store.Listed, HistoryLimit: 10, Compiled: compiled,
		}
		for _, w := range []storetest.Writer{claimWriter(t, openStore(t, owner), cluster), kept} {
			_, err := w.Publish(t.Context(), p)
			require.NoError(t, err)
		}
	}
	return reader, kept
}

// findKeys returns what a search finds, in no order of rank: the two stores have their own.
func findKeys(t *testing.T, library storetest.Library, query store.FindQuery) []string {
	t.Helper()
	found, err := library.Find(t.Context(), query)
	if err != nil {
		t.Fatalf("%q: %v", query.Text, err)
	}
	var names []string
	for _, p := range found.Prompts {
		names = append(names, p.Key.Name)
	}
	slices.Sort(names)
	count, err := library.CountFound(t.Context(), query)
	if err != nil || count != int64(len(names)) {
		t.Fatalf("%q: %d are counted, %d found, %v", query.Text, count, len(names), err)
	}
	return names
}

// TestSearch_AgreesWithMemory: no text a caller may send is an error or means another thing to the one store than to the other,
// however dashes, quotes, "or" and what tsquery and LIKE know as operators stand in it.
func TestSearch_AgreesWithMemory(t *testing.T) {
	t.Parallel()
	inPostgres, inMemory := bothStores(t)
	pieces := []string{
		"alpha", "Beta", "gamma", "or", "OR", "b", "über", "срок", "12", " ", " ", " ", "  ", `"`, `"`, "-", "-", "--", "\x1f", "\x01", "\t", "\n", "\u0085", "\u00a0", "\u2028",
		"'", "''", `\`, `\\`, "%", "_", "!", "!!", "(", ")", "&", "|", "<->", "<3>", ":*", ":A", "*", ",", ";", "?", "🙂",
	}
	queries := []string{
		"\x1f", "alpha\x1f", "\x1fbeta", strings.Repeat("-", 33), strings.Repeat("-", 33) + "alpha", strings.Repeat("- ", 40) + "alpha",
		strings.Repeat(`-""`, 40) + "alpha", strings.Repeat("-(", 40) + "alpha", strings.Repeat("-!", 40) + "alpha", "--alpha", "-alpha", "- alpha", `-"alpha beta"`, `"-alpha"`,
		"or", "or alpha", "alpha or", "alpha or or beta", "alpha or -beta", `alpha"or"beta`, "-or", "-or alpha", `"`, `""`, `"""`, `-`, `-"`, "-alpha -beta -gamma",
		strings.Repeat("(", 500), strings.Repeat(`"`, 999), strings.Repeat("alpha or ", 60), strings.Repeat("𝒳", 2000), strings.Repeat("z", 2000), strings.Repeat("%", 2000),
		strings.Repeat("-alpha ", 60), "' or 1=1 --", `\'; drop table prompts; --`, "alpha:*", "alpha:A", "alpha <-> beta", "alpha & !beta", "$1", "{{alpha}}",
	}
	random := rand.New(rand.NewPCG(3, 4))
	for range 400 {
		var b strings.Builder
		for range 1 + random.IntN(9) {
			b.WriteString(pieces[random.IntN(len(pieces))])
		}
		queries = append(queries, b.String())
	}
	hyphened := regexp.MustCompile(`[\pL\d]-+[\pL\d]|-\d`) // to Postgres a word of its own
	some := 0
	for _, text := range queries {
		query := store.FindQuery{Filter: store.Filter{Scope: store.Scope{All: true}}, Text: text, Limit: 100}
		want, got := findKeys(t, inMemory, query), findKeys(t, inPostgres, query)
		if diff := cmp.Diff(want, got); diff != "" && !hyphened.MatchString(text) {
			t.Errorf("%q (-memory +Postgres)\n%s", text, diff)
		}
		if len(want) > 0 && len(want) < 40 {
			some++
		}
	}
	verifyOddFilters(t, inPostgres, inMemory)
	t.Logf("%d queries, %d of which find some prompts and not all", len(queries), some)
	if some < 100 {
		t.Errorf("only %d of %d queries find some prompts and not all", some, len(queries))
	}
	for _, text := range []string{"\x1f", "\x1f\x1f", " \x1f "} {
		if names := findKeys(t, inPostgres, store.FindQuery{Filter: store.Filter{Scope: store.Scope{All: true}}, Text: text, Limit: 100}); names != nil {
			t.Errorf("%q finds %q", text, names)
		}
	}
}

// verifyOddFilters asks with what no prompt has, and with tags some have, in characters that are operators elsewhere.
func verifyOddFilters(t *testing.T, inPostgres, inMemory storetest.Library) {
	t.Helper()
	all := store.Scope{All: true}
	for _, text := range []string{
		"---", "\x1f", "'", `\`, "%", "_", "Über", "🙂", "\u2028", "p", "p%", `p\`, "{a,b}", `"`, "NULL", "{}", "$1", strings.Repeat("x", 4000),
	} {
		metadata, err := json.Marshal(map[string]string{text: text})
		require.NoError(t, err)
		for what, filter := range map[string]store.Filter{
			"tag": {Tags: []string{text}}, "tags": {Tags: []string{text, "-"}, AllTags: true}, "category": {Category: text}, "metadata": {Metadata: metadata},
			"namespace": {Scope: store.Scope{Namespaces: []string{text, "n"}}},
		} {
			if what != "namespace" {
				filter.Scope = all
			}
			query := store.FindQuery{Filter: filter, Limit: 100}
			if diff := cmp.Diff(findKeys(t, inMemory, query), findKeys(t, inPostgres, query)); diff != "" {
				t.Errorf("%s %q (-memory +Postgres)\n%s", what, text, diff)
			}
		}
		want, err := inMemory.CompleteNames(t.Context(), all, text, 10)
		require.NoError(t, err)
		got, err := inPostgres.CompleteNames(t.Context(), all, text, 10)
		require.NoError(t, err)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("names that begin with %q (-memory +Postgres)\n%s", text, diff)
		}
	}
}
