package transport

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// messageFlaw is what is wrong with a message that is JSON all the same.
type messageFlaw struct {
	// member is the one of the message that has it; empty for the message itself.
	member  string
	problem string
}

// noteFlaw keeps the first flaw.
func (s *jsonScanner) noteFlaw(problem string) {
	if s.flaw != nil || s.err != nil {
		return
	}
	s.flaw = &messageFlaw{problem: problem}
	if len(s.path) > 0 {
		s.flaw.member = string(s.path[0].name)
	}
}

// describePath names the value that is being scanned: params.arguments.tags[3].
func (s *jsonScanner) describePath() string { return describeSteps(s.path) }

// describeSteps names a value by the way to it, of which the middle is left out where it is long.
func describeSteps(steps []pathStep) string {
	const head, tail = 6, 3
	if len(steps) == 0 {
		return "the message"
	}
	var b strings.Builder
	for i := range steps {
		if len(steps) > head+tail && i >= head && i < len(steps)-tail {
			if i == head {
				b.WriteString("…")
			}
			continue
		}
		step := &steps[i]
		switch name := step.name; {
		case name == nil:
			fmt.Fprintf(&b, "[%d]", step.index)
		case !isPlainName(name):
			fmt.Fprintf(&b, "[%s]", quoteName(name))
		case b.Len() > 0:
			b.WriteByte('.')
			fallthrough
		default:
			b.Write(name)
		}
	}
	return b.String()
}

// isPlainName reports whether the name of a member is read without quotes.
func isPlainName(name []byte) bool {
	for _, c := range name {
		if c != '_' && c != '-' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return len(name) > 0 && len(name) <= 40
}

// fewNames is up to how many names are compared one by one.
const fewNames = 12

// findDoubledName says which name an object has twice, for after the name of the object. Where case is folded, names that
// differ by case alone are the same: decoders that fold it would read either.
func findDoubledName(names [][]byte, foldsCase bool) (problem string) {
	if len(names) > fewNames {
		return findDoubledInMany(names, foldsCase)
	}
	for i, name := range names {
		for _, other := range names[:i] {
			if bytes.Equal(name, other) || foldsCase && bytes.EqualFold(name, other) {
				return describeDoubledName(other, name)
			}
		}
	}
	return ""
}

// findDoubledInMany sorts the names, which costs less than to compare each with each.
func findDoubledInMany(names [][]byte, foldsCase bool) (problem string) {
	type spelling struct{ folded, written []byte }
	spellings := make([]spelling, len(names))
	for i, name := range names {
		if spellings[i] = (spelling{name, name}); foldsCase {
			spellings[i].folded = foldName(name)
		}
	}
	slices.SortFunc(spellings, func(a, b spelling) int { return bytes.Compare(a.folded, b.folded) })
	for i := 1; i < len(spellings); i++ {
		if bytes.Equal(spellings[i-1].folded, spellings[i].folded) {
			return describeDoubledName(spellings[i-1].written, spellings[i].written)
		}
	}
	return ""
}

// foldName returns a name as all that differ by case alone have it, by the rules of bytes.EqualFold.
func foldName(name []byte) []byte {
	return bytes.Map(func(r rune) rune {
		least := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		return least
	}, name)
}

func describeDoubledName(name, other []byte) string {
	if bytes.Equal(name, other) {
		return " has " + quoteName(name) + " twice; leave one out"
	}
	return fmt.Sprintf(" has both %s and %s, which differ by case alone; leave one out", quoteName(name), quoteName(other))
}

// describeEncoding says of what is no JSON that it is another encoding, where that is plain to see.
func describeEncoding(message []byte) string {
	for _, mark := range []string{"\xff\xfe", "\xfe\xff"} {
		if bytes.HasPrefix(message, []byte(mark)) {
			return "the message is UTF-16; send UTF-8"
		}
	}
	if len(message) >= 2 && (message[0] == 0 || message[1] == 0) {
		return "the message is UTF-16; send UTF-8"
	}
	return ""
}
