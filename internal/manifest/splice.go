package manifest

import (
	"bytes"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// splicer notes on a sheet what makes the value before the value after, and touches nothing else.
type splicer struct {
	*sheet
	writer
}

// slot is where a value stands: after a key with its colon, or after a dash, at a column.
type slot struct {
	node   *yaml.Node
	after  int // the byte after the colon or the dash
	indent int
	flow   bool
}

func (s *splicer) change(at slot, before, after any) {
	if sameValue(before, after) {
		return
	}
	n := at.node
	was, isObject := before.(*object)
	is, staysObject := after.(*object)
	from, isList := before.([]any)
	to, staysList := after.([]any)
	switch {
	case isObject && staysObject && n.Kind == yaml.MappingNode && len(is.keys) > 0 && len(n.Content) > 0:
		s.changeObject(at, was, is)
	case isList && staysList && n.Kind == yaml.SequenceNode && len(to) > 0 && len(n.Content) == len(from) && len(from) > 0:
		s.changeList(at, from, to)
	default:
		s.put(at, after)
	}
}

// part is one entry of a mapping or one item of a list, as it is written.
type part struct {
	start, end int // of key and value, or of dash and value; in brackets of the value alone
	slot       slot
	gone       bool
}

// inBrackets says that a collection is written with brackets.
func (s *splicer) inBrackets(n *yaml.Node) bool {
	at := s.content(n)
	return at < len(s.text) && (s.text[at] == '[' || s.text[at] == '{')
}

func (s *splicer) changeObject(at slot, was, is *object) {
	n := at.node
	flow := at.flow || s.inBrackets(n)
	indent := n.Content[0].Column - 1
	var parts []part
	index := map[string]int{}
	last := -1 // the entry a new one goes behind
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		p := part{start: s.offset(key)}
		p.slot = slot{node: value, after: s.colon(s.end(key, indent)), indent: indent, flow: flow}
		p.end = max(s.end(value, indent), p.slot.after)
		_, stays := is.values[key.Value]
		_, known := was.values[key.Value]
		p.gone = known && !stays
		if key.ShortTag() == "!!merge" {
			last = len(parts) // what is merged in counts where nothing is written
		}
		index[key.Value] = len(parts)
		parts = append(parts, p)
	}
	if !slices.ContainsFunc(parts, func(p part) bool { return !p.gone }) {
		s.put(at, is)
		return
	}
	for _, key := range is.keys {
		i, there := index[key]
		if there {
			s.change(parts[i].slot, was.values[key], is.values[key])
			last = max(last, i)
			continue
		}
		text := s.key(key, true) + ": " + s.inline(is.values[key])
		if !flow {
			text = s.entry(key, is.values[key], indent)
		}
		s.insert(parts, last, text, indent, flow)
	}
	s.remove(parts, flow)
}

// colon is the byte after the colon of a key that ends at an offset.
func (s *splicer) colon(at int) int {
	if i := bytes.IndexByte(s.text[at:], ':'); i >= 0 {
		return at + i + 1
	}
	return len(s.text)
}

func (s *splicer) changeList(at slot, from, to []any) {
	n := at.node
	flow := at.flow || s.inBrackets(n)
	indent := n.Column - 1
	parts := make([]part, len(n.Content))
	for i, item := range n.Content {
		p := part{start: s.offset(item), slot: slot{node: item, after: s.offset(item), indent: indent, flow: flow}}
		p.end = s.end(item, indent)
		if !flow {
			p.start = s.dash(item, indent)
			p.slot.after = p.start + 1
			p.end = max(p.end, p.slot.after)
		}
		parts[i] = p
	}
	head := 0
	for head < min(len(from), len(to)) && sameValue(from[head], to[head]) {
		head++
	}
	tail := 0
	for tail < min(len(from), len(to))-head && sameValue(from[len(from)-1-tail], to[len(to)-1-tail]) {
		tail++
	}
	both := head + min(len(from), len(to)) - head - tail
	for i := head; i < both; i++ {
		s.change(parts[i].slot, from[i], to[i])
	}
	for i := both; i < len(from)-tail; i++ {
		parts[i].gone = true
	}
	for _, item := range to[both : len(to)-tail] {
		text := s.inline(item)
		if !flow {
			text = s.item(item, indent)
		}
		s.insert(parts, both-1, text, indent, flow)
	}
	s.remove(parts, flow)
}

// dash is where the dash of an item stands.
func (s *splicer) dash(item *yaml.Node, indent int) int {
	at := s.offset(item)
	for line := s.lineStart(at); ; line = s.lineStart(line - 1) {
		if found := line + indent; found <= at && found < len(s.text) && s.text[found] == '-' {
			return found
		}
		if line == 0 {
			return len(s.text)
		}
	}
}

// insert puts a new part behind one that is there, or before all with -1.
func (s *splicer) insert(parts []part, behind int, text string, indent int, flow bool) {
	first := parts[0].start
	leads := s.leads(first)
	ownLines := flow && leads
	switch {
	case behind < 0 && ownLines:
		s.replace(first, first, text+",\n"+string(s.text[s.lineStart(first):first]))
	case behind < 0 && flow:
		s.replace(first, first, text+", ")
	case behind < 0 && leads: // a whole line, since the first part's own may go
		s.replace(s.lineStart(first), s.lineStart(first), blanks(indent)+text+"\n")
	case behind < 0:
		s.replace(first, first, text+"\n"+blanks(indent))
	case ownLines:
		s.replace(parts[behind].end, parts[behind].end, ",\n"+string(s.text[s.lineStart(first):first])+text)
	case flow:
		s.replace(parts[behind].end, parts[behind].end, ", "+text)
	default:
		at := s.lineEnd(parts[behind].end)
		s.replace(at, at, "\n"+blanks(indent)+text)
	}
}

// remove takes out the parts that are gone, with the comments beside them; comments above stay.
func (s *splicer) remove(parts []part, flow bool) {
	for i := 0; i < len(parts); i++ {
		if !parts[i].gone {
			continue
		}
		run := i
		for i+1 < len(parts) && parts[i+1].gone {
			i++
		}
		switch {
		case flow && run > 0:
			s.replace(parts[run-1].end, parts[i].end, "")
		case flow && i+1 < len(parts), !s.leads(parts[run].start) && i+1 < len(parts):
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

// put writes another value in a slot, in the style of the one that is there where that can hold it.
func (s *splicer) put(at slot, v any) {
	start, end := s.offset(at.node), max(s.end(at.node, at.indent), at.after)
	if at.flow {
		text := s.inline(v)
		if start >= end {
			text = " " + text // nothing was there, not even a blank
		}
		s.replace(max(start, at.after), max(end, at.after), text)
		return
	}
	text := s.styled(at, v)
	if bytes.IndexByte(s.text[at.after:min(start, len(s.text))], '\n') < 0 && start > at.after && !strings.HasPrefix(text, "\n") {
		text = strings.TrimPrefix(text, " ") // the blanks between are the author's
	} else {
		start = at.after
	}
	// A comment beside the old value stays on its line, which is the first of the new one.
	if header, body, ok := strings.Cut(text, "\n"); ok {
		stop := s.lineEnd(end)
		beside := s.text[end:stop]
		if at.node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
			beside = s.besideHeader(at.node)
			stop = end
		}
		text, end = header+string(bytes.TrimRight(beside, " \r"))+"\n"+body, stop
	}
	s.replace(start, end, text)
}

// besideHeader is the comment beside the header of a block, with the blanks before it.
func (s *splicer) besideHeader(n *yaml.Node) []byte {
	at := s.content(n)
	line := s.text[at:s.lineEnd(at)]
	if i := bytes.IndexAny(line, " \t"); i >= 0 && bytes.HasPrefix(bytes.TrimLeft(line[i:], " \t"), []byte("#")) {
		return line[i:]
	}
	return nil
}

// styled is what follows the colon or dash.
func (s *splicer) styled(at slot, v any) string {
	text, isText := v.(string)
	n := at.node
	if !isText || n.Kind != yaml.ScalarNode {
		return s.after(v, at.indent)
	}
	switch lines := strings.Contains(text, "\n"); {
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 && !s.quotes:
		if header, body, ok := literal(text, at.indent); ok {
			return " " + header + "\n" + body
		}
	case n.Style&yaml.DoubleQuotedStyle != 0 && !lines:
		return " " + quoted(text)
	case n.Style&yaml.SingleQuotedStyle != 0 && !lines:
		if single, ok := singleQuoted(text); ok {
			return " " + single
		}
	}
	return s.after(v, at.indent)
}

// result is the text with all changes made.
func (s *sheet) result() []byte {
	slices.SortStableFunc(s.edits, func(a, b change) int { return a.from - b.from })
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
