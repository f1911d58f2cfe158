package access

import (
	"encoding/base64"
	"strings"
	"time"
)

// claims are what a token says of itself, proven or not.
type claims struct {
	// Expires is zero where the token does not say.
	Expires   time.Time
	Audiences []string
}

// readClaims reads the payload of a JSON Web Token as a verifier does: names are case-sensitive, and one that is there twice says
// nothing. What is no such token claims nothing.
func readClaims(token string) claims {
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	decoded, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return claims{}
	}
	c, err := decodeClaims(decoded)
	if err != nil {
		return claims{}
	}
	var found claims
	found.Audiences, _ = c.decodeTexts("aud") // none where it is no list of texts
	found.Expires, _, _ = c.decodeTime("exp")
	return found
}

// HasExpired reports whether a token says of itself that it expired before now. It is for telling why a token was refused, and for
// nothing else: what a refused token says may be anybody's words.
func HasExpired(token string, now time.Time) bool {
	expires := readClaims(token).Expires
	return !expires.IsZero() && expires.Before(now)
}
