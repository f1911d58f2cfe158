package postgres

import (
	"bytes"
	"encoding/json"
)

// marshalJSON writes a value as JSON that every database can read: Postgres decodes the escape of a character beyond ASCII, as
// Go writes it for U+2028 and U+2029, only where the encoding is UTF8.
func marshalJSON(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	return unescapeSeparators(text), err
}

// unescapeSeparators returns JSON with U+2028 and U+2029 as they are.
func unescapeSeparators(text []byte) []byte {
	if !bytes.Contains(text, []byte(`\u202`)) {
		return text
	}
	plain := make([]byte, 0, len(text))
	for len(text) > 0 {
		switch {
		case bytes.HasPrefix(text, []byte(`\u2028`)):
			plain, text = append(plain, "\u2028"...), text[6:]
		case bytes.HasPrefix(text, []byte(`\u2029`)):
			plain, text = append(plain, "\u2029"...), text[6:]
		case text[0] == '\\': // and what it escapes, which may be a backslash
			plain, text = append(plain, text[:2]...), text[2:]
		default:
			plain, text = append(plain, text[0]), text[1:]
		}
	}
	return plain
}
