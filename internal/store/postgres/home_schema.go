package postgres

import (
	"regexp"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

// ownNames are our tables where a statement names them, and our functions.
var ownNames = regexp.MustCompile(`\b(from|join|into|update|table)(\s+)(api_audit_log|audit_anchors|audit_batches|audit_chain|audit_erasures|cursor_key|feed|field_lookups|field_mappings|goose_db_version|installation|mcp_tool_usage|oauth_tokens|project_cache|project_cache_reads|project_title_claims|prompt_change_locks|prompt_change_queue|` +
	`prompt_changes|prompt_channel_moves|prompt_channels|prompt_search|prompt_similarity|prompt_tags|prompt_variables|prompt_versions|prompts|sdp_connections|sdp_observations|sdp_rate_limits|sdp_windows|sdp_writes|tags|task_history|token_budget_locks|token_refusals|token_requests)\b(\.?)|\b(audit_field|audit_text|begin_write|begin_write_at|change_is_overdue|claim_project_title|count_observations|count_open_changes|earlier_write|end_write|erased|pause_rate|rate_room|refuse_argument|release_project_title|scrub_old_seals|take_rate|take_rate_at|trace_write|write_outcome|write_room)\(`)

// qualified has statements with their tables' schema, by schema and statement.
var qualified sync.Map

type schemaStatement struct{ schema, sql string }

// qualifyTables puts the schema in front of our tables: where a role's or another client's search_path leads is then no matter.
func qualifyTables(schema, sql string) string {
	if schema == "" {
		return sql
	}
	key := schemaStatement{schema, sql}
	if known, ok := qualified.Load(key); ok {
		return known.(string) //nolint:forcetypeassert // it has nothing else
	}
	prefix := pgx.Identifier{schema}.Sanitize() + "."
	var b strings.Builder
	end := 0
	for _, m := range ownNames.FindAllStringSubmatchIndex(sql, -1) {
		at := m[6] // the table
		switch {
		case at < 0:
			at = m[10] // the function
		case m[8] < m[9]: // a column of the table, after "is distinct from"
			continue
		}
		b.WriteString(sql[end:at] + prefix)
		end = at
	}
	b.WriteString(sql[end:])
	qualified.Store(key, b.String())
	return b.String()
}
