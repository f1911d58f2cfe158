package manifest

import (
	"encoding/json"

	"go.yaml.in/yaml/v3"
	kjson "sigs.k8s.io/json"

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

// writtenName reads what identifies an object that cannot be read as its kind.
func (s *Source) writtenName() (namespace, name string) {
	meta, _ := s.Object["metadata"].(map[string]any)
	name, _ = meta["name"].(string)
	namespace, _ = meta["namespace"].(string)
	return namespace, name
}

// decodeFields says whether the fields of an object can be read as a kind, into which they are read.
func decodeFields(fields map[string]any, into any) bool {
	text, err := json.Marshal(fields)
	return err == nil && kjson.UnmarshalCaseSensitivePreserveInts(text, into) == nil
}
