package manifest

import (
	"context"
	"errors"
	"slices"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
)

// CompileAll compiles every manifest of the set with the fragments the set has, and reports what the schema
// cannot see: mistakes in templates, includes of what is not there, cycles, includes too deep.
//
// A set has one text of each prompt, so an include of a version or of a channel takes that text.
func (s Set) CompileAll() (map[store.Key]*prompt.Compiled, []Problem) {
	c := newSetCompiler(s)
	compiled := make(map[store.Key]*prompt.Compiled, len(s.Manifests))
	problems := problemList{room: maxSetProblems}
	for _, m := range s.Manifests {
		result, err := c.compileManifest(m)
		if err == nil {
			compiled[m.Key()] = result
		} else if !errors.Is(err, errReportedElsewhere) {
			problems.report(false, false, func() Problem { return m.ProblemOf(err) })
		}
	}
	return compiled, problems.list("the files")
}

// errReportedElsewhere keeps one problem from being reported again for every prompt that includes it.
var errReportedElsewhere = errors.New("what is included has faults of its own")

type setCompiler struct {
	byKey   map[store.Key]*Manifest
	invalid map[store.Key]bool
	graphs  map[string]*prompt.IncludeGraph // by namespace
	// results and fragments are what was compiled and parsed already: a fragment that many include is so once.
	results   map[*Manifest]compileResult
	fragments map[*Manifest]prompt.Fragment
}

type compileResult struct {
	compiled *prompt.Compiled
	err      error
}

func newSetCompiler(s Set) setCompiler {
	c := setCompiler{
		byKey: make(map[store.Key]*Manifest, len(s.Manifests)), invalid: s.invalid, graphs: map[string]*prompt.IncludeGraph{},
		results: map[*Manifest]compileResult{}, fragments: map[*Manifest]prompt.Fragment{},
	}
	for _, m := range s.Manifests {
		c.byKey[m.Key()] = m
	}
	for key, m := range c.byKey {
		if c.graphs[key.Namespace] == nil {
			c.graphs[key.Namespace] = &prompt.IncludeGraph{}
		}
		c.graphs[key.Namespace].Set(key.Name, promptobject.IncludedNames(m.Prompt))
	}
	return c
}

// compileManifest compiles a manifest the first time it is asked for.
func (c setCompiler) compileManifest(m *Manifest) (*prompt.Compiled, error) {
	result, known := c.results[m]
	if !known {
		result.compiled, result.err = c.compileUnknown(m)
		c.results[m] = result
	}
	return result.compiled, result.err
}

func (c setCompiler) compileUnknown(m *Manifest) (*prompt.Compiled, error) {
	if err := c.graphs[m.Key().Namespace].Check(m.Key().Name); err != nil {
		return nil, err
	}
	spec := promptobject.SpecOf(&m.Prompt.Spec)
	result, err := promptobject.ResolveAndCompile(context.Background(), c, m.Prompt.Namespace, spec)
	if err != nil && c.isReportedElsewhere(m.Prompt.Namespace, err) {
		return nil, errReportedElsewhere
	}
	return result, err
}

// isReportedElsewhere says whether the problem is one of a fragment, which is reported where the fragment stands.
func (c setCompiler) isReportedElsewhere(namespace string, err error) bool {
	if missing, ok := errors.AsType[*prompt.IncludeError](err); ok && missing.Fault == prompt.IncludeMissing {
		return slices.ContainsFunc(missing.Refs, func(ref prompt.Ref) bool {
			return c.invalid[store.Key{Namespace: namespace, Name: ref.Name}]
		})
	}
	where := whereOf(err)
	if where == nil || where.Fragment == "" {
		return false
	}
	ref, err := prompt.ParseRef(where.Fragment)
	if err != nil {
		return false
	}
	fragment := c.byKey[store.Key{Namespace: namespace, Name: ref.Name}]
	if fragment == nil {
		return false
	}
	_, err = c.compileManifest(fragment)
	return err != nil
}

// LoadFragments gives what the set has; a channel must be one its manifest has.
func (c setCompiler) LoadFragments(_ context.Context, namespace string, refs []prompt.Ref) (map[prompt.Ref]prompt.Fragment, error) {
	found := map[prompt.Ref]prompt.Fragment{}
	for _, ref := range refs {
		m := c.byKey[store.Key{Namespace: namespace, Name: ref.Name}]
		if m == nil || !hasChannel(&m.Prompt.Spec, ref.Channel) {
			continue
		}
		fragment, known := c.fragments[m]
		if !known {
			fragment = newFragment(m)
			c.fragments[m] = fragment
		}
		found[ref] = fragment
	}
	return found, nil
}

func newFragment(m *Manifest) prompt.Fragment {
	spec := promptobject.SpecOf(&m.Prompt.Spec)
	if spec.Syntax == "" {
		spec.Syntax = prompt.Mustache
	}
	return prompt.Fragment{Name: m.Prompt.Name, Version: 1, Syntax: spec.Syntax, Messages: spec.Messages}.RememberIncludes()
}

// hasChannel says whether a manifest with channels has this one; one without leaves them to others.
func hasChannel(spec *v1alpha1.PromptSpec, name string) bool {
	return name == "" || name == store.Latest || spec.Channels == nil ||
		slices.ContainsFunc(spec.Channels, func(c v1alpha1.Channel) bool { return c.Name == name })
}
