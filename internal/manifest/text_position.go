package manifest

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/lectern-dev/lectern/internal/prompt"
)

// locateText finds where a message of the prompt stands, counted from 0.
func (m *Manifest) locateText(message int) Location {
	if at := Locate(m.Node, "spec.text"); at.Missing == "" {
		return at
	}
	return Locate(m.Node, fmt.Sprintf("spec.messages[%d].text", message))
}

// problemInText finds the place in the file for one in a text. Where YAML changed the text on the way, and in
// fragments, the words say where in the text it is.
func (m *Manifest) problemInText(where prompt.Where, message string) Problem {
	at := m.locateText(max(where.Message, 1) - 1)
	if where.Fragment == "" && at.Missing == "" {
		if place, ok := m.Document.placeInScalar(ResolveAlias(at.Value), where.Line, where.Column); ok {
			return Problem{Place: place, Message: message}
		}
	}
	return m.Document.problemAt(at.reportedNode(), where.String()+": "+message)
}

// placeInScalar finds where a line and column of a scalar's text stand in the file. It can tell for block texts, and
// for texts on one line as long as nothing is escaped.
func (d *Document) placeInScalar(n *yaml.Node, line, column int) (Place, bool) {
	lines := d.lines()
	first := n.Line - d.Line // of the scalar, from 1
	if d.JSON || first < 1 || first > len(lines) {
		return Place{}, false
	}
	want, _ := lineOfText(n.Value, line)
	switch {
	case n.Style&yaml.LiteralStyle != 0:
		at := first + line - 1
		if at >= len(lines) {
			return Place{}, false
		}
		written := strings.TrimSuffix(lines[at], "\r")
		if !strings.HasSuffix(written, want) {
			return Place{}, false
		}
		return Place{File: d.File, Line: d.Line + at + 1, Column: utf8.RuneCountInString(written) - utf8.RuneCountInString(want) + column}, true
	case line == 1 && n.Style&yaml.FoldedStyle == 0:
		written := []rune(lines[first-1])
		start := n.Column - 1
		if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
			start++
		}
		if start > len(written) || !strings.HasPrefix(string(written[start:]), n.Value) {
			return Place{}, false
		}
		return Place{File: d.File, Line: n.Line, Column: start + column}, true
	}
	return Place{}, false
}

func lineOfText(text string, line int) (string, bool) {
	lines := strings.Split(text, "\n")
	if line < 1 || line > len(lines) {
		return "", false
	}
	return lines[line-1], true
}
