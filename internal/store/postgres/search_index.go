package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/plan"
	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

// writeSearchIndex writes what a prompt is found by: the words of its default version.
func writeSearchIndex(ctx context.Context, q *sqlcgen.Queries, id int64, name string, version int64, doc *prompt.Document) error {
	content := prompt.JoinTexts(doc.AsWritten())
	bands := prompt.SimilarityBands(content)
	positioned, rest := plan.SplitSearchText(normalizeWords(prompt.JoinTexts(doc.Messages)))
	fields := append([]string{doc.Title, name, doc.Description, content}, doc.Tags...)
	return q.WriteSearchIndex(ctx, sqlcgen.WriteSearchIndexParams{
		PromptID: id, Version: version, Bands: bands[:],
		Title: normalizeWords(doc.Title), About: normalizeWords(doc.Description + " " + strings.Join(doc.Tags, " ")),
		Content: positioned, Rest: nonNil(rest), Written: strings.ToLower(strings.Join(fields, store.FieldEnd)),
		Tags: nonNil(doc.Tags), Metadata: unescapeSeparators(doc.Metadata),
	})
}

// normalizeWords returns a text as its words are found.
func normalizeWords(text string) string { return replaceSymbols(strings.ToLower(text)) }

// indexStoredVersion writes the search index for a version that is stored already.
func indexStoredVersion(ctx context.Context, q *sqlcgen.Queries, id int64, name string, version int64) error {
	text, err := q.ReadDocument(ctx, sqlcgen.ReadDocumentParams{PromptID: id, Version: version})
	if err != nil {
		return fmt.Errorf("read version %d: %w", version, err)
	}
	var doc prompt.Document
	if err := json.Unmarshal(text, &doc); err != nil {
		return fmt.Errorf("read the document of version %d: %w", version, err)
	}
	return writeSearchIndex(ctx, q, id, name, version, &doc)
}

// BackfillSearchIndex writes what prompts are found by where it is missing or of another version, for at most limit
// prompts with an id above after. It returns the last id it wrote for, or 0 when there was none: what was published
// before a release that finds by something new has nothing of it yet.
func (w *Writer) BackfillSearchIndex(ctx context.Context, after int64, limit int) (last int64, err error) {
	err = w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error {
		last = 0
		rows, err := q.LockUnindexed(ctx, sqlcgen.LockUnindexedParams{After: after, MaxRows: rowLimit(limit)})
		if err != nil {
			return fmt.Errorf("find prompts without an index: %w", err)
		}
		for _, r := range rows {
			if err := indexStoredVersion(ctx, q, r.ID, r.Name, r.Version); err != nil {
				return fmt.Errorf("prompt %d: %w", r.ID, err)
			}
			last = r.ID
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("index what is searched: %w", err)
	}
	return last, nil
}
