package sdp_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/oauth"
	"github.com/lectern-dev/lectern/internal/sdp/redact"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
)

func (s *site) exchange(code, redirectURI string) (oauth.Token, error) {
	return oauth.Exchange(s.t.Context(), s.sender, s.accounts(), s.oauthClient(), redact.NewSecret(code), redirectURI)
}

// accountsFault answers the next call of the accounts server.
func accountsFault(status int, contentType, body string) sdptest.Fault {
	return sdptest.Fault{Name: "of accounts", Status: status, ContentType: contentType, Body: body}.OfAccounts()
}

// TestContract_TokenEndpoint holds how tokens are got, and each error of the token endpoint.
func TestContract_TokenEndpoint(t *testing.T) {
	t.Parallel()
	other := oauth.Client{ID: "1000.OTHER", Secret: redact.NewSecret("other-secret")}
	assertParagraphs(t, map[string]paragraph{
		"1.3 a code is exchanged once": {in: inCloud, assert: func(s *site) {
			code := s.fake.GrantCode()
			token, err := s.exchange(code, "")
			s.wantOutcome(err, oauth.OK)
			s.wantEqual([]any{token.Lifetime, token.Scopes}, []any{time.Hour, oauth.ParseScopes(strings.Join(sdptest.DefaultScopes(), " "))})
			s.tokens.current = token.Access.Reveal()
			s.mustRead(s.request1())
			_, err = s.exchange(code, "")
			s.wantOutcome(err, oauth.InvalidCode)
			_, err = s.refresh(token.Refresh.Reveal())
			s.wantOutcome(err, oauth.OK)
		}},
		"1.5 invalid_client": {in: inCloud, assert: func(s *site) {
			_, err := oauth.Refresh(s.t.Context(), s.sender, s.accounts(), other, redact.NewSecret(s.fake.RefreshToken()))
			s.wantOutcome(err, oauth.InvalidClient)
		}},
		"1.5 invalid_client_secret": {in: inCloud, assert: func(s *site) {
			wrong := s.oauthClient()
			wrong.Secret = other.Secret
			_, err := oauth.Refresh(s.t.Context(), s.sender, s.accounts(), wrong, redact.NewSecret(s.fake.RefreshToken()))
			s.wantOutcome(err, oauth.InvalidClientSecret)
		}},
		"1.5 invalid_code": {in: inCloud, assert: func(s *site) {
			late, revoked := s.fake.GrantCode(), s.fake.RefreshToken()
			s.clock.Advance(3 * time.Minute)
			_, err := s.exchange(late, "")
			s.wantOutcome(err, oauth.InvalidCode)
			s.fake.RevokeRefreshTokens()
			_, err = s.refresh(revoked)
			s.wantOutcome(err, oauth.InvalidCode)
			s.fake.AddClient(other.ID, other.Secret.Reveal(), "")
			_, err = oauth.Exchange(s.t.Context(), s.sender, s.accounts(), other, redact.NewSecret(s.fake.GrantCode()), "")
			s.wantOutcome(err, oauth.InvalidCode)
		}},
		"1.5 invalid_redirect_uri": {in: inCloud, assert: func(s *site) {
			_, err := s.exchange(s.consent(), "https://lectern.example.org/elsewhere")
			s.wantOutcome(err, oauth.InvalidRedirectURI)
			_, err = s.exchange(s.consent(), s.fake.Options().RedirectURI)
			s.wantOutcome(err, oauth.OK)
		}},
		"1.5 invalid_scope": {in: inCloud, assert: func(s *site) {
			s.fake.Fail(accountsFault(200, "application/json", `{"error":"invalid_scope"}`))
			_, err := s.refresh(s.fake.RefreshToken())
			s.wantOutcome(err, oauth.InvalidScope)
		}},
		"1.5 an outage": {in: inCloud, assert: func(s *site) {
			for _, fault := range []sdptest.Fault{
				sdptest.GeneralError(200), sdptest.GeneralError(503), sdptest.HTML(502).OfAccounts(), accountsFault(200, "text/html", "<html>sorry</html>"),
			} {
				s.fake.Fail(fault)
				_, err := s.refresh(s.fake.RefreshToken())
				s.wantOutcome(err, oauth.Unavailable)
			}
			s.fake.Fail(sdptest.DropAfterWrite().OfAccounts(), sdptest.DropBeforeWrite().OfAccounts())
			for range 2 {
				_, err := s.refresh(s.fake.RefreshToken())
				s.wantOutcome(err, oauth.Unanswered)
			}
		}},
	})
}

// consent returns a code of a server-based client, as its redirect has it.
func (s *site) consent() string {
	s.t.Helper()
	o := s.fake.Options()
	query := url.Values{"response_type": {"code"}, "client_id": {o.ClientID}, "scope": {"SDPOnDemand.requests.ALL"}, "redirect_uri": {o.RedirectURI}, "access_type": {"offline"}}
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.fake.AccountsURL()+"/oauth/v2/auth?"+query.Encode(), http.NoBody)
	s.wantSuccess(err)
	answer, err := s.sender.Do(request)
	s.wantSuccess(err)
	defer answer.Body.Close()
	back, err := answer.Location()
	s.wantSuccess(err)
	return back.Query().Get("code")
}

// TestContract_TokenLimits holds how many tokens there are for how long, and revocation.
func TestContract_TokenLimits(t *testing.T) {
	t.Parallel()
	refreshed := func(s *site, refreshToken string) string {
		token, err := s.refresh(refreshToken)
		s.wantOutcome(err, oauth.OK)
		return token.Access.Reveal()
	}
	read := func(s *site, token string) error {
		s.tokens.current = token
		_, err := s.client.Requests().List(s.t.Context(), sdp.ListOptions{})
		return err
	}
	assertParagraphs(t, map[string]paragraph{
		"1.6 an access token lives for an hour": {in: inCloud, assert: func(s *site) {
			token := refreshed(s, s.fake.RefreshToken())
			s.clock.Advance(time.Hour - time.Second)
			s.wantSuccess(read(s, token))
			s.clock.Advance(time.Second)
			s.wantError(read(s, token), sdp.KindTokenRefused, 4022)
		}},
		"1.6 ten refreshes in ten minutes, from the first": {in: inCloud, assert: assertTenRefreshes},
		"1.6 ten refreshes in any ten minutes": {in: inCloud, options: sdptest.Options{Guesses: sdptest.Guesses{SlidingWindow: true}}, assert: func(s *site) {
			assertTenRefreshes(s)
		}},
		"1.6 the sixteenth token ends the first": {in: inCloud, options: sdptest.Options{Limits: sdptest.Limits{RefreshesPerWindow: 100}}, assert: func(s *site) {
			refreshToken := s.fake.RefreshToken()
			first, second := refreshed(s, refreshToken), refreshed(s, refreshToken)
			for range 14 {
				refreshed(s, refreshToken)
			}
			s.wantError(read(s, first), sdp.KindTokenRefused, 4022)
			s.wantSuccess(read(s, second))
		}},
		"1.6 the twenty-first refresh token ends the first": {in: inCloud, assert: func(s *site) {
			first := s.fake.RefreshToken()
			access := refreshed(s, first)
			for range 20 {
				s.fake.RefreshToken()
			}
			_, err := s.refresh(first)
			s.wantOutcome(err, oauth.InvalidCode)
			s.wantError(read(s, access), sdp.KindTokenRefused, 4022)
		}},
		"1.6 five refresh tokens a minute": {in: inCloud, options: sdptest.Options{Limits: sdptest.Limits{RefreshTokensPerMinute: 5}}, assert: func(s *site) {
			for range 5 {
				_, err := s.exchange(s.fake.GrantCode(), "")
				s.wantOutcome(err, oauth.OK)
			}
			_, err := s.exchange(s.fake.GrantCode(), "")
			s.wantOutcome(err, oauth.AccessDenied)
		}},
		"1.6 ten codes in ten minutes": {in: inCloud, assert: func(s *site) {
			for range 10 {
				_, err := s.exchange(s.fake.GrantCode(), "")
				s.wantOutcome(err, oauth.OK)
			}
			_, err := s.exchange(s.fake.GrantCode(), "")
			s.wantOutcome(err, oauth.AccessDenied)
		}},
		"1.7 a refresh token is revoked with its access tokens": {in: inCloud, assert: func(s *site) {
			refreshToken := s.fake.RefreshToken()
			access := refreshed(s, refreshToken)
			revoke := func() error {
				return oauth.Revoke(s.t.Context(), s.sender, s.accounts(), redact.NewSecret(refreshToken))
			}
			s.wantOutcome(revoke(), oauth.OK)
			s.wantError(read(s, access), sdp.KindTokenRefused, 4022)
			s.wantOutcome(revoke(), oauth.InvalidToken)
			s.fake.Change(func(o *sdptest.Options) { o.Guesses.RevokeStatusFailure = true })
			s.wantOutcome(revoke(), oauth.InvalidToken)
		}},
		"1.7 an access token alone": {in: inCloud, assert: func(s *site) {
			refreshToken := s.fake.RefreshToken()
			s.wantOutcome(oauth.Revoke(s.t.Context(), s.sender, s.accounts(), redact.NewSecret(refreshed(s, refreshToken))), oauth.OK)
			s.wantSuccess(read(s, refreshed(s, refreshToken)))
		}},
	})
}

// assertTenRefreshes holds that who waits as long as the outcome says is not refused again, in whichever kind of window.
func assertTenRefreshes(s *site) {
	refreshToken := s.fake.RefreshToken()
	for i := range 10 {
		_, err := s.refresh(refreshToken)
		s.wantOutcome(err, oauth.OK)
		s.clock.Advance(time.Duration(i) * time.Second)
	}
	_, err := s.refresh(refreshToken)
	s.wantOutcome(err, oauth.AccessDenied)
	s.clock.Advance(oauth.AccessDenied.RetryAfter())
	_, err = s.refresh(refreshToken)
	s.wantOutcome(err, oauth.OK)
}
