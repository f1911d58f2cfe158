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

// Document is one document of a file. Its nodes say where things stand; its value is what kubectl would
// send, which is read by kubectl's own library: the two disagree about what yes, 010 and 1_000 are.
type Document struct {
	File       string
	Start, End int // of its bytes in the file, without separators
	Line       int // the lines of the file before it
	Text       []byte
	JSON       bool
	Root       *yaml.Node
	Value      any
}

// SplitDocuments cuts a file where kubectl does: at lines that start with --- and hold at most a comment beside.
func SplitDocuments(file string, content []byte) ([]*Document, *Problem) {
	if len(content) > MaxFile {
		return nil, &Problem{Place: Place{File: file}, Message: fmt.Sprintf("the file has more than %d MiB; split it", MaxFile>>20)}
	}
	var found []*Document
	current := &Document{File: file}
	at, line := 0, 0
	for at < len(content) {
		next := len(content)
		if end := bytes.IndexByte(content[at:], '\n'); end >= 0 {
			next = at + end + 1
		}
		if IsSeparator(content[at:next]) {
			current.End = at
			found = append(found, current)
			current = &Document{File: file, Start: next, Line: line + 1}
		}
		at = next
		line++
	}
	current.End = len(content)
	found = append(found, current)
	if len(found) > MaxDocuments {
		return nil, &Problem{Place: Place{File: file}, Message: fmt.Sprintf("the file has %d documents; at most %d are read; split it", len(found), MaxDocuments)}
	}
	for _, d := range found {
		d.Text = content[d.Start:d.End]
	}
	return found, nil
}

// IsSeparator reports whether a line ends one document and begins the next.
func IsSeparator(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("---"))
	if !ok {
		return false
	}
	rest = bytes.TrimSpace(rest)
	return len(rest) == 0 || rest[0] == '#'
}

// Parse reads the document. A document without anything has no root.
func (d *Document) Parse() *Problem {
	d.JSON = json.Valid(d.Text)
	var err error
	if d.JSON {
		d.Root, err = parseJSONNodes(d.Text)
	} else {
		d.Root, err = parseYAMLNodes(d.Text)
	}
	if err != nil {
		return d.syntaxProblem(err)
	}
	if d.Root == nil {
		return nil
	}
	shiftLines(d.Root, d.Line)
	if problem := d.validateSize(); problem != nil {
		return problem
	}
	if problem := d.validateKeys(d.Root); problem != nil {
		return problem
	}
	text := d.Text
	if !d.JSON {
		if text, err = kyaml.YAMLToJSON(d.Text); err != nil {
			return d.syntaxProblem(err)
		}
	}
	if err := utiljson.Unmarshal(text, &d.Value); err != nil {
		return d.syntaxProblem(err)
	}
	return nil
}

// parseYAMLNodes reads one document; more are there only where one is opened in a way kubectl does not split at.
func parseYAMLNodes(text []byte) (*yaml.Node, error) {
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

func shiftLines(n *yaml.Node, lines int) {
	n.Line += lines
	for _, c := range n.Content {
		shiftLines(c, lines)
	}
}

// problemAt returns a problem that stands where a node does.
func (d *Document) problemAt(n *yaml.Node, message string) Problem {
	return Problem{Place: d.placeOf(n), Message: message}
}

func (d *Document) placeOf(n *yaml.Node) Place {
	if n == nil {
		return Place{File: d.File, Line: d.Line + 1, Column: 1}
	}
	return Place{File: d.File, Line: n.Line, Column: n.Column}
}

// mentionsLectern says whether a document that cannot be read looks like one of Lectern's. A folder may hold
// anything, templates of charts among it.
func (d *Document) mentionsLectern() bool {
	return bytes.Contains(d.Text, []byte("lectern.dev/"))
}

func (d *Document) lines() []string { return strings.Split(string(d.Text), "\n") }
