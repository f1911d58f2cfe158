package store

import (
	"strings"
	"unicode"
)

// FieldEnd stands between the fields that are searched for a substring, so that none begins in one and ends in the next. A
// text with it is contained in nothing.
const FieldEnd = "\x1f"

// SearchTerm is words that stand next to each other, or with Not set nowhere do. The words of a text are found by the store.
type SearchTerm struct {
	Text string
	Not  bool
}

// ParseSearch reads a text as web searches take it: words, "words in quotes", -without and or. It returns alternatives, each of
// terms that all must hold; none for a text without words.
//
// A dash means without only right before a word or a quote, and alone: "--flag" is looked for. An "or" that has nothing on
// one side is a word.
func ParseSearch(text string) [][]SearchTerm {
	var groups [][]SearchTerm
	var group []SearchTerm
	tokens := splitSearch(text)
	for i, token := range tokens {
		if token.isOr && len(group) > 0 && i+1 < len(tokens) {
			groups, group = append(groups, group), nil
			continue
		}
		group = append(group, token.SearchTerm)
	}
	if len(group) > 0 {
		groups = append(groups, group)
	}
	return groups
}

type searchToken struct {
	SearchTerm
	isOr bool
}

func splitSearch(text string) []searchToken {
	var tokens []searchToken
	for text = trimSpaceLeft(text); text != ""; text = trimSpaceLeft(text) {
		var t searchToken
		rest := strings.TrimLeft(text, "-")
		dashes := len(text) - len(rest)
		if text = rest; dashes > 0 && text != trimSpaceLeft(text) {
			continue
		}
		t.Not = dashes == 1
		if rest, quoted := strings.CutPrefix(text, `"`); quoted {
			t.Text, text, _ = strings.Cut(rest, `"`)
		} else {
			end := strings.IndexFunc(text, func(r rune) bool { return unicode.IsSpace(r) || r == '"' })
			if end < 0 {
				end = len(text)
			}
			t.Text, text = text[:end], text[end:]
			t.isOr = dashes == 0 && strings.EqualFold(t.Text, "or")
		}
		if strings.IndexFunc(t.Text, IsWordRune) >= 0 {
			tokens = append(tokens, t)
		}
	}
	return tokens
}

func trimSpaceLeft(text string) string { return strings.TrimLeftFunc(text, unicode.IsSpace) }

// IsWordRune reports whether words are made of the character.
func IsWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) }
