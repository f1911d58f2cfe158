package localdesk

import (
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// shiftState has what is in the state be of a clock that was ahead, or behind.
func (d *desk) shiftState(by time.Duration) {
	d.Helper()
	require.NoError(d, stateFolder{d.state}.update(func(s *state) (bool, error) {
		for key, t := range s.Tokens {
			t.IssuedAt, t.ExpiresAt = t.IssuedAt.Add(by), t.ExpiresAt.Add(by)
			s.Tokens[key] = t
		}
		for i := range s.Requests {
			s.Requests[i].StartedAt = s.Requests[i].StartedAt.Add(by)
		}
		for key, p := range s.Pauses {
			p.Until = p.Until.Add(by)
			s.Pauses[key] = p
		}
		return true, nil
	}))
}

// TestSource_ClockWasAhead: a token that was got while the clock was ahead is replaced when it is refused, with one request.
func TestSource_ClockWasAhead(t *testing.T) {
	t.Parallel()
	d := newDesk(t, sdptest.Options{})
	s, stop := d.start()
	first := d.waitForToken(s, "")
	stop()
	d.shiftState(time.Hour)
	d.fake.KillAccessTokens()
	s, _ = d.start()
	row := d.waitForStoredToken(s)
	require.NoError(t, s.ReportRefusal(t.Context(), row.ID, row.Token.ID))
	d.waitForToken(s, first.Token.ID)
	if n := d.refreshes(); n != 2 {
		t.Errorf("%d refreshes, want the first and one for the refusal", n)
	}
}
