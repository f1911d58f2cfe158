package manifest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// fault turns an error of the schema into a problem at the place it speaks of.
func (m *Manifest) fault(fault *field.Error) Problem {
	path, message := fault.Field, fault.Error()
	if path == "<nil>" || path == "" {
		// Only the rule for names is one of the whole object.
		path, message = "metadata.name", fault.Detail
	}
	at := find(m.node, path)
	switch key, isKey := fault.BadValue.(string); {
	case isKey && key != "" && at.value.Kind == yaml.MappingNode:
		// A key of labels or annotations, which the path does not name.
	case fault.Type == field.ErrorTypeInvalid, fault.Type == field.ErrorTypeTypeInvalid:
		// The value is in the file; repeating it would only push the reason away.
		message = fault.Detail
		if !strings.HasPrefix(message, path) {
			message = path + ": " + message
		}
	}
	if fault.Type == field.ErrorTypeTooLong {
		// What the schema counts, and the library calls bytes.
		message = strings.TrimSuffix(message, " bytes") + " characters"
	}
	if hint := m.hint(at, fault); hint != "" {
		message += "; " + hint
	}
	return m.document.at(at.node(), message)
}

// unknown names a field the schema does not have, and what there is.
func (m *Manifest) unknown(path string) Problem {
	at := find(m.node, path)
	message := fmt.Sprintf("unknown field %q", path)
	node := at.node()
	if at.missing == "" && at.key != nil {
		node = at.key
		if hint := brokenFlow(at); hint != "" {
			message += "; " + hint
		}
	}
	return m.document.at(node, message)
}

// valueless warns of a key without a value, which counts as not written.
func (m *Manifest) valueless(path string) Problem {
	at := find(m.node, path)
	p := m.document.at(at.node(), fmt.Sprintf("nothing is written after %s, so it counts as not there; write a value, or remove the line", keyOf(at)))
	p.Warning = true
	return p
}

// gone gives the paths of what one tree has and the other has not, in order.
func gone(before, after any, path string) []string {
	var paths []string
	switch was := before.(type) {
	case map[string]any:
		is, _ := after.(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(was)) {
			at := strings.TrimPrefix(path+"."+key, ".")
			if value, stays := is[key]; stays {
				paths = append(paths, gone(was[key], value, at)...)
			} else {
				paths = append(paths, at)
			}
		}
	case []any:
		is, _ := after.([]any)
		for i := range min(len(was), len(is)) {
			paths = append(paths, gone(was[i], is[i], fmt.Sprintf("%s[%d]", path, i))...)
		}
	}
	return paths
}

// duplicates finds keys written twice, of which only one would count. Aliases are looked at where they point.
func (m *Manifest) duplicates(n *yaml.Node, found []Problem) []Problem {
	if n.Kind == yaml.MappingNode {
		first := map[string]*yaml.Node{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if before, ok := first[key.Value]; ok {
				found = append(found, m.document.at(key, fmt.Sprintf("%q is written twice, first in line %d; remove one", key.Value, before.Line)))
				continue
			}
			first[key.Value] = key
		}
	}
	for _, c := range n.Content {
		found = m.duplicates(c, found)
	}
	return found
}

// once takes out problems said of the same place in the same words.
func once(problems []Problem) []Problem {
	Sort(problems)
	return slices.Compact(problems)
}
