package memory

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/plan"
)

// rankBySplitting is what rank means: a word is a word of a place, and words in a row are, of which one place follows the other.
func rankBySplitting(query searchQuery, doc *prompt.Document) float32 {
	holds := func(places ...[]string) bool {
		words := slices.Concat(places...)
		return slices.ContainsFunc(query, func(group []term) bool {
			return !slices.ContainsFunc(group, func(t term) bool {
				in := false
				for at := range words {
					in = in || slices.Equal(words[at:min(len(words), at+len(t.words))], t.words)
				}
				return in == t.not
			})
		})
	}
	title, about := splitWords(doc.Title), splitWords(doc.Description+" "+strings.Join(doc.Tags, " "))
	switch {
	case !holds(title, about, splitWords(prompt.JoinTexts(doc.Messages))):
		return 0
	case holds(title):
		return 1
	case holds(title, about):
		return 0.5
	default:
		return 0.25
	}
}

// TestRank holds ranks against what they mean, over texts and questions of few letters, so that most nearly match.
func TestRank(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"ab", "a", "b", "abab", "Ä", "äb", "é", "e\u0301", "7", " ", " ", " ", "-", ".", "\n", "’", "日", "日本", "ǅ"}
	write := func(most int) string {
		var b strings.Builder
		for range random.IntN(most) {
			b.WriteString(pieces[random.IntN(len(pieces))])
		}
		return b.String()
	}
	ranks := map[float32]int{}
	for range 3000 {
		doc := &prompt.Document{Title: write(6), Description: write(8), Tags: []string{write(3), write(3)}}
		for range 1 + random.IntN(2) {
			doc.Messages = append(doc.Messages, prompt.Message{Text: write(60)})
		}
		if random.IntN(3) == 0 {
			doc.Source = []prompt.Message{{Text: write(60)}}
		}
		made := newSearchText(doc)
		for range 10 {
			text := []string{"", "-", `"`, "or "}[random.IntN(4)] + write(5) + []string{"", `"`, " or "}[random.IntN(3)] + write(4)
			query := parseSearch(text)
			want, got := rankBySplitting(query, doc), query.rank(made)
			ranks[want]++
			if got != want {
				t.Fatalf("%q ranks %+v %v, want %v", text, doc, got, want)
			}
			lower := strings.ToLower(text)
			contains := slices.ContainsFunc(append([]string{doc.Title, doc.Description, doc.Tags[0], doc.Tags[1]}, textsOf(doc.AsWritten())...),
				func(s string) bool { return strings.Contains(strings.ToLower(s), lower) })
			if got := containsText("", made, lower); got != contains {
				t.Fatalf("%q is contained in %+v: %t, want %t", text, doc, got, contains)
			}
		}
	}
	for _, rank := range []float32{0, 0.25, 0.5, 1} {
		if ranks[rank] < 100 {
			t.Errorf("only %d questions have rank %v: this test tests little", ranks[rank], rank)
		}
	}
}

func textsOf(messages []prompt.Message) []string {
	var texts []string
	for _, m := range messages {
		texts = append(texts, m.Text)
	}
	return texts
}

// TestPlace_Positions: words that stand next to each other are found where a database has their positions.
func TestPlace_Positions(t *testing.T) {
	t.Parallel()
	filler := strings.Repeat("a ", plan.LastPosition-2)
	for name, tc := range map[string]struct {
		text   string
		phrase bool
	}{
		"the last two positions":     {filler + "b c", true},
		"over the last position":     {filler + "a b c", false},
		"in a later piece":           {strings.Repeat("word ", plan.PositionedCharacters/5) + "b c", false},
		"in the first of two pieces": {"b c " + strings.Repeat("word ", plan.PositionedCharacters/5), true},
	} {
		p := newPlace(tc.text)
		if got := p.contains([]string{"b", "c"}); got != tc.phrase {
			t.Errorf("%s: found in a row: %t, want %t", name, got, tc.phrase)
		}
		if !p.contains([]string{"b"}) || !p.contains([]string{"c"}) {
			t.Errorf("%s: not found one by one", name)
		}
	}
}

// TestFind_LooksAtFewTexts: what a search reads of prompts that it does not find is their trigrams.
func TestFind_LooksAtFewTexts(t *testing.T) {
	t.Parallel()
	query, surely := parseSearch("handover"), 0
	const documents = 500
	for i := range documents {
		doc := &prompt.Document{Title: fmt.Sprint("Prompt ", i), Messages: []prompt.Message{{Text: strings.Repeat(fmt.Sprintf("Over %d hands it goes. ", i), 50)}}}
		if !query.mayMatch(newSearchText(doc).trigrams) {
			surely++
		}
	}
	if surely < documents*9/10 {
		t.Errorf("of %d texts without the word %d are known not to have it, want nearly all", documents, surely)
	}
}

// TestSearchText_IsKeptForDefaultVersions: what no search reads any more is not kept.
func TestSearchText_IsKeptForDefaultVersions(t *testing.T) {
	t.Parallel()
	s := New()
	key := store.Key{Namespace: "default", Name: "p"}
	for i := range 3 {
		compiled, err := prompt.Compile(prompt.Spec{Title: fmt.Sprint("T", i), Messages: []prompt.Message{{Role: prompt.User, Text: fmt.Sprint("word", i)}}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Publish(t.Context(), store.Publication{Key: key, Owner: store.Owner{UID: "u", Generation: 1}, Exposure: store.Listed, HistoryLimit: 9, HistoryBytes: 1 << 20, Compiled: compiled}); err != nil {
			t.Fatal(err)
		}
		found, err := s.Find(t.Context(), store.FindQuery{Filter: store.Filter{Scope: store.Scope{All: true}}, Text: fmt.Sprint("word", i), Limit: 9})
		if err != nil || len(found.Prompts) != 1 {
			t.Fatalf("version %d: %+v, %v", i+1, found, err)
		}
		for number, v := range s.rows[key].versions {
			if kept := v.search.Load() != nil; kept != (number == int64(i+1)) {
				t.Errorf("of %d versions, version %d has a search text: %t", i+1, number, kept)
			}
		}
	}
}
