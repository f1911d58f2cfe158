package memory

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// GetView returns one version of a live prompt as it was written; its errors are those of Get.
func (s *Store) GetView(_ context.Context, key store.Key, sel prompt.Selector) (store.PromptView, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r, number, v, err := s.servedVersion(key, sel)
	if err != nil {
		return store.PromptView{}, err
	}
	return r.toView(number, v), nil
}

func (r *row) toView(number int64, v *version) store.PromptView {
	return store.PromptView{
		Key: r.key, Version: number, Digest: v.digest, Document: *v.document, Exposure: r.Exposure,
		Latest: r.Channels[store.Latest], Served: r.Default, Channels: r.channelsAt(number),
		CreatedAt: r.created, PublishedAt: v.published,
	}
}

// hit is a prompt that is found, and its place in the order.
type hit struct {
	row     *row
	version *version
	mark    store.PageMark
}

// compareMarks orders what is found: by rank, birth and key.
func compareMarks(a, b store.PageMark) int {
	return cmp.Or(cmp.Compare(b.Rank, a.Rank), a.CreatedAt.Compare(b.CreatedAt), a.Key.Compare(b.Key))
}

// Find returns the page of prompts a query asks for, by their default version.
func (s *Store) Find(_ context.Context, q store.FindQuery) (store.FindResult, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	hits, err := s.findHits(q)
	if err != nil {
		return store.FindResult{}, err
	}
	slices.SortFunc(hits, func(a, b hit) int { return compareMarks(a.mark, b.mark) })
	if q.After != nil {
		hits = slices.DeleteFunc(hits, func(h hit) bool { return compareMarks(h.mark, *q.After) <= 0 })
	}
	hits = hits[min(len(hits), max(0, q.Offset)):]
	var found store.FindResult
	limit := max(1, q.Limit)
	if len(hits) > limit {
		hits = hits[:limit]
		found.Next = &hits[limit-1].mark
	}
	for _, h := range hits {
		found.Prompts = append(found.Prompts, h.row.toView(h.row.Default, h.version))
	}
	return found, nil
}

// CountFound returns how many prompts all pages of Find have together.
func (s *Store) CountFound(_ context.Context, q store.FindQuery) (int64, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	hits, err := s.findHits(q)
	return int64(len(hits)), err
}

func (s *Store) findHits(q store.FindQuery) ([]hit, error) {
	if _, err := q.CheckWords(); err != nil {
		return nil, err
	}
	matches, err := newDocumentFilter(q.Filter)
	if err != nil {
		return nil, err
	}
	words, text := parseSearch(q.Text), strings.ToLower(q.Text)
	var hits []hit
	for r, v := range s.listedPrompts(q.Scope, store.Key{}) {
		if !matches(v.document) {
			continue
		}
		mark := store.PageMark{CreatedAt: r.created, Key: r.key}
		if q.Text != "" {
			doc := v.searchText()
			mark.Rank = words.rank(doc)
			if mark.Rank == 0 && !containsText(r.key.Name, doc, text) {
				continue
			}
		}
		hits = append(hits, hit{row: r, version: v, mark: mark})
	}
	return hits, nil
}

// containsText reports whether a prompt has a text in lower case anywhere, ignoring case.
func containsText(name string, doc *searchText, text string) bool {
	if strings.Contains(text, store.FieldEnd) {
		return false
	}
	return strings.Contains(strings.ToLower(name), text) || doc.trigrams.mayContain(text) && doc.containsPart(text)
}

// Stats counts the listed prompts of a scope.
func (s *Store) Stats(_ context.Context, scope store.Scope) (store.Stats, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	stats := store.Stats{Categories: map[string]int64{}, Tags: map[string]int64{}}
	for _, v := range s.listedPrompts(scope, store.Key{}) {
		stats.Total++
		if v.document.Syntax != prompt.Plain {
			stats.Templates++
		}
		if v.document.Category != "" {
			stats.Categories[v.document.Category]++
		}
		for _, tag := range v.document.Tags {
			stats.Tags[tag]++
		}
	}
	stats.OtherCategories, stats.OtherTags = dropRare(stats.Categories), dropRare(stats.Tags)
	return stats, nil
}

// dropRare leaves the store.MaxCountedNames most frequent names, and returns how many others there were.
func dropRare(counts map[string]int64) (others int64) {
	if len(counts) <= store.MaxCountedNames {
		return 0
	}
	rare := store.SortByCount(counts)[store.MaxCountedNames:]
	for _, name := range rare {
		delete(counts, name)
	}
	return int64(len(rare))
}

// FindSimilar returns listed prompts with nearly the same text, the most similar first. All are compared: what fits in
// memory does not want an index.
func (s *Store) FindSimilar(ctx context.Context, q store.SimilarQuery) ([]store.SimilarPrompt, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var found []store.SimilarPrompt
	similarTo := prompt.SimilarityTo(q.Text)
	for r, v := range s.listedPrompts(q.Scope, store.Key{}) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if r.key == q.Except {
			continue
		}
		if similarity := similarTo(prompt.JoinTexts(v.document.AsWritten())); similarity >= q.Threshold {
			found = append(found, store.SimilarPrompt{Key: r.key, Title: v.document.Title, Similarity: similarity})
		}
	}
	slices.SortStableFunc(found, func(a, b store.SimilarPrompt) int { return cmp.Compare(b.Similarity, a.Similarity) })
	return found[:min(len(found), max(1, q.Limit))], nil
}

// CompleteNames returns the names of listed prompts that begin with prefix, each once and in order.
func (s *Store) CompleteNames(_ context.Context, scope store.Scope, prefix string, limit int) (store.Completions, error) {
	return s.completeFrom(scope, prefix, limit, func(key store.Key) string { return key.Name })
}

// CompleteNamespaces returns the namespaces with listed prompts that begin with prefix, in order.
func (s *Store) CompleteNamespaces(_ context.Context, scope store.Scope, prefix string, limit int) (store.Completions, error) {
	return s.completeFrom(scope, prefix, limit, func(key store.Key) string { return key.Namespace })
}

func (s *Store) completeFrom(scope store.Scope, prefix string, limit int, of func(store.Key) string) (store.Completions, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var names []string
	for r := range s.listedPrompts(scope, store.Key{}) {
		if name := of(r.key); strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return store.Completions{Values: names[:min(len(names), max(0, limit))], Total: int64(len(names))}, nil
}

// NameTaken reports whether a prompt lives or lived under a key.
func (s *Store) NameTaken(_ context.Context, key store.Key) (bool, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.rows[key] != nil, nil
}
