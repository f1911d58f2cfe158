package sdptest

import (
	"slices"
	"time"
)

// GrantCode issues a one-time code of the registered client, as the API console shows it; without
// scopes it has those of the options.
func (s *Server) GrantCode(scopes ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addCode(s.client(), s.scopesOr(scopes))
}

// RefreshToken issues a refresh token as if a code had been exchanged.
func (s *Server) RefreshToken(scopes ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addRefreshToken(s.client(), newToken(), s.scopesOr(scopes)).token
}

// AccessToken issues an access token, without a refresh that counts.
func (s *Server) AccessToken(scopes ...string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mint(&refreshToken{client: s.client(), scopes: s.scopesOr(scopes)}).token
}

// AddClient registers another OAuth client, and AddRefreshToken a refresh token of a test's own words.
func (s *Server) AddClient(id, secret, redirectURI string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts.clients[id] = &client{id: id, secret: secret, redirectURI: redirectURI}
	s.journal.addSecrets(secret)
}

// AddRefreshToken makes a refresh token of a client known.
func (s *Server) AddRefreshToken(clientID, token string, scopes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addRefreshToken(s.accounts.clients[clientID], token, s.scopesOr(scopes))
	s.journal.addSecrets(token)
}

// AddGrantCode makes a code of a client known.
func (s *Server) AddGrantCode(clientID, code string, scopes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	made := s.addCode(s.accounts.clients[clientID], s.scopesOr(scopes))
	s.accounts.codes[code] = s.accounts.codes[made]
	delete(s.accounts.codes, made)
	s.journal.addSecrets(code)
}

// AddAPIKey makes an on-premises key of a person known, until a moment or, when that is zero, for good.
func (s *Server) AddAPIKey(apiKeyText, email string, expires time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[apiKeyText] = apiKey{user: s.lookUp("users", email).id, expires: expires}
	s.journal.addSecrets(apiKeyText)
}

// RemoveAPIKey makes a key unknown.
func (s *Server) RemoveAPIKey(apiKeyText string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.keys, apiKeyText)
}

// KillAccessTokens ends all access tokens before their time, as an eviction does.
func (s *Server) KillAccessTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.accounts.access {
		a.killed = true
	}
}

// RevokeRefreshTokens ends all refresh tokens with their access tokens.
func (s *Server) RevokeRefreshTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.accounts.refresh {
		r.revoked = true
	}
}

// SetScopes changes the scopes of all tokens that exist and of those to come.
func (s *Server) SetScopes(scopes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.options.Scopes = slices.Clone(scopes)
	for _, r := range s.accounts.refresh {
		r.scopes = s.options.Scopes
	}
	for _, a := range s.accounts.access {
		a.scopes = s.options.Scopes
	}
}

// IsAccepted says whether an access token would be accepted now.
func (s *Server) IsAccepted(accessToken string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.accounts.access[accessToken]
	return known != nil && known.isAlive(s.now())
}

// IsRevoked says whether a refresh token is unknown or revoked.
func (s *Server) IsRevoked(refreshToken string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.accounts.refresh[refreshToken]
	return known == nil || known.revoked
}

func (s *Server) client() *client { return s.accounts.clients[s.options.ClientID] }

func (s *Server) scopesOr(scopes []string) []string {
	if len(scopes) == 0 {
		return s.options.Scopes
	}
	return scopes
}
