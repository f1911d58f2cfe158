package edit

import (
	"bytes"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// splicer notes in a source text what makes the value before the value after, and touches nothing else.
type splicer struct {
	*sourceText
	yamlWriter
}

// target is where a value stands: after a key with its colon, or after a dash, at a column.
type target struct {
	node        *yaml.Node
	contentFrom int // the byte after the colon or the dash
	indent      int
	flow        bool
}

func (s *splicer) changeValue(at target, before, after any) {
	if equalValues(before, after) {
		return
	}
	n := at.node
	was, isObject := before.(*orderedObject)
	is, staysObject := after.(*orderedObject)
	from, isList := before.([]any)
	to, staysList := after.([]any)
	switch {
	case isObject && staysObject && n.Kind == yaml.MappingNode && len(is.keys) > 0 && len(n.Content) > 0:
		s.changeObject(at, was, is)
	case isList && staysList && n.Kind == yaml.SequenceNode && len(to) > 0 && len(n.Content) == len(from) && len(from) > 0:
		s.changeList(at, from, to)
	default:
		if was, isText := before.(string); isText && !s.anew {
			if is, staysText := after.(string); staysText && s.spliceText(at, was, is) {
				return
			}
		}
		s.replaceValue(at, after)
	}
}

// entry is one entry of a mapping or one item of a list, as it is written.
type entry struct {
	start, end int // of key and value, or of dash and value; in brackets of the value alone
	target     target
	removed    bool
}

// isBracketed says that a collection is written with brackets.
func (s *splicer) isBracketed(n *yaml.Node) bool {
	at := s.contentStart(n)
	return at < len(s.text) && (s.text[at] == '[' || s.text[at] == '{')
}

func (s *splicer) changeObject(at target, was, is *orderedObject) {
	n := at.node
	flow := at.flow || s.isBracketed(n)
	indent := n.Content[0].Column - 1
	var parts []entry
	index := map[string]int{}
	last := -1 // the entry a new one goes behind
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		p := entry{start: s.nodeStart(key)}
		p.target = target{node: value, contentFrom: s.afterColon(s.nodeEnd(key, indent)), indent: indent, flow: flow}
		p.end = max(s.nodeEnd(value, indent), p.target.contentFrom)
		_, stays := is.values[key.Value]
		_, known := was.values[key.Value]
		p.removed = known && !stays
		if key.ShortTag() == "!!merge" {
			last = len(parts) // what is merged in counts where nothing is written
		}
		index[key.Value] = len(parts)
		parts = append(parts, p)
	}
	if !slices.ContainsFunc(parts, func(p entry) bool { return !p.removed }) {
		s.replaceValue(at, is)
		return
	}
	for _, key := range is.keys {
		i, there := index[key]
		if there {
			s.changeValue(parts[i].target, was.values[key], is.values[key])
			last = max(last, i)
			continue
		}
		text := s.formatText(key, true) + ": " + s.formatInline(is.values[key])
		if !flow {
			text = s.formatEntry(key, is.values[key], indent)
		}
		s.insertEntry(parts, last, text, indent, flow)
	}
	s.removeEntries(parts, flow)
}

// afterColon finds the byte after the colon of a key that ends at an offset.
func (s *splicer) afterColon(at int) int {
	if i := bytes.IndexByte(s.text[at:], ':'); i >= 0 {
		return at + i + 1
	}
	return len(s.text)
}

func (s *splicer) changeList(at target, from, to []any) {
	n := at.node
	flow := at.flow || s.isBracketed(n)
	indent := n.Column - 1
	parts := make([]entry, len(n.Content))
	for i, item := range n.Content {
		p := entry{start: s.nodeStart(item), target: target{node: item, contentFrom: s.nodeStart(item), indent: indent, flow: flow}}
		p.end = s.nodeEnd(item, indent)
		if !flow {
			p.start = s.dashStart(item, indent)
			p.target.contentFrom = p.start + 1
			p.end = max(p.end, p.target.contentFrom)
		}
		parts[i] = p
	}
	head := 0
	for head < min(len(from), len(to)) && equalValues(from[head], to[head]) {
		head++
	}
	tail := 0
	for tail < min(len(from), len(to))-head && equalValues(from[len(from)-1-tail], to[len(to)-1-tail]) {
		tail++
	}
	both := head + min(len(from), len(to)) - head - tail
	for i := head; i < both; i++ {
		s.changeValue(parts[i].target, from[i], to[i])
	}
	for i := both; i < len(from)-tail; i++ {
		parts[i].removed = true
	}
	for _, item := range to[both : len(to)-tail] {
		text := s.formatInline(item)
		if !flow {
			text = s.formatItem(item, indent)
		}
		s.insertEntry(parts, both-1, text, indent, flow)
	}
	s.removeEntries(parts, flow)
}

// dashStart finds where the dash of an item stands.
func (s *splicer) dashStart(item *yaml.Node, indent int) int {
	at := s.nodeStart(item)
	for line := s.lineStart(at); ; line = s.lineStart(line - 1) {
		if found := line + indent; found <= at && found < len(s.text) && s.text[found] == '-' {
			return found
		}
		if line == 0 {
			return len(s.text)
		}
	}
}

// insertEntry puts a new entry behind one that is there, or before all with -1.
func (s *splicer) insertEntry(parts []entry, behind int, text string, indent int, flow bool) {
	first := parts[0].start
	leads := s.isFirstOnLine(first)
	ownLines := flow && leads
	switch {
	case behind < 0 && ownLines:
		s.replace(first, first, text+",\n"+string(s.text[s.lineStart(first):first]))
	case behind < 0 && flow:
		s.replace(first, first, text+", ")
	case behind < 0 && leads: // a whole line, since the first part's own may go
		s.replace(s.lineStart(first), s.lineStart(first), indentation(indent)+text+"\n")
	case behind < 0:
		s.replace(first, first, text+"\n"+indentation(indent))
	case ownLines:
		s.replace(parts[behind].end, parts[behind].end, ",\n"+string(s.text[s.lineStart(first):first])+text)
	case flow:
		s.replace(parts[behind].end, parts[behind].end, ", "+text)
	default:
		at := s.lineEnd(parts[behind].end)
		s.replace(at, at, "\n"+indentation(indent)+text)
	}
}

// removeEntries takes out the parts that are gone, with the comments beside them; comments above stay.
func (s *splicer) removeEntries(parts []entry, flow bool) {
	for i := 0; i < len(parts); i++ {
		if !parts[i].removed {
			continue
		}
		run := i
		for i+1 < len(parts) && parts[i+1].removed {
			i++
		}
		switch {
		case flow && run > 0:
			s.replace(parts[run-1].end, parts[i].end, "")
		case flow && i+1 < len(parts), !s.isFirstOnLine(parts[run].start) && i+1 < len(parts):
			s.replace(parts[run].start, parts[i+1].start, "")
		case flow:
			s.replace(parts[run].start, parts[i].end, "")
		default:
			for _, p := range parts[run : i+1] {
				s.replace(s.lineStart(p.start), s.nextLine(p.end), "")
			}
		}
	}
}

// replaceValue writes another value at a target, in the style of the one that is there where that can hold it.
func (s *splicer) replaceValue(at target, v any) {
	start, end := s.nodeStart(at.node), max(s.nodeEnd(at.node, at.indent), at.contentFrom)
	if at.flow {
		text := s.formatInline(v)
		if start >= end {
			text = " " + text // nothing was there, not even a blank
		}
		s.replace(max(start, at.contentFrom), max(end, at.contentFrom), text)
		return
	}
	text := s.formatLike(at, v)
	if bytes.IndexByte(s.text[at.contentFrom:min(start, len(s.text))], '\n') < 0 && start > at.contentFrom && !strings.HasPrefix(text, "\n") {
		text = strings.TrimPrefix(text, " ") // the blanks between are the author's
	} else {
		start = at.contentFrom
	}
	// A comment beside the old value stays on its line, which is the first of the new one.
	if header, body, ok := strings.Cut(text, "\n"); ok {
		stop := s.lineEnd(end)
		beside := s.text[end:stop]
		if at.node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
			beside = s.headerComment(at.node)
			stop = end
		}
		text, end = header+string(bytes.TrimRight(beside, " \r"))+"\n"+body, stop
	}
	s.replace(start, end, text)
}

// headerComment finds the comment beside the header of a block, with the blanks before it.
func (s *splicer) headerComment(n *yaml.Node) []byte {
	at := s.contentStart(n)
	line := s.text[at:s.lineEnd(at)]
	if i := bytes.IndexAny(line, " \t"); i >= 0 && bytes.HasPrefix(bytes.TrimLeft(line[i:], " \t"), []byte("#")) {
		return line[i:]
	}
	return nil
}

// formatLike writes what follows the colon or dash.
func (s *splicer) formatLike(at target, v any) string {
	text, isText := v.(string)
	n := at.node
	if !isText || n.Kind != yaml.ScalarNode {
		return s.formatAfter(v, at.indent)
	}
	switch lines := strings.Contains(text, "\n"); {
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 && !s.quotes:
		if header, body, ok := literalBlock(text, at.indent); ok {
			return " " + header + "\n" + body
		}
	case n.Style&yaml.DoubleQuotedStyle != 0 && !lines:
		return " " + doubleQuoted(text)
	case n.Style&yaml.SingleQuotedStyle != 0 && !lines:
		if single, ok := singleQuoted(text); ok {
			return " " + single
		}
	}
	return s.formatAfter(v, at.indent)
}

// editedText returns the text with all changes made.
func (s *sourceText) editedText() []byte {
	slices.SortStableFunc(s.edits, func(a, b textEdit) int { return a.from - b.from })
	crlf := bytes.Contains(s.text, []byte("\r\n"))
	var b bytes.Buffer
	at := 0
	for _, e := range s.edits {
		from := max(e.from, at)
		b.Write(s.text[at:from])
		with := e.with
		if crlf {
			with = strings.ReplaceAll(with, "\n", "\r\n")
		}
		b.WriteString(with)
		at = max(at, e.to)
	}
	b.Write(s.text[at:])
	return b.Bytes()
}
