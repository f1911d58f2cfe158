package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// maxAvailable bounds the versions a result lists.
const maxAvailable = 10

// ResultOf returns what a publish answers, except InUse and Copies, for which the store is asked. Its Revision is the
// row's before the publish.
func ResultOf(r *Row, p *store.Publication, pl *Plan) store.Published {
	published := store.Published{
		Version: pl.Newest, Served: pl.Default, Digest: p.Compiled.Digest, Revision: r.Revision,
		Channels: resolvedChannels(pl.Channels), Includes: r.NewestIncludes, ServedSince: r.ServedSince,
		Changed: pl.Visible, NewVersion: pl.NewVersion, Missing: pl.Missing,
	}
	if pl.NewVersion {
		published.Includes = p.Compiled.Includes
	}
	if len(pl.Missing) > 0 {
		published.Available = slices.Clone(pl.Served[:min(len(pl.Served), maxAvailable)])
	}
	return published
}

// IncludedRef returns the reference by which a fragment was included.
func IncludedRef(include prompt.Included) (prompt.Ref, error) {
	ref := prompt.Ref{Name: include.Name}
	if include.Selector == "" {
		return ref, nil
	}
	sel, err := prompt.ParseSelector(strings.TrimPrefix(include.Selector, "@"))
	if err != nil {
		return prompt.Ref{}, fmt.Errorf("include of %s: %w", include.Name, err)
	}
	ref.Selector = sel
	return ref, nil
}
