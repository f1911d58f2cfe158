package upkeep

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestRunner_KeepAudit: a round makes the months that come, and takes away those and the rows whose time is over; anchors go into the
// log, too.
func TestRunner_KeepAudit(t *testing.T) {
	owner := pgtest.New(t)
	opened := openStore(t, owner)
	writer := opened.Writer("cluster")
	require.NoError(t, writer.ClaimDatabase(t.Context()))
	admin := pgtest.Connect(t, owner)
	now := time.Now().UTC()
	require.NoError(t, writer.AddAuditMonths(t.Context()))
	old := time.Date(now.Year(), now.Month()-6, 1, 0, 0, 0, 0, time.UTC)
	for _, statement := range []string{
		"create table mcp_tool_usage_" + old.Format("2006_01") + " (like mcp_tool_usage including all)",
		"alter table mcp_tool_usage attach partition mcp_tool_usage_" + old.Format("2006_01") + " for values from ('" + old.Format(time.RFC3339) + "') to ('" + old.AddDate(0, 1, 0).Format(time.RFC3339) + "')",
		"drop table api_audit_log_" + time.Date(now.Year(), now.Month()+2, 1, 0, 0, 0, 0, time.UTC).Format("2006_01"),
	} {
		_, err := admin.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	spool, err := audit.Open(audit.Options{Folder: t.TempDir(), Loader: opened})
	require.NoError(t, err)
	for n := range 3 {
		require.NoError(t, spool.Append(&audit.ToolUsage{StartedAt: now, Target: strings.Repeat("x", n)}))
	}
	require.NoError(t, spool.Flush(t.Context()))
	_, err = admin.Exec(t.Context(), "update mcp_tool_usage set logged_at = $1 where target = ''", old.Add(time.Hour))
	require.NoError(t, err)

	var log bytes.Buffer
	r := &Runner{Store: writer, AuditRetention: 30 * 24 * time.Hour, Log: logr.FromSlogHandler(slog.NewTextHandler(&log, nil))}
	require.NoError(t, r.keepAudit(t.Context()))
	for range 2 { // the second is too soon
		require.NoError(t, r.anchorAudit(t.Context()))
	}
	const fromNow = "right(inhrelid::regclass::text, 7) >= to_char(now() at time zone 'UTC', 'YYYY_MM')" // one may have begun since the template was made
	var usageMonths, callMonths, oldMonths, rows, anchors int
	require.NoError(t, admin.QueryRow(t.Context(), `select (select count(*) from pg_inherits where inhparent = 'mcp_tool_usage'::regclass and `+fromNow+`),
		(select count(*) from pg_inherits where inhparent = 'api_audit_log'::regclass and `+fromNow+`),
		(select count(*) from pg_class where relname = 'mcp_tool_usage_'||$1::text), (select count(*) from mcp_tool_usage), (select count(*) from audit_anchors)`, old.Format("2006_01")).
		Scan(&usageMonths, &callMonths, &oldMonths, &rows, &anchors))
	if usageMonths != 4 || callMonths != 4 || oldMonths != 0 || rows != 2 || anchors != 1 {
		t.Errorf("%d and %d months and %d old ones, %d rows, %d anchors; want 4, 4, 0, 2, 1", usageMonths, callMonths, oldMonths, rows, anchors)
	}
	if n := strings.Count(log.String(), "Anchored a chain of the audit"); n != 1 || !strings.Contains(log.String(), "seq=3") {
		t.Errorf("the log has %d anchors:\n%s", n, log.String())
	}
	verified, err := opened.VerifyAudit(t.Context(), 10)
	require.NoError(t, err)
	if len(verified.Problems) > 0 || verified.Rows != 2 {
		t.Errorf("verified %+v", verified)
	}
}

// TestRunner_KeepAudit_Beside: a month that cannot be taken away keeps no row, and one that cannot be made no month.
func TestRunner_KeepAudit_Beside(t *testing.T) {
	owner := pgtest.New(t)
	opened := openStore(t, owner)
	writer := opened.Writer("cluster")
	require.NoError(t, writer.ClaimDatabase(t.Context()))
	admin := pgtest.Connect(t, pgtest.AsSuperuser(t, owner))
	require.NoError(t, writer.AddAuditMonths(t.Context()))
	now := time.Now().UTC()
	for _, statement := range []string{
		"create table mcp_tool_usage_2020_01 (like mcp_tool_usage)", // not the controller's to drop
		"drop table mcp_tool_usage_" + time.Date(now.Year(), now.Month()+3, 1, 0, 0, 0, 0, time.UTC).Format("2006_01"),
		"create table mcp_tool_usage_" + time.Date(now.Year(), now.Month()+3, 1, 0, 0, 0, 0, time.UTC).Format("2006_01") + " (x int)", // nor to attach
		"insert into audit_batches (batch, writer, rows, damaged, loaded_at) values (gen_random_uuid(), gen_random_uuid(), 0, 0, now() - interval '61 days')",
	} {
		_, err := admin.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	r := &Runner{Store: writer, AuditRetention: 30 * 24 * time.Hour, Log: logr.Discard()}
	err := r.keepAudit(t.Context())
	for _, part := range []string{"make months of the audit", "drop mcp_tool_usage_2020_01"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("round: %v, want %q", err, part)
		}
	}
	var batches int
	require.NoError(t, admin.QueryRow(t.Context(), "select count(*) from audit_batches").Scan(&batches))
	if batches != 0 {
		t.Errorf("%d batches are left, want that the old one went", batches)
	}
}
