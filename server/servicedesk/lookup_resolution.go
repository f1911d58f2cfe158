package servicedesk

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
	"github.com/lectern-dev/lectern/server/tool"
)

// resolve returns the entries of a list that a caller means by a name, an internal name or an id: several where one name is in
// several places. A name that is not there has the list read once more before it is refused.
func (d *desk) resolve(ctx context.Context, argument string, of sdp.LookupType, text string) ([]entry, error) {
	list, err := d.lookups.read(ctx, of)
	if err != nil {
		return nil, err
	}
	if found := findEntries(list.entries, text); len(found) > 0 {
		return found, nil
	}
	again, isNew, err := d.lookups.reload(ctx, of, strings.TrimSpace(text))
	if err != nil && !isNoList(err) {
		return nil, err
	}
	if isNew {
		list = again
		if found := findEntries(list.entries, text); len(found) > 0 {
			return found, nil
		}
	}
	return nil, sayUnknownName(argument, of, text, list.entries)
}

// findEntries returns the entries of an id, or else of a name, without those that are deleted unless there are no others.
func findEntries(entries []entry, text string) []entry {
	text = strings.TrimSpace(text)
	var byName, deleted []entry
	for _, e := range entries {
		switch {
		case e.id == text:
			return []entry{e}
		case !strings.EqualFold(e.name, text) && (e.flags.InternalName == "" || !strings.EqualFold(e.flags.InternalName, text)):
		case e.flags.Deleted:
			deleted = append(deleted, e)
		default:
			byName = append(byName, e)
		}
	}
	if len(byName) == 0 {
		return deleted
	}
	return byName
}

// listedNames is up to how many names of a list an error lists all.
const listedNames = 12

// sayUnknownName refuses a name that a list does not have, with those that are meant most likely.
func sayUnknownName(argument string, of sdp.LookupType, text string, entries []entry) *tool.Error {
	var names []string
	known := make(map[string]bool, len(entries))
	for _, e := range entries {
		if !e.flags.Deleted && !known[e.name] {
			names = append(names, e.name)
			known[e.name] = true
		}
	}
	shown := make([]string, 0, listedNames)
	for _, name := range closestNames(names, text) {
		shown = append(shown, shortenLine(name))
	}
	said := fmt.Sprintf("argument %q: there is no %q in the list %s; ", argument, excerpt.Truncate(text, 80), of)
	switch framed := richtext.FrameUntrusted(strings.Join(shown, "\n")); {
	case len(shown) > 0 && len(names) > listedNames:
		said += "list_lookup has all, and the most alike are\n" + framed
	case len(shown) > 0:
		said += "there are\n" + framed
	default:
		said += "list_lookup says what is in it"
	}
	return &tool.Error{Kind: tool.Validation, Text: said, Details: errorDetails{Kind: tool.Validation, Fields: []string{argument}, Allowed: shown}}
}

// closestNames returns the names that are most alike to a text, the most alike first: all of a short list, else at most three that
// have something in common with it.
func closestNames(names []string, text string) []string {
	alike, likeness := make(map[string]float64, len(names)), likenessTo(text)
	for _, name := range names {
		alike[name] = likeness(name)
	}
	sorted := slices.SortedStableFunc(slices.Values(names), func(a, b string) int { return cmp.Compare(alike[b], alike[a]) })
	if len(names) <= listedNames {
		return sorted
	}
	sorted = slices.DeleteFunc(sorted, func(name string) bool { return alike[name] == 0 })
	return sorted[:min(len(sorted), 3)]
}

// likenessTo returns how many pairs of neighbouring letters a name has in common with a text, of those they have, from 0 to 1 (Dice):
// neither a slip nor another order of words changes many.
func likenessTo(text string) func(name string) float64 {
	of := pairsOf(text)
	return func(name string) float64 {
		both, in := 0, pairsOf(name)
		for pair := range in {
			if of[pair] {
				both++
			}
		}
		if len(of)+len(in) == 0 {
			return 0
		}
		return float64(2*both) / float64(len(of)+len(in))
	}
}

func pairsOf(text string) map[[2]rune]bool {
	pairs := map[[2]rune]bool{}
	before := ' '
	for _, letter := range strings.ToLower(text) + " " {
		pairs[[2]rune{before, letter}] = true
		before = letter
	}
	return pairs
}

// idsOf returns the ids of entries as values of a condition.
func idsOf(entries []entry) []any {
	ids := make([]any, len(entries))
	for i, e := range entries {
		ids[i] = e.id
	}
	return ids
}
