package manifest

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Location is where a field path of Kubernetes leads to in a document.
type Location struct {
	Parent, Key, Value *yaml.Node
	// Missing is the part of the path that is not written.
	Missing string
}

// Locate follows a path such as spec.arguments[0].default as far as it is written.
func Locate(root *yaml.Node, path string) Location {
	at := Location{Value: root, Missing: path}
	for at.Missing != "" {
		next, ok := at.descend()
		if !ok {
			return at
		}
		at = next
	}
	return at
}

func (s Location) descend() (Location, bool) {
	n := ResolveAlias(s.Value)
	if n == nil {
		return Location{}, false
	}
	if n.Kind == yaml.SequenceNode {
		number, rest, _ := strings.Cut(strings.TrimPrefix(s.Missing, "["), "]")
		index, err := strconv.Atoi(number)
		if err != nil || index < 0 || index >= len(n.Content) {
			return Location{}, false
		}
		return Location{Parent: n, Value: n.Content[index], Missing: strings.TrimPrefix(rest, ".")}, true
	}
	var best Location
	longest := -1
	for key, value := range mappingEntries(n) {
		rest, ok := cutKey(s.Missing, key.Value)
		if ok && len(key.Value) > longest {
			longest = len(key.Value)
			best = Location{Parent: n, Key: key, Value: value, Missing: rest}
		}
	}
	return best, longest >= 0
}

// cutKey takes a key off a path. A key may itself have dots.
func cutKey(path, key string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(path, key)
	if !ok {
		return "", false
	}
	if rest == "" || rest[0] == '[' {
		return rest, true
	}
	return strings.CutPrefix(rest, ".")
}

// reportedNode returns what a message about the location points to: a scalar itself, anything larger by its key.
func (s Location) reportedNode() *yaml.Node {
	if s.Key != nil && (s.Value.Kind != yaml.ScalarNode || s.Value.Value == "") {
		return s.Key
	}
	return s.Value
}

// ResolveAlias returns what an alias stands for.
func ResolveAlias(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// mappingEntries yields the keys and values of a mapping, those merged in with << last.
func mappingEntries(n *yaml.Node) func(func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		if n.Kind != yaml.MappingNode {
			return
		}
		var merged []*yaml.Node
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].ShortTag() == "!!merge" {
				merged = append(merged, n.Content[i+1])
			} else if !yield(n.Content[i], n.Content[i+1]) {
				return
			}
		}
		for _, m := range merged {
			sources := []*yaml.Node{m}
			if m.Kind == yaml.SequenceNode {
				sources = m.Content
			}
			for _, from := range sources {
				for key, value := range mappingEntries(ResolveAlias(from)) {
					if !yield(key, value) {
						return
					}
				}
			}
		}
	}
}
