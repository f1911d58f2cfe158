package memory

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// newDocumentFilter returns what reports whether a document passes a filter. The filter's scope is not its business.
func newDocumentFilter(f store.Filter) (func(*prompt.Document) bool, error) {
	var metadata any
	if f.Metadata != nil {
		if err := json.Unmarshal(f.Metadata, &metadata); err != nil {
			return nil, fmt.Errorf("read the metadata to filter by: %w", err)
		}
	}
	return func(doc *prompt.Document) bool {
		return (f.Category == "" || f.Category == doc.Category) &&
			(f.Template == nil || *f.Template == (doc.Syntax != prompt.Plain)) &&
			hasTags(doc.Tags, f) &&
			(f.Metadata == nil || hasMetadata(doc.Metadata, metadata))
	}, nil
}

func hasTags(tags []string, f store.Filter) bool {
	lacks := func(tag string) bool { return !slices.Contains(tags, tag) }
	switch {
	case len(f.Tags) == 0:
		return true
	case f.AllTags:
		return !slices.ContainsFunc(f.Tags, lacks)
	default:
		return slices.ContainsFunc(f.Tags, func(tag string) bool { return !lacks(tag) })
	}
}

func hasMetadata(text json.RawMessage, asked any) bool {
	if len(text) == 0 {
		return false
	}
	var value any
	// What was compiled is JSON.
	return json.Unmarshal(text, &value) == nil && containsJSON(value, asked)
}

// containsJSON reports what @> of Postgres does: an object has each member asked for, a list something for each element.
func containsJSON(value, asked any) bool {
	switch asked := asked.(type) {
	case map[string]any:
		members, is := value.(map[string]any)
		for name, part := range asked {
			member, there := members[name]
			is = is && there && containsJSON(member, part)
		}
		return is
	case []any:
		elements, is := value.([]any)
		for _, part := range asked {
			is = is && slices.ContainsFunc(elements, func(element any) bool { return containsJSON(element, part) })
		}
		return is
	default:
		// Neither side is comparable only when value is no scalar, and then they differ in type.
		return isScalar(value) && value == asked
	}
}

func isScalar(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return false
	default:
		return true
	}
}
