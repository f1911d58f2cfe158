package tool

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"
)

// A SelfWriter writes itself as JSON, to the byte as IndentJSON and encoding/json would write it: for values that are shown
// often, and cost too much by reflection.
type SelfWriter interface {
	// AppendIndented writes as IndentJSON does.
	AppendIndented(b []byte, prefix string) []byte
	// AppendJSON writes as encoding/json does, with its escapes for HTML.
	AppendJSON(b []byte) []byte
}

// Escapes are those of a string beside what JSON wants escaped.
type Escapes int

// JavaScript has none, as JSON.stringify; HTML has <, >, & and the two separators of lines that JavaScript once had no
// room for in strings, as encoding/json.
const (
	JavaScript Escapes = iota
	HTML
)

// written are, for each kind of escapes, the ASCII characters that are written as they are.
var written = [2][utf8.RuneSelf]bool{JavaScript: asciiWithout(`"\\`), HTML: asciiWithout(`"\\<>&`)}

// asciiWithout returns which characters are ASCII, no control, and none of others.
func asciiWithout(others string) (is [utf8.RuneSelf]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		is[c] = !strings.ContainsRune(others, c)
	}
	return is
}

const hexDigits = "0123456789abcdef"

// AppendString writes a string in quotes.
func AppendString(b []byte, s string, escapes Escapes) []byte {
	b = append(slices.Grow(b, len(s)+2), '"')
	start, asIs := 0, &written[escapes]
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if asIs[c] {
				i++
				continue
			}
			b = appendEscape(append(b, s[start:i]...), c)
			i++
			start = i
			continue
		}
		character, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case character == utf8.RuneError && size == 1:
			b = append(append(b, s[start:i]...), `\ufffd`...)
			start = i + size
		case (character == '\u2028' || character == '\u2029') && escapes == HTML:
			b = append(append(b, s[start:i]...), `\u202`...)
			b = append(b, hexDigits[character&0xf])
			start = i + size
		}
		i += size
	}
	return append(append(b, s[start:]...), '"')
}

func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\b':
		return append(b, `\b`...)
	case '\f':
		return append(b, `\f`...)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
}

// AppendIndented writes sound JSON as IndentJSON does.
func AppendIndented(b []byte, sound json.RawMessage, prefix string) []byte {
	indented := bytes.NewBuffer(b) // writes behind what b has
	if err := json.Indent(indented, sound, prefix, "  "); err != nil {
		return append(b, "null"...)
	}
	if bytes.Contains(sound, []byte(`\u202`)) {
		return append(b, separators.Replace(string(indented.Bytes()[len(b):]))...)
	}
	return indented.Bytes()
}
