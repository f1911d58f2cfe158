package postgres_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// addMonth makes a month of both tables, so many before this one.
func (f *auditFixture) addMonth(before int) (begins time.Time) {
	f.Helper()
	now := time.Now().UTC()
	begins = time.Date(now.Year(), now.Month()-time.Month(before), 1, 0, 0, 0, 0, time.UTC)
	for _, table := range []string{"mcp_tool_usage", "api_audit_log"} {
		f.exec("set role " + pgtest.Owner)
		f.exec(fmt.Sprintf("create table %[1]s_%[2]s (like %[1]s including all)", table, begins.Format("2006_01")))
		f.exec(fmt.Sprintf("alter table %[1]s attach partition %[1]s_%[2]s for values from ('%[3]s') to ('%[4]s')", table, begins.Format("2006_01"),
			begins.Format(time.RFC3339), begins.AddDate(0, 1, 0).Format(time.RFC3339)))
		f.exec("reset role")
	}
	return begins
}

func (f *auditFixture) months() (names []string) {
	f.Helper()
	return queryStrings(f.T, f.admin, "select inhrelid::regclass::text from pg_inherits where inhparent = 'mcp_tool_usage'::regclass order by 1")
}

// TestAuditMonths_BehindAnOpenReader makes and takes away months while a reader has both tables open: nothing that is loaded meanwhile
// waits, and the months are gone once the reader is.
func TestAuditMonths_BehindAnOpenReader(t *testing.T) {
	t.Parallel()
	f := newAuditFixture(t)
	old := f.addMonth(5)
	f.exec("update sdp_connections set retention_days = 1")
	f.load(newUsage(0), newAPICall(uuid.Nil))
	f.exec("update mcp_tool_usage set logged_at = $1 where target = 'request/0'", old.Add(time.Hour))
	now := time.Now().UTC()
	last := time.Date(now.Year(), now.Month()+3, 1, 0, 0, 0, 0, time.UTC).Format("2006_01")
	f.exec("drop table mcp_tool_usage_" + last)

	reader := pgtest.Connect(t, f.owner)
	tx, err := reader.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "select from mcp_tool_usage; select from api_audit_log")
	require.NoError(t, err)

	done, over := make(chan struct{}), make(chan struct{})
	loads, waited := 0, 0
	watcher := pgtest.Connect(t, pgtest.AsSuperuser(t, f.owner))
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for {
			waiting := 0
			if err := watcher.QueryRow(t.Context(), `select count(*) from pg_locks l join pg_stat_activity a using (pid)
				where not l.granted and l.locktype = 'relation' and a.usename = $1 and a.datname = current_database()`, pgtest.Server).Scan(&waiting); err != nil {
				t.Error(err)
				return
			}
			waited += waiting
			select {
			case <-done:
				return
			default:
			}
		}
	}()
	go func() {
		defer close(done)
		for isOver := false; !isOver || loads < 20; {
			if f.spool.Append(newUsage(loads+1)) != nil || f.spool.Flush(t.Context()) != nil {
				t.Error("rows are not loaded")
				return
			}
			loads++
			select {
			case <-over:
				isOver = true
			default:
			}
		}
	}()
	require.NoError(t, f.writer.AddAuditMonths(t.Context()))
	_, err = f.writer.RemoveAuditMonths(t.Context(), 30)
	if err == nil {
		t.Error("a month was taken away under an open reader")
	}
	close(over)
	<-done
	<-watched
	t.Logf("%d batches were loaded behind an open reader; the month: %v", loads, err)
	if waited > 0 {
		t.Error("whoever loads waited for a lock of a table")
	}
	f.mustVerify(int64(loads)+1, 1) // of a month that is half gone, too
	require.NoError(t, tx.Rollback(t.Context()))
	var removed []string
	require.Eventually(t, func() error {
		gone, err := f.writer.RemoveAuditMonths(t.Context(), 30)
		removed = append(removed, gone...)
		return err
	})
	month := old.Format("2006_01")
	if diff := cmp.Diff([]string{"api_audit_log_" + month, "mcp_tool_usage_" + month}, slices.Sorted(slices.Values(removed))); diff != "" {
		t.Errorf("tables that are gone (-want +got)\n%s", diff)
	}
	if months := f.months(); len(months) != 4 {
		t.Errorf("months %q, want this one and three more", months)
	}
	f.mustVerify(int64(loads)+1, 1)
}

// TestDeleteExpiredAudit: rows go when their connection says, those without one when the installation does, and what is left verifies.
func TestDeleteExpiredAudit(t *testing.T) {
	t.Parallel()
	f := newAuditFixture(t)
	f.addMonth(1)
	f.addMonth(2)
	f.addMonth(3)
	for uid, days := range map[string]int{"short": 5, "long": 365} {
		p := newConnection(uid, 1)
		p.Key.Name, p.Settings.RetentionDays = uid, days
		_, err := f.writer.StoreConnection(t.Context(), p)
		require.NoError(t, err)
	}
	for _, age := range []int{80, 40, 3} {
		for _, uid := range []string{"short", "long", "gone", ""} {
			usage, call := newUsage(age), newAPICall(uuid.Nil)
			usage.Connection.UID, call.Connection.UID, call.Target = uid, uid, usage.Target
			require.NoError(t, f.spool.Append(usage, call))
		}
	}
	require.NoError(t, f.spool.Flush(t.Context()))
	for _, table := range []string{"mcp_tool_usage", "api_audit_log"} {
		f.exec("update " + table + " set logged_at = logged_at - make_interval(days => replace(target, 'request/', '')::int)")
	}
	f.exec("insert into audit_batches (batch, writer, rows, damaged, loaded_at) values (gen_random_uuid(), gen_random_uuid(), 0, 0, now() - interval '61 days')")
	_, err := f.writer.AnchorAudit(t.Context())
	require.NoError(t, err)
	for range 8 { // two of a table at a time
		_, err := f.writer.DeleteExpiredAudit(t.Context(), 30, 2)
		require.NoError(t, err)
	}
	for _, table := range []string{"mcp_tool_usage", "api_audit_log"} {
		got := queryStrings(t, f.admin, "select connection_uid || ' ' || replace(target, 'request/', '') from "+table+" order by 1")
		if diff := cmp.Diff([]string{" 3", "gone 3", "long 3", "long 40", "long 80", "short 3"}, got); diff != "" {
			t.Errorf("rows of %s that are left (-want +got)\n%s", table, diff)
		}
	}
	if n := f.count("audit_batches"); n != 1 {
		t.Errorf("%d batches are left, want that of today", n)
	}
	f.mustVerify(12, 4)
}

// TestVerifyAudit changes what servers cannot change, and has each named.
func TestVerifyAudit(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		sql  string
		want []store.AuditProblem
	}{
		"nothing":           {"select 1", nil},
		"a new text":        {"update mcp_tool_usage set subject = 'nobody' where seq = 5", []store.AuditProblem{{Kind: store.AuditChanged, Table: "mcp_tool_usage", First: 5, Last: 5, AnchoredSeq: 4}}},
		"a new number":      {"update api_audit_log set status = 200 where seq = 6", []store.AuditProblem{{Kind: store.AuditChanged, Table: "api_audit_log", First: 6, Last: 6, AnchoredSeq: 4}}},
		"rows deleted":      {"with d as (delete from mcp_tool_usage where seq between 5 and 7) delete from api_audit_log where seq between 5 and 7", []store.AuditProblem{{Kind: store.AuditMissing, First: 5, Last: 7, AnchoredSeq: 4}}},
		"the first deleted": {"delete from mcp_tool_usage where seq = 1", []store.AuditProblem{{Kind: store.AuditMissing, First: 1, Last: 1}}},
		"the end deleted, up to before the anchor": {"with d as (delete from mcp_tool_usage where seq >= 4) delete from api_audit_log where seq >= 4", []store.AuditProblem{{Kind: store.AuditMissing, First: 4, Last: 4}}},
		"a row twice": {"insert into mcp_tool_usage select * from mcp_tool_usage where seq = 3", []store.AuditProblem{{Kind: store.AuditDuplicate, Table: "mcp_tool_usage", First: 3, Last: 3}}},
		"a row and all hashes after it, with an anchor": {`do $$
			declare previous bytea := (select hash from audit_chain where seq = 2); r record;
			begin
			  update mcp_tool_usage set subject = 'nobody' where seq = 3;
			  for r in select table_name, seq, digest from audit_chain where seq >= 3 order by seq loop
			    previous := sha256(previous || r.digest);
			    execute format('update %I set hash = $1 where seq = $2', r.table_name) using previous, r.seq;
			  end loop;
			end $$`, []store.AuditProblem{{Kind: store.AuditChanged, First: 4, Last: 4}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newAuditFixture(t)
			f.load(newUsage(1), newAPICall(uuid.Nil), newUsage(3), newAPICall(uuid.Nil))
			anchors, err := f.writer.AnchorAudit(t.Context())
			require.NoError(t, err)
			if len(anchors) != 1 || anchors[0].Seq != 4 {
				t.Fatalf("anchors %+v, want one of row 4", anchors)
			}
			f.load(newUsage(5), newAPICall(uuid.Nil), newUsage(7), newAPICall(uuid.Nil))
			f.exec(tc.sql)
			v, err := openStore(t, f.owner).VerifyAudit(t.Context(), 10)
			require.NoError(t, err)
			for i := range v.Problems {
				p := &v.Problems[i]
				t.Log(p)
				if p.ConnectionUID != "u1" || p.Writer != anchors[0].Writer || p.LoggedAt.IsZero() {
					t.Errorf("the problem is of %s, %s at %s", p.Writer, p.ConnectionUID, p.LoggedAt)
				}
				*p = store.AuditProblem{Kind: p.Kind, Table: p.Table, First: p.First, Last: p.Last, AnchoredSeq: p.AnchoredSeq}
			}
			if diff := cmp.Diff(tc.want, v.Problems); diff != "" {
				t.Errorf("problems (-want +got)\n%s", diff)
			}
		})
	}
}

// TestVerifyAudit_ForgedRow: a server cannot read how a chain ends, so what it adds to another's is found.
func TestVerifyAudit_ForgedRow(t *testing.T) {
	t.Parallel()
	f := newAuditFixture(t)
	f.load(newUsage(1), newUsage(2))
	server := pgtest.Connect(t, pgtest.AsServerRole(t, f.owner))
	var hash []byte
	if err := server.QueryRow(t.Context(), "select hash from mcp_tool_usage where seq = 2").Scan(&hash); err == nil {
		t.Error("a server reads how a chain ends")
	}
	forged := make([]byte, 32)
	copy(forged, hash)
	_, err := server.Exec(t.Context(), `insert into mcp_tool_usage (logged_at, clamped, writer, connection_uid, seq, call_id, started_at, took_us, method, tool, is_write,
			subject, proof, oidc_client, client_name, client_version, connection_namespace, connection_name, traceparent, target, prompt_namespace, prompt_name,
			prompt_version, prompt_digest, outcome, error_kind, hash)
		select logged_at, clamped, writer, connection_uid, 3, call_id, started_at, took_us, method, tool, is_write, 'nobody', proof, oidc_client, client_name,
			client_version, connection_namespace, connection_name, traceparent, target, prompt_namespace, prompt_name, prompt_version, prompt_digest, outcome,
			error_kind, $1 from mcp_tool_usage where seq = 2`, forged)
	require.NoError(t, err)
	v, err := openStore(t, f.owner).VerifyAudit(t.Context(), 10)
	require.NoError(t, err)
	if len(v.Problems) != 1 || v.Problems[0].Kind != store.AuditChanged || v.Problems[0].First != 3 {
		t.Errorf("problems %v, want that row 3 was changed", v.Problems)
	}
}

// TestAnchorAudit_NothingNew writes no row for chains that did not grow.
func TestAnchorAudit_NothingNew(t *testing.T) {
	t.Parallel()
	f := newAuditFixture(t)
	f.load(newUsage(1))
	for range 3 {
		_, err := f.writer.AnchorAudit(t.Context())
		require.NoError(t, err)
	}
	if n := f.count("audit_anchors"); n != 1 {
		t.Errorf("there are %d anchors, want one", n)
	}
	f.load(&audit.ToolUsage{StartedAt: time.Now()}, newUsage(2))
	anchors, err := f.writer.AnchorAudit(t.Context())
	require.NoError(t, err)
	if len(anchors) != 2 {
		t.Errorf("anchors %+v, want one of each chain", anchors)
	}
}
