package postgres

import (
	"context"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/plan"
	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

// The kinds of search.sql.
const (
	kindListed    = "listed"
	kindHits      = "hits"
	kindTitle     = "title"
	kindAbout     = "about"
	kindText      = "text"
	kindContained = "contained"
	kindFound     = "found"
)

// rankLimit is the number of hits up to which they are ranked by how often and how close their words stand, for which each
// is read. Beyond it only the best place where all words stand counts, which indexes know.
const rankLimit = 1000

// togetherLimit is the number of prompts up to which hits and what contains the text are read by one statement: most searches
// find few, and planning a statement costs more than finding them.
const togetherLimit = 100

// A phase is a part of the result: the prompts of one kind. All of them have the phase's rank, except full-text hits, which
// have that of ts_rank, greater than 0 and at most 1.
type phase struct {
	kind string
	rank float32
}

var (
	listedPhases = []phase{{kind: kindListed}}
	foundPhases  = []phase{{kind: kindFound}}
	rankedPhases = []phase{{kind: kindHits}, {kind: kindContained}}
	placePhases  = []phase{{kind: kindTitle, rank: 4}, {kind: kindAbout, rank: 3}, {kind: kindText, rank: 2}, {kind: kindContained}}
)

// Find returns the page of prompts a query asks for. A first page of few is one statement. Otherwise it reads the phases one
// after the other, each in a statement of its own, until the page is full: what is published meanwhile may be in it twice or
// be missing.
func (s *Store) Find(ctx context.Context, q store.FindQuery) (store.FindResult, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	words, err := q.CheckWords()
	if err != nil {
		return store.FindResult{}, err
	}
	f := finder{
		queries: s.replanned, params: searchParams(q), rankLimit: affordableRanks(words, s.rankLimit),
		skip: q.Offset, limit: max(1, q.Limit),
	}
	err = s.searchIfText(ctx, q, func(ctx context.Context) error { return f.readPhases(ctx, q) })
	if err != nil {
		return store.FindResult{}, fmt.Errorf("find prompts: %w", translateError(err))
	}
	return toFindResult(f.rows, f.limit)
}

// CountFound returns how many prompts all pages of Find have together. It is one statement.
func (s *Store) CountFound(ctx context.Context, q store.FindQuery) (int64, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	if _, err := q.CheckWords(); err != nil {
		return 0, err
	}
	q.After = nil
	f := finder{queries: s.replanned, params: searchParams(q)}
	kind := kindListed
	if q.Text != "" {
		kind = kindFound
	}
	var n int64
	err := s.searchIfText(ctx, q, func(ctx context.Context) (err error) {
		n, err = f.countMatches(ctx, kind, math.MaxInt32)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("count what is found: %w", translateError(err))
	}
	return n, nil
}

// searchIfText runs what searches for a text as a search; lists are read from an index.
func (s *Store) searchIfText(ctx context.Context, q store.FindQuery, run func(ctx context.Context) error) error {
	if q.Text == "" {
		return run(ctx)
	}
	return s.search(ctx, run)
}

// finder is the state of one Find.
type finder struct {
	queries *sqlcgen.Queries
	// params are what all phases have in common; each sets its kind, how many rows to skip and how many to read.
	params    sqlcgen.FindByAgeParams
	rankLimit int
	// skip is how many are still to be left out before the first row.
	skip, limit int
	// rows become one more than the limit when there are more.
	rows []sqlcgen.FindByAgeRow
}

func (f *finder) readPhases(ctx context.Context, q store.FindQuery) error {
	phases := listedPhases
	switch {
	case q.Text != "" && q.After != nil:
		phases = phasesAfter(q.After.Rank)
	case q.Text != "":
		phases = foundPhases
	}
	for i := 0; i < len(phases) && len(f.rows) <= f.limit; i++ {
		tooMany, err := f.readPhase(ctx, phases[i], q.After)
		if err != nil {
			return err
		}
		if tooMany { // to read hits and others together, or to rank hits: begin again with one kind after the other
			if phases[i].kind == kindFound {
				phases, i = rankedPhases, -1
			} else {
				phases, i = placePhases, -1
			}
			continue
		}
		f.params.After = false // the next phase begins at its start
	}
	return nil
}

// phasesAfter tells by the rank of a mark how the pages before it were ranked: so are those after it, whatever
// happened to the number of hits meanwhile.
func phasesAfter(rank float32) []phase {
	if rank > 0 && rank <= 1 {
		return rankedPhases
	}
	for i, phase := range placePhases {
		if rank >= phase.rank {
			return placePhases[i:]
		}
	}
	return placePhases
}

// readPhase adds the rows of a phase, or says that there are too many to rank. Where few are expected they are
// collected first: to look for three in order of birth is to read all prompts, and how often a word stands in a place is
// not what Postgres' statistics are good at.
func (f *finder) readPhase(ctx context.Context, p phase, after *store.PageMark) (tooMany bool, err error) {
	q := f.params
	if p.kind == kindListed && len(q.AnyTag)+len(q.AllTags)+len(q.Metadata) == 0 {
		return false, f.readByAge(ctx, p)
	}
	params := sqlcgen.FindRankedParams{
		AnyTag: q.AnyTag, AllTags: q.AllTags, Metadata: q.Metadata, Kind: p.kind, Query: q.Query, Plain: q.Plain, Pattern: q.Pattern,
		Everywhere: q.Everywhere, Namespaces: q.Namespaces, Category: q.Category, Template: q.Template,
		After: q.After, AfterCreatedAt: q.AfterCreatedAt, AfterNamespace: q.AfterNamespace, AfterName: q.AfterName,
		Enough: plan.ClampInt32(f.rankLimit + 1), Skip: plan.ClampInt32(f.skip), MaxRows: plan.ClampInt32(f.limit + 1 - len(f.rows)),
	}
	if p.kind == kindHits && after != nil {
		params.AfterRank, params.Enough = after.Rank, math.MaxInt32
	}
	if p.kind == kindFound {
		params.Enough = min(params.Enough, togetherLimit+1)
	}
	found, err := f.queries.FindRanked(ctx, params)
	if err != nil {
		return false, err
	}
	if found[0].Hits >= int64(params.Enough) {
		if p.kind == kindHits || p.kind == kindFound {
			return true, nil
		}
		return false, f.readByAge(ctx, p)
	}
	f.skip = max(0, f.skip-int(found[0].Behind))
	for _, r := range found {
		if r.Version == 0 { // only the counts
			break
		}
		f.rows = append(f.rows, sqlcgen.FindByAgeRow{
			Namespace: r.Namespace, Name: r.Name, CreatedAt: r.CreatedAt, Rank: max(r.Rank, p.rank), Version: r.Version,
			Latest: r.Latest, Digest: r.Digest, Document: r.Document, PublishedAt: r.PublishedAt, Channels: r.Channels,
		})
	}
	return false, nil
}

// readByAge adds the rows of a phase in order of birth.
func (f *finder) readByAge(ctx context.Context, p phase) error {
	params := f.params
	params.Kind, params.Skip, params.MaxRows = p.kind, plan.ClampInt32(f.skip), plan.ClampInt32(f.limit+1-len(f.rows))
	found, err := f.queries.FindByAge(ctx, params)
	switch {
	case err != nil:
		return err
	case len(found) == 0 && f.skip > 0:
		n, err := f.countMatches(ctx, p.kind, f.skip)
		f.skip -= int(n)
		return err
	case len(found) > 0:
		f.skip = 0
	}
	for i := range found {
		found[i].Rank = p.rank
	}
	if len(f.rows) == 0 { // nothing to join them to
		f.rows = found
		return nil
	}
	f.rows = append(f.rows, found...)
	return nil
}

// countMatches counts the prompts of a kind behind the mark, up to a maximum.
func (f *finder) countMatches(ctx context.Context, kind string, most int) (int64, error) {
	params := f.params
	params.Kind, params.Skip, params.MaxRows = kind, 0, plan.ClampInt32(most)
	return f.queries.CountMatches(ctx, sqlcgen.CountMatchesParams(params))
}

// searchParams returns the parameters all phases have in common.
func searchParams(q store.FindQuery) sqlcgen.FindByAgeParams {
	text := strings.ToLower(q.Text)
	words, plain := formatWebSearch(store.ParseSearch(text))
	p := sqlcgen.FindByAgeParams{
		Everywhere: q.Scope.All, Namespaces: nonNil(q.Scope.Namespaces), Category: q.Category, Template: q.Template,
		AnyTag: nonNil(q.Tags), AllTags: []string{}, Metadata: unescapeSeparators(q.Metadata), Query: words, Plain: plain, Pattern: likePattern(text),
	}
	if q.AllTags {
		p.AnyTag, p.AllTags = p.AllTags, p.AnyTag
	}
	if q.After != nil {
		p.After, p.AfterCreatedAt = true, q.After.CreatedAt
		p.AfterNamespace, p.AfterName = q.After.Key.Namespace, q.After.Key.Name
	}
	return p
}

// formatWebSearch returns terms as websearch_to_tsquery reads them, each in quotes, and whether none is excluded. The text of
// a caller is no input for it: 33 dashes are an error there.
func formatWebSearch(groups [][]store.SearchTerm) (query string, plain bool) {
	var b strings.Builder
	plain = true
	for i, group := range groups {
		if i > 0 {
			b.WriteString("or ")
		}
		for _, t := range group {
			if t.Not {
				b.WriteByte('-')
				plain = false
			}
			b.WriteString(`"` + replaceSymbols(t.Text) + `" `)
		}
	}
	return b.String(), plain
}

// replaceSymbols replaces characters beyond ASCII of which no word is made, dashes and symbols, by blanks: to Postgres they are
// letters in a database whose locale is C.
func replaceSymbols(text string) string {
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf || store.IsWordRune(r) {
			return r
		}
		return ' '
	}, text)
}

var likeEscapes = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// likePattern returns the LIKE pattern of what contains a text; nothing is like an empty one.
func likePattern(text string) string {
	if strings.Contains(text, store.FieldEnd) {
		return ""
	}
	return "%" + likeEscapes.Replace(text) + "%"
}

// toFindResult makes a page of rows, of which one beyond the limit says that there are more.
func toFindResult(rows []sqlcgen.FindByAgeRow, limit int) (store.FindResult, error) {
	var found store.FindResult
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		found.Next = &store.PageMark{Rank: last.Rank, CreatedAt: last.CreatedAt, Key: store.Key{Namespace: last.Namespace, Name: last.Name}}
	}
	found.Prompts = make([]store.PromptView, len(rows))
	for i := range rows {
		r := &rows[i]
		found.Prompts[i] = store.PromptView{
			Key: store.Key{Namespace: r.Namespace, Name: r.Name}, Version: r.Version, Digest: prompt.Digest(r.Digest),
			Exposure: store.Listed, Latest: r.Latest, Served: r.Version, Channels: r.Channels,
			CreatedAt: r.CreatedAt, PublishedAt: r.PublishedAt,
		}
		if err := found.Prompts[i].Document.UnmarshalJSON(r.Document); err != nil {
			return store.FindResult{}, fmt.Errorf("read the document of %s version %d: %w", found.Prompts[i].Key, r.Version, err)
		}
	}
	return found, nil
}
