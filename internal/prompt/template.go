package prompt

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lectern-dev/lectern/internal/excerpt"
)

// Template is a Document made ready to be rendered many times. It is safe for concurrent use.
type Template struct {
	arguments []Argument
	messages  []program
}

// program renders one message: its steps from first to last, with jumps over sections that are
// not rendered.
type program struct {
	role  Role
	steps []step
}

type step struct {
	kind kind
	text string // of a literal
	slot int    // of the argument a tag names
	jump int    // the step after a section
}

// slot is the value of an argument in one render.
type slot struct {
	text   string
	truthy bool
}

// NewTemplate reads a Document that Compile made. Any other is an error: what was stored is then not
// what was compiled.
func NewTemplate(d *Document) (*Template, error) {
	if len(d.Arguments) > MaxArguments {
		return nil, &LimitError{Problem: fmt.Sprintf("%d arguments; at most %d are allowed", len(d.Arguments), MaxArguments)}
	}
	if len(d.Messages) > MaxMessages {
		return nil, &LimitError{Problem: fmt.Sprintf("%d messages; at most %d are allowed", len(d.Messages), MaxMessages)}
	}
	t := &Template{arguments: d.Arguments, messages: make([]program, len(d.Messages))}
	slots := make(map[string]int, len(d.Arguments))
	for i, a := range d.Arguments {
		slots[a.Name] = i
	}
	if len(slots) < len(d.Arguments) {
		return nil, &SpecError{"arguments", "one is there twice; argument names must be unique"}
	}
	for i, src := range sourcesOf(d.Messages) {
		tokens, err := parseCompiled(d.Syntax, src)
		if err != nil {
			return nil, fmt.Errorf("read the compiled document: %w", err)
		}
		steps, err := assembleProgram(src, tokens, slots)
		if err != nil {
			return nil, fmt.Errorf("read the compiled document: %w", err)
		}
		t.messages[i] = program{role: d.Messages[i].Role, steps: steps}
	}
	return t, nil
}

// Overhead estimates how many bytes of memory a template takes beside the texts and the arguments of its
// Document, which it shares.
func (t *Template) Overhead() int {
	const template, message, each = 48, 40, 40 // of the structs, where an int has 64 bits
	n := template
	for i := range t.messages {
		n += message + each*cap(t.messages[i].steps)
	}
	return n
}

func parseCompiled(syntax Syntax, src *source) ([]token, error) {
	switch syntax {
	case Mustache:
		return parseMustache(src, exact)
	case Simple:
		return parseSimple(src)
	case Plain:
		return []token{{kind: literal, text: src.text}}, nil
	default:
		return nil, &SpecError{"syntax", fmt.Sprintf("%q is not one of Mustache, Simple, Plain", excerpt.Truncate(string(syntax), 80))}
	}
}

func assembleProgram(src *source, tokens []token, slots map[string]int) ([]step, error) {
	steps := make([]step, 0, len(tokens))
	var open []int
	for _, t := range tokens {
		if t.kind == end {
			steps[open[len(open)-1]].jump = len(steps)
			open = open[:len(open)-1]
			continue
		}
		s := step{kind: t.kind}
		if t.kind == literal {
			s.text = t.text
		} else {
			var declared bool
			if s.slot, declared = slots[t.text]; !declared {
				return nil, src.newTemplateError(t.at, "%s is not a declared argument", normalForm(t))
			}
		}
		if t.kind == section || t.kind == inverted {
			open = append(open, len(steps))
		}
		steps = append(steps, s)
	}
	return steps, nil
}

// Render fills values in and returns the messages. Values are inert: whatever they hold is text. An empty one that the
// argument cannot have stands for none.
//
// It returns an *ArgumentError when a value is unknown, missing, too large, or outside its type or
// enum, and a *LimitError when the result would be longer than MaxRendered. Nothing is written
// before the size is known, so what a refused render costs is bounded by the template.
func (t *Template) Render(values map[string]string) ([]Message, error) {
	var slots [MaxArguments]slot
	if err := t.fillSlots(&slots, values); err != nil {
		return nil, err
	}
	var sizes [MaxMessages]int
	total := 0
	for i := range t.messages {
		sizes[i] = t.messages[i].renderedSize(&slots, MaxRendered-total)
		if total += sizes[i]; total > MaxRendered {
			return nil, &LimitError{Problem: fmt.Sprintf("the rendered messages are longer than %d bytes (%d MiB); give shorter values", MaxRendered, MaxRendered>>20)}
		}
	}
	messages := make([]Message, len(t.messages))
	for i := range t.messages {
		messages[i] = Message{Role: t.messages[i].role, Text: t.messages[i].renderText(&slots, sizes[i])}
	}
	return messages, nil
}

// renderedSize computes how long the message gets, or some number greater than limit.
func (p *program) renderedSize(slots *[MaxArguments]slot, limit int) int {
	size := 0
	for at := 0; at < len(p.steps) && size <= limit; {
		var piece string
		piece, at = p.runStep(at, slots)
		size += len(piece)
	}
	return size
}

func (p *program) renderText(slots *[MaxArguments]slot, size int) string {
	if len(p.steps) == 1 {
		only, _ := p.runStep(0, slots)
		return only
	}
	var b strings.Builder
	b.Grow(size)
	for at := 0; at < len(p.steps); {
		var piece string
		piece, at = p.runStep(at, slots)
		b.WriteString(piece)
	}
	return b.String()
}

// runStep returns what the step at writes, and which one comes next.
func (p *program) runStep(at int, slots *[MaxArguments]slot) (piece string, next int) {
	s := &p.steps[at]
	switch s.kind {
	case literal:
		return s.text, at + 1
	case variable:
		return slots[s.slot].text, at + 1
	default:
		if slots[s.slot].truthy == (s.kind == section) {
			return "", at + 1
		}
		return "", s.jump
	}
}

// fillSlots checks values and puts them where steps find them.
func (t *Template) fillSlots(slots *[MaxArguments]slot, values map[string]string) error {
	given, size := 0, 0
	for i := range t.arguments {
		if value, ok := values[t.arguments[i].Name]; ok {
			given++
			size += len(value)
		}
	}
	if given < len(values) {
		return t.unknownArgumentError(values)
	}
	if size > MaxValues {
		return &ArgumentError{Fault: ArgumentTooLarge, Problem: fmt.Sprintf("the values together have %d bytes; at most %d (%d KiB) are allowed; shorten them", size, MaxValues, MaxValues>>10)}
	}
	for i := range t.arguments {
		a := &t.arguments[i]
		value, ok := values[a.Name]
		switch {
		case ok && !a.isOmittedBy(value):
			if err := a.validateValue(value); err != nil {
				return err
			}
		case a.Required:
			return &ArgumentError{Argument: a.Name, Fault: ArgumentMissing, Problem: "is required; give it a value"}
		case a.Default != nil:
			value = *a.Default
		default:
			continue
		}
		slots[i] = slot{text: value, truthy: a.Type.isTruthy(value)}
	}
	return nil
}

// unknownArgumentError names the first value, in order of names, that is not an argument; there is one.
func (t *Template) unknownArgumentError(values map[string]string) error {
	given := slices.Sorted(maps.Keys(values))
	first := slices.IndexFunc(given, func(name string) bool {
		return !slices.ContainsFunc(t.arguments, func(a Argument) bool { return a.Name == name })
	})
	problem := "this prompt takes no arguments; leave it out"
	if len(t.arguments) > 0 {
		problem = "this prompt takes no such argument; it takes " + excerpt.Truncate(joinNames(t.arguments), 400)
	}
	return &ArgumentError{Argument: given[first], Fault: ArgumentUnknown, Problem: problem}
}

// isOmittedBy reports whether a value stands for none: an empty one does where the argument cannot be empty, because forms
// and models fill in every argument there is.
func (a *Argument) isOmittedBy(value string) bool {
	return value == "" && (a.Type != String || len(a.Enum) > 0 && !slices.Contains(a.Enum, ""))
}

// GivenNames returns the names of the values that Render takes as given, in order.
func (t *Template) GivenNames(values map[string]string) []string {
	names := make([]string, 0, len(values))
	for name, value := range values {
		at := -1
		if value == "" {
			at = slices.IndexFunc(t.arguments, func(a Argument) bool { return a.Name == name })
		}
		if at < 0 || !t.arguments[at].isOmittedBy(value) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// validateValue validates a value that was given.
func (a *Argument) validateValue(value string) error {
	if len(value) > MaxValue {
		return &ArgumentError{Argument: a.Name, Fault: ArgumentTooLarge, Problem: fmt.Sprintf("has %d bytes; at most %d (%d KiB) are allowed; shorten it", len(value), MaxValue, MaxValue>>10)}
	}
	problem := storableProblem(value)
	if problem == "" {
		problem = a.Type.valueProblem(value)
	}
	if problem == "" && len(a.Enum) > 0 && !slices.Contains(a.Enum, value) {
		problem = notOneOf(value, a.Enum)
	}
	if problem != "" {
		return &ArgumentError{Argument: a.Name, Fault: ArgumentInvalid, Problem: problem}
	}
	return nil
}
