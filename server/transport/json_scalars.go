package transport

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/mark3labs/mcp-go/mcp"
)

// plainText has the characters that strings have as they are, one byte each.
var plainText = func() (plain [256]bool) {
	for c := byte(' '); c < utf8.RuneSelf; c++ {
		plain[c] = c != '"' && c != '\\'
	}
	return plain
}()

// scanString scans a string. It returns the first thing wrong with its text, for after the name of the value, where nothing
// else was wrong before.
func (s *jsonScanner) scanString() (problem string) {
	start := s.at
	for i := start + 1; i < len(s.source); {
		switch c := s.source[i]; {
		case plainText[c]:
			i++
		case c == '"':
			s.at = i + 1
			return problem
		case c == '\\':
			length, lone := scanEscape(s.source[i:])
			if length == 0 {
				s.fail(errNotJSON)
				return ""
			}
			if lone && problem == "" && s.flaw == nil {
				problem = fmt.Sprintf(" has half of a surrogate pair, %s, as its byte %d: write both halves, or the character itself", s.source[i:i+6], i-start)
			}
			i += length
		case c < ' ':
			s.fail(errNotJSON)
			return ""
		default:
			r, length := utf8.DecodeRune(s.source[i:])
			if r == utf8.RuneError && length == 1 && problem == "" && s.flaw == nil {
				problem = fmt.Sprintf(" is not UTF-8: its byte %d is 0x%02x; send text as UTF-8", i-start, c)
			}
			i += length
		}
	}
	s.fail(errNotJSON)
	return ""
}

// scanEscape returns the length of the escape that the rest of a string begins with, of both where they are a pair of
// surrogates; zero when it is none. Lone says that it is one half of a pair.
func scanEscape(rest []byte) (length int, lone bool) {
	if len(rest) < 2 {
		return 0, false
	}
	if rest[1] != 'u' {
		if bytes.IndexByte([]byte(`"\/bfnrt`), rest[1]) < 0 {
			return 0, false
		}
		return 2, false
	}
	unit, ok := readCodeUnit(rest)
	switch {
	case !ok:
		return 0, false
	case !utf16.IsSurrogate(unit):
		return 6, false
	}
	if second, ok := readCodeUnit(rest[6:]); ok && utf16.DecodeRune(unit, second) != utf8.RuneError {
		return 12, false
	}
	return 6, true
}

// readCodeUnit reads an escape of the form \u0041.
func readCodeUnit(rest []byte) (unit rune, ok bool) {
	if len(rest) < 6 || rest[0] != '\\' || rest[1] != 'u' {
		return 0, false
	}
	for _, c := range rest[2:6] {
		unit <<= 4
		switch {
		case c >= '0' && c <= '9':
			unit |= rune(c - '0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			unit |= rune(c|0x20-'a') + 10
		default:
			return 0, false
		}
	}
	return unit, true
}

func (s *jsonScanner) scanLiteral(literal string) {
	if !bytes.HasPrefix(s.source[s.at:], []byte(literal)) {
		s.fail(errNotJSON)
		return
	}
	s.at += len(literal)
}

// scanNumber scans a number, and fails on what is no value at all.
func (s *jsonScanner) scanNumber() {
	if s.at < len(s.source) && s.source[s.at] == '-' {
		s.at++
	}
	switch first := s.at; {
	case s.skipDigits() == 0, s.source[first] == '0' && s.at > first+1:
		s.fail(errNotJSON)
		return
	}
	if s.at < len(s.source) && s.source[s.at] == '.' {
		if s.at++; s.skipDigits() == 0 {
			s.fail(errNotJSON)
			return
		}
	}
	if s.at < len(s.source) && s.source[s.at]|0x20 == 'e' {
		if s.at++; s.at < len(s.source) && (s.source[s.at] == '+' || s.source[s.at] == '-') {
			s.at++
		}
		if s.skipDigits() == 0 {
			s.fail(errNotJSON)
		}
	}
}

// skipDigits returns how many digits it skipped.
func (s *jsonScanner) skipDigits() int {
	start := s.at
	for s.at < len(s.source) && s.source[s.at] >= '0' && s.source[s.at] <= '9' {
		s.at++
	}
	return s.at - start
}

// unquoteText returns the text that a JSON string is written for.
func unquoteText(quoted []byte) string {
	if written := quoted[1 : len(quoted)-1]; bytes.IndexByte(written, '\\') < 0 && utf8.Valid(written) {
		return string(written)
	}
	var text string
	_ = json.Unmarshal(quoted, &text) // it is valid
	return text
}

// knownTexts are the texts that nearly every message has, as they are written.
var knownTexts = func() map[string]string {
	known := map[string]string{`"` + mcp.JSONRPC_VERSION + `"`: mcp.JSONRPC_VERSION}
	for _, version := range mcp.ValidProtocolVersions {
		known[`"`+version+`"`] = version
	}
	for method := range protocolRoutes {
		known[`"`+string(method)+`"`] = string(method)
	}
	return known
}()

// readKnownText is unquoteText for what is likely one of the known texts, of which it makes no copy.
func readKnownText(quoted []byte) string {
	if text, is := knownTexts[string(quoted)]; is {
		return text
	}
	return unquoteText(quoted)
}

// quoteName returns the name of a member for a message, shortened.
func quoteName(name []byte) string {
	const longest = 40
	if len(name) > longest {
		return strconv.Quote(string(bytes.ToValidUTF8(name[:longest], nil))) + "…"
	}
	return strconv.Quote(string(name))
}
