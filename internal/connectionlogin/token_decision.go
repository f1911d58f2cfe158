package connectionlogin

import (
	"time"

	"github.com/lectern-dev/lectern/internal/store"
)

// TokenFacts are what decides about an access token.
type TokenFacts struct {
	Now time.Time
	// Current is the one there is, nil for none.
	Current *store.StoredToken
	// Fingerprint is of what the connection logs in with now.
	Fingerprint store.TokenFingerprint
	// IsOpenable says that it can be read: that the key that it is sealed with is there.
	IsOpenable bool
	// IsRefused says that somebody was refused it.
	IsRefused bool
	// IsSecretNew says that the client's secret was never tried.
	IsSecretNew bool
}

// TokenAction is what is to be done about an access token.
type TokenAction string

// The actions.
const (
	UseCurrent     TokenAction = "use"
	ReplaceCurrent TokenAction = "replace"
	// CheckCurrent finds out whether ServiceDesk Plus takes it.
	CheckCurrent TokenAction = "check"
)

// DecideToken decides what is to be done. What is said of a token that is replaced anyway is not proven.
func DecideToken(f TokenFacts) TokenAction {
	switch {
	case f.Current == nil, f.Current.Fingerprint != f.Fingerprint, f.Current.Kind != store.AccessToken, !f.IsOpenable, f.IsSecretNew,
		!f.Now.Before(RefreshTime(f.Current)):
		return ReplaceCurrent
	case f.IsRefused:
		return CheckCurrent
	}
	return UseCurrent
}

// RefreshTime returns when 80 % of a token's life are over.
func RefreshTime(token *store.StoredToken) time.Time {
	return token.IssuedAt.Add(token.ExpiresAt.Sub(token.IssuedAt) * 4 / 5)
}

// IsUsable reports whether servers can call with a token.
func IsUsable(token *store.StoredToken, fingerprint store.TokenFingerprint, now time.Time) bool {
	return token != nil && token.Fingerprint == fingerprint && (token.ExpiresAt.IsZero() || now.Before(token.ExpiresAt))
}

// The pauses between token requests that fail without an answer that says anything: eight of them take longer than the window in
// which eight are allowed.
const (
	firstTokenPause = 15 * time.Second
	// LastTokenPause is the longest.
	LastTokenPause = 2 * time.Minute
)

// PauseAfterFailures returns for how long no token is asked for after so many failures in a row.
func PauseAfterFailures(failures int) time.Duration {
	pause := firstTokenPause
	for range failures - 1 {
		pause = min(2*pause, LastTokenPause)
	}
	return pause
}
