package manifest

import (
	"cmp"
	"fmt"
	"slices"
)

// Place is where in a file something stands. Line and Column count from 1, Column in characters; a Line
// of 0 is the file as a whole.
type Place struct {
	File         string
	Line, Column int
}

// String returns file:line:column, as compilers and editors write it.
func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Problem is one thing wrong with a file. A Warning does not keep a manifest from being used.
type Problem struct {
	Place
	Message string
	Warning bool
}

// String returns file:line:column: message.
func (p Problem) String() string {
	if p.Warning {
		return p.Place.String() + ": warning: " + p.Message
	}
	return p.Place.String() + ": " + p.Message
}

// SortProblems puts problems in the order a reader meets them.
func SortProblems(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}
