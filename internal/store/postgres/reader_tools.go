package postgres

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/plan"
	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

// GetView returns one version of a live prompt, whatever its exposure, with what is known of it, by one statement. Its
// errors are those of Get, for the same reasons.
func (s *Store) GetView(ctx context.Context, key store.Key, sel prompt.Selector) (store.PromptView, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	row, err := s.queries.ReadView(ctx, sqlcgen.ReadViewParams{
		Namespace: key.Namespace, Name: key.Name, Version: sel.Version, Channel: sel.Channel,
	})
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return store.PromptView{}, store.ErrNotFound
	case err != nil:
		return store.PromptView{}, fmt.Errorf("read %s: %w", key, translateError(err))
	case row.Version == nil:
		return store.PromptView{}, plan.NotServedError(store.Exposure(row.Exposure), sel, row.ChannelKnown)
	}
	r := store.PromptView{
		Key: key, Version: *row.Version, Digest: prompt.Digest(*row.Digest), Exposure: store.Exposure(row.Exposure),
		Latest: row.Latest, Served: row.Served, Channels: row.Channels,
		CreatedAt: row.CreatedAt, PublishedAt: row.PublishedAt,
	}
	if err := r.Document.UnmarshalJSON(row.Document); err != nil {
		return store.PromptView{}, fmt.Errorf("read the document of %s version %d: %w", key, r.Version, err)
	}
	return r, nil
}

// Stats counts the listed prompts of a scope, all counts in one statement.
func (s *Store) Stats(ctx context.Context, scope store.Scope) (store.Stats, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	var rows []sqlcgen.CountByLabelRow
	err := s.search(ctx, func(ctx context.Context) (err error) {
		rows, err = s.replanned.CountByLabel(ctx, sqlcgen.CountByLabelParams{
			Everywhere: scope.All, Namespaces: nonNil(scope.Namespaces), MaxNames: store.MaxCountedNames,
		})
		return err
	})
	if err != nil {
		return store.Stats{}, fmt.Errorf("count prompts: %w", translateError(err))
	}
	stats := store.Stats{Categories: map[string]int64{}, Tags: map[string]int64{}}
	for _, r := range rows {
		switch r.What {
		case "total":
			stats.Total = r.N
		case "templates":
			stats.Templates = r.N
		case "categories":
			stats.OtherCategories += r.N
		case "tags":
			stats.OtherTags += r.N
		case "category":
			stats.Categories[r.Name] = r.N
		case "tag":
			stats.Tags[r.Name] = r.N
		}
	}
	stats.OtherCategories -= int64(len(stats.Categories))
	stats.OtherTags -= int64(len(stats.Tags))
	return stats, nil
}

// CompleteNames returns the names of listed prompts that begin with prefix, each once, and their number, by one statement.
func (s *Store) CompleteNames(ctx context.Context, scope store.Scope, prefix string, limit int) (store.Completions, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	rows, err := s.replanned.CompleteNames(ctx, sqlcgen.CompleteNamesParams{
		Everywhere: scope.All, Namespaces: nonNil(scope.Namespaces), Prefix: prefix, MaxRows: rowLimit(limit),
	})
	if err != nil {
		return store.Completions{}, fmt.Errorf("complete a name: %w", translateError(err))
	}
	var names store.Completions
	for _, r := range rows {
		names.Values, names.Total = append(names.Values, r.Name), r.Total
	}
	return names, nil
}

// CompleteNamespaces returns the namespaces with listed prompts that begin with prefix, by one statement.
func (s *Store) CompleteNamespaces(ctx context.Context, scope store.Scope, prefix string, limit int) (store.Completions, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	rows, err := s.replanned.CompleteNamespaces(ctx, sqlcgen.CompleteNamespacesParams{
		Everywhere: scope.All, Namespaces: nonNil(scope.Namespaces), Prefix: prefix, MaxRows: rowLimit(limit),
	})
	if err != nil {
		return store.Completions{}, fmt.Errorf("complete a namespace: %w", translateError(err))
	}
	var names store.Completions
	for _, r := range rows {
		names.Values, names.Total = append(names.Values, r.Namespace), r.Total
	}
	return names, nil
}

// NameTaken reports whether a name cannot be given to a new prompt.
func (s *Store) NameTaken(ctx context.Context, key store.Key) (bool, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	is, err := s.queries.NameTaken(ctx, sqlcgen.NameTakenParams{Namespace: key.Namespace, Name: key.Name})
	if err != nil {
		return false, fmt.Errorf("look up %s: %w", key, translateError(err))
	}
	return is, nil
}

const (
	// comparedTexts is how many texts FindSimilar reads and compares.
	comparedTexts = 50
	// likelyTexts is among how many it chooses those. Where more are alike, any of them will do.
	likelyTexts = 2000
)

// FindSimilar returns near-duplicates, the most similar first. Those of a similarity below 0.5 may be missed, the less
// similar the likelier (prompt.SimilarityBands).
func (s *Store) FindSimilar(ctx context.Context, q store.SimilarQuery) ([]store.SimilarPrompt, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	bands := prompt.SimilarityBands(q.Text)
	params := sqlcgen.SimilarCandidatesParams{
		Bands: bands[:], Everywhere: q.Scope.All, Namespaces: nonNil(q.Scope.Namespaces),
		ExceptNamespace: q.Except.Namespace, ExceptName: q.Except.Name,
		MaxCandidates: likelyTexts, MaxRows: max(comparedTexts, rowLimit(q.Limit)),
	}
	var rows []sqlcgen.SimilarCandidatesRow
	err := s.search(ctx, func(ctx context.Context) (err error) {
		rows, err = s.replanned.SimilarCandidates(ctx, params)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find similar prompts: %w", translateError(err))
	}
	var found []store.SimilarPrompt
	similarTo := prompt.SimilarityTo(q.Text)
	for _, r := range rows {
		var written []prompt.Message
		if err := json.Unmarshal(r.Source, &written); err != nil {
			return nil, fmt.Errorf("read the text of %s/%s: %w", r.Namespace, r.Name, err)
		}
		similarity := similarTo(prompt.JoinTexts(written))
		if similarity >= q.Threshold {
			found = append(found, store.SimilarPrompt{Key: store.Key{Namespace: r.Namespace, Name: r.Name}, Title: r.Title, Similarity: similarity})
		}
	}
	slices.SortFunc(found, func(a, b store.SimilarPrompt) int {
		return cmp.Or(cmp.Compare(b.Similarity, a.Similarity), cmp.Compare(a.Key.Namespace, b.Key.Namespace), cmp.Compare(a.Key.Name, b.Key.Name))
	})
	return found[:min(len(found), q.Limit)], nil
}
