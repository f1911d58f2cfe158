package richtext

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean returns plain text without what cannot be seen or reorders what is seen: control, zero-width, bidirectional and tag
// characters, variation selectors, fillers, private and unassigned ones. Line breaks and tabs stay; every other space is a
// plain one.
func Clean(text string) string {
	if isClean(text) {
		return text
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == '\u2028' || r == '\u2029' || r == '\u0085' || r == '\v' || r == '\f':
			return '\n'
		case unicode.Is(unicode.Zs, r):
			return ' '
		case isInvisible(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
}

// isClean spares what most texts are, printable ASCII, the walk.
func isClean(text string) bool {
	for i := range len(text) {
		if c := text[i]; c >= utf8.RuneSelf || c < ' ' && c != '\n' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// isInvisible reports whether a character shows nothing of its own.
func isInvisible(r rune) bool {
	switch r {
	case '\u2800', '\u3164', '\uFFA0', '\u115F', '\u1160', '\uFFFC':
		return true
	case utf8.RuneError:
		return false
	}
	return !unicode.IsGraphic(r) || unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}
