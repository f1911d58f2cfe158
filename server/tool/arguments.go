package tool

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/lectern-dev/lectern/internal/excerpt"
)

// readArguments reads the arguments of a call, which are valid JSON each, into a struct. The *Error names the argument, and
// says what is wrong and what is allowed.
func readArguments(takes []field, all map[string]json.RawMessage, into reflect.Value) error {
	if err := refuseUnknown(takes, all); err != nil {
		return err
	}
	for i := range takes {
		f := &takes[i]
		value := all[f.name]
		switch absent := f.isAbsent(value); {
		case f.isOptional && string(value) == "null":
			into.FieldByIndex(f.index).FieldByName("Given").SetBool(true)
			continue
		case absent && f.required:
			return NewInvalid("argument %q is required%s", f.name, f.sayWanted())
		case absent:
			continue
		}
		if problem := f.readValue(value, into.FieldByIndex(f.index)); problem != "" {
			return NewInvalid("argument %q: %s", f.name, problem)
		}
	}
	return nil
}

// isAbsent reports whether an argument is not there, or stands for none: so null does, and the empty string except as a text
// that is required, because many clients and models fill in every argument there is.
func (f *field) isAbsent(raw json.RawMessage) bool {
	isRequiredText := f.required && f.of.Kind() == reflect.String
	return len(raw) == 0 || string(raw) == "null" || string(raw) == `""` && !isRequiredText
}

// sayWanted says what an argument that is missing is for, or where its name says it all, what to do.
func (f *field) sayWanted() string {
	if f.description == "" {
		return "; give it a value"
	}
	return ": " + f.description
}

// refuseUnknown refuses the first argument, by its name, that the tool does not take.
func refuseUnknown(takes []field, all map[string]json.RawMessage) error {
	unknown, has := "", false
	for name := range all {
		if !slices.ContainsFunc(takes, func(f field) bool { return f.name == name }) && (!has || name < unknown) {
			unknown, has = name, true
		}
	}
	switch {
	case !has:
		return nil
	case len(takes) == 0:
		return NewInvalid("argument %q: this tool takes no arguments; leave it out", excerpt.Truncate(unknown, 80))
	}
	names := make([]string, len(takes))
	for i := range takes {
		names[i] = takes[i].name
	}
	return NewInvalid("argument %q: this tool takes no such argument; it takes %s", excerpt.Truncate(unknown, 80), strings.Join(names, ", "))
}

// nouns say what a value should have been. Arguments have these types.
var nouns = map[reflect.Type]string{
	reflect.TypeFor[string]():   "a string",
	reflect.TypeFor[int64]():    "a whole number",
	reflect.TypeFor[float64]():  "a number",
	reflect.TypeFor[bool]():     "true or false",
	reflect.TypeFor[[]string](): "a list of strings",
	scalarsType:                 "an object of strings, numbers and booleans",
	rawType:                     "an object",
}

// checkReadable panics on an argument of a type that readArguments does not know.
func checkReadable(takes []field) {
	for i := range takes {
		if takes[i].members != nil {
			checkReadable(takes[i].members)
			continue
		}
		if nouns[takes[i].of] == "" {
			panic(fmt.Sprintf("argument %s is of type %s, which is not read", takes[i].name, takes[i].of))
		}
	}
}

// readValue sets a field to the value of an argument, or says what is wrong with it.
func (f *field) readValue(raw json.RawMessage, into reflect.Value) (problem string) {
	if f.isOptional {
		into.FieldByName("Given").SetBool(true)
		into = into.FieldByName("Value")
	}
	if into.Type() != f.of { // a pointer
		into.Set(reflect.New(f.of))
		into = into.Elem()
	}
	if f.members != nil {
		return f.readObjects(raw, into)
	}
	switch target := into.Addr().Interface().(type) {
	case *int64:
		if *target, problem = readInteger(raw); problem == "" {
			problem = f.bounds.check(*target, "")
		}
	case *[]string:
		if problem = f.decodeInto(raw, target); problem == "" {
			problem = f.checkTexts(*target, raw)
		}
	case *Scalars:
		*target, problem = f.readScalars(raw)
	case *json.RawMessage:
		var object map[string]any
		problem, *target = f.decodeInto(raw, &object), slices.Clone(raw) // it may outlive the message
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
	if text, is := target.(*string); is && raw[0] == '"' && bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		*text = string(raw[1 : len(raw)-1]) // as it is written
		return ""
	}
	if json.Unmarshal(raw, target) != nil {
		return sayNotA(f.of, raw)
	}
	return ""
}

// sayNotA says that a value is of another type, and of one that is right but for its quotes, how to write it.
func sayNotA(wanted reflect.Type, raw json.RawMessage) (problem string) {
	problem = showValue(raw) + " is not " + nouns[wanted]
	if content := bytes.Trim(raw, `"`); raw[0] == '"' && string(content) != "null" && json.Unmarshal(content, reflect.New(wanted).Interface()) == nil {
		problem += ", but a string: write " + excerpt.Truncate(string(content), 80) + " without quotes"
	}
	return problem
}

// maxInteger is the last whole number that every reader of JSON keeps (RFC 7493).
const maxInteger = 1<<53 - 1

var tooLargeProblem = fmt.Sprintf(" is too large: whole numbers go up to %d", int64(maxInteger))

// readInteger takes 3, 3.0 and 3e0: to those who write JSON they are the same.
func readInteger(raw json.RawMessage) (value int64, problem string) {
	literal := string(raw)
	if n, err := strconv.ParseInt(literal, 10, 64); err == nil {
		switch {
		case n < 0:
			return 0, literal + " is less than 0"
		case n > maxInteger:
			return 0, literal + tooLargeProblem
		}
		return n, ""
	}
	f, err := strconv.ParseFloat(literal, 64)
	switch {
	case err != nil || f != math.Trunc(f):
		return 0, sayNotA(reflect.TypeFor[int64](), raw)
	case f < 0:
		return 0, showValue(raw) + " is less than 0"
	case f > maxInteger:
		return 0, showValue(raw) + tooLargeProblem
	}
	return int64(f), ""
}

func (f *field) checkText(text string) (problem string) {
	switch {
	case strings.IndexByte(text, 0) >= 0:
		return nulProblem
	case f.enum != nil && !slices.Contains(f.enum, text):
		return fmt.Sprintf("%q is not one of %s", excerpt.Truncate(text, 80), strings.Join(f.enum, ", "))
	}
	return f.bounds.checkText(text)
}

// nulProblem is what is wrong with a text Postgres cannot store.
const nulProblem = "contains the character U+0000, which cannot be stored"

// checkTexts finds what is wrong with the strings of a list. Decoding takes a null for an empty one.
func (f *field) checkTexts(texts []string, raw json.RawMessage) (problem string) {
	empty := false
	for _, text := range texts {
		switch {
		case strings.IndexByte(text, 0) >= 0:
			return nulProblem
		case f.enum != nil && !slices.Contains(f.enum, text):
			return fmt.Sprintf("%q is not one of %s", excerpt.Truncate(text, 80), strings.Join(f.enum, ", "))
		}
		empty = empty || text == ""
	}
	var list []*string
	if empty && json.Unmarshal(raw, &list) == nil && slices.Contains(list, nil) {
		return showValue(raw) + " has a null where a string belongs"
	}
	return f.bounds.check(int64(len(texts)), "elements")
}

// readObjects sets a field to an object, or to a list of them, by what is read of their members.
func (f *field) readObjects(raw json.RawMessage, into reflect.Value) (problem string) {
	if f.of.Kind() == reflect.Struct {
		return readObject(f.members, raw, into)
	}
	var elements []json.RawMessage
	if json.Unmarshal(raw, &elements) != nil {
		return showValue(raw) + " is not a list of objects"
	}
	if problem := f.bounds.check(int64(len(elements)), "elements"); problem != "" {
		return problem
	}
	into.Set(reflect.MakeSlice(f.of, len(elements), len(elements)))
	for i, element := range elements {
		if problem := readObject(f.members, element, into.Index(i)); problem != "" {
			return fmt.Sprintf("element %d: %s", i+1, problem)
		}
	}
	return ""
}

func readObject(takes []field, raw json.RawMessage, into reflect.Value) (problem string) {
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil || members == nil {
		return showValue(raw) + " is not an object"
	}
	if refused, is := errors.AsType[*Error](readArguments(takes, members, into)); is {
		return "member " + strings.TrimPrefix(refused.Text, "argument ")
	}
	return ""
}

// Scalars are the members of an object that are strings, numbers or booleans, as texts: numbers and booleans as the caller
// wrote them. A null is not there.
type Scalars map[string]string

var scalarsType = reflect.TypeFor[Scalars]()

func (f *field) readScalars(raw json.RawMessage) (read Scalars, problem string) {
	var members map[string]json.RawMessage
	if problem := f.decodeInto(raw, &members); problem != "" {
		return nil, problem
	}
	read = make(Scalars, len(members))
	for _, name := range slices.Sorted(maps.Keys(members)) {
		switch value := members[name]; value[0] {
		case 'n':
			continue
		case '{', '[':
			return nil, fmt.Sprintf("%q is %s, which is not a string, a number or a boolean", excerpt.Truncate(name, 80), showValue(value))
		case '"':
			var text string
			if problem := f.decodeInto(value, &text); problem != "" {
				return nil, problem
			}
			if strings.IndexByte(text, 0) >= 0 {
				return nil, nulProblem
			}
			read[name] = text
		default:
			read[name] = string(value)
		}
	}
	return read, ""
}

// showValue returns a value as it was given, shortened.
func showValue(raw json.RawMessage) string { return excerpt.Truncate(string(raw), 80) }
