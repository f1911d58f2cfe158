package folder

import (
	"fmt"
	"maps"
	"slices"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/manifest"
	"github.com/lectern-dev/lectern/internal/store"
)

// connectionEntry is the manifest that stands for a connection.
type connectionEntry struct {
	*manifest.ConnectionManifest
	path string // of its file in the folder
	// knownInvalid are the invalid documents the file had then.
	knownInvalid map[manifest.Fingerprint]bool
}

// connections are those of the folder.
type connections struct {
	entries map[store.Key]connectionEntry
	// missing were not found by the last scan. What two scans in a row miss is gone.
	missing map[store.Key]bool
	// use takes them over; nil where nobody wants them.
	use func([]*v1alpha1.SDPConnection)
}

// UseConnections has use called with the connections of the folder: with those there are now, and whenever they are others, from
// the goroutine of Follow. It blocks nothing for long.
func (f *Folder) UseConnections(use func([]*v1alpha1.SDPConnection)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.connections.use = use
	use(f.connections.list())
}

// list returns the connections, by key.
func (c *connections) list() []*v1alpha1.SDPConnection {
	var list []*v1alpha1.SDPConnection
	for _, key := range slices.SortedFunc(maps.Keys(c.entries), store.Key.Compare) {
		list = append(list, c.entries[key].Connection)
	}
	return list
}

// apply brings the connections in step with what was seen, by the rules of resolveEntries: what became invalid stays as it was last
// good, and what two scans miss is gone.
func (c *connections) apply(seen *scanResult, mayCome func(path string) bool) (problems []manifest.Problem) {
	now := make(map[store.Key]connectionEntry, len(c.entries))
	for _, path := range slices.Sorted(maps.Keys(seen.files)) {
		f := seen.files[path]
		for _, m := range f.set.Connections {
			found := connectionEntry{ConnectionManifest: m, path: path, knownInvalid: f.set.InvalidDocuments}
			first, double := now[m.Key()]
			if double && c.entries[m.Key()].path == path {
				first, found = found, first
			}
			if double {
				problems = append(problems, manifest.Problem{Place: found.Place, Message: fmt.Sprintf(
					"connection %s is here a second time; the one that is used is at %s; remove or rename one", m.Key(), first.Place)})
				found = first
			}
			now[m.Key()] = found
		}
	}
	missing := map[store.Key]bool{}
	for key, was := range c.entries {
		if _, there := now[key]; there {
			continue
		}
		switch f := seen.files[was.path]; {
		case f != nil && !f.hasNoInvalidBut(was.knownInvalid):
			now[key] = was
			problems = append(problems, manifest.Problem{Place: manifest.Place{File: was.File}, Message: fmt.Sprintf(
				"the file has faults; what connection %s was before them stays", key)})
		case !c.missing[key] || mayCome(was.path):
			now[key], missing[key] = was, true
		}
	}
	isSame := maps.EqualFunc(c.entries, now, func(a, b connectionEntry) bool { return a.ConnectionManifest == b.ConnectionManifest })
	c.entries, c.missing = now, missing
	if !isSame && c.use != nil {
		c.use(c.list())
	}
	return problems
}
