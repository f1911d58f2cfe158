package edit

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/lectern-dev/lectern/internal/manifest"
)

// sourceText is the text of a document with what is to be changed in it. The YAML library says where nodes begin;
// where they end is found here. What is found may be wrong for YAML nobody writes: whoever edits with it
// reads the result again.
type sourceText struct {
	text   []byte
	line   int // of the file before the text
	starts []int
	edits  []textEdit
}

// textEdit puts text in the place of bytes.
type textEdit struct {
	from, to int
	with     string
}

func newSourceText(d *manifest.Document) *sourceText {
	s := &sourceText{text: d.Text, line: d.Line, starts: []int{0}}
	for at := 0; at < len(s.text); {
		r, size := utf8.DecodeRune(s.text[at:])
		at += size
		// YAML's breaks, since the library counts lines by them.
		if r == '\n' || r == '\r' && (at == len(s.text) || s.text[at] != '\n') || r == 0x85 || r == 0x2028 || r == 0x2029 {
			s.starts = append(s.starts, at)
		}
	}
	return s
}

// nodeStart finds where a node begins; beyond the text when that cannot be told.
func (s *sourceText) nodeStart(n *yaml.Node) int {
	line := n.Line - s.line - 1
	if line < 0 || line >= len(s.starts) {
		return len(s.text)
	}
	at := s.starts[line]
	for range n.Column - 1 {
		_, size := utf8.DecodeRune(s.text[at:])
		at += size
	}
	return at
}

// contentStart finds where a node begins without its anchor and tag.
func (s *sourceText) contentStart(n *yaml.Node) int {
	at := s.nodeStart(n)
	for at < len(s.text) && n.Kind != yaml.AliasNode && (s.text[at] == '&' && n.Anchor != "" || s.text[at] == '!') {
		at += bytes.IndexFunc(append(s.text[at:len(s.text):len(s.text)], ' '), isSpace)
		at = s.skipSpace(at)
	}
	return at
}

func isSpace(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' }

func (s *sourceText) skipSpace(at int) int {
	for at < len(s.text) && isSpace(rune(s.text[at])) {
		at++
	}
	return at
}

// nodeEnd finds where a node ends, before any comment and before the break of its last line. indent is the column
// of the key or dash it belongs to.
func (s *sourceText) nodeEnd(n *yaml.Node, indent int) int {
	at := s.contentStart(n)
	switch {
	case at >= len(s.text):
		return len(s.text)
	case n.Kind == yaml.AliasNode:
		return at + 1 + len(n.Value)
	case n.Kind != yaml.ScalarNode && (s.text[at] == '[' || s.text[at] == '{'):
		return s.bracketEnd(at)
	case n.Kind != yaml.ScalarNode && len(n.Content) > 0:
		last := n.Content[len(n.Content)-1]
		column := n.Column - 1
		if n.Kind == yaml.MappingNode {
			column = n.Content[0].Column - 1
		}
		return s.nodeEnd(last, column)
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return s.blockEnd(at, indent)
	case n.Style&yaml.DoubleQuotedStyle != 0, n.Style&yaml.SingleQuotedStyle != 0:
		return s.quoteEnd(at)
	}
	return s.plainEnd(at, n.Value)
}

func (s *sourceText) quoteEnd(at int) int {
	quote := s.text[at]
	for at++; at < len(s.text); at++ {
		switch {
		case quote == '"' && s.text[at] == '\\':
			at++
		case s.text[at] == quote && quote == '\'' && at+1 < len(s.text) && s.text[at+1] == quote:
			at++
		case s.text[at] == quote:
			return at + 1
		}
	}
	return len(s.text)
}

func (s *sourceText) bracketEnd(at int) int {
	for depth := 0; at < len(s.text); at++ {
		switch c := s.text[at]; {
		case c == '[' || c == '{':
			depth++
		case c == ']' || c == '}':
			if depth--; depth == 0 {
				return at + 1
			}
		case (c == '"' || c == '\'') && opensQuote(s.text[at-1]):
			at = s.quoteEnd(at) - 1
		case c == '#' && isSpace(rune(s.text[at-1])):
			at = s.lineEnd(at)
		}
	}
	return len(s.text)
}

// opensQuote says whether a quote after the byte begins a text in quotes. Inside a word it is an apostrophe.
func opensQuote(before byte) bool { return strings.IndexByte(" \t\r\n[{,:", before) >= 0 }

// plainEnd follows a text without quotes, which YAML may have folded.
func (s *sourceText) plainEnd(at int, value string) int {
	for i := 0; i < len(value) && at < len(s.text); {
		if !isSpace(rune(value[i])) {
			i++
			at++
			continue
		}
		for i < len(value) && isSpace(rune(value[i])) {
			i++
		}
		at = s.skipSpace(at)
	}
	return min(at, len(s.text))
}

// blockEnd takes in every line below the header that is blank or further in than the key, but leaves blank
// lines at the end to what follows, unless the header says they belong to the text.
func (s *sourceText) blockEnd(at, indent int) int {
	end := s.lineEnd(at)
	keep := bytes.IndexByte(bytes.SplitN(s.text[at:end], []byte(" "), 2)[0], '+') >= 0
	for next := s.nextLine(at); next < len(s.text); {
		stop := s.lineEnd(next)
		line := s.text[next:stop]
		blank := len(bytes.TrimLeft(line, " ")) == 0
		if !blank && len(line)-len(bytes.TrimLeft(line, " ")) <= indent {
			break
		}
		if !blank || keep {
			end = stop
		}
		next = s.nextLine(next)
	}
	return end
}

// lineEnd finds where the line at an offset ends, before its break.
func (s *sourceText) lineEnd(at int) int {
	i := bytes.IndexByte(s.text[at:], '\n')
	switch {
	case i < 0:
		return len(s.text)
	case i > 0 && s.text[at+i-1] == '\r':
		return at + i - 1
	}
	return at + i
}

// nextLine finds where the line after the one at an offset begins.
func (s *sourceText) nextLine(at int) int {
	if i := bytes.IndexByte(s.text[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(s.text)
}

// lineStart finds where the line at an offset begins.
func (s *sourceText) lineStart(at int) int { return bytes.LastIndexByte(s.text[:at], '\n') + 1 }

// isFirstOnLine says that nothing but blanks stands before the offset on its line.
func (s *sourceText) isFirstOnLine(at int) bool {
	return len(bytes.TrimLeft(s.text[s.lineStart(at):at], " ")) == 0
}

func (s *sourceText) replace(from, to int, with string) {
	s.edits = append(s.edits, textEdit{from, to, with})
}
