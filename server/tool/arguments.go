package tool

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// readArguments reads the arguments of a call into a struct. The *Error names the argument, and says what is wrong and
// what is allowed.
func readArguments(takes []field, raw json.RawMessage, into reflect.Value) error {
	var all map[string]json.RawMessage
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &all); err != nil {
			return NewInvalid("the arguments must be a JSON object")
		}
	}
	if err := refuseUnknown(takes, all); err != nil {
		return err
	}
	for i := range takes {
		f := &takes[i]
		value, given := all[f.name]
		switch {
		case !given && f.required:
			return NewInvalid("argument %q is required: %s", f.name, f.description)
		case !given:
			continue
		}
		if problem := f.readValue(value, into.FieldByIndex(f.index)); problem != "" {
			return NewInvalid("argument %q: %s", f.name, problem)
		}
	}
	return nil
}

func refuseUnknown(takes []field, all map[string]json.RawMessage) error {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if slices.ContainsFunc(takes, func(f field) bool { return f.name == name }) {
			continue
		}
		if len(takes) == 0 {
			return NewInvalid("argument %q: this tool takes no arguments; leave it out", Truncate(name, 80))
		}
		names := make([]string, len(takes))
		for i := range takes {
			names[i] = takes[i].name
		}
		return NewInvalid("argument %q: this tool takes no such argument; it takes %s", Truncate(name, 80), strings.Join(names, ", "))
	}
	return nil
}

// nouns say what a value should have been. Arguments have these types.
var nouns = map[reflect.Type]string{
	reflect.TypeFor[string]():            "a string",
	reflect.TypeFor[int64]():             "a whole number",
	reflect.TypeFor[float64]():           "a number",
	reflect.TypeFor[bool]():              "true or false",
	reflect.TypeFor[[]string]():          "a list of strings",
	reflect.TypeFor[map[string]string](): "an object of strings",
	rawType:                              "an object",
}

// checkReadable panics on an argument of a type that readArguments does not know.
func checkReadable(takes []field) {
	for i := range takes {
		if nouns[takes[i].of] == "" {
			panic(fmt.Sprintf("argument %s is of type %s, which is not read", takes[i].name, takes[i].of))
		}
	}
}

// readValue sets a field to the value of an argument, or says what is wrong with it.
func (f *field) readValue(raw json.RawMessage, into reflect.Value) (problem string) {
	null := string(raw) == "null"
	if null && !f.nullable {
		return "null is not " + nouns[f.of] + "; leave it out, or give one"
	}
	if into.Type() != f.of { // optional, or nullable
		if into.Kind() == reflect.Struct {
			into.Field(0).SetBool(true)
			into = into.Field(1)
		}
		if null {
			return ""
		}
		into.Set(reflect.New(f.of))
		into = into.Elem()
	}
	switch target := into.Addr().Interface().(type) {
	case *int64:
		*target, problem = readInteger(raw)
	case *[]string:
		if problem = f.decodeInto(raw, target); problem == "" {
			problem = checkTexts(slices.Values(*target), raw)
		}
	case *map[string]string:
		if problem = f.decodeInto(raw, target); problem == "" {
			problem = checkTexts(maps.Values(*target), raw)
		}
	case *json.RawMessage:
		var object map[string]any
		problem, *target = f.decodeInto(raw, &object), raw
	case *string:
		if problem = f.decodeInto(raw, target); problem == "" {
			problem = f.checkText(*target)
		}
	default:
		problem = f.decodeInto(raw, target)
	}
	return problem
}

func (f *field) decodeInto(raw json.RawMessage, target any) (problem string) {
	if json.Unmarshal(raw, target) != nil {
		return showValue(raw) + " is not " + nouns[f.of]
	}
	return ""
}

// readInteger takes 3, 3.0 and 3e0: to those who write JSON they are the same.
func readInteger(raw json.RawMessage) (value int64, problem string) {
	literal := string(raw)
	if n, err := strconv.ParseInt(literal, 10, 64); err == nil {
		if n < 0 {
			return 0, literal + " is less than 0"
		}
		return n, ""
	}
	f, err := strconv.ParseFloat(literal, 64)
	switch {
	case err != nil || f != math.Trunc(f):
		return 0, showValue(raw) + " is not a whole number"
	case f < 0:
		return 0, showValue(raw) + " is less than 0"
	case f >= 1<<53:
		return 0, showValue(raw) + " is too large"
	}
	return int64(f), ""
}

func (f *field) checkText(text string) (problem string) {
	switch {
	case strings.IndexByte(text, 0) >= 0:
		return nulProblem
	case f.enum != nil && !slices.Contains(f.enum, text):
		return fmt.Sprintf("%q is not one of %s", Truncate(text, 80), strings.Join(f.enum, ", "))
	}
	return ""
}

// nulProblem is what is wrong with a text Postgres cannot store.
const nulProblem = "contains the character U+0000, which cannot be stored"

// checkTexts finds what is wrong with the strings of a list or an object. Decoding takes a null for an empty one.
func checkTexts(texts iter.Seq[string], raw json.RawMessage) (problem string) {
	empty := false
	for text := range texts {
		if strings.IndexByte(text, 0) >= 0 {
			return nulProblem
		}
		empty = empty || text == ""
	}
	if empty && hasNull(raw) {
		return showValue(raw) + " has a null where a string belongs"
	}
	return ""
}

// hasNull reports whether a list or an object of strings has a null among them.
func hasNull(raw json.RawMessage) bool {
	var list []*string
	if json.Unmarshal(raw, &list) == nil {
		return slices.Contains(list, nil)
	}
	var object map[string]*string
	return json.Unmarshal(raw, &object) == nil && slices.Contains(slices.Collect(maps.Values(object)), nil)
}

// showValue returns a value as it was given, shortened.
func showValue(raw json.RawMessage) string { return Truncate(string(raw), 80) }
