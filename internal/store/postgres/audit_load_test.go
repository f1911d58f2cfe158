package postgres_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// auditFixture is a database with a spool that loads into it as a server does.
type auditFixture struct {
	*testing.T
	owner  postgres.Options
	store  *postgres.Store // a server's
	writer *postgres.Writer
	admin  *pgx.Conn
	spool  *audit.Spool
	folder string
	keys   *seal.StorageKeys
}

func newAuditFixture(t *testing.T) *auditFixture {
	t.Helper()
	owner := pgtest.New(t)
	owner.ConnectTimeout = time.Minute
	controller := openStore(t, owner)
	controller.SetCallTimeout(time.Minute)
	f := &auditFixture{
		T: t, owner: owner, store: openStore(t, pgtest.AsServerRole(t, owner)), writer: claimWriter(t, controller, cluster),
		admin: pgtest.Connect(t, pgtest.AsSuperuser(t, owner)), folder: t.TempDir(), keys: newStorageKeys(t),
	}
	f.store.SetCallTimeout(time.Minute)
	f.spool = f.openSpool()
	f.keepMonthsFromNow()
	return f
}

// keepMonthsFromNow has this month and the three after it be there, and no other: a month may have begun since the template was made.
func (f *auditFixture) keepMonthsFromNow() {
	f.Helper()
	require.NoError(f, f.writer.AddAuditMonths(f.Context()))
	for _, earlier := range queryStrings(f.T, f.admin, `select inhrelid::regclass::text from pg_inherits
		where inhparent in ('mcp_tool_usage'::regclass, 'api_audit_log'::regclass) and right(inhrelid::regclass::text, 7) < to_char(now() at time zone 'UTC', 'YYYY_MM')`) {
		f.exec("drop table " + earlier)
	}
}

func newStorageKeys(t *testing.T) *seal.StorageKeys {
	t.Helper()
	keyset, err := seal.NewStorageKeyset()
	require.NoError(t, err)
	keys, err := seal.ParseStorageKeys(keyset.Text())
	require.NoError(t, err)
	return keys
}

func (f *auditFixture) openSpool() *audit.Spool {
	f.Helper()
	s, err := audit.Open(audit.Options{Folder: f.folder, Keys: f.keys, Loader: f.store})
	require.NoError(f, err)
	return s
}

// append appends rows and loads them.
func (f *auditFixture) load(rows ...audit.Row) {
	f.Helper()
	require.NoError(f, f.spool.Append(rows...))
	require.NoError(f, f.spool.Flush(f.Context()))
}

func (f *auditFixture) count(query string) (n int) {
	f.Helper()
	require.NoError(f, f.admin.QueryRow(f.Context(), "select count(*) from "+query).Scan(&n))
	return n
}

func newUsage(n int) *audit.ToolUsage {
	return &audit.ToolUsage{
		CallID: audit.NewID(), StartedAt: time.Now(), Took: 1500 * time.Microsecond, Method: "tools/call", Tool: "list_requests", Write: true,
		Actor:       audit.Actor{Subject: "system:serviceaccount:support:triage", Proof: "kubernetes", OIDCClient: "agent"},
		Client:      audit.Client{Name: "claude – ☃", Version: "1.2"},
		Connection:  audit.Connection{Namespace: "support", Name: "helpdesk", UID: "u1"},
		Traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Target: fmt.Sprintf("request/%d", n),
		Prompt:  audit.Prompt{Namespace: "support", Name: "triage", Version: 3, Digest: "abc"},
		Outcome: audit.OutcomeError, ErrorKind: "tool_error",
		Payload: audit.Payload{Redacted: json.RawMessage(`{"id": "1", "id": 1e400000, "x\u0000": 2}`), Sealed: []byte{1, 2, 3}},
	}
}

func newAPICall(callID uuid.UUID) *audit.APICall {
	return &audit.APICall{
		ID: audit.NewID(), CallID: callID, StartedAt: time.Now(), Took: time.Second, Write: true,
		Actor:       audit.Actor{Subject: "agent", Proof: "oidc", OIDCClient: "desk"},
		Connection:  audit.Connection{Namespace: "support", Name: "helpdesk", UID: "u1"},
		Traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Operation: "UpdateRequest", Method: "PUT",
		Template: "/api/v3/requests/{id}", Target: "request/7", Attempt: 2, Status: 400, Codes: []int32{4001, 4012, -1},
		Outcome: audit.OutcomeIndeterminate, ErrorKind: "Invalid", Payload: audit.Payload{Redacted: json.RawMessage(`[]`), Sealed: []byte("sealed")},
	}
}

// TestLoadAudit_Fields reads every field of both tables back as the database shows it, so that no two are mixed up.
func TestLoadAudit_Fields(t *testing.T) {
	t.Parallel()
	f := newAuditFixture(t)
	usage, call, empty := newUsage(7), newAPICall(uuid.Nil), &audit.APICall{ID: audit.NewID(), StartedAt: time.Now()}
	call.CallID = usage.CallID
	f.load(usage, call)
	f.load(empty, &audit.ToolUsage{StartedAt: time.Now()})
	at := func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000000") }
	const readUsage = `select jsonb_build_object('call_id', call_id, 'started', to_char(started_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), 'took', took_us,
		'method', method, 'tool', tool, 'write', is_write, 'subject', subject, 'proof', proof, 'oidc', oidc_client, 'client', client_name, 'version', client_version,
		'connection', array[connection_namespace, connection_name, connection_uid], 'trace', traceparent, 'target', target,
		'prompt', array[prompt_namespace, prompt_name, prompt_version::text, prompt_digest], 'outcome', outcome, 'error', error_kind,
		'payload', payload::text, 'sealed', sealed_payload, 'seq', seq, 'clamped', clamped, 'by', loaded_as)::text from mcp_tool_usage where target <> ''`
	const readCall = `select jsonb_build_object('id', id, 'call_id', call_id, 'started', to_char(started_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), 'took', took_us,
		'operation', operation, 'method', method, 'template', template, 'write', is_write, 'subject', subject, 'proof', proof, 'oidc', oidc_client,
		'connection', array[connection_namespace, connection_name, connection_uid], 'trace', traceparent, 'target', target, 'attempt', attempt,
		'status', status, 'codes', codes, 'outcome', outcome, 'error', error_kind, 'payload', payload::text, 'sealed', sealed_payload, 'seq', seq,
		'clamped', clamped, 'by', loaded_as)::text from api_audit_log where `
	for name, tc := range map[string]struct {
		query string
		want  map[string]any
	}{
		"a call of an agent": {readUsage, map[string]any{
			"call_id": usage.CallID.String(), "started": at(usage.StartedAt), "took": 1500.0, "method": "tools/call", "tool": "list_requests", "write": true,
			"subject": usage.Actor.Subject, "proof": "kubernetes", "oidc": "agent", "client": "claude – ☃", "version": "1.2",
			"connection": []any{"support", "helpdesk", "u1"}, "trace": usage.Traceparent, "target": "request/7", "prompt": []any{"support", "triage", "3", "abc"},
			"outcome": "error", "error": "tool_error", "payload": string(usage.Payload.Redacted), "sealed": `\x010203`, "seq": 1.0, "clamped": false, "by": pgtest.Server,
		}},
		"a call of ServiceDesk Plus": {readCall + "target <> ''", map[string]any{
			"id": call.ID.String(), "call_id": usage.CallID.String(), "started": at(call.StartedAt), "took": 1e6, "operation": "UpdateRequest", "method": "PUT",
			"template": "/api/v3/requests/{id}", "write": true, "subject": "agent", "proof": "oidc", "oidc": "desk", "connection": []any{"support", "helpdesk", "u1"},
			"trace": call.Traceparent, "target": "request/7", "attempt": 2.0, "status": 400.0, "codes": []any{4001.0, 4012.0, -1.0}, "outcome": "indeterminate",
			"error": "Invalid", "payload": "[]", "sealed": `\x7365616c6564`, "seq": 2.0, "clamped": false, "by": pgtest.Server,
		}},
		"one with nothing in it": {readCall + "target = ''", map[string]any{
			"id": empty.ID.String(), "call_id": nil, "started": at(empty.StartedAt), "took": 0.0, "operation": "", "method": "", "template": "", "write": false,
			"subject": "", "proof": "", "oidc": "", "connection": []any{"", "", ""}, "trace": "", "target": "", "attempt": 0.0, "status": 0.0, "codes": []any{},
			"outcome": "", "error": "", "payload": nil, "sealed": nil, "seq": 1.0, "clamped": false, "by": pgtest.Server,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var text string
			require.NoError(t, f.admin.QueryRow(t.Context(), tc.query).Scan(&text))
			var got map[string]any
			require.NoError(t, json.Unmarshal([]byte(text), &got))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("row (-want +got)\n%s", diff)
			}
		})
	}
	f.mustVerify(4, 2)
}

// mustVerify fails the test unless all chains are as they were written.
func (f *auditFixture) mustVerify(rows, chains int64) {
	f.Helper()
	v, err := openStore(f, f.owner).VerifyAudit(f.Context(), 100)
	require.NoError(f, err)
	if v.Rows != rows || v.Chains != chains || len(v.Problems) > 0 {
		f.Errorf("verified %d rows in %d chains, want %d in %d; problems: %v", v.Rows, v.Chains, rows, chains, v.Problems)
	}
}

// TestLoadAudit_Once loads one segment again and again, after its transaction was committed and nobody heard of it.
func TestLoadAudit_Once(t *testing.T) {
	t.Parallel()
	f := newAuditFixture(t)
	for n := range 10 {
		require.NoError(t, f.spool.Append(newUsage(n), newAPICall(uuid.Nil)))
	}
	path, content := f.onlySegment()
	require.NoError(t, f.spool.Flush(t.Context()))
	for range 3 {
		require.NoError(t, os.WriteFile(path, content, 0o600))
		again := f.openSpool()
		require.NoError(t, again.Flush(t.Context()))
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("the segment is still there: %v", err)
		}
	}
	if usage, calls, batches := f.count("mcp_tool_usage"), f.count("api_audit_log"), f.count("audit_batches"); usage != 10 || calls != 10 || batches != 1 {
		t.Errorf("%d rows of usage, %d of calls and %d batches, want 10, 10 and 1", usage, calls, batches)
	}
	f.mustVerify(20, 1)
}

func (f *auditFixture) onlySegment() (path string, content []byte) {
	f.Helper()
	paths, err := filepath.Glob(filepath.Join(f.folder, "*.audit"))
	require.NoError(f, err)
	if len(paths) != 1 {
		f.Fatalf("there are %d segments, want one", len(paths))
	}
	content, err = os.ReadFile(paths[0])
	require.NoError(f, err)
	return paths[0], content
}

// TestLoadAudit_ForItsOwnSake: a batch that the database refuses for what is in it is set aside, and those after it are loaded.
func TestLoadAudit_ForItsOwnSake(t *testing.T) {
	t.Parallel()
	f := newAuditFixture(t)
	broken := newUsage(1)
	broken.Payload.Redacted = json.RawMessage(`{"no": json`)
	require.NoError(t, f.spool.Append(newUsage(0), broken))
	require.NoError(t, f.spool.Flush(t.Context()))
	f.load(newUsage(2))
	stats := f.spool.Stats()
	aside, err := filepath.Glob(filepath.Join(f.folder, "*.rejected"))
	require.NoError(t, err)
	if f.count("mcp_tool_usage") != 1 || stats.Rejected != 2 || stats.Loaded != 1 || len(aside) != 1 {
		t.Errorf("%d rows are there, statistics %+v, set aside %q; want 1 row, 2 rejected in one file", f.count("mcp_tool_usage"), stats, aside)
	}
	v, err := openStore(t, f.owner).VerifyAudit(t.Context(), 10)
	require.NoError(t, err)
	if len(v.Problems) != 1 || !strings.HasPrefix(v.Problems[0].String(), "rows 1 to 2 missing") {
		t.Errorf("problems %v, want that rows 1 to 2 are missing", v.Problems)
	}
}

// TestLoadAudit_Months: rows of months that are not there are of now, and marked; without the month of now they wait.
func TestLoadAudit_Months(t *testing.T) {
	t.Parallel()
	f := newAuditFixture(t)
	require.NoError(t, f.spool.Append(newUsage(0)))
	path, content := f.onlySegment()
	now := time.Now().UTC()
	month := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC)
	this, next := month.Format("2006_01"), month.AddDate(0, 1, 0).Format("2006_01")
	f.exec("drop table mcp_tool_usage_" + this)
	err := f.spool.Flush(t.Context())
	if err == nil || !strings.Contains(err.Error(), "the audit has no partition for "+month.Format("2006-01")) {
		t.Errorf("flush without the month: %v, want that there is no partition", err)
	}
	if stats := f.spool.Stats(); stats.Segments != 1 || stats.Rejected != 0 {
		t.Errorf("statistics %+v, want that the segment waits", stats)
	}
	require.NoError(t, f.writer.AddAuditMonths(t.Context()))
	require.NoError(t, f.spool.Flush(t.Context()))
	if n := f.count("mcp_tool_usage where not clamped"); n != 1 {
		t.Errorf("%d rows are there, want the one that waited", n)
	}

	f.exec("drop table mcp_tool_usage_" + next)
	var batch audit.Batch
	loader := loaderFunc(func(_ context.Context, b audit.Batch) (bool, error) { batch = b; return true, nil })
	require.NoError(t, os.WriteFile(path, content, 0o600))
	capture, err := audit.Open(audit.Options{Folder: f.folder, Keys: f.keys, Loader: loader})
	require.NoError(t, err)
	require.NoError(t, capture.Flush(t.Context()))
	batch.ID = audit.NewID()
	for _, at := range []time.Time{month.Add(-time.Hour), month.AddDate(0, 1, 3), month.Add(time.Minute)} {
		batch.Rows[0].ClampTimes(time.Now(), time.Now(), at)
		batch.ID = audit.NewID()
		batch.Rows[0].Bytes[2+4+8+4] = 0 // not clamped
		_, err := f.store.LoadAudit(t.Context(), batch)
		require.NoError(t, err)
	}
	if clamped := f.count("mcp_tool_usage where clamped and logged_at > now() - interval '1 hour'"); clamped != 2 {
		t.Errorf("%d rows are clamped to now, want the one before and the one after the months there are", clamped)
	}
}

type loaderFunc func(context.Context, audit.Batch) (bool, error)

func (l loaderFunc) LoadAudit(ctx context.Context, b audit.Batch) (bool, error) { return l(ctx, b) }

func (f *auditFixture) exec(sql string, args ...any) {
	f.Helper()
	_, err := f.admin.Exec(f.Context(), sql, args...)
	require.NoError(f, err)
}
