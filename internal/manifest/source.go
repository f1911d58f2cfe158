package manifest

import (
	"go.yaml.in/yaml/v3"

	"github.com/lectern-dev/lectern/internal/store"
)

// Source is an object of Lectern's as it stands in a file, whatever its kind.
type Source struct {
	// Place is where its first field stands.
	Place

	Document *Document
	Node     *yaml.Node
	Object   map[string]any

	kind string
	key  store.Key
}

// Key returns the id of the object, with its namespace filled in.
func (s *Source) Key() store.Key { return s.key }

// FieldPlace returns where a field stands, by its path, or where it would.
func (s *Source) FieldPlace(path string) Place {
	return s.Document.placeOf(Locate(s.Node, path).reportedNode())
}
