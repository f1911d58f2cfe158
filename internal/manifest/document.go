package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	kyaml "sigs.k8s.io/yaml"
)

// What a file may hold, so that a stray or hostile one costs little.
const (
	MaxFile      = 16 << 20 // bytes of a file, and of one document with its aliases filled in
	MaxDocuments = 10_000   // documents of a file
	maxNesting   = 64       // mappings and lists inside each other
)

// document is one document of a file. Its nodes say where things stand; its value is what kubectl would
// send, which is read by kubectl's own library: the two disagree about what yes, 010 and 1_000 are.
type document struct {
	file       string
	start, end int // of its bytes in the file, without separators
	line       int // the lines of the file before it
	text       []byte
	json       bool
	root       *yaml.Node
	value      any
}

// split cuts a file where kubectl does: at lines that start with --- and hold at most a comment beside.
func split(file string, content []byte) ([]*document, *Problem) {
	if len(content) > MaxFile {
		return nil, &Problem{Place: Place{File: file}, Message: fmt.Sprintf("the file has more than %d MiB; split it", MaxFile>>20)}
	}
	var found []*document
	current := &document{file: file}
	at, line := 0, 0
	for at < len(content) {
		next := len(content)
		if end := bytes.IndexByte(content[at:], '\n'); end >= 0 {
			next = at + end + 1
		}
		if isSeparator(content[at:next]) {
			current.end = at
			found = append(found, current)
			current = &document{file: file, start: next, line: line + 1}
		}
		at = next
		line++
	}
	current.end = len(content)
	found = append(found, current)
	if len(found) > MaxDocuments {
		return nil, &Problem{Place: Place{File: file}, Message: fmt.Sprintf("the file has %d documents; at most %d are read; split it", len(found), MaxDocuments)}
	}
	for _, d := range found {
		d.text = content[d.start:d.end]
	}
	return found, nil
}

func isSeparator(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("---"))
	if !ok {
		return false
	}
	rest = bytes.TrimSpace(rest)
	return len(rest) == 0 || rest[0] == '#'
}

// parse reads the document. A document without anything has no root.
func (d *document) parse() *Problem {
	d.json = json.Valid(d.text)
	var err error
	if d.json {
		d.root, err = jsonNodes(d.text)
	} else {
		d.root, err = yamlNodes(d.text)
	}
	if err != nil {
		return d.syntax(err)
	}
	if d.root == nil {
		return nil
	}
	shift(d.root, d.line)
	if problem := d.bounded(); problem != nil {
		return problem
	}
	if problem := d.plainKeys(d.root); problem != nil {
		return problem
	}
	text := d.text
	if !d.json {
		if text, err = kyaml.YAMLToJSON(d.text); err != nil {
			return d.syntax(err)
		}
	}
	if err := utiljson.Unmarshal(text, &d.value); err != nil {
		return d.syntax(err)
	}
	return nil
}

// yamlNodes reads one document; more are there only where one is opened in a way kubectl does not split at.
func yamlNodes(text []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var first, second yaml.Node
	if err := decoder.Decode(&first); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if err := decoder.Decode(&second); err == nil {
		return nil, fmt.Errorf("line %d: a second document begins here, which kubectl would pass over; separate documents by a line that holds nothing but ---", second.Line)
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	root := first.Content[0]
	if root.ShortTag() == "!!null" && root.Value == "" {
		return nil, nil
	}
	return root, nil
}

func shift(n *yaml.Node, lines int) {
	n.Line += lines
	for _, c := range n.Content {
		shift(c, lines)
	}
}

// at is a problem with a node.
func (d *document) at(n *yaml.Node, message string) Problem {
	return Problem{Place: d.place(n), Message: message}
}

func (d *document) place(n *yaml.Node) Place {
	if n == nil {
		return Place{File: d.file, Line: d.line + 1, Column: 1}
	}
	return Place{File: d.file, Line: n.Line, Column: n.Column}
}

// ours says whether a document that cannot be read looks like one of Lectern's. A folder may hold
// anything, templates of charts among it.
func (d *document) ours() bool {
	return bytes.Contains(d.text, []byte("lectern.dev/"))
}

func (d *document) lines() []string { return strings.Split(string(d.text), "\n") }
