package sdpconnection

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/store"
)

// tokenFacts are what decides about an access token.
type tokenFacts struct {
	now time.Time
	// current is the stored one, nil for none.
	current *store.StoredToken
	// fingerprint is of what the connection logs in with now.
	fingerprint store.TokenFingerprint
	// isOpenable says that the key that it is sealed with is there.
	isOpenable bool
	// isRefused says that a server was refused it.
	isRefused bool
	// isSecretNew says that the client's secret was never tried.
	isSecretNew bool
}

// tokenAction is what is to be done about an access token.
type tokenAction string

const (
	useCurrent     tokenAction = "use"
	replaceCurrent tokenAction = "replace"
	// checkCurrent finds out whether ServiceDesk Plus takes it.
	checkCurrent tokenAction = "check"
)

// decideToken decides what is to be done. What a server reports of a token that is replaced anyway is not proven.
func decideToken(f tokenFacts) tokenAction {
	switch {
	case f.current == nil, f.current.Fingerprint != f.fingerprint, f.current.Kind != store.AccessToken, !f.isOpenable, f.isSecretNew,
		!f.now.Before(refreshTime(f.current)):
		return replaceCurrent
	case f.isRefused:
		return checkCurrent
	}
	return useCurrent
}

// refreshTime returns when 80 % of a token's life are over.
func refreshTime(token *store.StoredToken) time.Time {
	return token.IssuedAt.Add(token.ExpiresAt.Sub(token.IssuedAt) * 4 / 5)
}

// isUsable reports whether servers can call with a token.
func isUsable(token *store.StoredToken, fingerprint store.TokenFingerprint, now time.Time) bool {
	return token != nil && token.Fingerprint == fingerprint && (token.ExpiresAt.IsZero() || now.Before(token.ExpiresAt))
}

// needsCall decides whether a call has to show that the token is good. One that replaced another of the same refresh token, while
// everything was well, is as good as that was; and what the status speaks of was shown before it was written.
func needsCall(c *v1alpha1.SDPConnection, before, now *store.StoredToken) bool {
	switch {
	case !meta.IsStatusConditionTrue(c.Status.Conditions, v1alpha1.ConditionReady) || c.Status.ObservedGeneration != c.Generation:
		return true
	case before == nil || before.Fingerprint != now.Fingerprint:
		return true
	}
	spokenOf := c.Status.Token
	return spokenOf == nil || spokenOf.LastRefreshAt == nil || spokenOf.LastRefreshAt.Unix() != before.IssuedAt.Unix()
}

// The pauses between token requests that fail without an answer that says anything: eight of them take longer than the window in
// which eight are allowed.
const (
	firstTokenPause = 15 * time.Second
	lastTokenPause  = 2 * time.Minute
)

// pauseAfterFailures returns for how long no token is asked for after so many failures in a row.
func pauseAfterFailures(failures int) time.Duration {
	pause := firstTokenPause
	for range failures - 1 {
		pause = min(2*pause, lastTokenPause)
	}
	return pause
}
