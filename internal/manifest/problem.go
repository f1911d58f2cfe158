package manifest

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Place is where in a file something stands. Line and Column count from 1, Column in characters; a Line
// of 0 is the file as a whole.
type Place struct {
	File         string
	Line, Column int
}

// String returns file:line:column, as compilers and editors write it.
func (p Place) String() string {
	file := escapeUnprintable(p.File)
	if p.Line == 0 {
		return file
	}
	return fmt.Sprintf("%s:%d:%d", file, p.Line, p.Column)
}

// escapeUnprintable returns a name with escapes for what a terminal would do instead of showing it.
func escapeUnprintable(name string) string {
	if utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return name
	}
	var b strings.Builder
	for len(name) > 0 {
		r, size := utf8.DecodeRuneInString(name)
		if unicode.IsPrint(r) && (r != utf8.RuneError || size > 1) {
			b.WriteString(name[:size])
		} else {
			b.WriteString(strings.Trim(strconv.Quote(name[:size]), `"`))
		}
		name = name[size:]
	}
	return b.String()
}

// Problem is one thing wrong with a file.
type Problem struct {
	Place
	Message string
	// Warning says that a cluster takes the manifest all the same.
	Warning bool
	// ServerSide says that only kubectl apply --server-side refuses the manifest: without it, what is wrong is dropped.
	ServerSide bool

	rest bool // it says how many more there are, behind all others
}

// String returns file:line:column: message.
func (p Problem) String() string {
	if p.Warning {
		return p.Place.String() + ": warning: " + p.Message
	}
	return p.Place.String() + ": " + p.Message
}

// SortProblems puts problems in the order a reader meets them, which no map they come from can change.
func SortProblems(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), compareRest(a, b), cmp.Compare(a.Message, b.Message))
	})
}

func compareRest(a, b Problem) int {
	switch {
	case a.rest == b.rest:
		return 0
	case b.rest:
		return -1
	}
	return 1
}
