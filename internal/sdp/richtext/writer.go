package richtext

import (
	"regexp"
	"strings"
)

// writer builds Markdown: it holds breaks back until text follows, and repeats the marks of quotes and lists on each line.
type writer struct {
	b strings.Builder
	// breaks are the line breaks owed before the next text; none is owed at the beginning.
	breaks int
	// space is owed between words.
	space bool
	// frames are the quotes and items around the text, from the outside.
	frames []*frame
	// lineStart is set when no text is on the line yet.
	lineStart bool
	begun     bool
	// tight has rows of tables and items of lists follow each other without an empty line.
	tight bool
	// isInline has breaks be spaces, in cells of tables.
	isInline bool
}

// frame is a quote or an item: the mark of its first line, and of those after.
type frame struct {
	first, rest string
	isUsed      bool
}

// raw writes what is Markdown already, on the current line.
func (w *writer) raw(markdown string) {
	w.flush()
	w.b.WriteString(markdown)
	w.lineStart = false
}

// flush writes the breaks, marks and spaces that are owed.
func (w *writer) flush() {
	switch {
	case !w.begun:
		w.begun = true
		w.writeMarks()
	case w.breaks > 0:
		for i := range w.breaks {
			w.b.WriteByte('\n')
			if i < w.breaks-1 {
				w.writeEmptyLine()
			}
		}
		w.writeMarks()
	case w.space && !w.lineStart:
		w.b.WriteByte(' ')
	}
	w.breaks, w.space = 0, false
}

func (w *writer) writeMarks() {
	for _, f := range w.frames {
		if f.isUsed {
			w.b.WriteString(f.rest)
		} else {
			w.b.WriteString(f.first)
		}
		f.isUsed = true
	}
	w.lineStart = true
}

// writeEmptyLine keeps a quote together over an empty line.
func (w *writer) writeEmptyLine() {
	var marks strings.Builder
	for _, f := range w.frames {
		if f.isUsed {
			marks.WriteString(f.rest)
		}
	}
	w.b.WriteString(strings.TrimRight(marks.String(), " "))
}

// text writes text that somebody wrote: cleaned, with runs of spaces as one, and escaped.
func (w *writer) text(text string) {
	text = Clean(text)
	words := strings.Fields(text)
	w.space = w.space || strings.TrimLeft(text, " \n\t") != text
	for i, word := range words {
		w.space = w.space || i > 0
		w.flush()
		escaped := escapeWord(word)
		if w.lineStart {
			escaped = escapeLineStart(escaped)
		}
		w.b.WriteString(escaped)
		w.lineStart = false
	}
	w.space = w.space || len(words) > 0 && strings.TrimRight(text, " \n\t") != text
}

// lineBreak ends a line; two of them end a paragraph.
func (w *writer) lineBreak() {
	switch {
	case w.isInline:
		w.space = true
	case w.begun:
		w.breaks = min(w.breaks+1, 2)
	}
}

func (w *writer) owe(breaks int) {
	switch {
	case w.isInline:
		w.space = true
	case w.begun:
		w.breaks = max(w.breaks, breaks)
	}
}

// block writes a paragraph of its own.
func (w *writer) block(inner func()) {
	breaks := 2
	if w.tight {
		breaks = 1
	}
	w.owe(breaks)
	inner()
	w.owe(breaks)
}

// line writes a line of its own, in which paragraphs follow without empty lines.
func (w *writer) line(inner func()) {
	w.owe(1)
	before := w.tight
	w.tight = true
	inner()
	w.tight = before
	w.owe(1)
}

// quote writes lines that are marked as quoted.
func (w *writer) quote(inner func()) {
	w.owe(2)
	w.inFrame("> ", "> ", inner)
	w.owe(2)
}

// item writes an item of a list.
func (w *writer) item(mark string, inner func()) {
	w.line(func() { w.inFrame(mark, strings.Repeat(" ", len(mark)), inner) })
}

// maxFrames bounds the marks before a line: mails quote mails that quote mails.
const maxFrames = 12

func (w *writer) inFrame(first, rest string, inner func()) {
	if len(w.frames) >= maxFrames {
		inner()
		return
	}
	w.frames = append(w.frames, &frame{first: first, rest: rest})
	inner()
	w.frames = w.frames[:len(w.frames)-1]
}

// lines writes lines as they are, each after the marks of its place.
func (w *writer) lines(text string) {
	for i, line := range strings.Split(text, "\n") {
		if i > 0 {
			w.breaks = 1
		}
		w.flush()
		w.b.WriteString(line)
		w.lineStart = false
	}
}

func (w *writer) length() int { return w.b.Len() }

func (w *writer) since(length int) string { return w.b.String()[length:] }

var trailingSpaces = regexp.MustCompile(`[ \t]+\n`)

func (w *writer) finish() string {
	return strings.TrimSpace(trailingSpaces.ReplaceAllString(w.b.String(), "\n"))
}

// escapeWord has Markdown show a word as it is: no link, image, HTML, code or emphasis can come of it.
func escapeWord(word string) string {
	var b strings.Builder
	for i := range len(word) {
		switch c := word[i]; c {
		case '\\', '`', '*', '[', ']', '<', '>':
			b.WriteByte('\\')
		case '_':
			if i == 0 || i == len(word)-1 || !isWordByte(word[i-1]) || !isWordByte(word[i+1]) {
				b.WriteByte('\\')
			}
		case '&':
			if i+1 < len(word) && (word[i+1] == '#' || isWordByte(word[i+1])) && strings.Contains(word[i:], ";") {
				b.WriteByte('\\') // an entity
			}
		}
		b.WriteByte(word[i])
	}
	return b.String()
}

func isWordByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80 || c == '_'
}

// blockMark is what begins a heading, an item, a rule or a fence at the beginning of a line.
var blockMark = regexp.MustCompile(`^(?:#{1,6}$|[-+]$|[-=]+$|~~~|[0-9]{1,9}[.)]$)`)

func escapeLineStart(word string) string {
	if found := blockMark.FindString(word); found != "" {
		at := 0
		if found[0] >= '0' && found[0] <= '9' {
			at = len(found) - 1
		}
		return word[:at] + "\\" + word[at:]
	}
	return word
}
