package localdesk

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// auditedDesk is a desk with an audit in memory, whose lines are a log as well.
type auditedDesk struct {
	*desk
	rows *audit.Memory
	log  bytes.Buffer
}

func newAuditedDesk(t *testing.T) *auditedDesk {
	t.Helper()
	d := &auditedDesk{desk: newDesk(t, sdptest.Options{}), rows: audit.NewMemory()}
	d.audit = audit.NewJSONLog(&d.log, d.rows)
	return d
}

// wantRows holds what is audited, and that it is what the fake got; nothing more. Everything has ended by then.
func (d *auditedDesk) wantRows(want ...string) {
	d.Helper()
	found, err := d.rows.ListAPICalls(d.Context(), uuid.Nil.String(), time.Time{})
	require.NoError(d, err)
	var got, audited, journal []string
	for _, row := range found {
		got = append(got, strings.TrimSpace(fmt.Sprint(row.Operation, " ", row.Status, " ", row.Outcome, " ", row.ErrorKind)))
		audited = append(audited, fmt.Sprint(row.Target == "", " ", row.Status))
	}
	for _, c := range d.fake.Calls(nil) {
		journal = append(journal, fmt.Sprint(c.Accounts, " ", c.Status))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		d.Errorf("audited (-want +got)\n%s", diff)
	}
	slices.Sort(audited)
	slices.Sort(journal)
	if diff := cmp.Diff(journal, audited); diff != "" {
		d.Errorf("what is audited is not what was called (-journal +audited)\n%s", diff)
	}
	log := d.log.String()
	by := `"actor":{"subject":"local:anna","proof":"keeper"},"connection":{"namespace":"default","name":"helpdesk","uid":"`
	if strings.Count(log, by) != len(want) || strings.Contains(log, "1000.") {
		d.Errorf("the rows are not of this connection, or have a token:\n%s", log)
	}
}

// TestSource_Audit: each call of a keeper has a row: the exchange of a code, the proof of a refusal, the refresh that follows, and what was
// refused.
func TestSource_Audit(t *testing.T) {
	t.Parallel()
	t.Run("a refusal", func(t *testing.T) {
		t.Parallel()
		d := newAuditedDesk(t)
		d.give("grant_code: " + d.fake.GrantCode())
		s, stop := d.start()
		first := d.waitForToken(s, "")
		d.fake.KillAccessTokens()
		require.NoError(t, s.ReportRefusal(t.Context(), first.ID, first.Token.ID))
		d.waitForToken(s, first.Token.ID)
		require.Until(t, "the new token is proven", func() bool { return d.fake.Count(sdptest.ToAPI) == 2 })
		stop()
		d.wantRows("exchange grant code 200 success", "list request 401 denied token_refused", "refresh token 200 success", "list request 200 success")
	})
	t.Run("a client secret that is another's", func(t *testing.T) {
		t.Parallel()
		d := newAuditedDesk(t)
		d.giveWith("wrong", "refresh_token: "+d.fake.RefreshToken())
		s, stop := d.start()
		require.Until(t, "the refusal is told", func() bool { return d.row(s).Problem != "" })
		stop()
		d.wantRows("refresh token 200 denied invalid_client_secret")
	})
}
