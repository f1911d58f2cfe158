package manifest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// schemaProblem turns an error of the schema into a problem where it is in the file.
func (m *Manifest) schemaProblem(fieldErr *field.Error) Problem {
	path, message := fieldErr.Field, fieldErr.Error()
	if path == "<nil>" || path == "" {
		// Only the rule for names is one of the whole object.
		path, message = "metadata.name", fieldErr.Detail
	}
	at := Locate(m.Node, path)
	switch key, isKey := fieldErr.BadValue.(string); {
	case isKey && key != "" && at.Value.Kind == yaml.MappingNode:
		// A key of labels or annotations, which the path does not name.
	case fieldErr.Type == field.ErrorTypeInvalid, fieldErr.Type == field.ErrorTypeTypeInvalid:
		// The value is in the file; repeating it would only push the reason away.
		message = fieldErr.Detail
		if !strings.HasPrefix(message, path) {
			message = path + ": " + message
		}
	}
	if fieldErr.Type == field.ErrorTypeTooLong {
		// What the schema counts, and the library calls bytes.
		message = strings.TrimSuffix(message, " bytes") + " characters"
	}
	if hint := m.valueHint(at, fieldErr); hint != "" {
		message += "; " + hint
	}
	return m.Document.problemAt(at.reportedNode(), message)
}

// unknownFieldProblem names a field the schema does not have, and what there is.
func (m *Manifest) unknownFieldProblem(path string) Problem {
	at := Locate(m.Node, path)
	message := fmt.Sprintf("unknown field %q", path)
	node := at.reportedNode()
	if at.Missing == "" && at.Key != nil {
		node = at.Key
		if hint := brokenFlowHint(at); hint != "" {
			message += "; " + hint
		}
	}
	return m.Document.problemAt(node, message)
}

// nullWarning warns of a key without a value, which counts as not written.
func (m *Manifest) nullWarning(path string) Problem {
	at := Locate(m.Node, path)
	p := m.Document.problemAt(at.reportedNode(), fmt.Sprintf("nothing is written after %s, so it counts as not there; write a value, or remove the line", keyOf(at)))
	p.Warning = true
	return p
}

// removedPaths gives the paths of what one tree has and the other has not, in order.
func removedPaths(before, after any, path string) []string {
	var paths []string
	switch was := before.(type) {
	case map[string]any:
		is, _ := after.(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(was)) {
			at := strings.TrimPrefix(path+"."+key, ".")
			if value, stays := is[key]; stays {
				paths = append(paths, removedPaths(was[key], value, at)...)
			} else {
				paths = append(paths, at)
			}
		}
	case []any:
		is, _ := after.([]any)
		for i := range min(len(was), len(is)) {
			paths = append(paths, removedPaths(was[i], is[i], fmt.Sprintf("%s[%d]", path, i))...)
		}
	}
	return paths
}

// duplicateKeys finds keys written twice, of which only one would count. Aliases are followed.
func (m *Manifest) duplicateKeys(n *yaml.Node, found []Problem) []Problem {
	if n.Kind == yaml.MappingNode {
		first := map[string]*yaml.Node{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if before, ok := first[key.Value]; ok {
				found = append(found, m.Document.problemAt(key, fmt.Sprintf("%q is written twice, first in line %d; remove one", key.Value, before.Line)))
				continue
			}
			first[key.Value] = key
		}
	}
	for _, c := range n.Content {
		found = m.duplicateKeys(c, found)
	}
	return found
}

// dedupeProblems removes problems of the same place in the same words.
func dedupeProblems(problems []Problem) []Problem {
	SortProblems(problems)
	return slices.Compact(problems)
}
