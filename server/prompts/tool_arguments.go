package prompts

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// given are the arguments of a call that were there and fit what the tool takes: strings, int64,
// float64, bool, []string, json.RawMessage, map[string]string, or nil for a null that is allowed.
type given map[string]any

// readArguments is what a tool may rely upon. The error is for the caller.
func readArguments(takes []member, raw json.RawMessage) (given, error) {
	var all map[string]json.RawMessage
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &all); err != nil {
			return nil, invalid("the arguments must be a JSON object")
		}
	}
	if err := refuseUnknown(takes, all); err != nil {
		return nil, err
	}
	in := make(given, len(all))
	for _, m := range takes {
		value, there := all[m.name]
		switch {
		case !there && m.required:
			return nil, invalid("argument %q is required: %s", m.name, m.description)
		case !there:
			continue
		}
		read, problem := m.read(value)
		if problem != "" {
			return nil, invalid("argument %q: %s", m.name, problem)
		}
		in[m.name] = read
	}
	return in, nil
}

func refuseUnknown(takes []member, all map[string]json.RawMessage) error {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if slices.ContainsFunc(takes, func(m member) bool { return m.name == name }) {
			continue
		}
		if len(takes) == 0 {
			return invalid("argument %q: this tool takes no arguments; leave it out", clip(name, 80))
		}
		names := make([]string, len(takes))
		for i, m := range takes {
			names[i] = m.name
		}
		return invalid("argument %q: this tool takes no such argument; it takes %s", clip(name, 80), strings.Join(names, ", "))
	}
	return nil
}

// read is the value of an argument, or what is wrong with it.
func (m *member) read(raw json.RawMessage) (value any, problem string) {
	if string(raw) == "null" {
		if m.shape == ofWholeOrNull {
			return nil, ""
		}
		return nil, "null is " + m.not() + "; leave it out, or give one"
	}
	switch m.shape {
	case ofWhole, ofWholeOrNull:
		return m.readWhole(raw)
	case ofNumber:
		return m.readNumber(raw)
	case ofFlag:
		return readAs[bool](m, raw)
	case ofTexts:
		list, problem := readAs[[]string](m, raw)
		return list, firstProblem(problem, list, raw)
	case ofValues:
		named, problem := readAs[map[string]string](m, raw)
		return named, firstProblem(problem, slices.Collect(maps.Values(named)), raw)
	case ofObject:
		if _, problem := readAs[map[string]any](m, raw); problem != "" {
			return nil, problem
		}
		return raw, ""
	default:
		one, problem := readAs[string](m, raw)
		if problem = firstProblem(problem, []string{one}, raw); problem == "" && m.oneOf != nil && !slices.Contains(m.oneOf, one) {
			problem = fmt.Sprintf("%q is not one of %s", clip(one, 80), strings.Join(m.oneOf, ", "))
		}
		return one, problem
	}
}

// readAs decodes a value. Inside lists and objects null would be taken for an empty string.
func readAs[T any](m *member, raw json.RawMessage) (T, string) {
	var value T
	if json.Unmarshal(raw, &value) != nil {
		return value, shown(raw) + " is " + m.not()
	}
	return value, ""
}

// firstProblem is one with the texts that were read.
func firstProblem(problem string, read []string, raw json.RawMessage) string {
	if problem != "" {
		return problem
	}
	for _, one := range read {
		if strings.IndexByte(one, 0) >= 0 {
			return "contains the character U+0000, which cannot be stored"
		}
	}
	if slices.Contains(read, "") && hasNull(raw) {
		return shown(raw) + " has a null where a string belongs"
	}
	return ""
}

// hasNull reports whether a list or an object of strings has a null among them.
func hasNull(raw json.RawMessage) bool {
	var list []*string
	if json.Unmarshal(raw, &list) == nil {
		return slices.Contains(list, nil)
	}
	var named map[string]*string
	if json.Unmarshal(raw, &named) == nil {
		return slices.Contains(slices.Collect(maps.Values(named)), nil)
	}
	return false
}

// readWhole takes 3, 3.0 and 3e0: to those who write JSON they are the same.
func (m *member) readWhole(raw json.RawMessage) (any, string) {
	literal := string(raw)
	if n, err := strconv.ParseInt(literal, 10, 64); err == nil {
		if n < 0 {
			return nil, literal + " is less than 0"
		}
		return n, ""
	}
	f, err := strconv.ParseFloat(literal, 64)
	switch {
	case err != nil || raw[0] == '"':
		return nil, shown(raw) + " is " + m.not()
	case f != math.Trunc(f):
		return nil, shown(raw) + " is not a whole number"
	case f < 0:
		return nil, shown(raw) + " is less than 0"
	case f >= 1<<53:
		return nil, shown(raw) + " is too large"
	}
	return int64(f), ""
}

func (m *member) readNumber(raw json.RawMessage) (any, string) {
	value, problem := readAs[float64](m, raw)
	return value, problem
}

// not says what the value should have been.
func (m *member) not() string {
	return "not " + map[shape]string{
		ofText: "a string", ofWhole: "a whole number", ofWholeOrNull: "a whole number", ofNumber: "a number",
		ofFlag: "true or false", ofTexts: "a list of strings", ofObject: "an object", ofValues: "an object of strings",
	}[m.shape]
}

// shown is a value as it was given, shortened.
func shown(raw json.RawMessage) string { return clip(string(raw), 80) }

// clip keeps a message short whatever a caller sends.
func clip(s string, characters int) string {
	for i := range s {
		if characters--; characters < 0 {
			return s[:i] + "…"
		}
	}
	return s
}

func (in given) has(name string) bool {
	_, has := in[name]
	return has
}

// text is a string argument; empty when absent.
func (in given) text(name string) string {
	value, _ := in[name].(string)
	return value
}

// trimmed is a string argument without the blanks around it; nil when absent.
func (in given) trimmed(name string) *string {
	if !in.has(name) {
		return nil
	}
	value := strings.TrimSpace(in.text(name))
	return &value
}

// whole is a number argument; 0 when absent.
func (in given) whole(name string) int64 {
	value, _ := in[name].(int64)
	return value
}

// count is a whole number as a size of something in memory.
func (in given) count(name string) int { return int(min(in.whole(name), math.MaxInt32)) }

// flag is true or false, or nil when absent.
func (in given) flag(name string) *bool {
	if value, ok := in[name].(bool); ok {
		return &value
	}
	return nil
}

func (in given) texts(name string) []string {
	value, _ := in[name].([]string)
	return value
}

func (in given) object(name string) json.RawMessage {
	value, _ := in[name].(json.RawMessage)
	return value
}
