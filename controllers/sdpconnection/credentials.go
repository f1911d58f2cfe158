package sdpconnection

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	corev1 "k8s.io/api/core/v1"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/sdp/oauth"
	"github.com/lectern-dev/lectern/internal/sdp/redact"
	"github.com/lectern-dev/lectern/internal/store"
)

// maxCredential is how long a value of a credentials Secret may be, in bytes.
const maxCredential = 4096

// credentials are what the Secret of a connection says.
type credentials struct {
	// client, and one of refreshToken and grantCode or neither, are of the cloud.
	client                  oauth.Client
	refreshToken, grantCode redact.Secret
	// apiKey is of a server on premises.
	apiKey redact.Secret
}

// readCredentials returns what a Secret says, or why that is not what the edition wants. The failure names keys and no value.
func readCredentials(secret *corev1.Secret, edition v1alpha1.Edition) (credentials, *failure) {
	invalid := func(format string, args ...any) (credentials, *failure) {
		return credentials{}, blocked(v1alpha1.ConditionCredentialsValid, v1alpha1.ReasonSecretInvalid,
			"Secret "+secret.Name+" "+fmt.Sprintf(format, args...))
	}
	if secret.Type != v1alpha1.SDPCredentialsSecretType {
		return invalid("has type %s; it must have type %s, which cannot be changed: delete it and create it again", secret.Type, v1alpha1.SDPCredentialsSecretType)
	}
	values := map[string]string{}
	for key, value := range secret.Data {
		text := strings.TrimSpace(string(value)) // files often end with a line break
		if len(text) > maxCredential || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar }) {
			return invalid("has a value in key %s that is no credential: it is longer than %d bytes, "+
				"or has line breaks or other control characters in it", key, maxCredential)
		}
		if text != "" {
			values[key] = text
		}
	}
	wanted := []string{v1alpha1.CredentialClientID, v1alpha1.CredentialClientSecret}
	if edition == v1alpha1.EditionOnPremises {
		wanted = []string{v1alpha1.CredentialAPIKey}
	}
	missing := slices.DeleteFunc(wanted, func(key string) bool { return values[key] != "" })
	if len(missing) > 0 {
		return invalid("lacks %s, which edition %s wants; it has %s", strings.Join(missing, " and "), edition, describeKeys(secret))
	}
	return credentials{
		client:       oauth.Client{ID: values[v1alpha1.CredentialClientID], Secret: redact.NewSecret(values[v1alpha1.CredentialClientSecret])},
		refreshToken: redact.NewSecret(values[v1alpha1.CredentialRefreshToken]),
		grantCode:    redact.NewSecret(values[v1alpha1.CredentialGrantCode]),
		apiKey:       redact.NewSecret(values[v1alpha1.CredentialAPIKey]),
	}, nil
}

// describeKeys lists the keys of a Secret, empty ones as such.
func describeKeys(secret *corev1.Secret) string {
	if len(secret.Data) == 0 {
		return "no key"
	}
	var keys []string
	for key, value := range secret.Data {
		if len(strings.TrimSpace(string(value))) == 0 {
			key += " (empty)"
		}
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return "the keys " + excerpt.List(keys, ", ")
}

// login is by what access tokens are got.
type login struct {
	client oauth.Client
	// refreshToken is zero where exchange is set: then there is a grant code that was never sent.
	refreshToken redact.Secret
	exchange     redact.Secret
	// warning says what a person should do though the refresh token is of use; empty for nothing.
	warning string
}

// fingerprint returns whose budget refreshes count against.
func (l login) fingerprint() store.TokenFingerprint {
	return store.FingerprintRefreshToken(l.client.ID, l.refreshToken.Reveal())
}

// chooseLogin decides what to log in with: a refresh token that a person gave, else the one that was got for the grant code, else a
// code that was never sent. A code that was sent is never sent again, whatever came of it.
func chooseLogin(secretName string, given credentials, managed managedCredentials) (login, *failure) {
	chosen := login{client: given.client}
	kept := managed.refreshToken
	if managed.clientID != given.client.ID {
		kept = redact.Secret{} // another client's
	}
	code := codeDigest(given)
	switch {
	case !given.refreshToken.IsZero():
		chosen.refreshToken = given.refreshToken
	case code == "" && !kept.IsZero(): // the spent code was taken out of the Secret, as it may be
		chosen.refreshToken = kept
	case code == "":
		return login{}, blocked(v1alpha1.ConditionCredentialsValid, v1alpha1.ReasonSecretInvalid, fmt.Sprintf(
			"Secret %s has neither %s nor %s; add one of them", secretName, v1alpha1.CredentialRefreshToken, v1alpha1.CredentialGrantCode))
	case !managed.isSpent(code):
		chosen.exchange = given.grantCode
	case managed.code == code && !kept.IsZero():
		chosen.refreshToken = kept
	default:
		return chooseAfterFailure(secretName, chosen, kept, managed.outcome)
	}
	return chosen, nil
}

// chooseAfterFailure decides what to log in with when the grant code was sent and nothing came of it: what was got for an earlier one,
// or nothing.
func chooseAfterFailure(secretName string, chosen login, kept redact.Secret, outcome string) (login, *failure) {
	message := fmt.Sprintf("the grant code in Secret %s was sent to the accounts server once, and no refresh token came of it", secretName)
	if outcome != "" {
		message += ": " + outcome
	}
	message += "; a code is good for one attempt: put a new grant code, or a refresh token, into the Secret"
	if kept.IsZero() {
		return login{}, blocked(v1alpha1.ConditionCredentialsValid, v1alpha1.ReasonGrantCodeNeeded, message)
	}
	chosen.refreshToken, chosen.warning = kept, message+"; until then the refresh token of an earlier code stays in use"
	return chosen, nil
}

// codeDigest returns by what the grant code is known; empty for none.
func codeDigest(given credentials) string {
	if given.grantCode.IsZero() {
		return ""
	}
	return fmt.Sprintf("%x", store.FingerprintGrantCode(given.client.ID, given.grantCode.Reveal()))
}
