package folder

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/lectern-dev/lectern/internal/manifest"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
)

// entry is the manifest that stands for a key.
type entry struct {
	*manifest.Manifest
	path    string // of its file in the folder
	written time.Time
	// knownInvalid are the invalid documents the file had then.
	knownInvalid map[manifest.Fingerprint]bool
	// stale says that the file has other invalid documents now, and no longer this one.
	stale bool
}

// resolveEntries decides which manifest stands for each key. Of several it is the one of the file that had the key before,
// else the first in order of paths. What is in no file any more stays while the file it was in has invalid documents it did
// not have then: a bad edit never takes down what is served. Whatever else is missing is gone.
func resolveEntries(seen *scanResult, before map[store.Key]entry) (now map[store.Key]entry, gone []store.Key, problems []manifest.Problem) {
	now = make(map[store.Key]entry, len(before))
	for _, path := range slices.Sorted(maps.Keys(seen.files)) {
		f := seen.files[path]
		for _, m := range f.set.Manifests {
			found := entry{Manifest: m, path: path, written: f.stat.ModTime(), knownInvalid: f.set.InvalidDocuments}
			first, double := now[m.Key()]
			if double && before[m.Key()].path == path {
				first, found = found, first
			}
			if double {
				problems = append(problems, manifest.Problem{Place: found.Place, Message: fmt.Sprintf(
					"prompt %s is here a second time; the one that is used is at %s; remove or rename one", m.Key(), first.Place)})
				found = first
			}
			now[m.Key()] = found
		}
	}
	for key, was := range before {
		if _, there := now[key]; there {
			continue
		}
		if f := seen.files[was.path]; f != nil && !f.hasNoInvalidBut(was.knownInvalid) {
			was.stale = true
			now[key] = was
			problems = append(problems, f.set.Foreign...) // one of them may be what it became
		} else {
			gone = append(gone, key)
		}
	}
	slices.SortFunc(gone, store.Key.Compare)
	return now, gone, problems
}

// includeGraphs knows which prompts include which, by namespace. Each manifest is parsed for that once.
type includeGraphs struct {
	parsed      map[store.Key]*manifest.Manifest
	byNamespace map[string]*prompt.IncludeGraph
}

func newIncludeGraphs() *includeGraphs {
	return &includeGraphs{parsed: map[store.Key]*manifest.Manifest{}, byNamespace: map[string]*prompt.IncludeGraph{}}
}

// update brings the graphs in step with the entries.
func (g *includeGraphs) update(entries map[store.Key]entry) {
	for key, e := range entries {
		g.set(key, e)
	}
	for key := range g.parsed {
		if _, there := entries[key]; !there {
			delete(g.parsed, key)
			g.in(key.Namespace).Remove(key.Name)
		}
	}
}

// set brings the graph in step with one entry.
func (g *includeGraphs) set(key store.Key, e entry) {
	if g.parsed[key] != e.Manifest {
		g.parsed[key] = e.Manifest
		g.in(key.Namespace).Set(key.Name, promptobject.IncludedNames(e.Prompt))
	}
}

// in returns the graph of a namespace.
func (g *includeGraphs) in(namespace string) *prompt.IncludeGraph {
	graph := g.byNamespace[namespace]
	if graph == nil {
		graph = &prompt.IncludeGraph{}
		g.byNamespace[namespace] = graph
	}
	return graph
}

// check refuses a manifest that includes itself, or whose includes are nested too deep, as it is or as it would be.
func (g *includeGraphs) check(m *manifest.Manifest) error {
	key := m.Key()
	if g.parsed[key] == m {
		return g.in(key.Namespace).Check(key.Name)
	}
	return g.in(key.Namespace).CheckEdit(key.Name, promptobject.IncludedNames(m.Prompt))
}

// sortByDepth returns the keys of all entries, fragments before what includes them.
func (g *includeGraphs) sortByDepth() []store.Key {
	depths := make(map[store.Key]int, len(g.parsed))
	for key := range g.parsed {
		depths[key] = g.in(key.Namespace).Depth(key.Name)
	}
	return slices.SortedFunc(maps.Keys(depths), func(a, b store.Key) int {
		return cmp.Or(cmp.Compare(depths[a], depths[b]), a.Compare(b))
	})
}
