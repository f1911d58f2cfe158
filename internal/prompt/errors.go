package prompt

import (
	"fmt"
	"strings"
)

// Where is a place in the text of a prompt or of a fragment it includes.
type Where struct {
	// Message counts from 1; it is 0 when the prompt has only one.
	Message int
	// Fragment is the include, as written, whose text is meant; empty for the prompt's own text.
	Fragment string
	// Line and Column count from 1, Column in characters.
	Line, Column int
}

// String is "message 2, fragment house-style@3, line 1, column 5", without what is not set.
func (w Where) String() string {
	var b strings.Builder
	if w.Message > 0 {
		fmt.Fprintf(&b, "message %d, ", w.Message)
	}
	if w.Fragment != "" {
		fmt.Fprintf(&b, "fragment %s, ", w.Fragment)
	}
	fmt.Fprintf(&b, "line %d, column %d", w.Line, w.Column)
	return b.String()
}

// TemplateError says what is wrong with a text, and where.
type TemplateError struct {
	Where
	Problem string
}

func (e *TemplateError) Error() string { return e.String() + ": " + e.Problem }

// LimitError says which limit a prompt or a rendered result is over. Where is nil when the limit is
// one of the whole.
type LimitError struct {
	Where   *Where
	Problem string
}

func (e *LimitError) Error() string {
	if e.Where == nil {
		return e.Problem
	}
	return e.Where.String() + ": " + e.Problem
}

// SpecError says what is wrong with a field other than a text's syntax.
type SpecError struct {
	// Field is a path inside the spec, such as arguments[2].default.
	Field   string
	Problem string
}

func (e *SpecError) Error() string { return e.Field + ": " + e.Problem }

// MissingError names fragments that are included and were not given to Compile: every one that was
// met, in the order they were met. Where is the first include of the first.
type MissingError struct {
	Refs  []Ref
	Where Where
}

func (e *MissingError) Error() string {
	names := make([]string, len(e.Refs))
	for i, ref := range e.Refs {
		names[i] = ref.String()
	}
	if len(names) == 1 {
		return fmt.Sprintf("%s: fragment %s is not published in this namespace; publish it or correct the include", e.Where, names[0])
	}
	return fmt.Sprintf("%s: fragments %s are not published in this namespace; publish them or correct the includes",
		e.Where, strings.Join(names, ", "))
}

// Fault is the kind of thing that is wrong with an argument of a render.
type Fault string

// The faults.
const (
	Unknown  Fault = "Unknown"  // the prompt takes no such argument
	Missing  Fault = "Missing"  // required and not given
	Invalid  Fault = "Invalid"  // outside its type or enum, or not text
	TooLarge Fault = "TooLarge" // over MaxValue, or all values over MaxValues
)

// ArgumentError says which value of a render is refused, and why.
type ArgumentError struct {
	// Argument is empty when all values together are too large.
	Argument string
	Fault    Fault
	Problem  string
}

func (e *ArgumentError) Error() string {
	if e.Argument == "" {
		return e.Problem
	}
	return fmt.Sprintf("argument %q: %s", clip(e.Argument, 80), e.Problem)
}

// clip shortens what a message quotes, so that an answer never carries a whole document back.
func clip(s string, characters int) string {
	seen := 0
	for i := range s {
		if seen == characters {
			return s[:i] + "…"
		}
		seen++
	}
	return s
}
