package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

// The kinds of FindInOrder and CountKind.
const (
	kindListed    = "listed"
	kindHits      = "hits"
	kindFound     = "found"
	kindTitle     = "title"
	kindAbout     = "about"
	kindText      = "text"
	kindContained = "contained"
)

// rankedHits is up to how many hits each is ranked by how often and how close its words stand, for which each has
// to be read. With more of them only the best place where all words stand counts, which indexes know.
const rankedHits = 2000

// phase is a part of an answer: the hits whose mark has this rank, in order of birth, or with rank anyRank those
// ranked one by one.
type phase struct {
	kind string
	rank float32
}

// anyRank stands for ranks of ts_rank, which are at most 1. Those of places are greater.
const anyRank = -1

var (
	listed      = []phase{{kind: kindListed}}
	rankedFirst = []phase{{kind: kindHits, rank: anyRank}, {kind: kindContained}}
	placesFirst = []phase{{kind: kindTitle, rank: 4}, {kind: kindAbout, rank: 3}, {kind: kindText, rank: 2}, {kind: kindContained}}
)

// Find implements the search of design.md section 6.
func (s *Store) Find(ctx context.Context, q store.FindQuery) (store.Found, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	f := finder{queries: s.planned, params: findParams(q), bound: s.rankedHits}
	phases, err := f.phases(ctx, q)
	if err != nil {
		return store.Found{}, fmt.Errorf("find prompts: %w", fault(err))
	}
	var rows []sqlcgen.FindRankedRow
	skip := q.Offset
	for _, phase := range phases {
		var found []sqlcgen.FindRankedRow
		if found, skip, err = f.page(ctx, phase, skip, q.Limit+1-len(rows)); err != nil {
			return store.Found{}, fmt.Errorf("find prompts: %w", fault(err))
		}
		for i := range found {
			if phase.rank != anyRank {
				found[i].Rank = phase.rank
			}
		}
		if rows = append(rows, found...); len(rows) > q.Limit {
			break
		}
		f.params.After = false // the next phase begins at its start
	}
	return asFound(rows, q.Limit)
}

// CountFound is how many Find has in all.
func (s *Store) CountFound(ctx context.Context, q store.FindQuery) (int64, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	q.After = nil
	f := finder{queries: s.planned, params: findParams(q)}
	kind := kindListed
	if q.Text != "" {
		kind = kindFound
	}
	n, err := f.count(ctx, kind, math.MaxInt32)
	if err != nil {
		return 0, fmt.Errorf("count what is found: %w", fault(err))
	}
	return n, nil
}

// finder reads the phases of one query.
type finder struct {
	queries *sqlcgen.Queries
	params  sqlcgen.CountKindParams
	bound   int
}

// phases are what is still to be read behind the query's mark.
func (f *finder) phases(ctx context.Context, q store.FindQuery) ([]phase, error) {
	switch {
	case q.Text == "":
		return listed, nil
	case q.After != nil:
		return behind(q.After.Rank), nil
	}
	hits, err := f.count(ctx, kindHits, f.bound+1)
	if err != nil {
		return nil, err
	}
	if hits > int64(f.bound) {
		return placesFirst, nil
	}
	return rankedFirst, nil
}

// behind tells by the rank of a mark how the pages before it were ranked: it stays so to the last one, whatever
// happens to the number of hits meanwhile.
func behind(rank float32) []phase {
	if rank > 0 && rank <= 1 {
		return rankedFirst
	}
	for i, phase := range placesFirst {
		if rank >= phase.rank {
			return placesFirst[i:]
		}
	}
	return placesFirst
}

// page reads at most limit rows of a phase, and says how many of those to skip are left to the next one.
func (f *finder) page(ctx context.Context, p phase, skip, limit int) (rows []sqlcgen.FindRankedRow, left int, err error) {
	if p.kind == kindHits {
		rows, err = f.ranked(ctx, skip, limit)
	} else {
		rows, err = f.inOrder(ctx, p.kind, skip, limit)
	}
	if err != nil || len(rows) > 0 || skip == 0 || p.kind == kindListed || p.kind == kindContained {
		return rows, 0, err
	}
	n, err := f.count(ctx, p.kind, skip)
	return nil, skip - int(n), err
}

func (f *finder) count(ctx context.Context, kind string, most int) (int64, error) {
	params := f.params
	params.Kind, params.MaxRows = kind, pageSize(most)
	return f.queries.CountKind(ctx, params)
}

func (f *finder) ranked(ctx context.Context, skip, limit int) ([]sqlcgen.FindRankedRow, error) {
	p := f.params
	return f.queries.FindRanked(ctx, sqlcgen.FindRankedParams{
		Everywhere: p.Everywhere, Namespaces: p.Namespaces, Category: p.Category, Template: p.Template,
		AnyTag: p.AnyTag, AllTags: p.AllTags, Metadata: p.Metadata, Query: p.Query,
		After: p.After, AfterRank: p.AfterRank, AfterCreatedAt: p.AfterCreatedAt, AfterNamespace: p.AfterNamespace, AfterName: p.AfterName,
		Skip: offset(skip), MaxRows: pageSize(limit),
	})
}

func (f *finder) inOrder(ctx context.Context, kind string, skip, limit int) ([]sqlcgen.FindRankedRow, error) {
	p := f.params
	rows, err := f.queries.FindInOrder(ctx, sqlcgen.FindInOrderParams{
		Everywhere: p.Everywhere, Namespaces: p.Namespaces, Category: p.Category, Template: p.Template,
		AnyTag: p.AnyTag, AllTags: p.AllTags, Metadata: p.Metadata, Kind: kind, Query: p.Query, Pattern: p.Pattern,
		After: p.After, AfterCreatedAt: p.AfterCreatedAt, AfterNamespace: p.AfterNamespace, AfterName: p.AfterName,
		Skip: offset(skip), MaxRows: pageSize(limit),
	})
	same := make([]sqlcgen.FindRankedRow, len(rows))
	for i, row := range rows {
		same[i] = sqlcgen.FindRankedRow(row)
	}
	return same, err
}

func findParams(q store.FindQuery) sqlcgen.CountKindParams {
	p := sqlcgen.CountKindParams{
		Everywhere: q.Scope.All, Namespaces: nonNil(q.Scope.Namespaces), Category: q.Category, Template: q.Template,
		AnyTag: []string{}, AllTags: []string{}, Metadata: q.Metadata,
		Query: strings.ToLower(q.Text), Pattern: containing(strings.ToLower(q.Text)),
	}
	if q.AllTags {
		p.AllTags = nonNil(q.Tags)
	} else {
		p.AnyTag = nonNil(q.Tags)
	}
	if q.After != nil {
		p.After, p.AfterRank, p.AfterCreatedAt = true, q.After.Rank, q.After.CreatedAt
		p.AfterNamespace, p.AfterName = q.After.Key.Namespace, q.After.Key.Name
	}
	return p
}

// containing is the LIKE pattern of what contains a text.
func containing(text string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(text) + "%"
}

// offset keeps a number within what Postgres takes.
func offset(n int) int32 { return int32(max(0, min(n, math.MaxInt32))) }

// asFound takes one row more than the page has as the sign that there are more.
func asFound(rows []sqlcgen.FindRankedRow, limit int) (store.Found, error) {
	var found store.Found
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		found.Next = &store.Mark{Rank: last.Rank, CreatedAt: last.CreatedAt, Key: store.Key{Namespace: last.Namespace, Name: last.Name}}
	}
	found.Records = make([]store.Record, len(rows))
	for i, r := range rows {
		found.Records[i] = store.Record{
			Key: store.Key{Namespace: r.Namespace, Name: r.Name}, Version: r.Version, Digest: prompt.Digest(r.Digest),
			Exposure: store.Listed, Latest: r.Latest, Served: r.Version, Channels: r.Channels,
			CreatedAt: r.CreatedAt, PublishedAt: r.PublishedAt,
		}
		if err := json.Unmarshal(r.Document, &found.Records[i].Document); err != nil {
			return store.Found{}, fmt.Errorf("read the document of %s version %d: %w", found.Records[i].Key, r.Version, err)
		}
	}
	return found, nil
}
