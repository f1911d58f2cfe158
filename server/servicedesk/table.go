package servicedesk

import (
	"strings"
	"unicode/utf8"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
	"github.com/lectern-dev/lectern/server/tool"
)

// tableTokens is how long the text of a list may be.
const tableTokens = 2000

// shownSubject is how many characters of a subject or a title are shown.
const shownSubject = 80

// table is rows of text, as long as they fit.
type table struct {
	lines []string
	room  int
}

// frameRoom is what the lines around a table take.
const frameRoom = 300

func newTable(columns ...string) *table {
	t := &table{room: tool.CharacterLimit(tableTokens) - frameRoom}
	t.append(columns)
	return t
}

// append takes a row, and reports whether there was room for it. The first one is taken always: a caller must get on.
func (t *table) append(cells []string) (fits bool) {
	for i, cell := range cells {
		cells[i] = oneLine(cell)
	}
	line := strings.TrimRight(strings.Join(cells, " | "), " |")
	if t.room -= utf8.RuneCountInString(line) + 1; t.room < 0 && len(t.lines) > 1 {
		return false
	}
	t.lines = append(t.lines, line)
	return true
}

// text returns the table in a frame: what is in it was written by strangers.
func (t *table) text() string { return richtext.FrameUntrusted(strings.Join(t.lines, "\n")) }

// oneLine returns a text as a cell has it: what cannot be seen is left out, and nothing in it looks like the end of a cell.
func oneLine(text string) string { return strings.ReplaceAll(joinLines(text), "|", "/") }

// joinLines returns a text in one line, without what cannot be seen.
func joinLines(text string) string { return strings.Join(strings.Fields(richtext.Clean(text)), " ") }

// shortenLine returns a subject or a title as lists show it.
func shortenLine(text string) string { return excerpt.Truncate(oneLine(text), shownSubject) }
