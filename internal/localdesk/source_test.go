package localdesk

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/sdp/egress"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/secretsource"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

var deskKey = store.Key{Namespace: "default", Name: "helpdesk"}

// desk is a fake, and what a user has of it.
type desk struct {
	*testing.T
	fake        *sdptest.Server
	key         store.Key
	state       string
	credentials string
	// others are where credentials may go, too, and mistake is what is wrong with the manifest.
	others  []*sdptest.Server
	mistake func(*v1alpha1.SDPConnection)
	// keyInterval is how often a refused API key is called with; zero for as often as users have it.
	keyInterval time.Duration
	// audit takes rows of what keepers call; nil takes none.
	audit audit.Writer
}

func newDesk(t *testing.T, o sdptest.Options) *desk {
	t.Helper()
	o.ClientID, o.ClientSecret = "1000.C", "secret"
	d := &desk{T: t, key: deskKey, fake: sdptest.Start(t, o), state: t.TempDir(), credentials: filepath.Join(t.TempDir(), "credentials")}
	d.give("refresh_token: " + d.fake.RefreshToken())
	return d
}

func (d *desk) give(line string) {
	d.Helper()
	d.giveWith("secret", line)
}

// giveWith is give with another client secret.
func (d *desk) giveWith(clientSecret, line string) {
	d.Helper()
	require.NoError(d, os.WriteFile(d.credentials, []byte("client_id: 1000.C\nclient_secret: "+clientSecret+"\n"+line), 0o600))
}

// start follows a source as a process does, until the test ends or stop is called.
func (d *desk) start() (s *Source, stop func()) {
	d.Helper()
	hosts := []string{d.fake.URL(), d.fake.AccountsURL()}
	for _, other := range d.others {
		hosts = append(hosts, other.URL(), other.AccountsURL())
	}
	rules, err := egress.ParseRules(hosts)
	require.NoError(d, err)
	reference, err := secretsource.ParseReference(d.credentials)
	require.NoError(d, err)
	s = New(Options{
		StateFolder: d.state, Credentials: map[store.Key]secretsource.Reference{d.key: reference},
		Egress: egress.Options{Rules: rules}, Log: slog.New(slog.DiscardHandler),
	})
	s.AuditTo(d.audit, "local:anna")
	s.refusedKeyInterval = cmp.Or(d.keyInterval, s.refusedKeyInterval)
	s.Replace([]*v1alpha1.SDPConnection{d.manifest()})
	ctx, cancel := context.WithCancel(d.Context())
	var following sync.WaitGroup
	following.Go(func() { s.Follow(ctx) })
	stop = func() { cancel(); following.Wait() }
	d.Cleanup(stop)
	return s, stop
}

func (d *desk) manifest() *v1alpha1.SDPConnection {
	c := &v1alpha1.SDPConnection{
		ObjectMeta: metav1.ObjectMeta{Namespace: d.key.Namespace, Name: d.key.Name},
		Spec: v1alpha1.SDPConnectionSpec{
			Edition: v1alpha1.EditionCloud, Portal: "itdesk", APIURL: v1alpha1.ServiceURL(d.fake.URL()), AccountsURL: v1alpha1.ServiceURL(d.fake.AccountsURL()),
		},
	}
	if d.mistake != nil {
		d.mistake(c)
	}
	return c
}

// row returns the row of the connection.
func (d *desk) row(s *Source) store.Connection {
	d.Helper()
	rows, err := s.ConnectionsSince(d.Context(), 0, 10)
	require.NoError(d, err)
	if len(rows) != 1 {
		d.Fatalf("%d rows", len(rows))
	}
	return rows[0]
}

// waitForToken waits until there is another token than one, and returns the row with it.
func (d *desk) waitForToken(s *Source, before string) (row store.Connection) {
	d.Helper()
	require.Eventually(d, func() error {
		if row = d.row(s); row.Token == nil || row.Token.ID == before {
			return fmt.Errorf("there is %+v: %s", row.Token, row.Problem)
		}
		return nil
	})
	text, err := s.OpenToken(d.Context(), row.UID, row.Token.ID, nil)
	require.NoError(d, err)
	if !d.fake.IsAccepted(string(text)) || strings.Contains(fmt.Sprintf("%+v %s", row, row.Token.Sealed), string(text)) {
		d.Errorf("the token is not taken, or it is in the row: %+v", row)
	}
	return row
}

func (d *desk) refreshes() int { return d.fake.Count(sdptest.Grants("refresh_token")) }

// TestSource_Refusal: a token of which a tool says that it was refused is replaced where that is so, and stays where it is not.
func TestSource_Refusal(t *testing.T) {
	t.Parallel()
	d := newDesk(t, sdptest.Options{})
	s, _ := d.start()
	first := d.waitForToken(s, "")
	d.fake.KillAccessTokens()
	require.NoError(t, s.ReportRefusal(t.Context(), first.ID, "of another token"))
	require.NoError(t, s.ReportRefusal(t.Context(), first.ID, first.Token.ID))
	second := d.waitForToken(s, first.Token.ID)
	if n := d.refreshes(); n != 2 {
		t.Errorf("%d refreshes", n)
	}
	if _, err := s.OpenToken(t.Context(), first.UID, first.Token.ID, nil); err == nil {
		t.Error("a token that is replaced can be opened")
	}
	calls := d.fake.Count(sdptest.ToAPI)
	require.NoError(t, s.ReportRefusal(t.Context(), second.ID, second.Token.ID))
	require.Until(t, "the refusal is proven or not", func() bool { return d.fake.Count(sdptest.ToAPI) > calls })
	require.Until(t, "it is disproved", func() bool { k, _, _ := s.findRow(second.ID); return s.refusedToken(k) == "" })
	if n := d.refreshes(); n != 2 || d.row(s).Token.ID != second.Token.ID {
		t.Errorf("%d refreshes, of which the last was for a token that is taken", n)
	}
}

// TestSource_KeyTakenAgain: an API key that was refused is used again when it is taken again, without a restart.
func TestSource_KeyTakenAgain(t *testing.T) {
	t.Parallel()
	d := newDesk(t, sdptest.Options{Edition: sdptest.OnPremises})
	require.NoError(t, os.WriteFile(d.credentials, []byte("api_key: of-later"), 0o600))
	d.mistake = func(c *v1alpha1.SDPConnection) {
		c.Spec.Edition, c.Spec.Portal, c.Spec.AccountsURL = v1alpha1.EditionOnPremises, "", ""
	}
	d.keyInterval = time.Millisecond
	s, _ := d.start()
	row := d.waitForStoredToken(s)
	require.NoError(t, s.ReportRefusal(t.Context(), row.ID, row.Token.ID))
	d.waitForProblem(s, "does not take the API key")
	d.fake.AddAPIKey("of-later", "tech@example.org", time.Time{})
	d.waitForStoredToken(s)
}

// TestSource_Revoked: a refresh token that is revoked is told, and asked with once, until a person gives another one.
func TestSource_Revoked(t *testing.T) {
	t.Parallel()
	d := newDesk(t, sdptest.Options{})
	s, _ := d.start()
	first := d.waitForToken(s, "")
	d.fake.RevokeRefreshTokens()
	require.NoError(t, s.ReportRefusal(t.Context(), first.ID, first.Token.ID))
	said := "the accounts server does not take the refresh token of client 1000.C: it was revoked, or is another client's"
	require.Until(t, "it is told", func() bool { row := d.row(s); return row.Token == nil && strings.Contains(row.Problem, said) })
	late, _ := d.start() // which has the token of before, and is refused it, too
	row := d.waitForStoredToken(late)
	require.NoError(t, late.ReportRefusal(t.Context(), row.ID, row.Token.ID))
	require.Until(t, "it is told by who comes later", func() bool { return strings.Contains(d.row(late).Problem, said) })
	if n := d.refreshes(); n != 2 {
		t.Errorf("%d refreshes, of which one was after the end", n)
	}
	d.give("refresh_token: " + d.fake.RefreshToken())
	d.waitForToken(s, first.Token.ID)
	d.waitForToken(late, first.Token.ID)
	if n := d.refreshes(); n != 3 {
		t.Errorf("%d refreshes", n)
	}
}

// waitForStoredToken waits until there is a token, whether it is taken or not.
func (d *desk) waitForStoredToken(s *Source) store.Connection {
	d.Helper()
	require.Until(d, "there is a token", func() bool { return d.row(s).Token != nil })
	return d.row(s)
}

// TestSource_Budget: tokens that are due all the time, in three processes, cost eight refreshes, and then it is said when there may be
// another. A process that starts does not begin anew.
func TestSource_Budget(t *testing.T) {
	t.Parallel()
	d := newDesk(t, sdptest.Options{Limits: sdptest.Limits{AccessTokenLifetime: 1900 * time.Millisecond}})
	var sources []*Source
	for range 3 {
		s, _ := d.start()
		sources = append(sources, s)
	}
	said := "8 token requests were made in the last 10m30s, which is as many as are allowed; the next may be made at "
	for _, s := range sources {
		require.Until(t, "the budget is spent", func() bool { return strings.Contains(d.row(s).Problem, said) })
	}
	late, _ := d.start()
	require.Until(t, "the budget is spent for who comes later", func() bool { return strings.Contains(d.row(late).Problem, said) })
	if n := d.refreshes(); n != store.MaxTokenRequests {
		t.Errorf("%d refreshes", n)
	}
}

// TestSource_Replace: connections come and go by revisions; one that comes again is another one.
func TestSource_Replace(t *testing.T) {
	t.Parallel()
	d := newDesk(t, sdptest.Options{})
	s, _ := d.start()
	first := d.waitForToken(s, "")
	s.Replace(nil)
	gone := d.row(s)
	if !gone.Deleted || gone.ID != first.ID || gone.Revision <= first.Revision {
		t.Errorf("of a connection that is gone there is %+v", gone)
	}
	if _, err := s.TakeRate(t.Context(), first.ID, store.LaneInteractive, 1); err == nil {
		t.Error("a connection that is gone can be called")
	}
	changed := d.manifest()
	changed.Spec.TimeZone = "Europe/Berlin"
	s.Replace([]*v1alpha1.SDPConnection{changed})
	again := d.waitForToken(s, "")
	if again.ID == first.ID || again.UID == first.UID || again.Settings.TimeZone != "Europe/Berlin" || d.refreshes() != 1 {
		t.Errorf("%+v after %+v, with %d refreshes", again, first, d.refreshes())
	}
	rows, err := s.ConnectionsSince(t.Context(), again.Revision, 10)
	if len(rows) != 0 || err != nil {
		t.Errorf("%v %v", rows, err)
	}
}

// TestSource_Renamed: a connection that has another name now goes on with what came of its code.
func TestSource_Renamed(t *testing.T) {
	t.Parallel()
	d := newDesk(t, sdptest.Options{})
	d.give("grant_code: " + d.fake.GrantCode())
	s, stop := d.start()
	d.waitForToken(s, "")
	stop()
	d.key.Name = "renamed"
	again, _ := d.start()
	d.waitForToken(again, "")
	if n := d.fake.Count(sdptest.Grants("authorization_code")); n != 1 || d.refreshes() != 0 {
		t.Errorf("%d exchanges, %d refreshes", n, d.refreshes())
	}
}

// TestSource_Unwritable: where the state cannot be written any more after a code was sent, this process goes on with what came of it,
// and writes it as soon as it can.
func TestSource_Unwritable(t *testing.T) {
	t.Parallel()
	d := newDesk(t, sdptest.Options{})
	d.give("grant_code: " + d.fake.GrantCode())
	blocked := filepath.Join(d.state, stateName+partSuffix, "in the way")
	release := make(chan struct{})
	d.fake.Fail(sdptest.HeldAnswer(release).OfAccounts())
	s, stop := d.start()
	require.Until(t, "the code is sent", func() bool { return d.fake.Count(sdptest.Grants("authorization_code")) == 1 })
	require.NoError(t, os.MkdirAll(blocked, 0o700))
	close(release)
	d.waitForToken(s, "")
	written, err := os.ReadFile(filepath.Join(d.state, stateName))
	require.NoError(t, err)
	for content, said := range map[string]string{string(written): "cannot be written", "{": "is not as Lectern writes it"} {
		damageFile(t, stateFolder{d.state}, stateName, content)
		if row := d.waitForProblem(s, said); row.Token == nil || !strings.Contains(row.Problem, "this process has a token, and others do not find it") {
			t.Errorf("there is the token %+v: %s", row.Token, row.Problem)
		}
	}
	damageFile(t, stateFolder{d.state}, stateName, string(written))
	d.waitForProblem(s, "cannot be written")
	require.NoError(t, os.RemoveAll(filepath.Dir(blocked)))
	require.Until(t, "it is written", func() bool {
		now, err := stateFolder{d.state}.read()
		return err == nil && now.kept(codeOwner{deskKey.String(), "1000.C", d.fake.AccountsURL()}, "").RefreshToken.Reveal() != ""
	})
	stop()
	again, _ := d.start()
	d.waitForToken(again, "")
	if n := d.fake.Count(sdptest.Grants("authorization_code")); n != 1 || d.refreshes() != 0 {
		t.Errorf("%d exchanges, %d refreshes", n, d.refreshes())
	}
}
