package manifest

import (
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// spot is where a field path of Kubernetes leads to in a document.
type spot struct {
	parent, key, value *yaml.Node
	// missing is the part of the path that is not written.
	missing string
}

// find follows a path such as spec.arguments[0].default as far as it is written.
func find(root *yaml.Node, path string) spot {
	at := spot{value: root, missing: path}
	for at.missing != "" {
		next, ok := at.descend()
		if !ok {
			return at
		}
		at = next
	}
	return at
}

func (s spot) descend() (spot, bool) {
	n := target(s.value)
	if n == nil {
		return spot{}, false
	}
	if n.Kind == yaml.SequenceNode {
		number, rest, _ := strings.Cut(strings.TrimPrefix(s.missing, "["), "]")
		index, err := strconv.Atoi(number)
		if err != nil || index < 0 || index >= len(n.Content) {
			return spot{}, false
		}
		return spot{parent: n, value: n.Content[index], missing: strings.TrimPrefix(rest, ".")}, true
	}
	var best spot
	longest := -1
	for key, value := range entries(n) {
		rest, ok := cutKey(s.missing, key.Value)
		if ok && len(key.Value) > longest {
			longest = len(key.Value)
			best = spot{parent: n, key: key, value: value, missing: rest}
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

// node is what a message about the spot points to: a scalar itself, anything larger by its key.
func (s spot) node() *yaml.Node {
	if s.key != nil && (s.value.Kind != yaml.ScalarNode || s.value.Value == "") {
		return s.key
	}
	return s.value
}

// target is what an alias stands for.
func target(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// entries are the keys and values of a mapping, those merged in with << last.
func entries(n *yaml.Node) func(func(key, value *yaml.Node) bool) {
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
				for key, value := range entries(target(from)) {
					if !yield(key, value) {
						return
					}
				}
			}
		}
	}
}
