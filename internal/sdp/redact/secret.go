package redact

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// Placeholder stands where a secret was.
const Placeholder = "[redacted]"

// Secret is a credential. Every way to print, log or encode it gives Placeholder, in unexported fields an address; Reveal alone
// gives the text. The zero value is no secret.
type Secret struct {
	// text is behind a pointer, since fmt asks no method of an unexported field: it would print a string.
	text *string
}

// NewSecret returns text as a Secret.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// Reveal returns the credential, for the request it belongs in.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s.text == nil }

// Equal compares in constant time, but for the lengths.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// String returns Placeholder, or nothing for the zero value: whether there is a secret is none.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return Placeholder
}

// Format writes what String returns for every verb, %x and %#v included.
func (s Secret) Format(state fmt.State, _ rune) {
	// The error is the printer's: a formatter has none to return.
	_, _ = io.WriteString(state, s.String())
}

// LogValue returns what String returns.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText returns what String returns; encoding/json, YAML and flags use it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
