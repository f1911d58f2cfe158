package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
)

// jsonSniffLength is how much of a text kubectl looks at to tell a stream of JSON.
const jsonSniffLength = 4096

// SplitDocuments cuts the text of a file where kubectl does: behind each object of a stream of JSON, else at lines that
// start with --- and hold at most a comment beside. The problem is that the text is too much to be read.
func SplitDocuments(file string, text []byte) ([]*Document, *Problem) {
	s := documentSplitter{file: file, text: text, column: 1}
	if utilyaml.IsJSONBuffer(text[:min(len(text), jsonSniffLength)]) && s.splitJSON() {
		return s.found, s.refused
	}
	if s.refused == nil {
		s.splitYAML()
	}
	return s.found, s.refused
}

// documentSplitter cuts a text. It does what YAMLOrJSONDecoder of k8s.io/apimachinery does, which does not tell where in
// the text an object stood.
type documentSplitter struct {
	file string
	text []byte
	// The text is cut up to the offset at, which stands at this line and column, from 0 and 1.
	at, line, column int

	found   []*Document
	refused *Problem
}

// cut makes a document of the text up to an offset, and goes on behind it. It returns false when that is one too many.
func (s *documentSplitter) cut(d Document, end int) bool {
	if len(s.found) == MaxDocuments {
		s.refused = &Problem{Place: Place{File: s.file}, Message: fmt.Sprintf("the file has more than %d documents, which is the most that is read; split it", MaxDocuments)}
		return false
	}
	d.File, d.Start, d.End, d.Line, d.column = s.file, s.at, end, s.line, s.column
	d.Text = s.text[d.Start:end]
	s.found = append(s.found, &d)
	s.advance(end)
	return true
}

// advance goes on to an offset.
func (s *documentSplitter) advance(to int) {
	passed := s.text[s.at:to]
	s.line += bytes.Count(passed, []byte("\n"))
	if i := bytes.LastIndexByte(passed, '\n'); i >= 0 {
		passed, s.column = passed[i+1:], 1
	}
	s.column += utf8.RuneCount(passed)
	s.at = to
}

// splitJSON cuts a stream of JSON. It returns false where the rest is not JSON and may be YAML, as it may behind one object
// at most.
func (s *documentSplitter) splitJSON() (done bool) {
	decoder := json.NewDecoder(bytes.NewReader(s.text))
	for {
		var object json.RawMessage
		err := decoder.Decode(&object)
		switch {
		case err == nil:
			if !s.cut(Document{jsonStream: true}, int(decoder.InputOffset())) {
				return true
			}
			continue
		case errors.Is(err, io.EOF):
			if last := len(s.found) - 1; last >= 0 {
				s.found[last].End = len(s.text)
				s.found[last].Text = s.text[s.found[last].Start:]
			}
			return true
		case len(s.found) > 1:
			s.advance(len(s.text) - len(bytes.TrimLeftFunc(s.text[s.at:], unicode.IsSpace)))
			s.cut(Document{jsonStream: true, syntax: err}, len(s.text))
			return true
		}
		s.skipBlanks()
		return false
	}
}

// skipBlanks passes over white space up to and with the first break.
func (s *documentSplitter) skipBlanks() {
	end := s.at
	for end < len(s.text) {
		r, size := utf8.DecodeRune(s.text[end:])
		if !unicode.IsSpace(r) {
			break
		}
		end += size
		if r == '\n' {
			break
		}
	}
	s.advance(end)
}

// splitYAML cuts the rest at its separators.
func (s *documentSplitter) splitYAML() {
	for at := s.at; at < len(s.text); {
		next := len(s.text)
		if end := bytes.IndexByte(s.text[at:], '\n'); end >= 0 {
			next = at + end + 1
		}
		line, begins := bytes.CutPrefix(s.text[at:next], []byte("---"))
		switch line = bytes.TrimSpace(line); {
		case !begins:
		case len(line) == 0 || line[0] == '#':
			if !s.cut(Document{separated: true}, at) {
				return
			}
			s.advance(next)
		default: // kubectl reads no more of the file, not even what stands before
			d := Document{badSeparator: bytes.Count(s.text[s.at:at], []byte("\n")) + 1}
			s.cut(d, len(s.text))
			return
		}
		at = next
	}
	s.cut(Document{}, len(s.text))
}
