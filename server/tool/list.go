package tool

import (
	"slices"
	"unicode/utf8"
)

// List is the rows of a result, as values and as the text of a JSON array, up to a number of characters.
type List struct {
	room int
	rows []any
	text []byte
	// buffer is what text is written into, until it is whole.
	buffer *[]byte
	whole  string
	// expected is how many rows are likely to come.
	expected int
}

// NewList returns an empty list of at most so many tokens; 0 for any number.
func NewList(tokens int) *List { return &List{room: CharacterLimit(tokens), rows: []any{}} }

// ExpectRows says how many rows are likely to come next.
func (l *List) ExpectRows(n int) { l.expected = n }

// Append takes a row unless there is no room for it. The first one is taken always: a caller must get on.
func (l *List) Append(row any) (fits bool, err error) {
	before := l.text
	characters, err := l.appendRow(row)
	if err != nil {
		return false, err
	}
	return l.keepRow(row, before, characters), nil
}

// AppendOrShorten is Append, but takes the short form of a row that an empty list has no room for.
func (l *List) AppendOrShorten(row any, shorten func() any) (fits, shortened bool, err error) {
	before := l.text
	characters, err := l.appendRow(row)
	if err != nil {
		return false, false, err
	}
	if len(l.rows) == 0 && characters > l.room {
		l.text = before
		fits, err = l.Append(shorten())
		return fits, true, err
	}
	return l.keepRow(row, before, characters), false, nil
}

// appendRow writes a row and what stands before it, and returns how many characters the row has.
func (l *List) appendRow(row any) (characters int, err error) {
	if l.buffer == nil {
		l.buffer = takeBuffer()
		l.text = *l.buffer
	}
	before, start := l.text, ",\n  "
	if len(l.rows) == 0 {
		start = "[\n  "
	}
	if own, is := row.(SelfWriter); is {
		l.text = own.AppendIndented(append(l.text, start...), "  ")
	} else {
		text, err := IndentJSON(row, "  ")
		if err != nil {
			return 0, err
		}
		l.text = append(append(l.text, start...), text...)
	}
	return utf8.RuneCount(l.text[len(before)+len(start):]), nil
}

// keepRow keeps what was written of a row, unless there is no room for it: then the text is what it was before.
func (l *List) keepRow(row any, before []byte, characters int) (fits bool) {
	room := l.room - characters - len("  ,\n")
	if room < 0 && len(l.rows) > 0 {
		l.text = before
		return false
	}
	l.room = room
	l.rows = append(l.rows, row)
	if written := len(l.text) - len(before); l.expected > 1 { // of about that size each
		l.text = slices.Grow(l.text, min(l.expected*written, max(0, room)))
		l.expected = 0
	}
	return true
}

// Rows are the values; never nil.
func (l *List) Rows() []any { return l.rows }

// Text returns the rows as one JSON array. No row is appended after it.
func (l *List) Text() string {
	switch {
	case len(l.rows) == 0:
		return "[]"
	case l.whole == "":
		l.text = append(l.text, "\n]"...)
		l.whole = string(l.text)
		giveBack(l.buffer, l.text)
		l.text, l.buffer = nil, nil
	}
	return l.whole
}
