package connectionlogin

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/sdp/oauth"
	"github.com/lectern-dev/lectern/internal/sdp/redact"
	"github.com/lectern-dev/lectern/internal/store"
)

// maxCredential is how long a credential may be, in bytes.
const maxCredential = 4096

// Credentials are what a person gave for a connection.
type Credentials struct {
	// Client, and one of RefreshToken and GrantCode or neither, are of the cloud.
	Client                  oauth.Client
	RefreshToken, GrantCode redact.Secret
	// APIKey is of a server on premises.
	APIKey redact.Secret
}

// Read returns the credentials among the values of a Secret, or of what stands for one. Its error says what they lack, in words that
// follow the name of what they were read from: it names keys and no value.
func Read(values map[string][]byte, edition v1alpha1.Edition) (Credentials, error) {
	texts := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(values)) { // in order: the first fault is the one that is told
		value := values[key]
		text := strings.TrimSpace(string(value)) // files often end with a line break
		if len(text) > maxCredential || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar }) {
			return Credentials{}, fmt.Errorf("has a value in key %s that is no credential: it is longer than %d bytes, "+
				"or has line breaks or other control characters in it", key, maxCredential)
		}
		if text != "" {
			texts[key] = text
		}
	}
	wanted := []string{v1alpha1.CredentialClientID, v1alpha1.CredentialClientSecret}
	if edition == v1alpha1.EditionOnPremises {
		wanted = []string{v1alpha1.CredentialAPIKey}
	}
	missing := slices.DeleteFunc(wanted, func(key string) bool { return texts[key] != "" })
	if len(missing) > 0 {
		return Credentials{}, fmt.Errorf("lacks %s, which edition %s wants; it has %s", strings.Join(missing, " and "), edition, describeKeys(values))
	}
	return Credentials{
		Client:       oauth.Client{ID: texts[v1alpha1.CredentialClientID], Secret: redact.NewSecret(texts[v1alpha1.CredentialClientSecret])},
		RefreshToken: redact.NewSecret(texts[v1alpha1.CredentialRefreshToken]),
		GrantCode:    redact.NewSecret(texts[v1alpha1.CredentialGrantCode]),
		APIKey:       redact.NewSecret(texts[v1alpha1.CredentialAPIKey]),
	}, nil
}

// describeKeys lists the keys there are, empty ones as such.
func describeKeys(values map[string][]byte) string {
	if len(values) == 0 {
		return "no key"
	}
	var keys []string
	for key, value := range values {
		if len(strings.TrimSpace(string(value))) == 0 {
			key += " (empty)"
		}
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return "the keys " + excerpt.List(keys, ", ")
}

// CodeDigest returns by what the grant code is known; empty for none.
func (c Credentials) CodeDigest() string {
	if c.GrantCode.IsZero() {
		return ""
	}
	return fmt.Sprintf("%x", store.FingerprintGrantCode(c.Client.ID, c.GrantCode.Reveal()))
}
