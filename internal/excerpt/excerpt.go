// Package excerpt keeps what messages quote short, so that no answer carries a whole document back and no list of faults
// grows with what is wrong.
//
// It knows nothing of what is quoted. Its invariant: what it returns is bounded, valid where the text given is, and ends in an
// ellipsis, or the number of what is left out, when it is not the whole.
package excerpt

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxMessage bounds an error or a message as a caller, a user or an operator gets it, in bytes.
const MaxMessage = 2 << 10

const ellipsis = "…"

// Truncate returns at most so many characters of a text, and an ellipsis where there are more.
func Truncate(text string, characters int) string {
	for i := range text {
		if characters--; characters < 0 {
			return text[:i] + ellipsis
		}
	}
	return text
}

// TruncateBytes returns a text in at most so many bytes, an ellipsis included; it does not cut a character in two. There are at
// least three bytes.
func TruncateBytes(text string, bytes int) string {
	if len(text) <= bytes {
		return text
	}
	end := bytes - len(ellipsis)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + ellipsis
}

// maxListed is how many names a message lists.
const maxListed = 10

// List returns names for a sentence, each of at most 200 characters, and how many others there are.
func List(names []string, separator string) string {
	listed := names[:min(len(names), maxListed)]
	if len(names) == maxListed+1 { // a name is as short as "1 more"
		listed = names
	}
	var b strings.Builder
	for i, name := range listed {
		if i > 0 {
			b.WriteString(separator)
		}
		b.WriteString(Truncate(name, 200))
	}
	if more := len(names) - len(listed); more > 0 {
		fmt.Fprintf(&b, "%sand %d more", separator, more)
	}
	return b.String()
}
