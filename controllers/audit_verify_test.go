package controllers

import (
	"bytes"
	"errors"
	"regexp"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestVerifyAudit prints what a person sees of a sound audit, and of one whose owner changed a row.
func TestVerifyAudit(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	opened, err := postgres.Open(t.Context(), owner)
	require.NoError(t, err)
	t.Cleanup(opened.Close)
	spool, err := audit.Open(audit.Options{Folder: t.TempDir(), Loader: opened})
	require.NoError(t, err)
	for range 3 {
		require.NoError(t, spool.Append(&audit.ToolUsage{StartedAt: time.Now(), Connection: audit.Connection{UID: "u1"}}))
	}
	require.NoError(t, spool.Flush(t.Context()))
	for _, step := range []struct {
		name, sql, want string
		err             error
	}{
		{"sound", "select 1", `^3 rows in 1 chains are as they were written, and agree with 0 anchors\.\n$`, nil},
		{"changed", "update mcp_tool_usage set subject = 'nobody' where seq = 2",
			`^row 2 changed in mcp_tool_usage at [0-9TZ:-]+ \(writer [0-9a-f-]{36}, connection u1\); there is no anchor before it\n$`, errAuditProblems},
	} {
		_, err := pgtest.Connect(t, owner).Exec(t.Context(), step.sql)
		require.NoError(t, err)
		var out bytes.Buffer
		if err := verifyAudit(t.Context(), owner, shownAuditProblems, &out); !errors.Is(err, step.err) {
			t.Errorf("%s: %v, want %v", step.name, err, step.err)
		}
		if !regexp.MustCompile(step.want).MatchString(out.String()) {
			t.Errorf("%s: printed %q, want %s", step.name, out.String(), step.want)
		}
	}
}
