package postgres_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/bulk"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestQueryPlans_Reads asks Postgres how it runs the queries of servers with 1,000 and with 100,000 prompts, as the
// prepared statements they are (a generic plan), and compares the pages of the database they touch:
// what does not depend on the machine. The queries are read from the files that sqlc reads.
func TestQueryPlans_Reads(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	conn := pgtest.Connect(t, owner)
	queries := map[string]struct {
		file, name string
		args       string
		forbid     string // what may not stand in the plan
	}{
		"the first page of all":        {"read.sql", "ListAll", "'', '', 101", `"Sort"|"Seq Scan"`},
		"a page in the middle of all":  {"read.sql", "ListAll", "'ns-5', 'p-00000', 101", `"Sort"|"Seq Scan"`},
		"a page of one namespace":      {"read.sql", "ListInNamespaces", "'{ns-5}', '', '', 101", `"Seq Scan"`},
		"a page of all ten namespaces": {"read.sql", "ListInNamespaces", "'{ns-0,ns-1,ns-2,ns-3,ns-4,ns-5,ns-6,ns-7,ns-8,ns-9}', '', '', 101", `"Seq Scan"`},
		"the last changes":             {"feed.sql", "ChangedSince", "@last, 100", `"Sort"|"Seq Scan"`},
		"the namespaces":               {"read.sql", "ListNamespaces", "", `"Seq Scan"`},
		"a version":                    {"read.sql", "ReadVersion", "'', 0, 'ns-5', 'p-00007'", `"Seq Scan"`},
	}
	touched := map[string][2]float64{}
	for round, size := range []int{1_000, 100_000} {
		fillPrompts(t, conn, size)
		for name, q := range queries {
			args := strings.ReplaceAll(q.args, "@last", fmt.Sprint(size-50))
			plan := explainQuery(t, conn, readQuery(t, q.file, q.name), args)
			if found := regexp.MustCompile(q.forbid).FindString(plan); found != "" && size == 100_000 {
				t.Errorf("%s: the plan has %s:\n%s", name, found, plan)
			}
			counts := touched[name]
			counts[round] = touchedPages(t, plan)
			touched[name] = counts
		}
	}
	for name, counts := range touched {
		t.Logf("%-30s %4.0f pages touched with 1,000 prompts, %4.0f with 100,000", name, counts[0], counts[1])
		// A btree is one or two levels higher; and whole pages are touched, hence the small constant.
		if counts[1] > 1.2*counts[0]+12 {
			t.Errorf("%s touches %.0f pages with 1,000 prompts and %.0f with 100,000", name, counts[0], counts[1])
		}
	}
}

// longSeqScan finds the reading of a whole table in a plan, other than of those that have one row.
var longSeqScan = regexp.MustCompile(`"Node Type": "Seq Scan",[^{}]*"Relation Name": "prompt`)

// TestQueryPlans_Changes: what the controller asks with every reconcile and every two seconds touches no final request, and
// a withdrawal or a repeat none but its own.
func TestQueryPlans_Changes(t *testing.T) {
	t.Parallel()
	conn := pgtest.Connect(t, pgtest.New(t))
	for _, sql := range []string{
		`insert into prompt_changes (id, namespace, name, action, subject, state, settled_at, begun_at, attempt, object_uid, generation)
			select gen_random_uuid(), 'ns-' || i % 10, 'p-' || i % 1000, 'Update', 's', 'Published', now() - interval '1 hour', now(), 1, 'u', i
			  from generate_series(1, 100000) i`,
		`insert into prompt_changes (id, namespace, name, action, subject)
			select gen_random_uuid(), 'ns-1', 'p-' || i, 'Update', 's' from generate_series(1, 10) i`,
		`insert into prompt_changes (id, namespace, name, action, subject, state, settled_at)
			select gen_random_uuid(), 'ns-1', 'withdrawn', 'Update', 's', 'Refused', now() from generate_series(1, 3) i`,
		`insert into prompts (id, namespace, name, owner_uid, generation, revision) overriding system value
			select i, 'ns-1', case i when 7 then 'withdrawn' else 'p-' || i end, 'u', 1, i from generate_series(1, 1000) i`,
		"vacuum (analyze) prompt_changes, prompts",
	} {
		_, err := conn.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	for name, q := range map[string]struct{ file, args string }{
		"PromptsWithOpenChanges": {"changes.sql", "false, 2, 500"},
		"HasOverdueChanges":      {"changes.sql", "600"},
		"CountAppliedChanges":    {"changes.sql", "2"},
		"DeferChange":            {"changes.sql", "'ns-1', 'p-1', false"},
		"UnprovenChanges":        {"changes.sql", "2, 5"},
		"RequestChange":          {"changes.sql", "'ns-1', '{proven s,claimed s}', 'k', '6f1c1f0e-0000-4000-8000-000000000001', 'p-1', 'Add', '{}', 0, 's', '', '', 5, 5, 10"},
		"ExplainUnstored":        {"changes.sql", "'6f1c1f0e-0000-4000-8000-000000000001', 'ns-1', '{proven s,claimed s}', 'Add', 10"},
		"AppliedChange":          {"changes.sql", "'ns-1', 'p-1', 'u', 5, '6f1c1f0e-0000-4000-8000-000000000001'"},
		"EarlierRequest":         {"changes.sql", "'Update', 'ns-1', 'p-1', '{}', 0, '{proven s,claimed s}', '6f1c1f0e-0000-4000-8000-000000000001', 'k'"},
		"WithdrawVersions":       {"publish.sql", "7, '{1}'"},
	} {
		plan := explainQuery(t, conn, readQuery(t, q.file, name), q.args)
		if longSeqScan.MatchString(plan) {
			t.Errorf("%s: the plan has a Seq Scan:\n%s", name, plan)
		}
		if touched := touchedPages(t, plan); touched > 50 {
			t.Errorf("%s touches %.0f pages beside 100,000 final requests:\n%s", name, touched, plan)
		}
	}
}

// TestQueryPlans_FindRanked: with few prompts, too, nobody's words and texts are read but those of what is found.
func TestQueryPlans_FindRanked(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	set := bulk.Set{Prompts: 400, Words: 150}
	require.NoError(t, set.Fill(t.Context(), owner.URL))
	conn := pgtest.Connect(t, owner)
	values := map[string]string{
		"query": "'" + bulk.OwnWord(123) + "'", "pattern": "'%" + bulk.OwnWord(123) + "%'", "plain": "true", "everywhere": "true",
		"any_tag": "'{}'", "all_tags": "'{}'", "namespaces": "'{}'", "category": "''", "after": "false", "after_rank": "0",
		"after_created_at": "now()", "after_namespace": "''", "after_name": "''", "enough": "101", "skip": "0", "max_rows": "51",
	}
	query := regexp.MustCompile(`sqlc\.narg\('\w+'\)`).ReplaceAllString(cutQuery(t, "search.sql", "FindRanked"), "null")
	for _, kind := range []string{"hits", "contained", "found"} {
		values["kind"] = "'" + kind + "'"
		asked := regexp.MustCompile(`@\w+`).ReplaceAllStringFunc(query, func(parameter string) string { return values[parameter[1:]] })
		rows, err := conn.Query(t.Context(), "explain "+asked)
		require.NoError(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		if plan := strings.Join(lines, "\n"); strings.Contains(plan, "Seq Scan on prompt_search") || !strings.Contains(plan, "Index Scan on prompt_search_") {
			t.Errorf("%s:\n%s", kind, plan)
		}
	}
}

// fillPrompts replaces the prompts by that many in ten namespaces.
func fillPrompts(t *testing.T, conn *pgx.Conn, size int) {
	t.Helper()
	for _, sql := range []string{
		"truncate prompts cascade",
		fmt.Sprintf(`insert into prompts (namespace, name, owner_uid, generation, revision, highest_version, title, description)
			select 'ns-' || i %% 10, 'p-' || lpad((i / 10)::text, 5, '0'), 'u', 1, i, 1, 'Title ' || i, repeat('d', 100)
			  from generate_series(1, %d) i`, size),
		`insert into prompt_versions (prompt_id, version, digest, document, source, content)
			select id, 1, 'd', '{}', '[]', '' from prompts`,
		"update prompts set default_version = 1, latest_version = 1",
		"vacuum (full, analyze) prompts",
		"vacuum (analyze) prompts, prompt_versions",
	} {
		_, err := conn.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
}

// readQuery is the text of a named query with its parameters numbered in order of appearance.
func readQuery(t *testing.T, file, name string) string {
	t.Helper()
	numbers := map[string]int{}
	return regexp.MustCompile(`@\w+`).ReplaceAllStringFunc(cutQuery(t, file, name), func(parameter string) string {
		if numbers[parameter] == 0 {
			numbers[parameter] = len(numbers) + 1
		}
		return fmt.Sprintf("$%d", numbers[parameter])
	})
}

// cutQuery is the text of a named query as it stands in its file, without comments.
func cutQuery(t *testing.T, file, name string) string {
	t.Helper()
	text, err := os.ReadFile("queries/" + file)
	require.NoError(t, err)
	_, after, found := strings.Cut(string(text), "-- name: "+name+" ")
	if !found {
		t.Fatalf("no query %s in %s", name, file)
	}
	_, body, _ := strings.Cut(after, "\n")
	body, _, _ = strings.Cut(body, "-- name: ")
	return regexp.MustCompile(`(?m)^--.*$`).ReplaceAllString(body, "")
}

func explainQuery(t *testing.T, conn *pgx.Conn, sql, args string) string {
	t.Helper()
	for _, statement := range []string{"set plan_cache_mode = force_generic_plan", "deallocate all", "prepare q as " + strings.TrimRight(strings.TrimSpace(sql), ";")} {
		_, err := conn.PgConn().Exec(t.Context(), statement).ReadAll()
		require.NoError(t, err)
	}
	// The second run, when the catalog is read.
	var plan string
	for range 2 {
		results, err := conn.PgConn().Exec(t.Context(), "explain (analyze, buffers, format json) execute q"+strings.ReplaceAll("("+args+")", "()", "")).ReadAll()
		require.NoError(t, err)
		plan = string(results[0].Rows[0][0])
	}
	return plan
}

func touchedPages(t *testing.T, plan string) float64 {
	t.Helper()
	var parsed []struct {
		Plan map[string]any
	}
	require.NoError(t, json.Unmarshal([]byte(plan), &parsed))
	return parsed[0].Plan["Shared Hit Blocks"].(float64) + parsed[0].Plan["Shared Read Blocks"].(float64)
}
