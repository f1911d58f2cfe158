package redact

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxEscapable is how long a secret is, in bytes, that escapes are looked for in: keys are short, and the pattern of a long text takes
// its time.
const maxEscapable = 512

// escapedPattern returns what matches a secret of which each character may be escaped or not, as URLs, HTML and JSON do: programs
// differ in what they escape, and in whether they write %2F or %2f. It is nil for a secret in which none of them escapes
// anything, as in those that Zoho makes, and for one that is too long.
func escapedPattern(secret string) *regexp.Regexp {
	if len(secret) > maxEscapable || !utf8.ValidString(secret) || !strings.ContainsFunc(secret, isEscapable) {
		return nil
	}
	var pattern strings.Builder
	pattern.WriteString("(?i)")
	for _, r := range secret {
		if isEscapable(r) {
			pattern.WriteString("(?:" + strings.Join(escapesOf(r), "|") + ")")
		} else {
			pattern.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	return regexp.MustCompile(pattern.String())
}

// isEscapable reports whether an encoding may escape a character: all but the unreserved ones of RFC 3986.
func isEscapable(r rune) bool {
	return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune("-._~", r)
}

// escapesOf returns patterns of the ways to write a character.
func escapesOf(r rune) []string {
	literal := regexp.QuoteMeta(string(r))
	ways := []string{literal, fmt.Sprintf("&#0*%d;", r), fmt.Sprintf("&#x0*%x;", r)}
	if r < utf8.RuneSelf {
		ways = append(ways, fmt.Sprintf("%%%02x", r), `\\`+literal)
	} else {
		ways = append(ways, url.PathEscape(string(r)))
	}
	var units strings.Builder
	for _, unit := range utf16.Encode([]rune{r}) {
		fmt.Fprintf(&units, `\\u%04x`, unit)
	}
	ways = append(ways, units.String())
	names := map[rune]string{'&': "&amp;", '<': "&lt;", '>': "&gt;", '"': "&quot;", '\'': "&apos;", ' ': `\+`}
	if name, has := names[r]; has {
		ways = append(ways, name)
	}
	return ways
}
