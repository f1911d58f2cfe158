package prompt

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/lectern-dev/lectern/internal/excerpt"
)

// compileArguments returns what the compiled prompt takes: the declared ones, or without a declaration one
// for each placeholder.
func compileArguments(spec Spec, asked placeholders) ([]Argument, error) {
	if spec.Arguments == nil {
		return inferArguments(asked)
	}
	var declared []Argument
	for _, d := range spec.Arguments {
		a := Argument{
			Name:        d.Name,
			Description: d.Description,
			Type:        typeOf(d),
			Enum:        slices.Clone(d.Enum),
			Required:    d.Default == nil,
		}
		if len(a.Enum) == 0 {
			a.Enum = nil
		}
		if d.Default != nil {
			value := *d.Default
			a.Default = &value
		}
		if d.Required != nil {
			a.Required = *d.Required
		}
		declared = append(declared, a)
	}
	for _, name := range asked.names {
		if slices.ContainsFunc(declared, func(a Argument) bool { return a.Name == name }) {
			continue
		}
		u := asked.uses[name]
		return nil, u.src.newTemplateError(u.at, "%s is not a declared argument; %s", u.tag, declaredNames(declared))
	}
	return declared, nil
}

func declaredNames(declared []Argument) string {
	if len(declared) == 0 {
		return "arguments is empty, so declare it there, or leave arguments out to have every placeholder become one"
	}
	return fmt.Sprintf("declare it under arguments, or use one of %s", excerpt.Truncate(joinNames(declared), 200))
}

func joinNames(arguments []Argument) string {
	all := make([]string, len(arguments))
	for i, a := range arguments {
		all[i] = a.Name
	}
	return strings.Join(all, ", ")
}

func inferArguments(asked placeholders) ([]Argument, error) {
	if len(asked.names) > MaxArguments {
		return nil, &LimitError{Problem: fmt.Sprintf("the texts have %d different placeholders; at most %d are allowed; join some, or split the prompt", len(asked.names), MaxArguments)}
	}
	var found []Argument
	for _, name := range asked.names {
		found = append(found, Argument{Name: name, Type: String, Required: asked.uses[name].printed})
	}
	return found, nil
}

func typeOf(d Declaration) Type {
	if d.Type == "" {
		return String
	}
	return d.Type
}

func validateDeclarations(spec Spec) error {
	if spec.Syntax == Plain && len(spec.Arguments) > 0 {
		return &SpecError{"arguments", "a Plain prompt has no placeholders, so it cannot declare arguments; use syntax Mustache or Simple"}
	}
	if len(spec.Arguments) > MaxArguments {
		return &SpecError{"arguments", fmt.Sprintf("%d arguments; at most %d are allowed; join some, or split the prompt", len(spec.Arguments), MaxArguments)}
	}
	seen := map[string]bool{}
	for i, d := range spec.Arguments {
		field := fmt.Sprintf("arguments[%d]", i)
		if err := validateArgumentName(field+".name", d.Name, spec.Syntax); err != nil {
			return err
		}
		if seen[d.Name] {
			return &SpecError{field + ".name", fmt.Sprintf("%q is declared twice; argument names must be unique", d.Name)}
		}
		seen[d.Name] = true
		if err := validateDeclaration(field, d); err != nil {
			return err
		}
	}
	return nil
}

func validateArgumentName(field, name string, syntax Syntax) error {
	switch {
	case isIdentifier(name):
		return nil
	case name == "" || len(name) > MaxName || !isWord(name):
		return &SpecError{field, fmt.Sprintf("%q is not a name: 1 to %d letters, digits and '_'", excerpt.Truncate(name, 80), MaxName)}
	case syntax != Simple:
		return &SpecError{field, fmt.Sprintf("%q starts with a digit, which only syntax Simple allows", name)}
	default:
		return nil
	}
}

// validateDeclaration validates one declaration apart from its name.
func validateDeclaration(field string, d Declaration) error {
	if !slices.Contains([]Type{"", String, Integer, Number, Boolean}, d.Type) {
		return &SpecError{field + ".type", fmt.Sprintf("%q is not one of String, Integer, Number, Boolean", excerpt.Truncate(string(d.Type), 80))}
	}
	if err := validateText(field+".description", d.Description, MaxDescription); err != nil {
		return err
	}
	if err := validateEnum(field+".enum", d); err != nil {
		return err
	}
	if d.Default == nil {
		return nil
	}
	if d.Required != nil && *d.Required {
		return &SpecError{field, "an argument with a default is optional; drop required or default"}
	}
	value := *d.Default
	if err := validateText(field+".default", value, MaxDefault); err != nil {
		return err
	}
	if problem := typeOf(d).valueProblem(value); problem != "" {
		return &SpecError{field + ".default", problem}
	}
	if len(d.Enum) > 0 && !slices.Contains(d.Enum, value) {
		return &SpecError{field + ".default", notOneOf(value, d.Enum)}
	}
	return nil
}

func validateEnum(field string, d Declaration) error {
	if len(d.Enum) > MaxEnum {
		return &SpecError{field, fmt.Sprintf("%d values; at most %d are allowed; remove some, or leave enum out and describe the values", len(d.Enum), MaxEnum)}
	}
	for i, value := range d.Enum {
		at := fmt.Sprintf("%s[%d]", field, i)
		if err := validateText(at, value, MaxEnumValue); err != nil {
			return err
		}
		if problem := typeOf(d).valueProblem(value); problem != "" {
			return &SpecError{at, problem}
		}
		if slices.Contains(d.Enum[:i], value) {
			return &SpecError{at, fmt.Sprintf("%q is there twice; enum values must be unique", value)}
		}
	}
	return nil
}

// ArgumentsDeclared reports whether the author declared the arguments, as far as it shows: those that equal
// what the placeholders make by themselves, and none, count as not declared.
func (d *Document) ArgumentsDeclared() bool {
	var asked placeholders
	for _, src := range sourcesOf(d.Messages) {
		tokens, err := parseCompiled(d.Syntax, src)
		if err != nil {
			return true
		}
		for _, t := range tokens {
			asked.add(t, src)
		}
	}
	by, err := inferArguments(asked)
	return err != nil || !reflect.DeepEqual(by, d.Arguments)
}
