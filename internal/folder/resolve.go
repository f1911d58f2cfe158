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

// sortByDepth puts fragments before what includes them.
func sortByDepth(entries map[store.Key]entry) []store.Key {
	depths := make(map[store.Key]int, len(entries))
	for key, e := range entries {
		depths[key] = 0
		if len(includedNames(e)) > 0 {
			depths[key] = prompt.IncludeDepth(key.Name, includesIn(entries, key.Namespace))
		}
	}
	return slices.SortedFunc(maps.Keys(entries), func(a, b store.Key) int {
		return cmp.Or(cmp.Compare(depths[a], depths[b]), a.Compare(b))
	})
}

// includesIn returns the graph of names in one namespace.
func includesIn(entries map[store.Key]entry, namespace string) func(name string) []string {
	return func(name string) []string {
		if e, there := entries[store.Key{Namespace: namespace, Name: name}]; there {
			return includedNames(e)
		}
		return nil
	}
}

func includedNames(e entry) []string {
	return promptobject.IncludedNames(e.Prompt)
}
