package plan

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// PositionedCharacters is how many characters of a text are indexed with the positions of their words. A tsvector of
	// Postgres may not exceed 1 MiB, and each character makes at most 9 bytes of it (a four-byte letter standing alone and
	// again in a hyphenated compound), so these are safe whatever the text is.
	PositionedCharacters = 100_000
	// LastPosition is the highest position of a word that Postgres tells from others.
	LastPosition = 16_382
)

// SplitSearchText cuts a text into what is indexed with positions and pieces of the rest, each of at most
// PositionedCharacters and, where there is white space, of whole words. Every word of the text is found, but words that must
// stand next to each other only in the first piece.
func SplitSearchText(text string) (positioned string, rest []string) {
	positioned, text = cutWords(text)
	for text != "" {
		var piece string
		piece, text = cutWords(text)
		rest = append(rest, piece)
	}
	return positioned, rest
}

// cutWords cuts off at most PositionedCharacters.
func cutWords(text string) (head, tail string) {
	if len(text) <= PositionedCharacters {
		return text, ""
	}
	end, characters := len(text), 0
	for i := range text {
		if characters == PositionedCharacters {
			end = i
			break
		}
		characters++
	}
	if end == len(text) {
		return text, ""
	}
	next, _ := utf8.DecodeRuneInString(text[end:])
	if space := strings.LastIndexFunc(text[:end], unicode.IsSpace); space > 0 && !unicode.IsSpace(next) {
		end = space
	}
	return text[:end], text[end:]
}
