package manifest

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/lectern-dev/lectern/internal/prompt"
)

// Explain puts an error of the compiler where its cause stands in the file.
func (m *Manifest) Explain(err error) Problem {
	if spec, ok := errors.AsType[*prompt.SpecError](err); ok {
		at := find(m.node, "spec."+spec.Field)
		if at.missing != "" {
			at = m.text(0)
		}
		return m.document.at(at.node(), spec.Error())
	}
	if missing, ok := errors.AsType[*prompt.MissingError](err); ok {
		return m.inText(missing.Where, missingWords(missing.Refs))
	}
	if template, ok := errors.AsType[*prompt.TemplateError](err); ok {
		return m.inText(template.Where, template.Problem)
	}
	if limit, ok := errors.AsType[*prompt.LimitError](err); ok && limit.Where != nil {
		return m.inText(*limit.Where, limit.Problem)
	}
	return m.document.at(m.text(0).node(), err.Error())
}

func missingWords(refs []prompt.Ref) string {
	names := make([]string, len(refs))
	for i, ref := range refs {
		names[i] = ref.String()
	}
	if len(names) == 1 {
		return fmt.Sprintf("fragment %s is not among the files read; correct the include, or read the folder it is in, too", names[0])
	}
	return fmt.Sprintf("fragments %s are not among the files read; correct the includes, or read the folders they are in, too", strings.Join(names, ", "))
}

// whereOf is the place in a text an error of the compiler speaks of, or nil.
func whereOf(err error) *prompt.Where {
	if template, ok := errors.AsType[*prompt.TemplateError](err); ok {
		return &template.Where
	}
	if limit, ok := errors.AsType[*prompt.LimitError](err); ok {
		return limit.Where
	}
	return nil
}

// text is where a message of the prompt stands, counted from 0.
func (m *Manifest) text(message int) spot {
	if at := find(m.node, "spec.text"); at.missing == "" {
		return at
	}
	return find(m.node, fmt.Sprintf("spec.messages[%d].text", message))
}

// inText finds the place in the file for one in a text. Where YAML changed the text on the way, and in
// fragments, the words say where in the text it is.
func (m *Manifest) inText(where prompt.Where, message string) Problem {
	at := m.text(max(where.Message, 1) - 1)
	if where.Fragment == "" && at.missing == "" {
		if place, ok := m.document.within(target(at.value), where.Line, where.Column); ok {
			return Problem{Place: place, Message: message}
		}
	}
	return m.document.at(at.node(), where.String()+": "+message)
}

// within is where a line and column of a scalar's text stand in the file. It can tell for block texts, and
// for texts on one line as long as nothing is escaped.
func (d *document) within(n *yaml.Node, line, column int) (Place, bool) {
	lines := d.lines()
	first := n.Line - d.line // of the scalar, from 1
	if d.json || first < 1 || first > len(lines) {
		return Place{}, false
	}
	want, _ := textLine(n.Value, line)
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
		return Place{File: d.file, Line: d.line + at + 1, Column: utf8.RuneCountInString(written) - utf8.RuneCountInString(want) + column}, true
	case line == 1 && n.Style&yaml.FoldedStyle == 0:
		written := []rune(lines[first-1])
		start := n.Column - 1
		if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
			start++
		}
		if start > len(written) || !strings.HasPrefix(string(written[start:]), n.Value) {
			return Place{}, false
		}
		return Place{File: d.file, Line: n.Line, Column: start + column}, true
	}
	return Place{}, false
}

func textLine(text string, line int) (string, bool) {
	lines := strings.Split(text, "\n")
	if line < 1 || line > len(lines) {
		return "", false
	}
	return lines[line-1], true
}
