package memory

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/plan"
)

// searchText is a document as searches read it, in lower case and made once.
type searchText struct {
	// title, about and text are where words are looked for: about is the description and the tags.
	title, about, text place
	// parts are where a part of a word is looked for: the title, the description, each tag, each message as it is written.
	parts []string
	// trigrams are those of everything above.
	trigrams trigramSet
}

func newSearchText(doc *prompt.Document) *searchText {
	s := &searchText{
		title: newPlace(doc.Title),
		about: newPlace(doc.Description + " " + strings.Join(doc.Tags, " ")),
		text:  newPlace(prompt.JoinTexts(doc.Messages)),
	}
	s.parts = []string{strings.ToLower(doc.Title), strings.ToLower(doc.Description)}
	for _, tag := range doc.Tags {
		s.parts = append(s.parts, strings.ToLower(tag))
	}
	if len(doc.Messages) == 1 && doc.Source == nil && len(s.text.pieces) == 1 {
		s.parts = append(s.parts, s.text.pieces[0]) // most are so, and need not be there twice
	} else {
		for _, message := range doc.AsWritten() {
			s.parts = append(s.parts, strings.ToLower(message.Text))
		}
	}
	s.trigrams = newTrigramSet(slices.Concat(s.title.pieces, s.about.pieces, s.text.pieces, s.parts))
	return s
}

// containsPart reports whether a text, which is in lower case, stands in one of the parts.
func (s *searchText) containsPart(text string) bool {
	return slices.ContainsFunc(s.parts, func(part string) bool { return strings.Contains(part, text) })
}

// place is a text in lower case, in pieces as a database indexes it.
type place struct {
	pieces []string
	// positioned is how many bytes of the first piece hold the words that have a position.
	positioned int
}

func newPlace(text string) place {
	positioned, rest := plan.SplitSearchText(text)
	p := place{pieces: append([]string{strings.ToLower(positioned)}, rest...)}
	for i := range rest {
		p.pieces[i+1] = strings.ToLower(rest[i])
	}
	p.positioned = endOfWord(p.pieces[0], plan.LastPosition)
	return p
}

// endOfWord returns where the word of a number ends, or the end of the text when there are not so many.
func endOfWord(text string, number int) int {
	if len(text) < number { // each has a letter
		return len(text)
	}
	inWord := false
	for i, r := range text {
		if !store.IsWordRune(r) && inWord {
			if number--; number == 0 {
				return i
			}
		}
		inWord = store.IsWordRune(r)
	}
	return len(text)
}

// contains reports whether a word stands in the place, or several words next to each other.
func (p *place) contains(words []string) bool {
	if len(words) > 1 {
		return containsWords(p.pieces[0][:p.positioned], words)
	}
	return slices.ContainsFunc(p.pieces, func(piece string) bool { return containsWords(piece, words) })
}

// spansPlaces reports whether words stand next to each other across the ends of places: in Postgres, one follows the other.
func spansPlaces(places []*place, words []string) bool {
	if len(words) < 2 || len(places) < 2 {
		return false
	}
	var joined strings.Builder
	for i, p := range places {
		text := p.pieces[0][:p.positioned]
		if i == len(places)-1 { // the longest, by far
			text = text[:endOfWord(text, len(words))]
		}
		joined.WriteString(text + " ")
	}
	return containsWords(joined.String(), words)
}

// containsWords reports whether words stand next to each other in a text.
func containsWords(text string, words []string) bool {
	for at := 0; ; {
		found := strings.Index(text[at:], words[0])
		if found < 0 {
			return false
		}
		begin := at + found
		if before, _ := utf8.DecodeLastRuneInString(text[:begin]); (begin == 0 || !store.IsWordRune(before)) && startsWithWords(text[begin:], words) {
			return true
		}
		at = begin + len(words[0])
	}
}

// startsWithWords reports whether a text begins with words, and whether each ends there.
func startsWithWords(text string, words []string) bool {
	for i, word := range words {
		if i > 0 {
			text = strings.TrimLeftFunc(text, func(r rune) bool { return !store.IsWordRune(r) })
		}
		rest, is := strings.CutPrefix(text, word)
		if next, _ := utf8.DecodeRuneInString(rest); !is || rest != "" && store.IsWordRune(next) {
			return false
		}
		text = rest
	}
	return true
}

// trigramSet says which three bytes in a row a text has: surely not, or perhaps.
type trigramSet []uint64

// Bounds of a set, in words of 64 bits: of a short text it is small, and of a long one it stays a fraction.
const (
	minTrigramWords = 8
	maxTrigramWords = 1 << 10
)

func newTrigramSet(texts []string) trigramSet {
	bytes := 0
	for _, text := range texts {
		bytes += len(text)
	}
	size := minTrigramWords
	for size < maxTrigramWords && size*64 < 2*bytes {
		size *= 2
	}
	set := make(trigramSet, size)
	for _, text := range texts {
		for i := 0; i+3 <= len(text); i++ {
			at := set.placeOf(text[i:])
			set[at/64] |= 1 << (at % 64)
		}
	}
	return set
}

// placeOf returns the bit of the first three bytes of a text.
func (s trigramSet) placeOf(text string) uint32 {
	trigram := uint32(text[0])<<16 | uint32(text[1])<<8 | uint32(text[2])
	return (trigram * 0x9E3779B1 >> 8) & uint32(len(s)*64-1) //nolint:gosec // the size is a power of two, at most maxTrigramWords words
}

// mayContain reports whether a text may stand in one of the texts the set was made of.
func (s trigramSet) mayContain(text string) bool {
	for i := 0; i+3 <= len(text); i++ {
		if at := s.placeOf(text[i:]); s[at/64]&(1<<(at%64)) == 0 {
			return false
		}
	}
	return true
}
