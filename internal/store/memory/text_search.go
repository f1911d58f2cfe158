package memory

import (
	"slices"
	"strings"
	"unicode"

	"github.com/lectern-dev/lectern/internal/prompt"
)

// searchQuery is a text as web searches take it: alternatives, each of terms that all must hold.
type searchQuery [][]term

// term is words that stand next to each other, or with not set nowhere do.
type term struct {
	words []string
	not   bool
}

// parseSearch reads words, "words in quotes", -without and or. A text without words matches nothing.
func parseSearch(text string) searchQuery {
	var all searchQuery
	var group []term
	for text = strings.TrimSpace(text); text != ""; text = strings.TrimLeftFunc(text, unicode.IsSpace) {
		var t term
		if rest, not := strings.CutPrefix(text, "-"); not {
			t.not, text = true, rest
		}
		var piece string
		if rest, quoted := strings.CutPrefix(text, `"`); quoted {
			piece, text, _ = strings.Cut(rest, `"`)
		} else {
			end := strings.IndexFunc(text, func(r rune) bool { return unicode.IsSpace(r) || r == '"' })
			if end < 0 {
				end = len(text)
			}
			piece, text = text[:end], text[end:]
			if strings.EqualFold(piece, "or") && !t.not {
				if len(group) > 0 {
					all, group = append(all, group), nil
				}
				continue
			}
		}
		if t.words = splitWords(piece); len(t.words) > 0 {
			group = append(group, t)
		}
	}
	if len(group) > 0 {
		all = append(all, group)
	}
	return all
}

// splitWords returns the words of a text in lower case.
func splitWords(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
	})
}

// rankDocument returns how well a document matches, by the best place in which all that is asked for stands: its title, its
// description and tags, or with its text. It is 0 when it does not fit.
func (s searchQuery) rankDocument(doc *prompt.Document) float32 {
	if !s.mayMatch(doc) {
		return 0
	}
	title := splitWords(doc.Title)
	about := splitWords(doc.Description + " " + strings.Join(doc.Tags, " "))
	text := splitWords(prompt.JoinTexts(doc.Messages))
	switch {
	case !s.matchesIn(title, about, text):
		return 0
	case s.matchesIn(title):
		return 1
	case s.matchesIn(title, about):
		return 0.5
	default:
		return 0.25
	}
}

// mayMatch reports whether a document may match, cheaply: most need not be split, since a word can only be where its letters
// are.
func (s searchQuery) mayMatch(doc *prompt.Document) bool {
	places := []string{doc.Title, doc.Description, prompt.JoinTexts(doc.Messages)}
	for i := range places {
		places[i] = strings.ToLower(places[i])
	}
	missing := func(word string) bool {
		in := func(place string) bool { return strings.Contains(place, word) }
		return !slices.ContainsFunc(places, in) &&
			!slices.ContainsFunc(doc.Tags, func(tag string) bool { return in(strings.ToLower(tag)) })
	}
	return slices.ContainsFunc(s, func(group []term) bool {
		return !slices.ContainsFunc(group, func(t term) bool { return !t.not && slices.ContainsFunc(t.words, missing) })
	})
}

// matchesIn reports whether one of the alternatives holds in the places together.
func (s searchQuery) matchesIn(places ...[]string) bool {
	return slices.ContainsFunc(s, func(group []term) bool {
		return !slices.ContainsFunc(group, func(t term) bool {
			there := slices.ContainsFunc(places, func(place []string) bool { return containsPhrase(place, t.words) })
			return there == t.not
		})
	})
}

// containsPhrase reports whether the words stand next to each other in a place.
func containsPhrase(place, words []string) bool {
	for at := 0; at+len(words) <= len(place); at++ {
		if slices.Equal(place[at:at+len(words)], words) {
			return true
		}
	}
	return false
}
