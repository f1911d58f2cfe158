package secretsource

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// errNoMap quotes nothing: the reader of YAML would quote what it does not understand.
var errNoMap = errors.New("is no map of keys and texts in YAML or JSON")

// parseValues reads a map of keys and texts in YAML or JSON, or a manifest of a Secret. A number is taken as it is written.
func parseValues(content []byte) (map[string][]byte, error) {
	var document yaml.Node
	if yaml.Unmarshal(content, &document) != nil || len(document.Content) != 1 || document.Content[0].Kind != yaml.MappingNode {
		return nil, errNoMap
	}
	root := document.Content[0]
	if kind := findValue(root, "kind"); kind != nil && kind.Value == "Secret" {
		return readSecretManifest(root)
	}
	return readMap(root)
}

// readSecretManifest reads what kubectl would apply.
func readSecretManifest(root *yaml.Node) (map[string][]byte, error) {
	values := map[string][]byte{}
	if data := findValue(root, "data"); data != nil {
		encoded, err := readMap(data)
		if err != nil {
			return nil, err
		}
		for _, key := range slices.Sorted(maps.Keys(encoded)) { // in order: the first fault is the one that is told
			if values[key], err = base64.StdEncoding.DecodeString(strings.TrimSpace(string(encoded[key]))); err != nil {
				return nil, fmt.Errorf("is a Secret whose data has a key %s that is no base64", key)
			}
		}
	}
	if data := findValue(root, "stringData"); data != nil {
		texts, err := readMap(data)
		if err != nil {
			return nil, err
		}
		maps.Copy(values, texts)
	}
	return values, nil
}

func readMap(node *yaml.Node) (map[string][]byte, error) {
	if node.Kind != yaml.MappingNode {
		return nil, errNoMap
	}
	values := map[string][]byte{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		if key.Kind != yaml.ScalarNode || value.Kind != yaml.ScalarNode {
			return nil, errNoMap
		}
		text := value.Value
		if value.ShortTag() == "!!null" {
			text = ""
		}
		values[key.Value] = []byte(text)
	}
	return values, nil
}

func findValue(node *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}
