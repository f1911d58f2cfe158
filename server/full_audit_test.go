package server

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// readMetric returns the value of a metric by its name and labels.
func (r *running) readMetric(t *testing.T, name string) float64 {
	t.Helper()
	_, metrics := r.probe(t, "/metrics")
	line := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (.*)$`).FindStringSubmatch(metrics)
	if line == nil {
		t.Fatalf("there is no metric %s", name)
	}
	value, err := strconv.ParseFloat(line[1], 64)
	require.NoError(t, err)
	return value
}

// fillSpool makes calls that read and write until the audit has no room for the rows of another write.
func fillSpool(t *testing.T, r *running, fake *sdptest.Server) {
	t.Helper()
	long := strings.Repeat("Rang her. ", 1500)
	require.Until(t, "reads have all that is theirs", func() bool {
		for range 100 {
			r.Send(t, callTool("list_prompts", nil))
		}
		return r.readMetric(t, `lectern_audit_lost_rows_total{reason="dropped"}`) > 0
	})
	n := 0
	require.Until(t, "writes have the rest", func() bool {
		n++
		r.Send(t, callTool("add_note", map[string]any{"request_id": fake.IDs("requests")[0], "text": fmt.Sprint(n, long)}))
		return r.readMetric(t, "lectern_audit_spool_bytes") > 1<<20-256<<10
	})
}

// TestRun_FullAudit: while the database takes no rows and the spool is full, reads go on and are counted as dropped. A write is refused that
// the audit has no room for, unless --audit-required=nothing says otherwise, and is made once there is room again.
func TestRun_FullAudit(t *testing.T) {
	t.Parallel()
	const dropped, refusals = `lectern_audit_lost_rows_total{reason="dropped"}`, `lectern_audit_lost_rows_total{reason="refusals"}`
	const refusal = "UnavailableError: nothing was written, since the audit has no room to keep it; reading goes on"
	for required, isRefused := range map[string]bool{"writes": true, "nothing": false} {
		t.Run(required, func(t *testing.T) {
			t.Parallel()
			keys, file := newSealKeys(t)
			owner := pgtest.New(t)
			fake := sdptest.Start(t, sdptest.Options{})
			storeTestConnection(t, owner, fake, keys, func(s *store.ConnectionSettings) {
				s.Access = store.ConnectionAccess{
					Mode: "ReadWrite", Toolsets: []string{"requests"}, Confirm: "Never", RequesterVisible: "Deny", WritesPerHour: 60, Attribution: "Name",
				}
				s.AuditPayloads = "Full"
				s.Callers = []store.ConnectionCaller{{Subject: "*", Email: "tech@example.org"}}
			})
			locking := pgtest.Connect(t, owner)
			held, err := locking.Begin(t.Context())
			require.NoError(t, err)
			_, err = held.Exec(t.Context(), "lock table audit_batches in access exclusive mode")
			require.NoError(t, err)
			r := servingWith(t, pgtest.AsServerRole(t, owner), func(o *Options) {
				o.SealKeyFile, o.Egress, o.Auth = file, egressTo(t, fake.URL()), parseAuth("--auth=none", "--allow-in-pod", "--allow-anonymous-writes")
				o.Audit.SpoolBytes, o.Audit.Required = 1<<20, required
			})
			t.Cleanup(func() { _ = held.Rollback(context.WithoutCancel(t.Context())) })
			require.Until(t, "ready", func() bool { return r.ready(t) })

			unknown := map[string]any{}
			for n := range 500 {
				unknown[fmt.Sprint("argument", n)] = "x"
			}
			require.Until(t, "refused calls have their share of the spool", func() bool {
				r.Send(t, callTool("add_note", unknown))
				return r.readMetric(t, refusals) > 0
			})
			fake.ForgetCalls()
			note := callTool("add_note", map[string]any{"request_id": fake.IDs("requests")[0], "text": "Rang her"})
			if body := r.Send(t, note).Body; fake.Count(sdptest.Wrote) != 1 || r.readMetric(t, dropped) > 0 {
				t.Errorf("a write after calls that were refused made %d changes, and was told %s", fake.Count(sdptest.Wrote), body)
			}
			fillSpool(t, r, fake)
			fake.ForgetCalls()
			note = callTool("add_note", map[string]any{"request_id": fake.IDs("requests")[0], "text": "Rang her again"})
			before := r.readMetric(t, dropped)
			body := r.Send(t, note).Body
			if strings.Contains(body, refusal) != isRefused || fake.Count(sdptest.Wrote) != map[bool]int{true: 0, false: 1}[isRefused] {
				t.Errorf("a write made %d changes, and was told %s", fake.Count(sdptest.Wrote), body)
			}
			list := r.Send(t, callTool("list_requests", map[string]any{"view": "all"})).Body
			if after := r.readMetric(t, dropped); !strings.Contains(list, "10 of 10 requests") || after <= before {
				t.Errorf("a read is told %s, and %v rows are dropped after %v", list, after, before)
			}
			require.NoError(t, held.Rollback(t.Context()))
			if !isRefused {
				return
			}
			require.Until(t, "there is room again", func() bool { return !strings.Contains(r.Send(t, note).Body, refusal) })
			if fake.Count(sdptest.Wrote) != 1 {
				t.Errorf("%d writes after there was room", fake.Count(sdptest.Wrote))
			}
		})
	}
}
