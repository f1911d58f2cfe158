package edit

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// atom is a piece of how a text is written, and what it is in the text: mostly a character, an escape sequence, or a break
// with the indentation behind it.
type atom struct {
	from, to int
	value    string
}

// isBreak says whether the atom ends a line of the source.
func (s *sourceText) isBreak(a atom) bool { return bytes.IndexByte(s.text[a.from:a.to], '\n') >= 0 }

// writtenText is a text as it is written.
type writtenText struct {
	style  yaml.Style
	atoms  []atom
	indent int // of its lines behind the first; of a block, of all

	// Of a block: where the indicators behind | or > stand, what they say, and where the last line of the text and the block end.
	indicators, indicatorsEnd int
	chomping                  byte // '-', '+' or 0
	hasIndent                 bool
	bodyEnd, end              int
}

// isBlock says whether the text is a block, whose breaks at the end the header tells.
func (w *writtenText) isBlock() bool { return w.style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 }

// readText takes apart how a scalar is written that belongs to a key or dash at a column. It returns nil for what it does not
// understand.
func (s *sourceText) readText(n *yaml.Node, keyIndent int) *writtenText {
	start := s.contentStart(n)
	switch {
	case n.Kind != yaml.ScalarNode || start >= len(s.text) || n.Anchor != "": // what an anchor stands for is not one text
		return nil
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return s.readBlock(n, start, keyIndent)
	}
	w := &writtenText{style: n.Style & (yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle), indent: keyIndent + 2}
	end := s.nodeEnd(n, keyIndent)
	if w.style != 0 {
		start, end = start+1, end-1
	}
	if start > end || !s.readFlow(w, start, end) {
		return nil
	}
	return w
}

// readBlock takes a block apart.
func (s *sourceText) readBlock(n *yaml.Node, start, keyIndent int) *writtenText {
	w := &writtenText{style: n.Style & (yaml.LiteralStyle | yaml.FoldedStyle), indicators: start + 1, end: s.blockEnd(start, keyIndent)}
	for w.indicatorsEnd = w.indicators; w.indicatorsEnd < len(s.text); w.indicatorsEnd++ {
		c := s.text[w.indicatorsEnd]
		if c == '-' || c == '+' {
			w.chomping = c
		} else if c >= '1' && c <= '9' {
			w.hasIndent, w.indent = true, keyIndent+int(c-'0')
		} else {
			break
		}
	}
	var lines []atom // what stands in each line, without indentation and break
	w.bodyEnd = s.lineEnd(start)
	for at := s.nextLine(start); at < w.end; at = s.nextLine(at) {
		line := atom{from: at, to: s.lineEnd(at)}
		blanks := line.to - line.from - len(bytes.TrimLeft(s.text[line.from:line.to], " "))
		if w.indent == 0 && blanks < line.to-line.from {
			w.indent = blanks
		}
		lines = append(lines, line)
	}
	last := -1
	for i := range lines {
		line := &lines[i]
		blanks := line.to - line.from - len(bytes.TrimLeft(s.text[line.from:line.to], " "))
		if line.from += min(blanks, w.indent); line.from < line.to {
			if blanks < w.indent {
				return nil
			}
			last, w.bodyEnd = i, line.to
		}
	}
	if last < 0 {
		return nil
	}
	s.joinLines(w, lines[:last+1])
	return w
}

// joinLines makes the atoms of a block of its lines.
func (s *sourceText) joinLines(w *writtenText, lines []atom) {
	isFurtherIn := func(line atom) bool { return s.text[line.from] == ' ' || s.text[line.from] == '\t' }
	before := -1 // the last line with something in it
	for i, line := range lines {
		if line.from == line.to {
			continue
		}
		breaks := i - before
		switch {
		case before < 0 && i > 0:
			w.atoms = append(w.atoms, atom{from: lines[0].from, to: line.from, value: strings.Repeat("\n", i)})
		case before < 0:
		case w.style&yaml.LiteralStyle != 0:
			for at := before; at < i; at++ {
				w.atoms = append(w.atoms, atom{from: lines[at].to, to: lines[at+1].from, value: "\n"})
			}
		case isFurtherIn(lines[before]) || isFurtherIn(line):
			w.atoms = append(w.atoms, atom{from: lines[before].to, to: line.from, value: strings.Repeat("\n", breaks)})
		default:
			w.atoms = append(w.atoms, foldedBreaks(lines[before].to, line.from, breaks))
		}
		s.readCharacters(w, line.from, line.to)
		before = i
	}
}

// foldedBreaks is one break or more where one is read as a blank.
func foldedBreaks(from, to, breaks int) atom {
	if breaks == 1 {
		return atom{from: from, to: to, value: " "}
	}
	return atom{from: from, to: to, value: strings.Repeat("\n", breaks-1)}
}

func (s *sourceText) readCharacters(w *writtenText, from, to int) {
	for from < to {
		_, size := utf8.DecodeRune(s.text[from:to])
		w.atoms = append(w.atoms, atom{from: from, to: from + size, value: string(s.text[from : from+size])})
		from += size
	}
}

// readFlow takes apart what stands between quotes, or without any. It returns false for escapes it does not know.
func (s *sourceText) readFlow(w *writtenText, at, end int) bool {
	folded := false
	for at < end {
		c := s.text[at]
		a := atom{from: at, to: at + 1}
		switch {
		case isSpace(rune(c)):
			for a.to < end && isSpace(rune(s.text[a.to])) {
				a.to++
			}
			breaks := bytes.Count(s.text[a.from:a.to], []byte("\n"))
			if breaks == 0 {
				s.readCharacters(w, a.from, a.to)
				at = a.to
				continue
			}
			a = foldedBreaks(a.from, a.to, breaks)
			if !folded {
				folded, w.indent = true, a.to-s.lineStart(a.to)
			}
		case c == '\'' && w.style == yaml.SingleQuotedStyle:
			a.to, a.value = at+2, "'"
		case c == '\\' && w.style == yaml.DoubleQuotedStyle:
			size, value := decodeEscape(s.text[at:end])
			if size == 0 {
				return false
			}
			a.to, a.value = at+size, value
		default:
			_, size := utf8.DecodeRune(s.text[at:end])
			a.to, a.value = at+size, string(s.text[at:at+size])
		}
		w.atoms = append(w.atoms, a)
		at = a.to
	}
	return true
}

// simpleEscapes are those of YAML, among which are those of JSON.
var simpleEscapes = map[byte]string{
	'0': "\x00", 'a': "\a", 'b': "\b", 't': "\t", '\t': "\t", 'n': "\n", 'v': "\v", 'f': "\f", 'r': "\r", 'e': "\x1b", ' ': " ",
	'"': `"`, '\'': "'", '/': "/", '\\': `\`, 'N': "\u0085", '_': "\u00a0", 'L': "\u2028", 'P': "\u2029",
}

// decodeEscape returns how long the escape sequence is that a text begins with, and what it stands for.
func decodeEscape(text []byte) (size int, value string) {
	if len(text) < 2 {
		return 0, ""
	}
	if text[1] == '\n' || text[1] == '\r' { // a break that is none, with the indentation behind
		rest := bytes.TrimLeft(text[1:], " \t\r\n")
		size = len(text) - len(rest)
		return size, strings.Repeat("\n", bytes.Count(text[:size], []byte("\n"))-1)
	}
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[text[1]]
	if digits == 0 {
		value, known := simpleEscapes[text[1]]
		if !known {
			return 0, ""
		}
		return 2, value
	}
	r, ok := decodeHex(text, digits)
	if size = 2 + digits; ok && utf16.IsSurrogate(r) && bytes.HasPrefix(text[size:], []byte(`\u`)) {
		if low, ok := decodeHex(text[size:], digits); ok {
			return 2 * size, string(utf16.DecodeRune(r, low))
		}
	}
	if !ok {
		return 0, ""
	}
	return size, string(r)
}

func decodeHex(text []byte, digits int) (rune, bool) {
	if len(text) < 2+digits {
		return 0, false
	}
	r, err := strconv.ParseInt(string(text[2:2+digits]), 16, 32)
	return rune(r), err == nil
}
