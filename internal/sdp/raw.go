package sdp

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Raw is a JSON object as SDP sent it: every name and scalar of it, those that nobody knows included. Its methods read a field
// whatever its shape, and take several names, of which the first that is there and not null counts. The zero value is no object.
type Raw struct {
	text   json.RawMessage
	fields map[string]json.RawMessage
}

var errNotObject = errors.New("not a JSON object")

// ParseRaw reads a JSON object, which it copies. When a name is there twice, the last one counts.
func ParseRaw(text []byte) (Raw, error) {
	var r Raw
	return r, r.UnmarshalJSON(text)
}

// UnmarshalJSON implements json.Unmarshaler.
func (r *Raw) UnmarshalJSON(text []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil || fields == nil {
		return errNotObject // the decoder's error would quote what SDP sent
	}
	*r = Raw{text: bytes.Clone(text), fields: fields}
	return nil
}

// MarshalJSON returns what was read.
func (r Raw) MarshalJSON() ([]byte, error) {
	if r.fields == nil {
		return []byte("null"), nil
	}
	return r.text, nil
}

// IsZero reports whether there is no object.
func (r Raw) IsZero() bool { return r.fields == nil }

// Names returns the names of all fields, sorted.
func (r Raw) Names() []string { return slices.Sorted(maps.Keys(r.fields)) }

// Has reports whether a field is there, null or not: rows of lists leave fields out, which says nothing of them.
func (r Raw) Has(name string) bool {
	_, has := r.fields[name]
	return has
}

// Field returns the JSON of a field, or nil.
func (r Raw) Field(names ...string) json.RawMessage {
	for _, name := range names {
		if value, has := r.fields[name]; has && !bytes.Equal(value, []byte("null")) {
			return value
		}
	}
	return nil
}

// Text returns a string, number or boolean as text, and of an object {value, display_value} the value. An id of a number keeps
// all its digits. Everything else is "".
func (r Raw) Text(names ...string) string { return textOf(r.Field(names...)) }

func textOf(value json.RawMessage) string {
	if len(value) == 0 {
		return ""
	}
	switch value[0] {
	case '"':
		var text string
		if json.Unmarshal(value, &text) != nil {
			return ""
		}
		return text
	case '{':
		if object, err := ParseRaw(value); err == nil {
			if inner := object.Field("value"); len(inner) > 0 && inner[0] != '{' {
				return textOf(inner)
			}
		}
		return ""
	case '[':
		return ""
	}
	return string(value)
}

// Bool returns a boolean, or its words in a string, or nil where there is none.
func (r Raw) Bool(names ...string) *bool {
	switch strings.ToLower(r.Text(names...)) {
	case "true":
		return new(true)
	case "false":
		return new(false)
	}
	return nil
}

// IsTrue reports whether a field is there and true.
func (r Raw) IsTrue(names ...string) bool {
	value := r.Bool(names...)
	return value != nil && *value
}

// Int returns a whole number, from a string too. ok is false where there is none.
func (r Raw) Int(names ...string) (number int64, ok bool) {
	number, err := strconv.ParseInt(strings.TrimSpace(r.Text(names...)), 10, 64)
	return number, err == nil
}

// Object returns an object, or the zero value.
func (r Raw) Object(names ...string) Raw {
	object, err := ParseRaw(r.Field(names...))
	if err != nil {
		return Raw{}
	}
	return object
}

// Objects returns the objects of an array; an object is an array of one. Elements that are no objects are left out.
func (r Raw) Objects(names ...string) []Raw {
	value := r.Field(names...)
	if len(value) > 0 && value[0] == '{' {
		value = slices.Concat(json.RawMessage("["), value, json.RawMessage("]"))
	}
	var elements []json.RawMessage
	if len(value) == 0 || json.Unmarshal(value, &elements) != nil {
		return nil
	}
	var objects []Raw
	for _, element := range elements {
		if object, err := ParseRaw(element); err == nil {
			objects = append(objects, object)
		}
	}
	return objects
}

// Texts returns the scalars of an array, or a scalar as an array of one.
func (r Raw) Texts(names ...string) []string {
	value := r.Field(names...)
	var elements []json.RawMessage
	if len(value) > 0 && value[0] != '[' {
		elements = []json.RawMessage{value}
	} else if len(value) == 0 || json.Unmarshal(value, &elements) != nil {
		return nil
	}
	var texts []string
	for _, element := range elements {
		if text := textOf(element); text != "" {
			texts = append(texts, text)
		}
	}
	return texts
}

// lastYear bounds times that are taken for times: RFC 3339 has four digits for a year.
const lastYear = 9999

// Time returns a point in time from milliseconds since 1970, as {value, display_value} or bare.
func (r Raw) Time(names ...string) Time {
	ms, ok := r.Int(names...)
	if !ok {
		return Time{}
	}
	at := time.UnixMilli(ms).UTC()
	if at.Year() < 1 || at.Year() > lastYear {
		return Time{}
	}
	return Time{At: at, Display: r.Object(names...).Text("display_value")}
}
