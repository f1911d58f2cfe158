package postgres_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// stolenRole is a role of servers in the hands of somebody who knows the audit of the fixture: a chain of four rows, of which the connection
// keeps five days.
type stolenRole struct {
	*auditFixture
	conn   *pgx.Conn
	writer string
}

func newStolenRole(t *testing.T) *stolenRole {
	t.Helper()
	f := newAuditFixture(t)
	f.addMonth(1)
	p := newConnection("u1", 1)
	p.Settings.RetentionDays = 5
	_, err := f.writer.StoreConnection(t.Context(), p)
	require.NoError(t, err)
	for n := range 4 {
		row := newUsage(n + 1)
		row.Payload = audit.Payload{} // that is what a role cannot read
		f.load(row)
	}
	_, err = f.writer.AnchorAudit(t.Context())
	require.NoError(t, err)
	s := &stolenRole{auditFixture: f, conn: pgtest.Connect(t, pgtest.AsServerRole(t, f.owner))}
	require.NoError(t, s.conn.QueryRow(t.Context(), "select min(writer::text) from mcp_tool_usage").Scan(&s.writer))
	return s
}

// forge inserts a row of the chain, with some values that are SQL.
func (s *stolenRole) forge(values map[string]string) error {
	s.Helper()
	row := map[string]string{
		"logged_at": "now()", "clamped": "false", "writer": "'" + s.writer + "'", "connection_uid": "'u1'", "call_id": "gen_random_uuid()", "started_at": "now()",
		"took_us": "0", "is_write": "false", "prompt_version": "0", "hash": "sha256('guessed')",
	}
	for text := range strings.FieldsSeq(`method tool subject proof oidc_client client_name client_version connection_namespace connection_name traceparent target
		prompt_namespace prompt_name prompt_digest outcome error_kind`) {
		row[text] = "''"
	}
	maps.Copy(row, values)
	var columns, of []string
	for column, value := range row {
		columns, of = append(columns, column), append(of, value)
	}
	_, err := s.conn.Exec(s.Context(), fmt.Sprintf("insert into mcp_tool_usage (%s) select %s", strings.Join(columns, ", "), strings.Join(of, ", ")))
	return err
}

// computeHead is how the chain would end if it had a beginning that is known, by what the role may read.
func (s *stolenRole) computeHead() string {
	s.Helper()
	var digest strings.Builder
	for column := range strings.FieldsSeq(`uuid_send(writer) text(connection_uid) int8send(seq) uuid_send(call_id) timestamptz_send(started_at) int8send(took_us)
		text(method) text(tool) boolsend(is_write) text(subject) text(proof) text(oidc_client) text(client_name) text(client_version) text(connection_namespace)
		text(connection_name) text(traceparent) text(target) text(prompt_namespace) text(prompt_name) int8send(prompt_version) text(prompt_digest) text(outcome)
		text(error_kind)`) {
		sent := column
		if name, isText := strings.CutPrefix(column, "text("); isText {
			sent = "convert_to(" + strings.TrimSuffix(name, ")") + ", 'UTF8')"
		}
		fmt.Fprintf(&digest, "int4send(octet_length(%[1]s)) || %[1]s || ", sent)
	}
	digest.WriteString("int4send(-1) || int4send(-1) || int4send(-1)")
	head := "decode(repeat('00', 32), 'hex')"
	for seq := range 4 {
		require.NoError(s, s.conn.QueryRow(s.Context(), fmt.Sprintf("select quote_literal(sha256(%s || sha256(%s))) || '::bytea' from mcp_tool_usage where seq = %d",
			head, digest.String(), seq+1)).Scan(&head))
	}
	return head
}

// keep runs what upkeep runs of the audit each hour.
func (s *stolenRole) keep() {
	s.Helper()
	_, err := s.auditFixture.writer.AnchorAudit(s.Context())
	require.NoError(s, err)
	_, err = s.auditFixture.writer.DeleteExpiredAudit(s.Context(), 30, 1000)
	require.NoError(s, err)
}

// verify returns the problems that are found, without their places.
func (s *stolenRole) verify() (problems []store.AuditProblem) {
	s.Helper()
	v, err := openStore(s, s.owner).VerifyAudit(s.Context(), 100)
	require.NoError(s, err)
	for _, p := range v.Problems {
		problems = append(problems, store.AuditProblem{Kind: p.Kind, First: p.First, Last: p.Last})
	}
	return problems
}

// TestVerifyAudit_StolenRole: what a server's role may insert, `lectern audit verify` names, and it hides nothing else that is wrong.
func TestVerifyAudit_StolenRole(t *testing.T) {
	t.Parallel()
	const old, far = "now() - interval '10 days'", 1 << 61
	missing := func(first, last int64) store.AuditProblem {
		return store.AuditProblem{Kind: store.AuditMissing, First: first, Last: last}
	}
	for name, tc := range map[string]struct {
		attack func(s *stolenRole) error
		// isRefused says that the database refuses the row; want are the problems otherwise.
		isRefused bool
		want      []store.AuditProblem
	}{
		"a number that cannot be counted from": {func(s *stolenRole) error { return s.forge(map[string]string{"seq": "-9223372036854775808"}) }, true, nil},
		"a number that cannot be counted to":   {func(s *stolenRole) error { return s.forge(map[string]string{"seq": "9223372036854775807"}) }, true, nil},
		"a hash that is none":                  {func(s *stolenRole) error { return s.forge(map[string]string{"seq": "5", "hash": "''"}) }, true, nil},
		"a row too long to be hashed": {func(s *stolenRole) error {
			return s.forge(map[string]string{"seq": "5", "subject": "repeat('x', 2000000)", "payload": "to_json(repeat('x', 2000000))"})
		}, true, nil},
		"the next row, with a guess": {func(s *stolenRole) error { return s.forge(map[string]string{"seq": "5"}) }, false,
			[]store.AuditProblem{{Kind: store.AuditChanged, First: 5, Last: 5}}},
		"the next row, computed": {func(s *stolenRole) error {
			var writer, digest string
			require.NoError(s, s.conn.QueryRow(s.Context(), "select writer::text from mcp_tool_usage limit 1").Scan(&writer))
			head := s.computeHead()
			if err := s.forge(map[string]string{"seq": "5", "subject": "'nobody'"}); err != nil {
				return err
			}
			require.NoError(s, s.admin.QueryRow(s.Context(), "select quote_literal(digest) || '::bytea' from audit_chain where seq = 5").Scan(&digest))
			s.exec(fmt.Sprintf("update mcp_tool_usage set hash = sha256(%s || %s) where seq = 5", head, digest)) // as the role would have inserted it
			return nil
		}, false, []store.AuditProblem{{Kind: store.AuditChanged, First: 5, Last: 5}}},
		"a number that is there": {func(s *stolenRole) error { return s.forge(map[string]string{"seq": "4"}) }, false,
			[]store.AuditProblem{{Kind: store.AuditDuplicate, First: 4, Last: 4}}},
		"a number that was erased": {func(s *stolenRole) error {
			s.exec("update mcp_tool_usage set logged_at = " + old + " where seq <= 3")
			s.keep()
			return s.forge(map[string]string{"seq": "2"})
		}, false, []store.AuditProblem{{Kind: store.AuditDuplicate, First: 2, Last: 2}}},
		"a far number that upkeep deletes": {func(s *stolenRole) error {
			if err := s.forge(map[string]string{"seq": fmt.Sprint(far), "logged_at": old}); err != nil {
				return err
			}
			s.keep()
			s.exec("delete from mcp_tool_usage where seq = 3")
			return nil
		}, false, []store.AuditProblem{missing(3, 3), missing(5, far-1)}},
		"the next number, deleted before the row comes": {func(s *stolenRole) error {
			if err := s.forge(map[string]string{"seq": "5", "logged_at": old}); err != nil {
				return err
			}
			s.keep()
			s.load(newUsage(5), newUsage(6))
			return nil
		}, false, []store.AuditProblem{{Kind: store.AuditDuplicate, First: 5, Last: 5}}},
		"a far number when anchors are made": {func(s *stolenRole) error {
			if err := s.forge(map[string]string{"seq": fmt.Sprint(far)}); err != nil {
				return err
			}
			s.load(newUsage(5))
			s.keep()
			s.exec("delete from mcp_tool_usage where seq in (5, $1)", int64(far))
			s.exec("delete from audit_anchors where seq = $1", int64(far))
			return nil
		}, false, []store.AuditProblem{missing(5, 5)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStolenRole(t)
			if err := tc.attack(s); (err != nil) != tc.isRefused {
				t.Errorf("the attack: %v, want that it is refused: %t", err, tc.isRefused)
			}
			problems := s.verify()
			if kindless := slices.IndexFunc(problems, func(p store.AuditProblem) bool { return p.Kind == "" }); kindless >= 0 {
				t.Errorf("problem %d has no kind", kindless)
			}
			sorted := func(problems []store.AuditProblem) []store.AuditProblem {
				return slices.SortedFunc(slices.Values(problems), func(a, b store.AuditProblem) int { return int(a.First - b.First) })
			}
			if diff := cmp.Diff(sorted(tc.want), sorted(problems)); diff != "" {
				t.Errorf("problems (-want +got)\n%s", diff)
			}
		})
	}
}
