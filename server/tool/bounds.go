package tool

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// bounds are the least and the most there may be: of a number itself, of the characters of a text, of the elements of a list.
// A missing one is nil.
type bounds struct{ least, most *int64 }

// parseBounds reads the tag bounds: "1..100", "..250" or "1..". It panics on others.
func parseBounds(tag string) bounds {
	if tag == "" {
		return bounds{}
	}
	least, most, isRange := strings.Cut(tag, "..")
	if !isRange {
		panic(fmt.Sprintf("bounds %q are no range such as 1..100", tag))
	}
	return bounds{parseBound(least), parseBound(most)}
}

func parseBound(text string) *int64 {
	if text == "" {
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic(fmt.Sprintf("bound %q is no whole number", text))
	}
	return &n
}

// writeSchema writes the bounds under the keywords of JSON Schema for least and most.
func (b bounds) writeSchema(to *strings.Builder, least, most string) {
	if b.least != nil {
		fmt.Fprintf(to, `,%q:%d`, least, *b.least)
	}
	if b.most != nil {
		fmt.Fprintf(to, `,%q:%d`, most, *b.most)
	}
}

// check says what is wrong with a number, a length or a count; unit is what is counted, empty for the number itself.
func (b bounds) check(n int64, unit string) (problem string) {
	subject := strconv.FormatInt(n, 10)
	if unit != "" {
		subject = "has " + subject + " " + unit
	}
	switch {
	case b.least != nil && n < *b.least:
		return fmt.Sprintf("%s, which is less than %d", subject, *b.least)
	case b.most != nil && n > *b.most:
		return fmt.Sprintf("%s, which is more than %d", subject, *b.most)
	}
	return ""
}

func (b bounds) checkText(text string) (problem string) {
	return b.check(int64(utf8.RuneCountInString(text)), "characters")
}
