package localdesk

import (
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// mend takes the mistake out of the manifest.
func (d *desk) mend(s *Source) {
	d.mistake = nil
	s.Replace([]*v1alpha1.SDPConnection{d.manifest()})
}

// waitForProblem waits until something is said, and returns the row then.
func (d *desk) waitForProblem(s *Source, said string) (row store.Connection) {
	d.Helper()
	require.Until(d, "it says "+said, func() bool { row = d.row(s); return strings.Contains(row.Problem, said) })
	return row
}

// TestSource_MendedAddress: what one accounts server refuses is sent to another one at once.
func TestSource_MendedAddress(t *testing.T) {
	t.Parallel()
	d := newDesk(t, sdptest.Options{})
	other := sdptest.Start(t, sdptest.Options{})
	d.others = append(d.others, other)
	d.mistake = func(c *v1alpha1.SDPConnection) { c.Spec.AccountsURL = v1alpha1.ServiceURL(other.AccountsURL()) }
	s, _ := d.start()
	d.waitForProblem(s, "it may belong to another data center")
	d.mend(s)
	d.waitForToken(s, "")
	if n := other.Count(sdptest.Grants("refresh_token")); n != 1 || d.refreshes() != 1 {
		t.Errorf("%d refreshes where they are refused, and %d where they are not", n, d.refreshes())
	}
}

// TestSource_ReplacedSecret: another client secret is tried when it is found, once by all processes, and not when the token is due.
// Meanwhile the token that there is stays in use.
func TestSource_ReplacedSecret(t *testing.T) {
	t.Parallel()
	d := newDesk(t, sdptest.Options{})
	refreshToken := "refresh_token: " + d.fake.RefreshToken()
	d.give(refreshToken)
	first, _ := d.start()
	second, _ := d.start()
	sources := []*Source{first, second}
	before := d.waitForToken(first, "")
	d.waitForToken(second, "")
	d.giveWith("of-nobody", refreshToken)
	for _, s := range sources {
		if row := d.waitForProblem(s, "refuses the client secret"); row.Token == nil || row.Token.ID != before.Token.ID {
			t.Errorf("there is the token %+v, want that of before", row.Token)
		}
	}
	d.give(refreshToken)
	for _, s := range sources {
		require.Until(t, "all is well", func() bool { row := d.row(s); return row.Problem == "" && row.Token != nil })
	}
	if n := d.refreshes(); n != 2 {
		t.Errorf("%d refreshes, want the first and one for the secret", n)
	}
}

// TestSource_OtherDesk: where the token that replaced a refused one is refused at once, too, that is told, and costs no other one until
// something changes.
func TestSource_OtherDesk(t *testing.T) {
	t.Parallel()
	d := newDesk(t, sdptest.Options{})
	other := sdptest.Start(t, sdptest.Options{})
	d.others = append(d.others, other)
	d.mistake = func(c *v1alpha1.SDPConnection) { c.Spec.APIURL = v1alpha1.ServiceURL(other.URL()) }
	s, _ := d.start()
	require.Until(t, "it is told", func() bool {
		row := d.row(s)
		if row.Token != nil {
			require.NoError(t, s.ReportRefusal(t.Context(), row.ID, row.Token.ID)) // as a tool does that is refused it
		}
		return row.Token == nil && strings.Contains(row.Problem, "apiURL may belong to another data centre")
	})
	late, _ := d.start()
	row := d.waitForStoredToken(late)
	require.NoError(t, late.ReportRefusal(t.Context(), row.ID, row.Token.ID))
	d.waitForProblem(late, "apiURL may belong to another data centre")
	d.mend(s)
	d.waitForToken(s, "")
	if n := d.refreshes(); n != 2 {
		t.Errorf("%d refreshes, want the first and one for its refusal", n)
	}
}

// TestSource_EarlyDeaths: tokens that were taken, and die before their time, are replaced at once each time.
func TestSource_EarlyDeaths(t *testing.T) {
	t.Parallel()
	d := newDesk(t, sdptest.Options{})
	s, _ := d.start()
	row := d.waitForToken(s, "")
	for range 2 {
		d.fake.KillAccessTokens()
		require.NoError(t, s.ReportRefusal(t.Context(), row.ID, row.Token.ID))
		row = d.waitForToken(s, row.Token.ID)
	}
	if n := d.refreshes(); n != 3 {
		t.Errorf("%d refreshes", n)
	}
}

// TestSource_UnknownTimeZone: a zone that there is not is told, and no token is asked for.
func TestSource_UnknownTimeZone(t *testing.T) {
	t.Parallel()
	d := newDesk(t, sdptest.Options{})
	d.mistake = func(c *v1alpha1.SDPConnection) { c.Spec.TimeZone = "Europe/Nowhere" }
	s, _ := d.start()
	d.waitForProblem(s, `spec.timeZone: the IANA time zone database has no "Europe/Nowhere"`)
	if n := d.refreshes(); n != 0 {
		t.Errorf("%d refreshes", n)
	}
	d.mend(s)
	d.waitForToken(s, "")
}
