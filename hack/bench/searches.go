package main

import (
	"context"
	"fmt"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/bulk"
)

const (
	toolsCall  = "tools/call"
	searchTool = "search_prompts"
	getTool    = "get_prompt"
	// searchRows is how many prompts the tool reads at a time.
	searchRows = 50
)

// search is a kind of question; of most there are many, so that none is always the same.
type search struct {
	what  string
	terms []string
	// counted says that the tool also counts how many there are: more than it reads at a time.
	counted bool
}

func searchesOf(c bulk.Set) []search {
	few := search{what: fmt.Sprintf("few hits, %d", bulk.PromptsPerRareWord)}
	within := search{what: "no word, but part of a title"}
	for n := range 50 {
		i := c.Prompts/2 + n*1999%(c.Prompts/2) // of as many digits as the last: its number is part of no other
		few.terms = append(few.terms, bulk.RareWord(i))
		within.terms = append(within.terms, fmt.Sprintf("umber %d", i))
	}
	return []search{few, {what: fmt.Sprintf("many hits, %d", c.Prompts/4), terms: []string{bulk.CommonWord}, counted: true}, within}
}

// measureSearches measures search_prompts over MCP against what the store takes for the same questions, which
// is its SQL and reading the rows, in turns.
func (b *bench) measureSearches(ctx context.Context) error {
	l, err := b.openLibrary(ctx, many, smallestCatalog)
	if err != nil {
		return err
	}
	defer b.closeLibrary(l)
	var rows []row
	for _, s := range searchesOf(l.Set) {
		var over, direct series
		asked := load{address: l.address, clients: 1}
		for _, term := range s.terms {
			asked.requests = append(asked.requests, toolCall(modernEra, searchTool, fmt.Sprintf(`"query":%q`, term)))
		}
		for n := range b.rounds {
			b.say("%s, %s, round %d of %d.", searchTool, s.what, n+1, b.rounds)
			if _, err := asked.askFor(ctx, warmUp); err != nil {
				return err
			}
			began := time.Now()
			answers, err := asked.askFor(ctx, measured)
			if err != nil {
				return err
			}
			over = append(over, time.Since(began).Seconds()/float64(answers))
			alone, err := l.measureFind(ctx, s, measured)
			if err != nil {
				return err
			}
			direct = append(direct, alone)
		}
		rows = append(rows, row{
			measured: s.what, against: "the store alone", wanted: "≤ 1.5", ratios: over.over(direct),
			beside: formatMicros(over) + " : " + formatMicros(direct),
		})
	}
	printTable(b.out, fmt.Sprintf("search_prompts over %d prompts: time over MCP, one client", many), rows)
	return nil
}

// measureFind measures the time the store takes for a question, in seconds.
func (l *library) measureFind(ctx context.Context, s search, d time.Duration) (float64, error) {
	began, count := time.Now(), 0
	for ; time.Since(began) < d; count++ {
		q := store.FindQuery{
			Text: s.terms[count%len(s.terms)], Limit: searchRows, Filter: store.Filter{Scope: store.Scope{All: true}},
		}
		found, err := l.store.Find(ctx, q)
		if err != nil {
			return 0, err
		}
		if len(found.Prompts) == 0 || (found.Next != nil) != s.counted {
			return 0, fmt.Errorf("a search for %q found %d prompts, more of them: %t", q.Text, len(found.Prompts), found.Next != nil)
		}
		if s.counted {
			if _, err := l.store.CountFound(ctx, q); err != nil {
				return 0, err
			}
		}
	}
	return time.Since(began).Seconds() / float64(count), nil
}
