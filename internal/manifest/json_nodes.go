package manifest

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// parseJSONNodes gives a JSON text the nodes it would have as YAML. The YAML library reads most JSON, but not
// tabs as indentation, nor surrogate pairs.
func parseJSONNodes(text []byte) (*yaml.Node, error) {
	r := jsonReader{text: text, decoder: json.NewDecoder(bytes.NewReader(text)), line: 1, column: 1}
	r.decoder.UseNumber()
	return r.readNode()
}

type jsonReader struct {
	text    []byte
	decoder *json.Decoder
	// What was counted so far: lines up to the offset, and characters of the last one.
	offset, line, column int
}

// readNode reads one value. encoding/json bounds how deep it goes.
func (r *jsonReader) readNode() (*yaml.Node, error) {
	n := r.newNode()
	token, err := r.decoder.Token()
	if err != nil {
		return nil, err
	}
	switch value := token.(type) {
	case json.Delim:
		n.Kind, n.Tag = yaml.MappingNode, "!!map"
		if value == '[' {
			n.Kind, n.Tag = yaml.SequenceNode, "!!seq"
		}
		for r.decoder.More() {
			child, err := r.readNode()
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, child)
		}
		_, err = r.decoder.Token()
		return n, err
	case string:
		n.Tag, n.Value, n.Style = "!!str", value, yaml.DoubleQuotedStyle
	case json.Number:
		n.Tag, n.Value = "!!float", value.String()
	case bool:
		n.Tag, n.Value = "!!bool", "false"
		if value {
			n.Value = "true"
		}
	default:
		n.Tag, n.Value = "!!null", "null"
	}
	return n, nil
}

// newNode stands where the next token begins.
func (r *jsonReader) newNode() *yaml.Node {
	at := int(r.decoder.InputOffset())
	for at < len(r.text) && bytes.IndexByte([]byte(" \t\r\n,:"), r.text[at]) >= 0 {
		at++
	}
	for ; r.offset < at; r.offset++ {
		switch c := r.text[r.offset]; {
		case c == '\n':
			r.line++
			r.column = 1
		case utf8.RuneStart(c):
			r.column++
		}
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Style: yaml.FlowStyle, Line: r.line, Column: r.column}
}
