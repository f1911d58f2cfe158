package connectionlogin

import (
	"fmt"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/sdp/oauth"
	"github.com/lectern-dev/lectern/internal/sdp/redact"
	"github.com/lectern-dev/lectern/internal/store"
)

// Login is by what access tokens are got.
type Login struct {
	Client oauth.Client
	// RefreshToken is zero where Exchange is set: then there is a grant code that was never sent.
	RefreshToken redact.Secret
	Exchange     redact.Secret
	// Warning says what a person should do though the refresh token is of use; empty for nothing.
	Warning string
}

// Fingerprint returns whose budget refreshes count against.
func (l Login) Fingerprint() store.TokenFingerprint {
	return store.FingerprintRefreshToken(l.Client.ID, l.RefreshToken.Reveal())
}

// CodeNeededError says that a grant code was sent, and that no refresh token came of it.
type CodeNeededError struct{ message string }

func (e *CodeNeededError) Error() string { return e.message }

// Choose decides what to log in with: a refresh token that a person gave, else the one that was got for the grant code, else a
// code that was never sent. A code that was sent is never sent again, whatever came of it. where is what the credentials are in, such
// as "Secret a". The error is a *CodeNeededError, or says what the credentials lack.
func Choose(where string, given Credentials, kept Kept) (Login, error) {
	chosen := Login{Client: given.Client}
	earlier := kept.RefreshToken
	if kept.ClientID != given.Client.ID {
		earlier = redact.Secret{} // another client's
	}
	code := given.CodeDigest()
	switch {
	case !given.RefreshToken.IsZero():
		chosen.RefreshToken = given.RefreshToken
	case code == "" && !earlier.IsZero(): // the spent code was taken out, as it may be
		chosen.RefreshToken = earlier
	case code == "":
		return Login{}, fmt.Errorf("%s has neither %s nor %s; add one of them", where, v1alpha1.CredentialRefreshToken, v1alpha1.CredentialGrantCode)
	case !kept.IsSpent(code):
		chosen.Exchange = given.GrantCode
	case kept.Code == code && !earlier.IsZero():
		chosen.RefreshToken = earlier
	default:
		return ChooseAfterFailure(where, chosen, earlier, kept.Outcome)
	}
	return chosen, nil
}

// ChooseAfterFailure decides what to log in with when the grant code was sent and nothing came of it: what was got for an earlier
// one, or nothing, which is a *CodeNeededError. outcome says why, if that is known.
func ChooseAfterFailure(where string, chosen Login, earlier redact.Secret, outcome string) (Login, error) {
	message := fmt.Sprintf("the grant code in %s was sent to the accounts server once, and no refresh token came of it", where)
	if outcome != "" {
		message += ": " + outcome
	}
	message += "; a code is good for one attempt: put a new grant code, or a refresh token, into it"
	if earlier.IsZero() {
		return Login{}, &CodeNeededError{message}
	}
	chosen.RefreshToken, chosen.Warning = earlier, message+"; until then the refresh token of an earlier code stays in use"
	return chosen, nil
}
