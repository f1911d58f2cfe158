package localdesk

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"time"

	"github.com/lectern-dev/lectern/internal/connectionlogin"
	"github.com/lectern-dev/lectern/internal/sdp/redact"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/plan"
)

const (
	// stateFormat is that of this program; another is left alone.
	stateFormat = 1
	// tokenAfterlife is how long an expired token stays in the state: a clock may be wrong.
	tokenAfterlife = 24 * time.Hour
)

// state is what the processes of a user know together. It is secret: nothing of it is printed.
type state struct {
	Format int `json:"format"`
	// Codes are the grant codes that were sent, by their digests, and what came of them.
	Codes map[string]sentCode `json:"codes,omitempty"`
	// Tokens are access tokens, by what they are asked for with, and Pauses why there is none, by that and who said so.
	Tokens map[string]keptToken  `json:"tokens,omitempty"`
	Pauses map[string]tokenPause `json:"pauses,omitempty"`
	// Requests are those to accounts servers that count.
	Requests []tokenRequest `json:"requests,omitempty"`
}

// keptToken is an access token.
type keptToken struct {
	ID        string    `json:"id"`
	Access    string    `json:"access"`
	Scopes    []string  `json:"scopes,omitempty"`
	IssuedAt  time.Time `json:"issuedAt"`
	ExpiresAt time.Time `json:"expiresAt"`
	// For tells the credentials that it was got with.
	For string `json:"for,omitempty"`
}

// tokenPause is why no token is asked for now.
type tokenPause struct {
	Until    time.Time `json:"until"`
	Failures int       `json:"failures"`
	Reason   string    `json:"reason"`
	// For tells the credentials that it is about: a person who changes them waits for nothing.
	For string `json:"for"`
	// IsDenied says that asking again does not help: a person has something to do.
	IsDenied bool `json:"denied,omitempty"`
}

// pauseKey is what a pause is kept under: what an address refuses is asked for at another one.
func pauseKey(subject string, at *url.URL) string { return subject + " " + at.String() }

// tokenRequest is a request of a token that was begun.
type tokenRequest struct {
	ID          string                  `json:"id"`
	Fingerprint string                  `json:"fingerprint"`
	Subject     string                  `json:"subject"` // of two with the same one is under way
	Cause       store.TokenRequestCause `json:"cause"`
	StartedAt   time.Time               `json:"startedAt"`
	Ended       bool                    `json:"ended,omitempty"`
	By          processName             `json:"by"`
}

// mayBeAnswered reports whether what became of the request may still be written down.
func (r *tokenRequest) mayBeAnswered() bool { return !r.Ended && !r.By.isGone() }

// setEntry sets an entry of a map that may not be made yet.
func setEntry[T any](in *map[string]T, key string, entry T) {
	if *in == nil {
		*in = map[string]T{}
	}
	(*in)[key] = entry
}

// token returns the access token of what it was asked for with; nil for none.
func (s *state) token(fingerprint store.TokenFingerprint) (*store.StoredToken, redact.Secret) {
	kept, has := s.Tokens[hexOf(fingerprint)]
	if !has {
		return nil, redact.Secret{}
	}
	return &store.StoredToken{
		SealedToken: store.SealedToken{
			ID: kept.ID, Kind: store.AccessToken, Scopes: kept.Scopes, IssuedAt: kept.IssuedAt, ExpiresAt: kept.ExpiresAt,
		},
		Fingerprint: fingerprint,
	}, redact.NewSecret(kept.Access)
}

// keepToken keeps an access token, unless one that was asked for later is there. replaced is the one that there was when it was asked
// for, by its id: a clock that was ahead may have dated that one later.
func (s *state) keepToken(fingerprint store.TokenFingerprint, got keptToken, replaced string) {
	key := hexOf(fingerprint)
	if held := s.Tokens[key]; held.ID == replaced || !held.IssuedAt.After(got.IssuedAt) {
		setEntry(&s.Tokens, key, got)
	}
}

// claim writes a request down as begun, if there may be one now. The errors are those of plan.CheckTokenClaim.
func (s *state) claim(asked tokenRequest, claim store.TokenClaim) error {
	earlier := make([]store.TokenRequest, 0, len(s.Requests))
	for _, r := range s.Requests {
		known := store.TokenRequest{UID: r.Subject, Cause: r.Cause, StartedAt: r.StartedAt, Ended: !r.mayBeAnswered()}
		if r.Fingerprint == asked.Fingerprint {
			known.Fingerprint = claim.Fingerprint
		}
		earlier = append(earlier, known)
	}
	if err := plan.CheckTokenClaim(claim, earlier); err != nil {
		return err
	}
	s.Requests = append(s.Requests, asked)
	return nil
}

// end says of a request that its outcome is known.
func (s *state) end(id string) {
	for i := range s.Requests {
		if s.Requests[i].ID == id {
			s.Requests[i].Ended = true
		}
	}
}

// isUnderWay reports whether a request about a subject may still be answered.
func (s *state) isUnderWay(subject string, now time.Time) bool {
	for _, r := range s.Requests {
		if r.Subject == subject && r.mayBeAnswered() && r.StartedAt.After(now.Add(-store.TokenRequestTimeout)) {
			return true
		}
	}
	return false
}

// prune forgets what counts no more. What a clock that went back left in the future counts from now on: that is to be written down, or
// it would count from each time at which it is read.
func (s *state) prune(now time.Time) (isRedated bool) {
	var counting []tokenRequest
	for _, r := range s.Requests {
		if r.StartedAt.After(now) {
			r.StartedAt, isRedated = now, true
		}
		if r.StartedAt.After(now.Add(-store.TokenRequestWindow)) {
			counting = append(counting, r)
		}
	}
	s.Requests = counting
	for key, t := range s.Tokens {
		if now.After(t.ExpiresAt.Add(tokenAfterlife)) {
			delete(s.Tokens, key)
		}
	}
	for key, p := range s.Pauses {
		switch longest := now.Add(deniedPause); {
		case now.After(p.Until.Add(store.TokenRequestWindow)):
			delete(s.Pauses, key)
		case p.Until.After(longest):
			p.Until, isRedated = longest, true
			s.Pauses[key] = p
		}
	}
	return isRedated
}

func hexOf(f store.TokenFingerprint) string { return fmt.Sprintf("%x", f[:]) }

// credentialsDigest tells whether a person has changed credentials since.
func credentialsDigest(l connectionlogin.Login) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", l.Client.ID, l.Client.Secret.Reveal(), l.RefreshToken.Reveal()+l.Exchange.Reveal()))
	return fmt.Sprintf("%x", sum[:8])
}
