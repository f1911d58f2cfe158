package prompt

import (
	"fmt"
	"strings"

	"github.com/lectern-dev/lectern/internal/excerpt"
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

// String returns "message 2, fragment house-style@3, line 1, column 5", without what is not set.
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

// IncludeFault is what is wrong with the includes of a prompt.
type IncludeFault string

// What can be wrong with includes.
const (
	IncludeCycle   IncludeFault = "Cycle"   // a prompt includes itself, directly or through others
	IncludeTooDeep IncludeFault = "TooDeep" // they are nested deeper than MaxDepth
	IncludeMissing IncludeFault = "Missing" // what is included is not there, yet
)

// IncludeError says why the includes of a prompt cannot be followed.
type IncludeError struct {
	Fault IncludeFault
	// Path leads through the names of a cycle back to the first, or down to where the includes are too deep.
	Path []string
	// Depth is how deep the includes are nested, where that is known and Path is not.
	Depth int
	// Refs are the fragments that are included and were not given to Compile: every one that was met, in the order
	// they were met.
	Refs []Ref
	// Where is the include that cannot be followed, the first of those missing. It is nil when nothing was expanded.
	Where *Where
}

func (e *IncludeError) Error() string {
	if e.Where == nil {
		return e.Problem()
	}
	return e.Where.String() + ": " + e.Problem()
}

// Problem returns the error without the place.
func (e *IncludeError) Problem() string {
	switch {
	case e.Fault == IncludeCycle:
		return fmt.Sprintf("includes form a cycle: %s; remove one of them", excerpt.List(e.Path, " → "))
	case e.Fault == IncludeTooDeep && e.Path == nil:
		return fmt.Sprintf("includes are nested %d deep, and at most %d are allowed", e.Depth, MaxDepth)
	case e.Fault == IncludeTooDeep:
		return fmt.Sprintf("includes are nested more than %d deep: %s", MaxDepth, excerpt.List(e.Path, " → "))
	case len(e.Refs) == 1:
		return fmt.Sprintf("fragment %s is not published in this namespace; publish it or correct the include", e.Refs[0])
	default:
		return fmt.Sprintf("fragments %s are not published in this namespace; publish them or correct the includes", JoinRefs(e.Refs))
	}
}

// JoinRefs lists references for a sentence, not all of many.
func JoinRefs(refs []Ref) string {
	names := make([]string, len(refs))
	for i, ref := range refs {
		names[i] = ref.String()
	}
	return excerpt.List(names, ", ")
}

// ArgumentFault is the kind of thing that is wrong with an argument of a render.
type ArgumentFault string

// What can be wrong with an argument.
const (
	ArgumentUnknown  ArgumentFault = "Unknown"  // the prompt takes no such argument
	ArgumentMissing  ArgumentFault = "Missing"  // required and not given
	ArgumentInvalid  ArgumentFault = "Invalid"  // outside its type or enum, or not text
	ArgumentTooLarge ArgumentFault = "TooLarge" // over MaxValue, or all values over MaxValues
)

// ArgumentError says which value of a render is refused, and why.
type ArgumentError struct {
	// Argument is empty when all values together are too large.
	Argument string
	Fault    ArgumentFault
	Problem  string
}

func (e *ArgumentError) Error() string {
	if e.Argument == "" {
		return e.Problem
	}
	return fmt.Sprintf("argument %q: %s", excerpt.Truncate(e.Argument, 80), e.Problem)
}
