package transport

import (
	"bytes"
	"encoding/json"
	"iter"
	"unicode/utf8"
)

// objectMembers yields the members of an object in JSON that the decoder has found valid, names and values as they are
// written. Other values have none. It is for what is read of each request, where decoding anew costs more than the rest.
func objectMembers(object []byte) iter.Seq2[json.RawMessage, json.RawMessage] {
	return func(yield func(name, value json.RawMessage) bool) {
		if len(object) == 0 || object[0] != '{' {
			return
		}
		for rest := object; ; {
			start := bytes.IndexByte(rest, '"')
			if start < 0 {
				return
			}
			rest = rest[start:]
			name := rest[:endOfString(rest)]
			rest = rest[len(name):]
			rest = bytes.TrimLeft(rest[bytes.IndexByte(rest, ':')+1:], " \t\r\n")
			value := rest[:endOfValue(rest)]
			rest = rest[len(value):]
			if !yield(name, bytes.TrimRight(value, " \t\r\n")) {
				return
			}
		}
	}
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

// endOfString returns the length of the string that valid JSON begins with.
func endOfString(raw []byte) int {
	end := 2 + bytes.IndexByte(raw[1:], '"')
	if bytes.IndexByte(raw[1:end-1], '\\') < 0 {
		return end
	}
	for i := 1; i < len(raw); i++ {
		switch raw[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(raw)
}

// endOfValue returns the length of the value that the rest of an object begins with, and of the blanks after it where
// it is a scalar.
func endOfValue(raw []byte) int {
	depth := 0
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			if i += endOfString(raw[i:]) - 1; depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',':
			if depth == 0 {
				return i
			}
		}
	}
	return len(raw)
}

// maxDepth bounds how deep arguments may be nested: what decodes them goes down one call a level.
const maxDepth = 100

// isTooDeep reports whether valid JSON is nested deeper than maxDepth.
func isTooDeep(raw []byte) bool {
	depth := 0
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			i += endOfString(raw[i:]) - 1
		case '{', '[':
			if depth++; depth > maxDepth {
				return true
			}
		case '}', ']':
			depth--
		}
	}
	return false
}
