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
	m := Change{Namespaces: slices.Sorted(maps.Keys(namespaces))}
	if len(keys) <= maxKeys {
		m.Keys = slices.SortedFunc(maps.Keys(keys), store.Key.Compare)
	}
	return m
}

// Merge returns both changes as one.
func (m Change) Merge(other Change) Change {
	joined := Change{Everything: m.Everything || other.Everything, Namespaces: slices.Concat(m.Namespaces, other.Namespaces)}
	slices.Sort(joined.Namespaces)
	joined.Namespaces = slices.Compact(joined.Namespaces)
	if !m.namesAllKeys() || !other.namesAllKeys() {
		return joined
	}
	keys := slices.Concat(m.Keys, other.Keys)
	slices.SortFunc(keys, store.Key.Compare)
	if keys = slices.Compact(keys); len(keys) <= maxKeys {
		joined.Keys = keys
	}
	return joined
}

// namesAllKeys reports whether every change is among the keys.
func (m Change) namesAllKeys() bool { return len(m.Keys) > 0 || len(m.Namespaces) == 0 }

// Affects reports whether a prompt may look different.
func (m Change) Affects(key store.Key) bool {
	if m.Everything {
		return true
	}
	if !m.namesAllKeys() {
		_, found := slices.BinarySearch(m.Namespaces, key.Namespace)
		return found
	}
	_, found := slices.BinarySearchFunc(m.Keys, key, store.Key.Compare)
	return found
}
