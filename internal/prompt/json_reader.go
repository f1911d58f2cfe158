package prompt

import (
	"bytes"
	"strings"
)

// jsonReader reads JSON of a known shape. Its methods report whether what comes next is as expected, and leave the place
// undefined where it is not.
type jsonReader struct {
	text []byte
	at   int
}

func (r *jsonReader) skipBlanks() {
	for r.at < len(r.text) {
		switch r.text[r.at] {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return
		}
	}
}

// atEnd reports whether nothing is left.
func (r *jsonReader) atEnd() bool {
	r.skipBlanks()
	return r.at == len(r.text)
}

// skipByte passes over blanks and a byte.
func (r *jsonReader) skipByte(b byte) bool {
	r.skipBlanks()
	if r.at < len(r.text) && r.text[r.at] == b {
		r.at++
		return true
	}
	return false
}

// skipWord passes over blanks and a word such as true.
func (r *jsonReader) skipWord(word string) bool {
	r.skipBlanks()
	if bytes.HasPrefix(r.text[r.at:], []byte(word)) {
		r.at += len(word)
		return true
	}
	return false
}

// maxMembers is how many members of an object are expected.
const maxMembers = 16

// readObject reads an object: after each name it calls read for the value. No name is expected to come twice, to have an
// escape, or to be other than printable ASCII.
func (r *jsonReader) readObject(read func(name []byte) bool) bool {
	if !r.skipByte('{') {
		return false
	}
	if r.skipByte('}') {
		return true
	}
	var names [maxMembers][]byte
	for n := range names {
		name, ok := r.readPlainString()
		if !ok || !r.skipByte(':') || !read(name) {
			return false
		}
		for _, before := range names[:n] {
			if bytes.Equal(before, name) {
				return false
			}
		}
		names[n] = name
		if r.skipByte('}') {
			return true
		}
		if !r.skipByte(',') {
			return false
		}
	}
	return false
}

// likelyElements is how many elements most lists have room for from the beginning.
const likelyElements = 2

// readList reads an array, which is a list that is not nil.
func readList[T any](r *jsonReader, into *[]T, read func(*T) bool) bool {
	if !r.skipByte('[') {
		return false
	}
	if r.skipByte(']') {
		*into = []T{}
		return true
	}
	*into = make([]T, 0, likelyElements)
	for {
		var zero T
		*into = append(*into, zero)
		if !read(&(*into)[len(*into)-1]) {
			return false
		}
		if r.skipByte(']') {
			return true
		}
		if !r.skipByte(',') {
			return false
		}
	}
}

// readInto reads a string.
func readInto[T ~string](r *jsonReader, into *T) bool {
	text, ok := r.readString()
	*into = T(text)
	return ok
}

// readKnown reads a string that is likely one of a few, which need no copy.
func readKnown[T ~string](r *jsonReader, into *T, known ...T) bool {
	r.skipBlanks()
	if start := r.at + 1; start < len(r.text) && r.text[r.at] == '"' {
		for _, one := range known {
			end := start + len(one)
			if end < len(r.text) && r.text[end] == '"' && string(r.text[start:end]) == string(one) {
				*into, r.at = one, end+1
				return true
			}
		}
	}
	return readInto(r, into)
}

// readPlainString returns the bytes between the quotes of a string of printable ASCII without escapes.
func (r *jsonReader) readPlainString() ([]byte, bool) {
	if !r.skipByte('"') {
		return nil, false
	}
	start := r.at
	for ; r.at < len(r.text); r.at++ {
		switch c := r.text[r.at]; {
		case c == '"':
			r.at++
			return r.text[start : r.at-1], true
		case c == '\\' || c < ' ' || c > '~':
			return nil, false
		}
	}
	return nil, false
}

// readString reads a string. \u with other than a control character is not expected: stores write the character.
func (r *jsonReader) readString() (string, bool) {
	if !r.skipByte('"') {
		return "", false
	}
	rest := r.text[r.at:]
	end := bytes.IndexByte(rest, '"')
	if end < 0 || !hasNoControl(rest[:end]) {
		return "", false
	}
	escape := bytes.IndexByte(rest[:end], '\\')
	if escape < 0 {
		r.at += end + 1
		return string(rest[:end]), true
	}
	var text strings.Builder
	text.Grow(stringSize(rest))
	text.Write(rest[:escape])
	for at := escape; at < len(rest); {
		switch c := rest[at]; {
		case c == '"':
			r.at += at + 1
			return text.String(), true
		case c < ' ':
			return "", false
		case c != '\\':
			next := at + 1
			for next < len(rest) && rest[next] != '"' && rest[next] != '\\' && rest[next] >= ' ' {
				next++
			}
			text.Write(rest[at:next])
			at = next
		default:
			unescaped, size := unescapeCharacter(rest[at:])
			if size == 0 {
				return "", false
			}
			text.WriteByte(unescaped)
			at += size
		}
	}
	return "", false
}

// stringSize returns about how long a string with escapes is, without looking for its end for long.
func stringSize(rest []byte) int {
	size := 0
	for size < len(rest) {
		end := bytes.IndexByte(rest[size:], '"')
		if end < 0 {
			return len(rest)
		}
		if size += end; size == 0 || rest[size-1] != '\\' {
			return size
		}
		size++
	}
	return size
}

func hasNoControl(text []byte) bool {
	for _, c := range text {
		if c < ' ' {
			return false
		}
	}
	return true
}

// unescapeCharacter returns the character of an escape and how many bytes that has, or 0 of one not expected.
func unescapeCharacter(escape []byte) (character byte, size int) {
	if len(escape) < 2 {
		return 0, 0
	}
	switch c := escape[1]; c {
	case '"', '\\', '/':
		return c, 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		if len(escape) >= 6 && string(escape[2:4]) == "00" && (escape[4] == '0' || escape[4] == '1') {
			if low, ok := hexDigit(escape[5]); ok {
				return (escape[4]-'0')<<4 | low, 6
			}
		}
	}
	return 0, 0
}

func hexDigit(c byte) (value byte, ok bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// maxPlainDigits is up to how many digits a whole number is written in one way only.
const maxPlainDigits = 15

// readPlainValue returns the bytes of a value that is written in one way only.
func (r *jsonReader) readPlainValue() ([]byte, bool) {
	r.skipBlanks()
	start := r.at
	switch {
	case r.at == len(r.text):
		return nil, false
	case r.text[r.at] == '"':
		_, ok := r.readPlainString()
		return r.text[start:r.at], ok
	case r.skipWord("true"), r.skipWord("false"), r.skipWord("null"):
		return r.text[start:r.at], true
	}
	for r.at < len(r.text) && r.text[r.at] >= '0' && r.text[r.at] <= '9' {
		r.at++
	}
	digits := r.text[start:r.at]
	ends := r.at < len(r.text) && bytes.IndexByte([]byte(",} \t\n\r"), r.text[r.at]) >= 0
	return digits, ends && len(digits) > 0 && len(digits) <= maxPlainDigits && (digits[0] != '0' || len(digits) == 1)
}
