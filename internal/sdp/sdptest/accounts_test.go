package sdptest

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// exchange spends a grant code, some parameters of the call replaced.
func (x *caller) exchange(code string, replaced url.Values) *response {
	x.t.Helper()
	o := x.server.Options()
	form := url.Values{"grant_type": {"authorization_code"}, "client_id": {o.ClientID}, "client_secret": {o.ClientSecret}, "code": {code}}
	maps.Copy(form, replaced)
	return x.accounts("/oauth/v2/token", form)
}

// wantError compares an answer of the accounts server with an error.
func (r *response) wantError(status int, name string) *response {
	r.t.Helper()
	if r.status != status || r.string("error") != name || r.at("access_token") != nil {
		r.t.Errorf("answered HTTP %d: %s; want %d with %s and no access_token", r.status, r.text, status, name)
	}
	return r
}

func (r *response) wantToken() *response {
	r.t.Helper()
	if r.status != http.StatusOK || r.string("access_token") == "" || r.at("error") != nil {
		r.t.Errorf("answered HTTP %d: %s; want a token", r.status, r.text)
	}
	return r
}

// TestGrants holds what is exchanged for what.
func TestGrants(t *testing.T) {
	t.Parallel()
	run(t, map[string]paragraph{
		"1.3 a grant code buys an access and a refresh token": {assert: func(x *caller) {
			got := x.exchange(x.server.GrantCode("SDPOnDemand.requests.ALL", "SDPOnDemand.setup.READ"), nil).wantToken()
			delete(got.body, "access_token")
			if !strings.HasPrefix(got.string("refresh_token"), "1000.") {
				x.t.Errorf("no refresh token: %s", got.text)
			}
			delete(got.body, "refresh_token")
			want := map[string]any{
				"scope": "SDPOnDemand.requests.ALL SDPOnDemand.setup.READ", "api_domain": "https://www.zohoapis.com", "token_type": "Bearer", "expires_in": 3600.0,
			}
			if diff := cmp.Diff(want, got.body); diff != "" {
				x.t.Errorf("answer (-want +got):\n%s", diff)
			}
		}},
		"1.3 parameters may be in the query": {assert: func(x *caller) {
			o := x.server.Options()
			q := url.Values{"grant_type": {"authorization_code"}, "client_id": {o.ClientID}, "client_secret": {o.ClientSecret}, "code": {x.server.GrantCode()}}
			x.accounts("/oauth/v2/token?"+q.Encode(), nil).wantToken()
		}},
		"1.3 expires_in in milliseconds": {options: Options{Guesses: Guesses{MillisecondExpiry: true}}, assert: func(x *caller) {
			x.refresh(x.server.RefreshToken()).wantAt("expires_in", 3_600_000.0).wantAt("expires_in_sec", 3600.0)
		}},
		"1.3 scope may be missing": {options: Options{Guesses: Guesses{OmitScope: true}}, assert: func(x *caller) {
			x.refresh(x.server.RefreshToken()).wantToken().wantAt("scope", nil)
		}},
		"1.4 a refresh answers no refresh token": {assert: func(x *caller) {
			got := x.refresh(x.server.RefreshToken()).wantToken()
			got.wantAt("refresh_token", nil).wantAt("expires_in", 3600.0).wantAt("scope", strings.Join(DefaultScopes(), " "))
		}},
		"1.2 a web client's code comes back by a redirect": {assert: func(x *caller) {
			o := x.server.Options()
			ask := func(access string) url.Values {
				q := url.Values{"response_type": {"code"}, "client_id": {o.ClientID}, "scope": {"SDPOnDemand.requests.ALL"}, "redirect_uri": {o.RedirectURI}, "access_type": {access}, "state": {"s1"}}
				r, err := http.NewRequestWithContext(x.t.Context(), http.MethodGet, x.server.AccountsURL()+"/oauth/v2/auth?"+q.Encode(), http.NoBody)
				if err != nil {
					x.t.Fatal(err)
				}
				to, err := url.Parse(x.send(r).header.Get("Location"))
				if err != nil {
					x.t.Fatal(err)
				}
				return to.Query()
			}
			back := ask("offline")
			if back.Get("state") != "s1" || back.Get("accounts-server") != x.server.AccountsURL() || back.Get("location") == "" {
				x.t.Errorf("redirected with %v", back)
			}
			x.exchange(back.Get("code"), nil).wantError(200, "invalid_redirect_uri")
			got := x.exchange(back.Get("code"), url.Values{"redirect_uri": {o.RedirectURI}}).wantToken()
			if got.string("refresh_token") == "" {
				x.t.Errorf("offline access has no refresh token: %s", got.text)
			}
			x.exchange(ask("online").Get("code"), url.Values{"redirect_uri": {o.RedirectURI}}).wantToken().wantAt("refresh_token", nil)
		}},
		"1.2 client_credentials are refused": {assert: func(x *caller) {
			x.exchange("", url.Values{"grant_type": {"client_credentials"}, "scope": {"SDPOnDemand.requests.ALL"}}).wantError(200, "invalid_scope")
		}},
		"1.2 client_credentials work": {options: Options{Guesses: Guesses{ClientCredentials: true}}, assert: func(x *caller) {
			x.exchange("", url.Values{"grant_type": {"client_credentials"}, "scope": {"SDPOnDemand.requests.ALL"}}).wantToken()
			x.exchange("", url.Values{"grant_type": {"client_credentials"}, "scope": {"SDP.requests"}}).wantError(200, "invalid_scope")
		}},
	})
}

// TestTokenErrors holds every error of the token endpoint.
func TestTokenErrors(t *testing.T) {
	t.Parallel()
	run(t, map[string]paragraph{
		"1.5 invalid_client": {assert: func(x *caller) {
			x.exchange(x.server.GrantCode(), url.Values{"client_id": {"1000.OTHER"}}).wantError(200, "invalid_client")
		}},
		"1.5 invalid_client_secret": {assert: func(x *caller) {
			x.exchange(x.server.GrantCode(), url.Values{"client_secret": {"wrong"}}).wantError(200, "invalid_client_secret")
		}},
		"1.5 invalid_code: unknown": {assert: func(x *caller) {
			x.exchange("1000.unknown", nil).wantError(200, "invalid_code")
		}},
		"1.5 invalid_code: used": {assert: func(x *caller) {
			code := x.server.GrantCode()
			x.exchange(code, nil).wantToken()
			x.exchange(code, nil).wantError(200, "invalid_code")
		}},
		"1.5 invalid_code: expired": {assert: func(x *caller) {
			code := x.server.GrantCode()
			x.clock.Advance(3 * time.Minute)
			x.exchange(code, nil).wantError(200, "invalid_code")
		}},
		"1.5 invalid_code: of another client": {assert: func(x *caller) {
			x.server.AddClient("1000.B", "b", "")
			x.exchange(x.server.GrantCode(), url.Values{"client_id": {"1000.B"}, "client_secret": {"b"}}).wantError(200, "invalid_code")
		}},
		"1.5 invalid_code: refresh token revoked": {assert: func(x *caller) {
			token := x.server.RefreshToken()
			x.server.RevokeRefreshTokens()
			x.refresh(token).wantError(200, "invalid_code")
		}},
		"1.5 invalid_redirect_uri": {assert: func(x *caller) {
			o := x.server.Options()
			r, err := http.NewRequestWithContext(x.t.Context(), http.MethodGet, x.server.AccountsURL()+"/oauth/v2/auth?response_type=code&scope=SDPOnDemand.requests.ALL&redirect_uri=https://elsewhere.example.org&client_id="+o.ClientID, http.NoBody)
			if err != nil {
				x.t.Fatal(err)
			}
			x.send(r).wantError(200, "invalid_redirect_uri")
		}},
		"1.5 invalid_scope": {assert: func(x *caller) {
			o := x.server.Options()
			r, err := http.NewRequestWithContext(x.t.Context(), http.MethodGet, x.server.AccountsURL()+"/oauth/v2/auth?response_type=code&scope=SDPOnDemand.nothing.ALL&redirect_uri="+url.QueryEscape(o.RedirectURI)+"&client_id="+o.ClientID, http.NoBody)
			if err != nil {
				x.t.Fatal(err)
			}
			x.send(r).wantError(200, "invalid_scope")
		}},
		"1.5 Access Denied with 400": {assert: func(x *caller) {
			token := x.server.RefreshToken()
			for range 10 {
				x.refresh(token).wantToken()
			}
			got := x.refresh(token).wantError(400, "Access Denied").wantAt("status", "failure")
			got.wantAt("error_description", "You have made too many requests continuously. Please try again after some time.")
		}},
		"1.5 Access Denied with 200": {options: Options{Guesses: Guesses{AccessDeniedStatus: 200}, Limits: Limits{RefreshesPerWindow: 1}}, assert: func(x *caller) {
			token := x.server.RefreshToken()
			x.refresh(token).wantToken()
			x.refresh(token).wantError(200, "Access Denied")
		}},
		"1.5 general_error, 5xx and HTML": {assert: func(x *caller) {
			token := x.server.RefreshToken()
			x.server.Fail(GeneralError(200), GeneralError(503), ServerError(502).OfAccounts())
			x.refresh(token).wantError(200, "general_error")
			x.refresh(token).wantError(503, "general_error")
			x.refresh(token).wantHTML(502)
			x.refresh(token).wantToken()
		}},
	})
}

// TestTokenLimits holds lifetimes, and how many tokens there are for how long.
func TestTokenLimits(t *testing.T) {
	t.Parallel()
	run(t, map[string]paragraph{
		"1.6 an access token lives an hour": {assert: func(x *caller) {
			token := x.refresh(x.server.RefreshToken()).string("access_token")
			x.header.Set("Authorization", "Zoho-oauthtoken "+token)
			x.clock.Advance(time.Hour - time.Millisecond)
			x.get("/requests", "").want(200, 2000)
			x.clock.Advance(time.Millisecond)
			x.get("/requests", "").want(401, 4022)
		}},
		"1.6 ten refreshes in ten minutes, by windows": {assert: func(x *caller) {
			token := x.server.RefreshToken()
			for range 10 {
				x.refresh(token).wantToken()
				x.clock.Advance(59 * time.Second)
			}
			x.refresh(token).wantError(400, "Access Denied") // after 9:50
			x.refresh(x.server.RefreshToken()).wantToken()   // another token has its own window
			x.clock.Advance(10 * time.Second)
			for range 10 {
				x.refresh(token).wantToken() // a new window
			}
			x.refresh(token).wantError(400, "Access Denied")
		}},
		"1.6 ten refreshes in ten minutes, sliding": {options: Options{Guesses: Guesses{SlidingWindow: true}}, assert: func(x *caller) {
			token := x.server.RefreshToken()
			for range 10 {
				x.refresh(token).wantToken()
				x.clock.Advance(59 * time.Second)
			}
			x.clock.Advance(10 * time.Second)
			x.refresh(token).wantToken() // the first is ten minutes ago, the others are not
			x.refresh(token).wantError(400, "Access Denied")
		}},
		"1.6 failed refreshes do not count": {options: Options{Limits: Limits{RefreshesPerWindow: 2}}, assert: func(x *caller) {
			token, o := x.server.RefreshToken(), x.server.Options()
			for range 5 {
				x.accounts("/oauth/v2/token", url.Values{"grant_type": {"refresh_token"}, "client_id": {o.ClientID}, "client_secret": {"wrong"}, "refresh_token": {token}}).wantError(200, "invalid_client_secret")
			}
			x.refresh(token).wantToken()
		}},
		"1.6 failed refreshes count": {options: Options{Limits: Limits{RefreshesPerWindow: 2}, Guesses: Guesses{FailedRefreshesCount: true}}, assert: func(x *caller) {
			token, o := x.server.RefreshToken(), x.server.Options()
			for range 2 {
				x.accounts("/oauth/v2/token", url.Values{"grant_type": {"refresh_token"}, "client_id": {o.ClientID}, "client_secret": {"wrong"}, "refresh_token": {token}}).wantError(200, "invalid_client_secret")
			}
			x.refresh(token).wantError(400, "Access Denied")
		}},
		"1.6 the sixteenth access token ends the oldest": {assert: func(x *caller) {
			token := x.server.RefreshToken()
			var issued []string
			for range 16 {
				issued = append(issued, x.refresh(token).wantToken().string("access_token"))
				x.clock.Advance(time.Minute)
			}
			for i, access := range issued {
				if got := x.server.IsAccepted(access); got != (i > 0) {
					x.t.Errorf("token %d accepted: %t", i, got)
				}
			}
			x.header.Set("Authorization", "Zoho-oauthtoken "+issued[0])
			x.get("/requests", "").want(401, 4022)
		}},
		"1.6 the twenty-first refresh token ends the oldest": {options: Options{Limits: Limits{GrantCodesPerWindow: 100}}, assert: func(x *caller) {
			var access, refresh []string
			for range 21 {
				got := x.exchange(x.server.GrantCode(), nil).wantToken()
				access, refresh = append(access, got.string("access_token")), append(refresh, got.string("refresh_token"))
			}
			x.refresh(refresh[0]).wantError(200, "invalid_code")
			x.header.Set("Authorization", "Zoho-oauthtoken "+access[0])
			x.get("/requests", "").want(401, 4022)
			x.refresh(refresh[1]).wantToken()
		}},
		"1.6 five refresh tokens a minute, as older documents say": {options: Options{Limits: Limits{RefreshTokensPerMinute: 5}}, assert: func(x *caller) {
			for range 5 {
				x.exchange(x.server.GrantCode(), nil).wantToken()
			}
			code := x.server.GrantCode()
			x.exchange(code, nil).wantError(400, "Access Denied")
			x.clock.Advance(time.Minute)
			x.exchange(code, nil).wantToken()
		}},
		"1.6 ten grant codes in ten minutes": {assert: func(x *caller) {
			for range 10 {
				x.exchange(x.server.GrantCode(), nil).wantToken()
			}
			code := x.server.GrantCode()
			x.exchange(code, nil).wantError(400, "Access Denied")
			x.clock.Advance(10 * time.Minute)
			x.exchange(x.server.GrantCode(), nil).wantToken()
		}},
		"1.7 revoking a refresh token ends its access tokens": {assert: func(x *caller) {
			got := x.exchange(x.server.GrantCode(), nil)
			x.accounts("/oauth/v2/token/revoke?token="+got.string("refresh_token"), nil).wantAt("status", "success")
			x.refresh(got.string("refresh_token")).wantError(200, "invalid_code")
			x.header.Set("Authorization", "Zoho-oauthtoken "+got.string("access_token"))
			x.get("/requests", "").want(401, 4022)
		}},
		"1.7 an unknown token is refused with 400": {assert: func(x *caller) {
			x.accounts("/oauth/v2/token/revoke", url.Values{"token": {"1000.unknown"}}).wantError(400, "invalid_token")
		}},
		"1.7 an unknown token is refused with a status": {options: Options{Guesses: Guesses{RevokeStatusFailure: true}}, assert: func(x *caller) {
			x.accounts("/oauth/v2/token/revoke", url.Values{"token": {"1000.unknown"}}).wantAt("status", "failure").wantError(400, "")
		}},
	})
}
