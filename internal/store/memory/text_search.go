package memory

import (
	"slices"
	"strings"

	"github.com/lectern-dev/lectern/internal/store"
)

// searchQuery is a text as web searches take it: alternatives, each of terms that all must hold.
type searchQuery [][]term

// term is words that stand next to each other, or with not set nowhere do.
type term struct {
	words []string
	not   bool
}

// parseSearch reads a text as store.ParseSearch does. A text without words matches nothing.
func parseSearch(text string) searchQuery {
	var all searchQuery
	for _, terms := range store.ParseSearch(text) {
		group := make([]term, len(terms))
		for i, t := range terms {
			group[i] = term{words: splitWords(t.Text), not: t.Not}
		}
		all = append(all, group)
	}
	return all
}

// splitWords returns the words of a text in lower case.
func splitWords(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !store.IsWordRune(r) })
}

// rank returns how well a document matches, by the best place in which all that is asked for stands: its title, its
// description and tags, or with its text. It is 0 when it does not fit.
func (s searchQuery) rank(doc *searchText) float32 {
	switch {
	case !s.mayMatch(doc.trigrams) || !s.matchesIn(&doc.title, &doc.about, &doc.text):
		return 0
	case s.matchesIn(&doc.title):
		return 1
	case s.matchesIn(&doc.title, &doc.about):
		return 0.5
	default:
		return 0.25
	}
}

// mayMatch reports whether a document of these trigrams may match: most surely do not, and need not be read.
func (s searchQuery) mayMatch(trigrams trigramSet) bool {
	missing := func(word string) bool { return !trigrams.mayContain(word) }
	return slices.ContainsFunc(s, func(group []term) bool {
		return !slices.ContainsFunc(group, func(t term) bool { return !t.not && slices.ContainsFunc(t.words, missing) })
	})
}

// matchesIn reports whether one of the alternatives holds in the places together.
func (s searchQuery) matchesIn(places ...*place) bool {
	return slices.ContainsFunc(s, func(group []term) bool {
		return !slices.ContainsFunc(group, func(t term) bool {
			there := slices.ContainsFunc(places, func(p *place) bool { return p.contains(t.words) })
			return (there || spansPlaces(places, t.words)) == t.not
		})
	})
}
