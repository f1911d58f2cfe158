package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

// LoadFragments reads what includes need: for each reference the version it stands for now, with the
// messages as written. A reference to nothing served is not in the result. It is one statement; Publish
// checks that the result still holds.
func (s *Store) LoadFragments(ctx context.Context, namespace string, refs []prompt.Ref) (map[prompt.Ref]prompt.Fragment, error) {
	fragments := make(map[prompt.Ref]prompt.Fragment, len(refs))
	if len(refs) == 0 {
		return fragments, nil
	}
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	rows, err := s.queries.LoadFragments(ctx, sqlcgen.LoadFragmentsParams(currentFragmentsParams(namespace, refs)))
	if err != nil {
		return nil, fmt.Errorf("read fragments: %w", translateError(err))
	}
	for _, r := range rows {
		fragment := prompt.Fragment{Name: r.Name, Version: r.Chosen, Syntax: prompt.Syntax(r.Syntax)}
		if err := json.Unmarshal(r.Source, &fragment.Messages); err != nil {
			return nil, fmt.Errorf("read %s version %d: %w", r.Name, r.Chosen, err)
		}
		ref := prompt.Ref{Name: r.Name, Selector: prompt.Selector{Version: r.Version, Channel: r.Channel}}
		fragments[ref] = fragment
	}
	return fragments, nil
}

// FragmentVersions returns which version each reference stands for now. A reference to nothing served is not in the result.
func (w *Writer) FragmentVersions(ctx context.Context, namespace string, refs []prompt.Ref) (map[prompt.Ref]store.FragmentVersion, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	ctx, cancel := w.store.withTimeout(ctx)
	defer cancel()
	rows, err := w.store.queries.CurrentFragmentVersions(ctx, currentFragmentsParams(namespace, refs))
	if err != nil {
		return nil, fmt.Errorf("read the versions of fragments: %w", translateError(err))
	}
	versions := make(map[prompt.Ref]store.FragmentVersion, len(rows))
	for _, r := range rows {
		ref := prompt.Ref{Name: r.Name, Selector: prompt.Selector{Version: r.Version, Channel: r.Channel}}
		versions[ref] = store.FragmentVersion{Version: r.Chosen, Digest: prompt.Digest(r.Digest)}
	}
	return versions, nil
}

func currentFragmentsParams(namespace string, refs []prompt.Ref) sqlcgen.CurrentFragmentVersionsParams {
	params := sqlcgen.CurrentFragmentVersionsParams{Namespace: namespace}
	for _, ref := range refs {
		params.Names = append(params.Names, ref.Name)
		params.Versions = append(params.Versions, ref.Version)
		params.Channels = append(params.Channels, ref.Channel)
	}
	return params
}

// LoadFragments reads them as Store.LoadFragments does.
func (w *Writer) LoadFragments(ctx context.Context, namespace string, refs []prompt.Ref) (map[prompt.Ref]prompt.Fragment, error) {
	return w.store.LoadFragments(ctx, namespace, refs)
}
