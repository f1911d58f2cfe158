package store

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/internal/prompt"
)

// PromptView is one version of a prompt as it was written, with what is known of it: what tools show,
// where a Version is what is rendered.
type PromptView struct {
	Key     Key
	Version int64
	Digest  prompt.Digest
	// Document has the tags, arguments and source of this version.
	Document prompt.Document
	Exposure Exposure
	// Latest is the highest version not withdrawn, Served the default one (zero when production
	// never resolved).
	Latest, Served int64
	// Channels that point to this version, in order of name.
	Channels []string
	// CreatedAt is the birth of the prompt, PublishedAt that of this version.
	CreatedAt, PublishedAt time.Time
}

// Filter says which listed prompts are meant. Zero values do not narrow.
type Filter struct {
	Scope    Scope
	Category string
	// Template is true for prompts with a syntax other than Plain, false for Plain ones.
	Template *bool
	// Tags are alternatives, or with AllTags all of them are asked for.
	Tags    []string
	AllTags bool
	// Metadata is a JSON object that a prompt's metadata contains, as Postgres' @> has it; nil for any.
	Metadata json.RawMessage
}

// FindQuery asks for listed prompts by their default version. Without Text they come in order of
// (created, namespace, name). With it first those that match as full text, by rank and then in that
// order, then those whose title, name, description, tag or text as written merely contains it, ignoring case.
//
// Full text is words, as web searches take them: all are asked for, those in quotes next to each other, those on
// either side of "or" alternatively, those behind "-" not. Words in the title rank before those in the description
// and the tags, and these before those in the text, included fragments with it.
type FindQuery struct {
	Filter
	Text string
	// After is the mark of the last one before; nil from the start. Offset skips that many after it.
	After  *PageMark
	Offset int
	// Limit is at least 1.
	Limit int
}

// MaxSearchWords bounds the words of a search: to rank a hit, each is compared with each other one.
const MaxSearchWords = 64

// CheckWords returns how many words a search is for, as full text has them, runs of letters and digits; and a *TooBroadError
// when they are more than MaxSearchWords.
func (q *FindQuery) CheckWords() (words int, err error) {
	for _, group := range ParseSearch(q.Text) {
		for _, term := range group {
			words += len(strings.FieldsFunc(term.Text, func(r rune) bool { return !IsWordRune(r) }))
		}
	}
	if words > MaxSearchWords {
		return words, &TooBroadError{Problem: fmt.Sprintf("the search has %d words, and at most %d are taken", words, MaxSearchWords)}
	}
	return words, nil
}

// PageMark is a place in the order of a FindQuery.
type PageMark struct {
	// Rank is that of a full-text hit, greater than zero; and zero for other hits and where no text is asked for.
	Rank      float32
	CreatedAt time.Time
	Key       Key
}

// FindResult is a page of what a FindQuery asks for.
type FindResult struct {
	Prompts []PromptView
	// Next is the mark of the last prompt when there are more, else nil.
	Next *PageMark
}

// Stats counts the listed prompts of a scope, by their default versions.
type Stats struct {
	Total, Templates int64
	// Categories and Tags count prompts by name; those without category are not in it. They have the MaxCountedNames most
	// frequent ones, of equal ones the first by name.
	Categories, Tags map[string]int64
	// OtherCategories and OtherTags are how many more there are.
	OtherCategories, OtherTags int64
}

// MaxCountedNames bounds the categories, and the tags, that are counted by name.
const MaxCountedNames = 1000

// SortByCount returns names, the most frequent first, and of equal ones the first by name.
func SortByCount(counts map[string]int64) []string {
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
}

// SimilarQuery asks for listed prompts whose text is nearly the given one.
type SimilarQuery struct {
	Scope Scope
	Text  string
	// Except is the prompt the text was taken from, when it is one's.
	Except Key
	// Threshold is the least similarity, greater than 0 and at most 1; Limit is at least 1.
	Threshold float64
	Limit     int
}

// SimilarPrompt is a prompt and how much of its text is shared, from 0 to 1.
type SimilarPrompt struct {
	Key        Key
	Title      string
	Similarity float64
}

// Completions are names or namespaces that begin alike, in order: at most as many as asked for, of Total.
type Completions struct {
	Values []string
	Total  int64
}
