package tool

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
)

// ErrCursor is said of a cursor that was given out for something else, or by nobody.
var ErrCursor = NewInvalid("argument %q: this cursor is not from a call with these arguments; call again without it", "cursor")

// Fingerprint tells lists apart by what was asked for: a cursor means nothing in another one.
func Fingerprint(parts ...any) string {
	raw, err := json.Marshal(parts)
	if err != nil {
		panic(err) // what callers give are texts
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:6])
}

// EncodeCursor returns a place in the list of a fingerprint as the caller gets it. It is no right to see anything.
// Fields have no slash.
func EncodeCursor(fingerprint string, fields ...string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strings.Join(append([]string{fingerprint}, fields...), "/")))
}

// DecodeCursor returns the fields of a cursor that was given out for the list, or ErrCursor. What they are, who reads
// them has to check: anybody can write a cursor.
func DecodeCursor(fingerprint, cursor string) ([]string, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return nil, ErrCursor
	}
	fields := strings.Split(string(raw), "/")
	if fields[0] != fingerprint || EncodeCursor(fingerprint, fields[1:]...) != cursor {
		return nil, ErrCursor
	}
	return fields[1:], nil
}
