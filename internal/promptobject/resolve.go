package promptobject

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/lectern-dev/lectern/internal/prompt"
)

// FragmentReader reads what includes would take, as a store of prompts has it.
type FragmentReader interface {
	LoadFragments(ctx context.Context, namespace string, refs []prompt.Ref) (map[prompt.Ref]prompt.Fragment, error)
}

// ResolveAndCompile gathers the fragments a spec needs, level by level, and compiles it with them. The error is one
// of prompt.Compile, or wraps one of the store.
func ResolveAndCompile(ctx context.Context, from FragmentReader, namespace string, spec prompt.Spec) (*prompt.Compiled, error) {
	refs, err := prompt.IncludedRefs(spec)
	if err != nil {
		return nil, err
	}
	return ResolveRefsAndCompile(ctx, from, namespace, spec, refs)
}

// ResolveRefsAndCompile is ResolveAndCompile for a spec whose includes are known: refs is what prompt.IncludedRefs says of it.
func ResolveRefsAndCompile(ctx context.Context, from FragmentReader, namespace string, spec prompt.Spec, refs []prompt.Ref) (*prompt.Compiled, error) {
	fragments := map[prompt.Ref]prompt.Fragment{}
	wanted := slices.Clone(refs)
	// Compile refuses what has more fragments; reading them would only cost memory.
	for level := 0; len(wanted) > 0 && level < prompt.MaxDepth && len(fragments) <= prompt.MaxFragments; level++ {
		wanted = wanted[:min(len(wanted), prompt.MaxFragments+1)]
		found, err := from.LoadFragments(ctx, namespace, wanted)
		if err != nil {
			return nil, fmt.Errorf("read included prompts: %w", err)
		}
		maps.Copy(fragments, found)
		wanted, err = unresolvedIncludes(fragments, found)
		if err != nil {
			return nil, err
		}
	}
	return prompt.Compile(spec, fragments)
}

// unresolvedIncludes lists what the fragments just found include and is not known yet.
func unresolvedIncludes(known, found map[prompt.Ref]prompt.Fragment) ([]prompt.Ref, error) {
	var wanted []prompt.Ref
	seen := map[prompt.Ref]bool{}
	for _, fragment := range found {
		refs, err := fragment.IncludedRefs()
		if err != nil {
			return nil, err
		}
		for _, ref := range refs {
			if _, ok := known[ref]; !ok && !seen[ref] {
				seen[ref] = true
				wanted = append(wanted, ref)
			}
		}
	}
	return wanted, nil
}
