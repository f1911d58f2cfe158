package sdp_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/egress"
	"github.com/lectern-dev/lectern/internal/sdp/oauth"
	"github.com/lectern-dev/lectern/internal/sdp/redact"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
)

// These tests hold the client against the fake, over HTTP. They share no type but strings: what both read of the reference in one
// way is what they agree on. A case begins with a number: before the point that of what it is about (1 tokens, 2 conventions,
// 3 modules, 4 traps), and after it that of its subject.

// morning is when clocks of fakes stand: that of the reference's samples.
var morning = time.UnixMilli(1_760_000_000_000).UTC()

// site is a fake ServiceDesk Plus, and a client of it.
type site struct {
	t      *testing.T
	fake   *sdptest.Server
	clock  *sdptest.Clock
	tokens *tokens
	client *sdp.Client
	sender *http.Client
	seen   []sdp.Observation
}

// tokens is a TokenSource that counts refusals, and asks renew for another token then.
type tokens struct {
	mu      sync.Mutex
	current string
	refused int
	renew   func() string
}

func (s *tokens) Token(context.Context) (redact.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return redact.NewSecret(s.current), nil
}

func (s *tokens) Refused(context.Context, redact.Secret) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused++
	if s.renew == nil {
		return errors.New("there is no other token")
	}
	s.current = s.renew()
	return nil
}

// startSite serves a fake whose clock stands, and returns a client of it that may do everything.
func startSite(t *testing.T, o sdptest.Options) *site {
	t.Helper()
	s := &site{t: t, clock: sdptest.NewClock(morning), tokens: &tokens{}}
	if o.Now == nil {
		o.Now = s.clock.Now
	}
	s.fake = sdptest.Start(t, o)
	s.tokens.current = s.fake.Options().APIKey
	if o.Edition == sdptest.Cloud {
		s.tokens.current = s.fake.AccessToken(everyScope()...)
	}
	s.sender = newSender(t, s.fake)
	s.client = s.newClient(nil)
	return s
}

func everyScope() []string {
	var scopes []string
	for _, module := range []string{"requests", "projects", "problems", "changes", "solutions", "assets", "users", "setup", "general"} {
		scopes = append(scopes, "SDPOnDemand."+module+".ALL")
	}
	return scopes
}

// newSender returns an HTTP client that may go to the fake alone.
func newSender(t *testing.T, fake *sdptest.Server) *http.Client {
	t.Helper()
	rules, err := egress.ParseRules([]string{fake.URL(), fake.AccountsURL()})
	if err != nil {
		t.Fatal(err)
	}
	sender, err := egress.NewClient(egress.Options{Rules: rules, CABundle: fake.CABundle()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sender.CloseIdleConnections)
	return sender
}

func mustParseURL(t *testing.T, text string) *url.URL {
	t.Helper()
	parsed, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// newClient returns a client of the fake that waits for milliseconds where another waits for seconds.
func (s *site) newClient(change func(*sdp.Config)) *sdp.Client {
	s.t.Helper()
	config := sdp.Config{
		Edition: sdp.Cloud, URL: mustParseURL(s.t, s.fake.URL()), Portal: "itdesk", Tokens: s.tokens, HTTP: s.sender,
		Limiter: sdp.NewLimiter(1_000_000, 500_000, time.Minute),
		Retry:   sdp.RetryPolicy{Attempts: 3, First: time.Millisecond, Longest: 5 * time.Second},
		Observe: func(_ context.Context, o sdp.Observation) { s.seen = append(s.seen, o) },
	}
	if s.isOnPremises() {
		config.Edition, config.Portal = sdp.OnPremises, ""
	}
	if change != nil {
		change(&config)
	}
	client, err := sdp.New(config)
	if err != nil {
		s.t.Fatal(err)
	}
	return client
}

func (s *site) isOnPremises() bool { return s.fake.Options().Edition == sdptest.OnPremises }

// inEdition returns what one edition has, and the other.
func inEdition[T any](s *site, cloud, onPremises T) T {
	if s.isOnPremises() {
		return onPremises
	}
	return cloud
}

func (s *site) accounts() *url.URL { return mustParseURL(s.t, s.fake.AccountsURL()) }

func (s *site) oauthClient() oauth.Client {
	o := s.fake.Options()
	return oauth.Client{ID: o.ClientID, Secret: redact.NewSecret(o.ClientSecret)}
}

func (s *site) refresh(refreshToken string) (oauth.Token, error) {
	return oauth.Refresh(s.t.Context(), s.sender, s.accounts(), s.oauthClient(), redact.NewSecret(refreshToken))
}

func (s *site) request1() string { return s.fake.IDs("requests")[0] }

// mustRead reads a request.
func (s *site) mustRead(id string) sdp.Request {
	s.t.Helper()
	read, err := s.client.Requests().Get(s.t.Context(), id)
	s.wantSuccess(err)
	return read
}

// update sets fields of the first request.
func (s *site) update(fields sdp.Fields) error {
	_, err := s.client.Requests().Update(s.t.Context(), s.request1(), fields)
	return err
}

func (s *site) create(fields sdp.Fields) error {
	_, err := s.client.Requests().Create(s.t.Context(), fields)
	return err
}

// listed returns the subjects of a list, in order.
func (s *site) listed(o sdp.ListOptions) []string {
	s.t.Helper()
	page, err := s.client.Requests().List(s.t.Context(), o)
	s.wantSuccess(err)
	var subjects []string
	for _, found := range page.Items {
		subjects = append(subjects, found.Subject)
	}
	return subjects
}

func (s *site) wantSuccess(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// wantError compares what became of a call with what is wanted: its kind, SDP's code, and the fields it complains of.
func (s *site) wantError(err error, kind sdp.Kind, code int, fields ...string) {
	s.t.Helper()
	failed, is := errors.AsType[*sdp.Error](err)
	if !is {
		s.t.Errorf("%v is no failure of a call; want %s with code %d", err, kind, code)
		return
	}
	if failed.Kind != kind || failed.Code != code || !slices.Equal(failed.Fields, fields) {
		s.t.Errorf("%s with code %d and fields %v, HTTP %d; want %s with code %d and fields %v", failed.Kind, failed.Code, failed.Fields, failed.Status, kind, code, fields)
	}
}

func (s *site) wantOutcome(err error, want oauth.Outcome) {
	s.t.Helper()
	got := oauth.OK
	if failed, is := errors.AsType[*oauth.Error](err); is {
		got = failed.Outcome
	}
	if got != want {
		s.t.Errorf("%s (%v); want %s", got, err, want)
	}
}

func (s *site) wantEqual(got, want any) {
	s.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("(-want +got):\n%s", diff)
	}
}

// wantCalls holds how many calls to a path were made since the last look, and forgets them.
func (s *site) wantCalls(n int, method, pattern string) {
	s.t.Helper()
	if got := s.fake.Count(sdptest.To(method, pattern)); got != n {
		s.t.Errorf("%d calls of %s %s; want %d", got, method, pattern, n)
	}
	s.fake.ForgetCalls()
}

// paragraph is one fact about ServiceDesk Plus, in both editions where it names none.
type paragraph struct {
	in      []sdptest.Edition
	options sdptest.Options
	assert  func(s *site)
}

var (
	inCloud    = []sdptest.Edition{sdptest.Cloud}
	onPremises = []sdptest.Edition{sdptest.OnPremises}
)

func assertParagraphs(t *testing.T, cases map[string]paragraph) {
	t.Helper()
	for name, tc := range cases {
		editions := tc.in
		if editions == nil {
			editions = slices.Concat(inCloud, onPremises)
		}
		for _, edition := range editions {
			t.Run(name+"/"+map[sdptest.Edition]string{sdptest.Cloud: "cloud", sdptest.OnPremises: "on premises"}[edition], func(t *testing.T) {
				t.Parallel()
				o := tc.options
				o.Edition = edition
				tc.assert(startSite(t, o))
			})
		}
	}
}
