package localdesk

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

// TestPrune_ClockWasAhead: what a clock that was ahead left counts from the time at which that is first seen, and not longer. It is
// written down though nothing else is.
func TestPrune_ClockWasAhead(t *testing.T) {
	t.Parallel()
	folder := stateFolder{t.TempDir()}
	ahead := time.Now().Add(time.Hour)
	require.NoError(t, folder.update(func(s *state) (bool, error) {
		s.Requests = []tokenRequest{{ID: "1", StartedAt: ahead}}
		s.Pauses = map[string]tokenPause{"p": {Until: ahead, Reason: "it was refused"}}
		return true, nil
	}))
	var seen [2]state
	for i := range seen {
		require.NoError(t, folder.update(func(s *state) (bool, error) { seen[i] = *s; return false, nil }))
	}
	if diff := cmp.Diff(seen[0], seen[1], cmp.AllowUnexported(state{})); diff != "" {
		t.Errorf("the second look sees something else: %s", diff)
	}
	now := time.Now()
	if r := seen[1].Requests[0]; r.StartedAt.After(now) {
		t.Errorf("the request is of %s", r.StartedAt)
	}
	if p := seen[1].Pauses["p"]; !p.Until.After(now) || p.Until.After(now.Add(deniedPause)) {
		t.Errorf("there is the pause %+v", p)
	}
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
