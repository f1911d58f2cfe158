package tool

import (
	"strings"
	"unicode/utf8"
)

// List is the rows of a result, as values and as the text of a JSON array, up to a number of characters.
type List struct {
	room  int
	rows  []any
	texts []string
}

// NewList returns an empty list of at most so many tokens; 0 for any number.
func NewList(tokens int) *List { return &List{room: CharacterLimit(tokens), rows: []any{}} }

// Append takes a row unless there is no room for it. The first one is taken always: a caller must get on.
func (l *List) Append(row any) (fits bool, err error) {
	text, err := IndentJSON(row, "  ")
	if err != nil {
		return false, err
	}
	room := l.room - utf8.RuneCountInString(text) - len("  ,\n")
	if room < 0 && len(l.rows) > 0 {
		return false, nil
	}
	l.room = room
	l.texts, l.rows = append(l.texts, text), append(l.rows, row)
	return true, nil
}

// Rows are the values; never nil.
func (l *List) Rows() []any { return l.rows }

// Text returns the rows as one JSON array.
func (l *List) Text() string {
	if len(l.texts) == 0 {
		return "[]"
	}
	return "[\n  " + strings.Join(l.texts, ",\n  ") + "\n]"
}
