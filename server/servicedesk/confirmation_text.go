package servicedesk

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
)

// What a person confirms is all that a write sends. Values of one line stand in quotes, and each line of a text after "> ", so that none looks like a
// line of the question. What does not fit is cut, and how much there is of it is said. A question is the same in each try of a call, or its answer
// would be to another one: it has no random mark and no present time.

const (
	// askedBytes bounds a text in a question, or all descriptions of several tasks: a description of 20,000 plain letters is whole.
	askedBytes = 20 << 10
	// askedInAll bounds a question, which has to fit an answer: one that is longer is asked of nobody.
	askedInAll = 40 << 10
	// askedLine bounds a value of one line, in characters.
	askedLine = 1000
)

// quoteLine returns a value of one line as who confirms it reads it.
func quoteLine(value string) string {
	value = richtext.Clean(value)
	short := excerpt.Truncate(value, askedLine)
	if short == value {
		return strconv.Quote(value)
	}
	return fmt.Sprintf("%s (cut here: it has %d characters)", strconv.Quote(short), utf8.RuneCountInString(value))
}

// quoteText returns a text as who confirms it reads it, in at most so many bytes.
func quoteText(text string, bytes int) string {
	text = richtext.Clean(text)
	short := excerpt.TruncateBytes(text, bytes)
	quoted := "> " + strings.ReplaceAll(short, "\n", "\n> ")
	if short == text {
		return quoted
	}
	return fmt.Sprintf("%s\n(cut here: the whole text has %d characters)", quoted, utf8.RuneCountInString(text))
}

// askLine, askText and askChange return the lines of a question for a value, for a text, and for a value that is another one now.
func askLine(name, value string) string { return name + ": " + quoteLine(value) }

func askText(name, text string) string { return name + ":\n" + quoteText(text, askedBytes) }

func askChange(name, before, after string) string {
	quote := func(value string) string {
		if value == "" {
			return showEmpty("")
		}
		return quoteLine(value)
	}
	return name + ": " + quote(before) + " → " + quote(after)
}

// ask returns the lines of a question for a change of a ticket that has these values; of a new one for those it gets.
func (c requestChange) ask(before map[string]string) []string {
	lines := make([]string, len(c))
	for i := range c {
		one := &c[i]
		switch {
		case one.asked != "":
			lines[i] = one.asked
		case before == nil && one.after == "":
			lines[i] = one.name + ": " + showEmpty("")
		case before == nil:
			lines[i] = askLine(one.name, one.written())
		default:
			lines[i] = askChange(one.name, before[one.name], one.written())
		}
	}
	return lines
}

// written returns what a field is set to, whole.
func (c *fieldChange) written() string {
	switch value := c.value.(type) {
	case string:
		return value
	case sdp.Ref:
		return namePerson(value)
	}
	return c.after
}

// namePerson returns what a reference to somebody, or to an entry of a list, says of it.
func namePerson(of sdp.Ref) string {
	if of.Email != "" && of.Name != "" {
		return of.Name + " <" + of.Email + ">"
	}
	return of.Name + of.Email
}

// ask returns the lines of a question for the changes of a record.
func (c recordChanges[T]) ask(before T) []string {
	lines := make([]string, len(c))
	for i := range c {
		if lines[i] = c[i].asked; lines[i] == "" {
			lines[i] = askChange(c[i].name, c[i].show(before), c[i].written)
		}
	}
	return lines
}

// askEach returns a line of a question for several values, and none for none.
func askEach(name string, values []string) []string {
	if len(values) == 0 {
		return nil
	}
	quoted := make([]string, len(values))
	for i, value := range values {
		quoted[i] = quoteLine(value)
	}
	return []string{name + ": " + strings.Join(quoted, ", ")}
}

// askPeople is askEach for people.
func askPeople(name string, people []sdp.Person) []string {
	names := make([]string, len(people))
	for i := range people {
		names[i] = namePerson(sdp.Ref{Name: people[i].Name, Email: people[i].Email})
	}
	return askEach(name, names)
}
