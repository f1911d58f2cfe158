package servicedesk

import (
	"strconv"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
	"github.com/lectern-dev/lectern/server/tool"
)

// recordChange is a field of a record that an update sets. It is sent only where it differs.
type recordChange[T any] struct {
	// name is that of the argument, field that of SDP.
	name, field string
	// after is what callers are shown, key what tells it from before: an id, where there is one.
	after, key string
	// written is what it is set to, whole, and asked the lines that a person confirms where that does not say it.
	written, asked string
	// show and keyOf return the same of a record.
	show, keyOf func(T) string
	// value returns what is sent. Texts are signed.
	value func(s signature) any
	// isText says that it is told by the mark whether it was written.
	isText bool
}

// recordChanges are those of one update.
type recordChanges[T any] []recordChange[T]

// differing returns the changes of what is not so already.
func (c recordChanges[T]) differing(before T) recordChanges[T] {
	var left recordChanges[T]
	for _, change := range c {
		if change.isText || change.keyOf(before) != change.key {
			left = append(left, change)
		}
	}
	return left
}

// fields returns what is sent.
func (c recordChanges[T]) fields(s signature) sdp.Fields {
	fields := sdp.Fields{}
	for _, change := range c {
		fields[change.field] = change.value(s)
	}
	return fields
}

// areIn reports whether a record is as it was to be.
func (c recordChanges[T]) areIn(record T, s signature) bool {
	for _, change := range c {
		is := change.keyOf(record) == change.key
		if change.isText {
			is = change.key == "" && change.keyOf(record) == "" || change.key != "" && s.isIn(change.keyOf(record))
		}
		if !is {
			return false
		}
	}
	return true
}

// compareWith returns before and after of each field.
func (c recordChanges[T]) compareWith(before T) map[string][]string {
	described := map[string][]string{}
	for _, change := range c {
		described[change.name] = []string{change.show(before), change.after}
	}
	return described
}

// changedLines returns changes for reading; what was there before was written by strangers.
func changedLines(changed map[string][]string) []string {
	var lines []string
	for _, name := range sortedKeys(changed) {
		lines = append(lines, name+": "+orNone(changed[name][0])+" → "+orNone(changed[name][1]))
	}
	return lines
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// changeText sets a text of one line, such as a title.
func changeText[T any](name, field, text string, get func(T) string) recordChange[T] {
	show := func(of T) string { return shortenLine(get(of)) }
	text = strings.TrimSpace(text)
	return recordChange[T]{name: name, field: field, after: shortenLine(text), written: text, key: text, show: show, keyOf: get, value: func(signature) any { return text }}
}

// changeMarkdown sets a text of HTML by Markdown, which is signed; nil clears it.
func changeMarkdown[T any](name, field string, markdown *string, get func(T) string) recordChange[T] {
	change := recordChange[T]{
		name: name, field: field, isText: true, keyOf: get, value: func(signature) any { return nil },
		show: func(of T) string {
			text, _ := readMarkdown(get(of), changedText)
			return oneLine(text)
		},
	}
	if markdown != nil {
		text := *markdown
		change.key, change.after, change.asked = text, excerpt.Truncate(oneLine(text), changedText), askText(name, text)
		change.value = func(s signature) any { return richtext.FromMarkdown(s.of(text)) }
	}
	return change
}

// changedText is how many characters of a text are shown that is changed.
const changedText = 200

// changeRef sets a reference; the zero one clears it.
func changeRef[T any](name, field string, to sdp.Ref, get func(T) sdp.Ref) recordChange[T] {
	byID := to.ID != ""
	key := func(of sdp.Ref) string {
		if byID || to.IsZero() {
			return of.ID
		}
		return strings.ToLower(of.Name)
	}
	return recordChange[T]{
		name: name, field: field, after: shortenLine(to.Name), written: namePerson(to), key: key(to), show: func(of T) string { return shortenLine(get(of).Name) },
		keyOf: func(of T) string { return key(get(of)) }, value: func(signature) any { return to },
	}
}

// changePercent sets a completion.
func changePercent[T any](percent int64, get func(T) int) recordChange[T] {
	key := strconv.FormatInt(percent, 10)
	show := func(of T) string { return strconv.Itoa(get(of)) }
	return recordChange[T]{
		name: "percent", field: "percentage_completion", after: key, written: key, key: key, show: show, keyOf: show, value: func(signature) any { return key },
	}
}

// changeTime sets a time; the zero one clears it.
func changeTime[T any](name, field string, to time.Time, zone *time.Location, get func(T) sdp.Time) recordChange[T] {
	at := sdp.Time{}
	if !to.IsZero() {
		at = sdp.At(to)
	}
	key := func(t sdp.Time) string {
		if t.IsZero() {
			return ""
		}
		return strconv.FormatInt(t.At.UnixMilli(), 10)
	}
	return recordChange[T]{
		name: name, field: field, after: formatTime(at, zone), written: formatTime(at, zone), key: key(at), show: func(of T) string { return formatTime(get(of), zone) },
		keyOf: func(of T) string { return key(get(of)) }, value: func(signature) any { return at },
	}
}

// errNothingToChange is said of an update of which no field was given.
func errNothingToChange(what string) error {
	return tool.NewInvalid("nothing to change is given; give a field of the %s", what)
}
