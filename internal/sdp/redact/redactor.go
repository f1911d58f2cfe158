package redact

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// minSecret is how long a secret is, in bytes, that a Redactor looks for: shorter ones are in every text.
const minSecret = 4

// Redactor takes credentials out of text. The zero value knows no secret and goes by looks alone. Any number may use it at once.
type Redactor struct {
	known *strings.Replacer
	// escaped match secrets that have what encodings escape.
	escaped []*regexp.Regexp
}

// New returns a Redactor that knows these secrets, in the spellings of URLs, HTML, JSON, hexadecimal and Base64 too.
func New(secrets ...Secret) *Redactor {
	var spellings []string
	var escaped []*regexp.Regexp
	for _, secret := range secrets {
		text := secret.Reveal()
		if len(text) < minSecret {
			continue
		}
		spellings = append(spellings, listSpellings(text)...)
		if pattern := escapedPattern(text); pattern != nil {
			escaped = append(escaped, pattern)
		}
	}
	// The longest first: one secret may begin another.
	slices.SortFunc(spellings, func(a, b string) int { return len(b) - len(a) })
	pairs := make([]string, 0, 2*len(spellings))
	for _, s := range slices.Compact(spellings) {
		pairs = append(pairs, s, Placeholder)
	}
	return &Redactor{known: strings.NewReplacer(pairs...), escaped: escaped}
}

func listSpellings(secret string) []string {
	quoted, err := json.Marshal(secret)
	if err != nil {
		quoted = []byte(`""`) // only what is no string fails
	}
	raw := []byte(secret)
	return []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), html.EscapeString(secret), string(quoted[1:max(len(quoted)-1, 1)]),
		strings.ToLower(secret), strings.ToUpper(secret), hex.EncodeToString(raw), strings.ToUpper(hex.EncodeToString(raw)),
		base64.RawStdEncoding.EncodeToString(raw), base64.RawURLEncoding.EncodeToString(raw),
	}
}

var (
	// scheme is an Authorization header's value: the scheme, and the credential after it.
	scheme = regexp.MustCompile(`(?i)\b(zoho-oauthtoken|bearer|basic)(\s+|%20|\+)[^\s"'<>&,;]+`)
	// named is a credential by its name, as JSON, forms, queries and headers write it.
	named = regexp.MustCompile(`(?i)((?:token|secret|passw(?:or)?d|pwd|api_?key|technician_key|authorization|cookie|session|(?:^|[^a-z_])(?:grant_)?code)` +
		`\w*\\?["']?\s*(?:[:=]|%3d|%3a)\s*\\?["']?)([^\s"'<>&,;}\\]{6,})`)
	// word is what may be a credential by its length.
	word = regexp.MustCompile(`[A-Za-z0-9+=_.~%-]{20,}`)
)

// Text returns text without credentials: secrets that are known, what follows a name that credentials have, and words of 20
// characters and more that mix letters and digits. An id of digits stays.
func (r *Redactor) Text(text string) string {
	text = r.replaceKnown(text)
	text = scheme.ReplaceAllString(text, "${1} "+Placeholder)
	text = named.ReplaceAllStringFunc(text, func(found string) string {
		parts := named.FindStringSubmatch(found)
		if strings.HasPrefix(parts[2], Placeholder) {
			return found
		}
		return parts[1] + Placeholder
	})
	return word.ReplaceAllStringFunc(text, func(found string) string {
		if isCredentialLike(found) {
			return Placeholder
		}
		return found
	})
}

// Contains reports whether a secret that is known is in text.
func (r *Redactor) Contains(text string) bool { return r.replaceKnown(text) != text }

func (r *Redactor) replaceKnown(text string) string {
	if r == nil || r.known == nil {
		return text
	}
	text = r.known.Replace(text)
	for _, pattern := range r.escaped {
		text = pattern.ReplaceAllLiteralString(text, Placeholder)
	}
	return text
}

// isCredentialLike reports whether a long word mixes letters and digits as no word and no id does.
func isCredentialLike(found string) bool {
	letters, digits := 0, 0
	for _, c := range found {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			letters++
		}
	}
	return letters > 0 && digits > 1
}
