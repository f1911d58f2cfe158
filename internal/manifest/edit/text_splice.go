package edit

import (
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/aymanbagabas/go-udiff"
	"go.yaml.in/yaml/v3"
)

// spliceText changes a text where it differs, in the style it is written in, so that every line without a change stays as it
// is. It returns false, and changes nothing, where that style is not for the new text. What it writes may be read otherwise
// where YAML is odd: whoever edits with it reads the result again.
func (s *splicer) spliceText(at target, before, after string) bool {
	w := s.readText(at.node, at.indent)
	if w == nil {
		return false
	}
	var head []textEdit
	if w.isBlock() {
		breaksBefore, breaksAfter := trailingBreaks(before), trailingBreaks(after)
		before, after = before[:len(before)-breaksBefore], after[:len(after)-breaksAfter]
		if after == "" {
			return false
		}
		head = s.changeHeader(w, at.indent, after, breaksBefore, breaksAfter)
	} else if strings.Contains(after, "\n") && !strings.Contains(before, "\n") && !s.json {
		return false // a text of several lines is better read as a block
	}
	hunks, ok := s.textHunks(w, before, after)
	if !ok {
		return false
	}
	s.edits = append(s.edits, slices.Concat(head, hunks)...)
	return true
}

func trailingBreaks(text string) int { return len(text) - len(strings.TrimRight(text, "\n")) }

// changeHeader changes the header of a block, and the blank lines at its end, as far as it must.
func (s *splicer) changeHeader(w *writtenText, keyIndent int, after string, breaksBefore, breaksAfter int) (edits []textEdit) {
	chomping := w.chomping
	if breaksBefore != breaksAfter {
		switch {
		case breaksAfter == 0:
			chomping = '-'
		case breaksAfter > 1:
			chomping = '+'
		case chomping == '-':
			chomping = 0
		}
		if chomping == '+' {
			edits = append(edits, textEdit{w.bodyEnd, w.end, strings.Repeat("\n", breaksAfter-1)})
		}
	}
	needsIndent := !w.hasIndent && (after[0] == ' ' || after[0] == '\t' || after[0] == '\n')
	if chomping == w.chomping && !needsIndent {
		return edits
	}
	indicators := ""
	if w.hasIndent || needsIndent {
		indicators = strconv.Itoa(w.indent - keyIndent)
	}
	if chomping != 0 {
		indicators += string(chomping)
	}
	return append(edits, textEdit{w.indicators, w.indicatorsEnd, indicators})
}

// textHunks returns the edits that make one text the other.
func (s *splicer) textHunks(w *writtenText, before, after string) ([]textEdit, bool) {
	ends := make([]int, len(w.atoms)) // of the atoms in the text
	var read strings.Builder
	for i, a := range w.atoms {
		read.WriteString(a.value)
		ends[i] = read.Len()
	}
	if read.String() != before {
		return nil, false
	}
	var hunks []textEdit
	done, shift := 0, 0 // atoms that an edit has taken, and how much longer the new text is by then
	for _, change := range s.textChanges(before, after) {
		first := sort.SearchInts(ends, change.Start+1)
		behind := first
		for behind < len(ends) && startOf(ends, behind) < change.End {
			behind++
		}
		h := hunk{first: first, behind: behind, start: change.Start + shift, text: change.New}
		if from := startOf(ends, first); from < change.Start {
			h.start -= change.Start - from
			h.text = before[from:change.Start] + h.text
		}
		if to := startOf(ends, behind); to > change.End {
			h.text += before[change.End:to]
		}
		shift += len(change.New) - (change.End - change.Start)
		s.leaveNoBlanks(w, &h)
		if h.first < done {
			return nil, false
		}
		done = h.behind
		hunks = append(hunks, s.writeHunk(w, h, after))
	}
	return hunks, true
}

// textChanges lists what differs.
func (s *splicer) textChanges(before, after string) []udiff.Edit {
	if !s.coarse {
		return udiff.Strings(before, after)
	}
	start := 0
	for start < min(len(before), len(after)) && before[start] == after[start] {
		start++
	}
	for start > 0 && !utf8.RuneStart((before + "\x00")[start]) {
		start--
	}
	end := 0
	for end < min(len(before), len(after))-start && before[len(before)-1-end] == after[len(after)-1-end] {
		end++
	}
	for end > 0 && !utf8.RuneStart(before[len(before)-end]) {
		end--
	}
	return []udiff.Edit{{Start: start, End: len(before) - end, New: after[start : len(after)-end]}}
}

// startOf is where an atom begins in the text.
func startOf(ends []int, i int) int {
	if i == 0 {
		return 0
	}
	return ends[i-1]
}

// hunk puts a text in the place of atoms.
type hunk struct {
	first, behind int
	start         int // in the new text
	text          string
}

// leaveNoBlanks takes the break before into a hunk that leaves a line of a block empty, whose indentation goes, too.
func (s *splicer) leaveNoBlanks(w *writtenText, h *hunk) {
	for w.isBlock() && h.first > 0 && s.isBreak(w.atoms[h.first-1]) {
		next := h.text
		if next == "" && h.behind < len(w.atoms) && s.isBreak(w.atoms[h.behind]) {
			next = "\n"
		}
		if !strings.HasPrefix(next, "\n") {
			return
		}
		h.first--
		h.start -= len(w.atoms[h.first].value)
		h.text = w.atoms[h.first].value + h.text
	}
}

// writeHunk writes a hunk in the style of the text.
func (s *splicer) writeHunk(w *writtenText, h hunk, after string) textEdit {
	e := textEdit{}
	switch last := len(w.atoms) - 1; {
	case h.first <= last:
		e.from, e.to = w.atoms[h.first].from, w.atoms[h.first].from
	case last >= 0:
		e.from, e.to = w.atoms[last].to, w.atoms[last].to
	}
	if h.behind > h.first {
		e.to = w.atoms[h.behind-1].to
	}
	lineGoesOn := h.behind < len(w.atoms) && !s.isBreak(w.atoms[h.behind])
	switch w.style {
	case yaml.LiteralStyle:
		e.with = indentLines(h.text, w.indent, lineGoesOn, func(int) int { return 1 })
	case yaml.FoldedStyle:
		e.with = indentLines(h.text, w.indent, lineGoesOn, func(at int) int { return foldedBreaksAt(after, h.start+at) })
	case yaml.DoubleQuotedStyle:
		quoted := doubleQuoted(h.text)
		e.with = quoted[1 : len(quoted)-1]
	case yaml.SingleQuotedStyle:
		e.with = indentLines(strings.ReplaceAll(h.text, "'", "''"), w.indent, lineGoesOn, func(int) int { return 2 })
	default:
		e.with = indentLines(h.text, w.indent, lineGoesOn, func(int) int { return 2 })
	}
	return e
}

// indentLines writes a text over several lines. A run of breaks that begins at an offset is written with as many more as breaks
// says, less one.
func indentLines(text string, indent int, lineGoesOn bool, breaks func(at int) int) string {
	var b strings.Builder
	for at := 0; at < len(text); at++ {
		if text[at] != '\n' {
			b.WriteByte(text[at])
			continue
		}
		begun := at
		for at+1 < len(text) && text[at+1] == '\n' {
			at++
		}
		b.WriteString(strings.Repeat("\n", at-begun+breaks(begun)))
		if at+1 < len(text) || lineGoesOn {
			b.WriteString(indentation(indent))
		}
	}
	return b.String()
}

// foldedBreaksAt is 2 for a break in a folded text, since one is read as a blank, and 1 beside lines that are further in, where
// breaks stay.
func foldedBreaksAt(text string, at int) int {
	line := text[strings.LastIndexByte(text[:at], '\n')+1:]
	next := strings.TrimLeft(text[at:], "\n")
	for _, beside := range []string{line, next} {
		if strings.HasPrefix(beside, " ") || strings.HasPrefix(beside, "\t") {
			return 1
		}
	}
	return 2
}
