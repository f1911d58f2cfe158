package prompt

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/manifest"
	"github.com/lectern-dev/lectern/internal/prompt"
)

// cycleError says that a prompt includes itself, and how.
type cycleError struct{ path []string }

func (e *cycleError) Error() string {
	return fmt.Sprintf("includes form a cycle: %s; remove one of them", strings.Join(e.path, " → "))
}

// judgeIncludes refuses cycles and depth on the graph of names, over the specs in the cache, before
// anything is read from the store. A pin counts as its name.
func (r *Reconciler) judgeIncludes(ctx context.Context, namespace, name string, spec prompt.Spec) error {
	own := includedNames(spec)
	if len(own) == 0 {
		return nil
	}
	edges := r.graph(ctx, namespace)
	edges.known[name] = own
	if path := prompt.Cycle(name, edges.of); path != nil {
		return &cycleError{path: path}
	}
	if depth := prompt.Depth(name, edges.of); depth > prompt.MaxDepth {
		return &prompt.LimitError{Problem: fmt.Sprintf(
			"includes are nested %d deep, and at most %d are allowed", depth, prompt.MaxDepth)}
	}
	return nil
}

// graph reads the names that prompts of one namespace include, each at most once.
type graph struct {
	read  func(name string) []string
	known map[string][]string
}

func (g *graph) of(name string) []string {
	names, ok := g.known[name]
	if !ok {
		names = g.read(name)
		g.known[name] = names
	}
	return names
}

func (r *Reconciler) graph(ctx context.Context, namespace string) *graph {
	return &graph{known: map[string][]string{}, read: func(name string) []string {
		var p v1alpha1.Prompt
		// The cache answers at once or the prompt is not there; either way there are no edges.
		if err := r.Client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, &p); err != nil {
			return nil
		}
		return includedNames(manifest.SpecOf(&p.Spec))
	}}
}

// includedNames are the names a spec includes. One that does not parse includes nothing: it cannot
// be published either.
func includedNames(spec prompt.Spec) []string {
	refs, err := prompt.References(spec)
	if err != nil {
		return nil
	}
	seen := map[string]bool{}
	var names []string
	for _, ref := range refs {
		if !seen[ref.Name] {
			seen[ref.Name] = true
			names = append(names, ref.Name)
		}
	}
	return names
}
