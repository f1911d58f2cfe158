package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
)

// What a file may hold, so that a stray or hostile one costs little.
const (
	MaxFile      = 16 << 20  // bytes of a file, and of one document with its aliases filled in
	MaxDocuments = 10_000    // documents of a file, and items of a list
	maxValues    = 2_500_000 // keys and values of a document
	maxNesting   = 64        // mappings and lists inside each other
)

// Document is one document of a file. Its nodes say where things stand; its value is what kubectl would
// send, which is read by kubectl's own decoder: the two disagree about what yes, 010 and 1_000 are.
type Document struct {
	File       string
	Start, End int // of its bytes in the text of the file, without separators
	Line       int // the lines of the file before it
	Text       []byte
	JSON       bool
	Root       *yaml.Node
	Value      any

	column     int  // where in its first line it begins, from 1
	jsonStream bool // it is an object of a stream of JSON, which is not read as YAML
	separated  bool // a separator stands behind it
	// badSeparator is the line, from 1, that starts with --- and goes on, or 0. syntax is another reason why it cannot be read.
	badSeparator int
	syntax       error
}

// Parse reads the document. A document without anything has no root.
func (d *Document) Parse() *Problem {
	if d.badSeparator > 0 {
		return d.separatorProblem()
	}
	if d.syntax != nil {
		return d.syntaxProblem(d.syntax)
	}
	if problem := d.validateValueCount(); problem != nil {
		return problem
	}
	if err := d.parseNodes(); err != nil {
		return d.syntaxProblem(err) // kubectl reads some of these: up to where it takes the document to be over, and no further
	}
	if d.Root == nil {
		return nil
	}
	if problem := d.validateSize(); problem != nil {
		return problem
	}
	if problem := d.validateKeys(d.Root); problem != nil {
		return problem
	}
	raw, err := d.decodeObject()
	if err == nil {
		err = utiljson.Unmarshal(raw, &d.Value)
	}
	if err != nil {
		return d.syntaxProblem(err)
	}
	if d.Value == nil {
		d.Root = nil
	}
	return nil
}

// parseNodes finds where things stand.
func (d *Document) parseNodes() (err error) {
	if d.JSON = json.Valid(d.Text); d.JSON {
		d.Root, err = parseJSONNodes(d.Text)
	} else {
		d.Root, err = parseYAMLNodes(d.Text)
	}
	if d.Root != nil {
		shiftLines(d.Root, d.Line)
	}
	return err
}

// decodeObject returns the document as the JSON kubectl makes of it, or nothing.
func (d *Document) decodeObject() ([]byte, error) {
	if d.jsonStream {
		return d.Text, nil
	}
	object := runtime.RawExtension{Raw: []byte("null")}
	err := utilyaml.NewYAMLToJSONDecoder(bytes.NewReader(d.Text)).Decode(&object)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return object.Raw, err
}

var errSecondDocument = errors.New("a second document begins here, which kubectl would pass over; separate documents by a line that holds nothing but ---")

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
		return nil, fmt.Errorf("line %d: %w", second.Line, errSecondDocument)
	} else if !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s%w", messageLine.FindString(err.Error()), errSecondDocument)
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
		return Place{File: d.File, Line: d.Line + 1, Column: d.column}
	}
	at := Place{File: d.File, Line: n.Line, Column: n.Column}
	if n.Line == d.Line+1 {
		at.Column += d.column - 1
	}
	return at
}

// mentionsLectern says whether a document that cannot be read looks like one of Lectern's, be it in UTF-16 that does not
// say so. A folder may hold anything, templates of charts among it.
func (d *Document) mentionsLectern() bool {
	const group = "lectern.dev/"
	return bytes.Contains(d.Text, []byte(group)) || bytes.Contains(d.Text, []byte("\x00"+strings.Join(strings.Split(group, ""), "\x00")))
}

func (d *Document) lines() []string { return strings.Split(string(d.Text), "\n") }
