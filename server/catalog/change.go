package catalog

import (
	"maps"
	"slices"

	"github.com/lectern-dev/lectern/internal/store"
)

// maxKeys bounds the keys a Change names, those gathered from several included.
const maxKeys = changesPerRead

// Change is what may look different since the feed advanced. The zero Change is none.
type Change struct {
	// Everything: the database is not the one it was.
	Everything bool
	// Namespaces with changes, sorted.
	Namespaces []string
	// Keys that changed, sorted; none where there were too many to name, and any of the Namespaces
	// may have.
	Keys []store.Key
}

func changeOf(keys map[store.Key]struct{}) Change {
	namespaces := make(map[string]struct{})
	for key := range keys {
		namespaces[key.Namespace] = struct{}{}
	}
	c := Change{Namespaces: slices.Sorted(maps.Keys(namespaces))}
	if len(keys) <= maxKeys {
		c.Keys = slices.SortedFunc(maps.Keys(keys), store.Key.Compare)
	}
	return c
}

// Merge returns both changes as one.
func (c Change) Merge(other Change) Change {
	joined := Change{Everything: c.Everything || other.Everything, Namespaces: slices.Concat(c.Namespaces, other.Namespaces)}
	slices.Sort(joined.Namespaces)
	joined.Namespaces = slices.Compact(joined.Namespaces)
	if !c.namesAllKeys() || !other.namesAllKeys() {
		return joined
	}
	keys := slices.Concat(c.Keys, other.Keys)
	slices.SortFunc(keys, store.Key.Compare)
	if keys = slices.Compact(keys); len(keys) <= maxKeys {
		joined.Keys = keys
	}
	return joined
}

// namesAllKeys reports whether every change is among the keys.
func (c Change) namesAllKeys() bool { return len(c.Keys) > 0 || len(c.Namespaces) == 0 }

// Affects reports whether a prompt may look different.
func (c Change) Affects(key store.Key) bool {
	if c.Everything {
		return true
	}
	if !c.namesAllKeys() {
		_, found := slices.BinarySearch(c.Namespaces, key.Namespace)
		return found
	}
	_, found := slices.BinarySearchFunc(c.Keys, key, store.Key.Compare)
	return found
}
