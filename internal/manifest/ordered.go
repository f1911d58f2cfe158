package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// object is a JSON object in the order it was written in. Other JSON values are string, json.Number, bool,
// nil and []any.
type object struct {
	keys   []string
	values map[string]any
}

// ordered is the JSON of a value, as a tree of objects.
func ordered(v any) (any, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write as JSON: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return readOrdered(decoder)
}

func readOrdered(decoder *json.Decoder) (any, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		list := []any{}
		for decoder.More() {
			item, err := readOrdered(decoder)
			if err != nil {
				return nil, err
			}
			list = append(list, item)
		}
		_, err := decoder.Token()
		return list, err
	case json.Delim('{'):
		o := &object{values: map[string]any{}}
		for decoder.More() {
			key, err := decoder.Token()
			if err != nil {
				return nil, err
			}
			value, err := readOrdered(decoder)
			if err != nil {
				return nil, err
			}
			o.set(key.(string), value)
		}
		_, err := decoder.Token()
		return o, err
	}
	return token, nil
}

func (o *object) set(key string, value any) {
	if _, known := o.values[key]; !known {
		o.keys = append(o.keys, key)
	}
	o.values[key] = value
}

// sameValue compares JSON values; numbers count by what they are, not by how they are written.
func sameValue(a, b any) bool {
	switch x := a.(type) {
	case *object:
		y, ok := b.(*object)
		return ok && len(x.keys) == len(y.keys) && !slices.ContainsFunc(x.keys, func(key string) bool {
			other, known := y.values[key]
			return !known || !sameValue(x.values[key], other)
		})
	case []any:
		y, ok := b.([]any)
		return ok && slices.EqualFunc(x, y, sameValue)
	case json.Number:
		y, ok := b.(json.Number)
		if !ok {
			return false
		}
		m, err := x.Float64()
		n, failed := y.Float64()
		return x == y || err == nil && failed == nil && m == n
	}
	return a == b
}
