package sdptest

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// accounts is Zoho's accounts server: grant codes, refresh tokens, access tokens.
type accounts struct {
	clients map[string]*client
	codes   map[string]*grantCode
	refresh map[string]*refreshToken
	access  map[string]*accessToken
	made    []*refreshToken // in order
}

type client struct {
	id, secret, redirectURI string
	issued, exchanged       window // grant codes
	refreshTokens           []time.Time
}

type grantCode struct {
	client  *client
	scopes  []string
	expires time.Time
	// redirectURI is that of a server-based client; empty for a self client.
	redirectURI string
	online      bool // no refresh token
	used        bool
}

type refreshToken struct {
	token   string
	client  *client
	userID  string
	scopes  []string
	revoked bool
	mints   window
	alive   []*accessToken
}

type accessToken struct {
	token   string
	refresh *refreshToken
	scopes  []string
	expires time.Time
	killed  bool
}

func (a *accessToken) isAlive(now time.Time) bool {
	return !a.killed && !a.refresh.revoked && now.Before(a.expires)
}

func (a *accessToken) user(s *Server) string {
	if a.refresh.userID != "" {
		return a.refresh.userID
	}
	return s.apiUser
}

// window counts what is bounded in a span of time: one that begins with its first event, or a sliding one.
type window struct{ events []time.Time }

// take counts an event unless the window is full.
func (w *window) take(now time.Time, limit int, span time.Duration, sliding bool) bool {
	if sliding {
		w.events = dropUntil(w.events, now.Add(-span))
	} else if len(w.events) > 0 && !now.Before(w.events[0].Add(span)) {
		w.events = nil
	}
	if len(w.events) >= limit {
		return false
	}
	w.events = append(w.events, now)
	return true
}

func (a *accounts) init(o Options) {
	a.clients = map[string]*client{}
	a.codes, a.refresh, a.access = map[string]*grantCode{}, map[string]*refreshToken{}, map[string]*accessToken{}
	a.clients[o.ClientID] = &client{id: o.ClientID, secret: o.ClientSecret, redirectURI: o.RedirectURI}
}

// accountsError is a refusal in the words of the accounts server: mostly with HTTP 200.
type accountsError struct {
	status int
	body   Record
}

func (e *accountsError) Error() string { return asText(e.body["error"]) }

func refuseGrant(name string) error {
	return &accountsError{status: http.StatusOK, body: Record{"error": name}}
}

func (s *Server) refuseAccess() error {
	return &accountsError{status: s.options.Guesses.AccessDeniedStatus, body: Record{
		"error":             "Access Denied",
		"error_description": "You have made too many requests continuously. Please try again after some time.",
		"status":            "failure",
	}}
}

func (s *Server) answerAccounts(in *request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	var body Record
	var err error
	switch in.Method + " " + in.URL.Path {
	case "POST /oauth/v2/token":
		body, err = s.issueToken(in)
	case "POST /oauth/v2/token/revoke":
		body, err = s.revokeToken(in.parameter("token"))
	case "GET /oauth/v2/auth":
		to, err := s.authorize(in)
		if err == nil {
			return reply{status: http.StatusFound, contentType: "text/html", header: http.Header{"Location": {to}}}
		}
		return s.encodeAccounts(nil, err)
	default:
		err = containerPage(http.StatusNotFound)
	}
	return s.encodeAccounts(body, err)
}

func (s *Server) encodeAccounts(body Record, err error) reply {
	out := reply{status: http.StatusOK}
	if refused, is := errors.AsType[*accountsError](err); is {
		out.status, body, err = refused.status, refused.body, nil
	}
	if err != nil {
		return s.encode(nil, err)
	}
	out.setJSON(body)
	return out
}

// issueToken is POST /oauth/v2/token.
func (s *Server) issueToken(in *request) (Record, error) {
	known := s.accounts.clients[in.parameter("client_id")]
	if known == nil {
		return nil, refuseGrant("invalid_client")
	}
	if in.parameter("client_secret") != known.secret {
		if r := s.accounts.refresh[in.parameter("refresh_token")]; r != nil && s.options.Guesses.FailedRefreshesCount {
			s.takeRefresh(r)
		}
		return nil, refuseGrant("invalid_client_secret")
	}
	switch in.parameter("grant_type") {
	case "authorization_code":
		return s.exchangeCode(known, in.parameter("code"), in.parameter("redirect_uri"))
	case "refresh_token":
		return s.refreshAccess(known, in.parameter("refresh_token"))
	case "client_credentials":
		return s.grantToClient(known, in.parameter("scope"))
	}
	return nil, refuseGrant("invalid_request")
}

func (s *Server) exchangeCode(by *client, code, redirectURI string) (Record, error) {
	grant := s.accounts.codes[code]
	limits := s.options.Limits
	switch {
	case grant == nil || grant.client != by || grant.used || !s.now().Before(grant.expires):
		return nil, refuseGrant("invalid_code")
	case grant.redirectURI != "" && redirectURI != grant.redirectURI:
		return nil, refuseGrant("invalid_redirect_uri")
	case !by.exchanged.take(s.now(), limits.GrantCodesPerWindow, limits.AccountsWindow, s.options.Guesses.SlidingWindow):
		return nil, s.refuseAccess()
	}
	if limit := limits.RefreshTokensPerMinute; limit > 0 {
		by.refreshTokens = dropUntil(by.refreshTokens, s.now().Add(-time.Minute))
		if len(by.refreshTokens) >= limit {
			return nil, s.refuseAccess()
		}
		by.refreshTokens = append(by.refreshTokens, s.now())
	}
	grant.used = true
	refresh := s.addRefreshToken(by, newToken(), grant.scopes)
	body := s.tokenAnswer(s.mint(refresh))
	if !grant.online {
		body["refresh_token"] = refresh.token
	}
	return body, nil
}

func (s *Server) refreshAccess(by *client, token string) (Record, error) {
	refresh := s.accounts.refresh[token]
	if refresh == nil || refresh.revoked || refresh.client != by {
		return nil, refuseGrant("invalid_code")
	}
	if !s.takeRefresh(refresh) {
		return nil, s.refuseAccess()
	}
	return s.tokenAnswer(s.mint(refresh)), nil
}

func (s *Server) takeRefresh(r *refreshToken) bool {
	l := s.options.Limits
	return r.mints.take(s.now(), l.RefreshesPerWindow, l.AccountsWindow, s.options.Guesses.SlidingWindow)
}

// grantToClient is the grant that SDP's scopes are said not to have.
func (s *Server) grantToClient(by *client, scope string) (Record, error) {
	scopes := splitScopes(scope)
	if !s.options.Guesses.ClientCredentials || !areScopes(scopes) {
		return nil, refuseGrant("invalid_scope")
	}
	return s.tokenAnswer(s.mint(&refreshToken{client: by, scopes: scopes})), nil
}

// addRefreshToken keeps as many for each user and client as Zoho does: the oldest goes, with its
// access tokens.
func (s *Server) addRefreshToken(by *client, token string, scopes []string) *refreshToken {
	var others []*refreshToken
	for _, r := range s.accounts.made {
		if r.client == by && !r.revoked {
			others = append(others, r)
		}
	}
	for len(others) >= s.options.Limits.RefreshTokensPerUser {
		others[0].revoked = true
		others = others[1:]
	}
	made := &refreshToken{token: token, client: by, scopes: scopes}
	s.accounts.refresh[token] = made
	s.accounts.made = append(s.accounts.made, made)
	return made
}

// mint issues an access token and silently ends the oldest of too many.
func (s *Server) mint(refresh *refreshToken) *accessToken {
	made := &accessToken{token: newToken(), refresh: refresh, scopes: refresh.scopes, expires: s.now().Add(s.options.Limits.AccessTokenLifetime)}
	refresh.alive = slices.DeleteFunc(refresh.alive, func(a *accessToken) bool { return !a.isAlive(s.now()) })
	for len(refresh.alive) >= s.options.Limits.AccessTokensAlive {
		refresh.alive[0].killed = true
		refresh.alive = refresh.alive[1:]
	}
	refresh.alive = append(refresh.alive, made)
	s.accounts.access[made.token] = made
	return made
}

func (s *Server) tokenAnswer(issued *accessToken) Record {
	seconds := int64(issued.expires.Sub(s.now()) / time.Second)
	body := Record{
		"access_token": issued.token, "api_domain": "https://www.zohoapis.com",
		"token_type": "Bearer", "expires_in": seconds, "scope": strings.Join(issued.scopes, " "),
	}
	if s.options.Guesses.OmitScope {
		delete(body, "scope")
	}
	if s.options.Guesses.MillisecondExpiry {
		body["expires_in"], body["expires_in_sec"] = seconds*1000, seconds
	}
	return body
}

// revokeToken ends a refresh token with its access tokens, or one access token.
func (s *Server) revokeToken(token string) (Record, error) {
	if r := s.accounts.refresh[token]; r != nil && !r.revoked {
		r.revoked = true
		return Record{"status": "success"}, nil
	}
	if a := s.accounts.access[token]; a != nil && !a.killed {
		a.killed = true
		return Record{"status": "success"}, nil
	}
	body := Record{"error": "invalid_token"}
	if s.options.Guesses.RevokeStatusFailure {
		body = Record{"status": "failure"}
	}
	return nil, &accountsError{status: http.StatusBadRequest, body: body}
}

// authorize is the page where a person consents; this one always does.
func (s *Server) authorize(in *request) (redirect string, err error) {
	known, scopes := s.accounts.clients[in.query.Get("client_id")], splitScopes(in.query.Get("scope"))
	limits := s.options.Limits
	switch {
	case known == nil:
		return "", refuseGrant("invalid_client")
	case in.query.Get("redirect_uri") != known.redirectURI:
		return "", refuseGrant("invalid_redirect_uri")
	case in.query.Get("response_type") != "code" || !areScopes(scopes):
		return "", refuseGrant("invalid_scope")
	case !known.issued.take(s.now(), limits.GrantCodesPerWindow, limits.AccountsWindow, s.options.Guesses.SlidingWindow):
		return "", s.refuseAccess()
	}
	grant := s.addCode(known, scopes)
	s.accounts.codes[grant].redirectURI = known.redirectURI
	s.accounts.codes[grant].online = in.query.Get("access_type") != "offline"
	back := url.Values{"code": {grant}, "location": {"us"}, "accounts-server": {"http://" + in.Host}}
	if state := in.query.Get("state"); state != "" {
		back.Set("state", state)
	}
	return known.redirectURI + "?" + back.Encode(), nil
}

func (s *Server) addCode(by *client, scopes []string) string {
	code := newToken()
	s.accounts.codes[code] = &grantCode{client: by, scopes: scopes, expires: s.now().Add(s.options.Limits.GrantCodeLifetime)}
	return code
}

func splitScopes(scope string) []string {
	return strings.FieldsFunc(scope, func(r rune) bool { return r == ',' || r == ' ' })
}

// areScopes says whether all names are of the form SDPOnDemand.<module>.<operation>.
func areScopes(scopes []string) bool {
	for _, scope := range scopes {
		parts := strings.Split(scope, ".")
		if len(parts) != 3 || parts[0] != "SDPOnDemand" || !isModule(parts[1]) ||
			!slices.Contains([]string{"ALL", "CREATE", "READ", "UPDATE", "DELETE"}, parts[2]) {
			return false
		}
	}
	return len(scopes) > 0
}

func isModule(name string) bool {
	switch name {
	case "requests", "problems", "changes", "projects", "releases", "assets", "cmdb", "contracts", "purchase", "purchases",
		"solutions", "custommodule", "setup", "general", "users", "tasks":
		return true
	}
	return false
}

// newToken returns a token of Zoho's form.
func newToken() string {
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails
	return "1000." + hex.EncodeToString(random[:16]) + "." + hex.EncodeToString(random[16:])
}
