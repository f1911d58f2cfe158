package edit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// orderedObject is a JSON object in the order it was written in. Other JSON values are string, json.Number, bool,
// nil and []any.
type orderedObject struct {
	keys   []string
	values map[string]any
}

// toOrderedJSON turns a value into a tree of JSON whose objects keep their order.
func toOrderedJSON(v any) (any, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write as JSON: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	return decodeOrderedJSON(decoder)
}

func decodeOrderedJSON(decoder *json.Decoder) (any, error) {
	token, err := decoder.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		list := []any{}
		for decoder.More() {
			item, err := decodeOrderedJSON(decoder)
			if err != nil {
				return nil, err
			}
			list = append(list, item)
		}
		_, err := decoder.Token()
		return list, err
	case json.Delim('{'):
		o := &orderedObject{values: map[string]any{}}
		for decoder.More() {
			key, err := decoder.Token()
			if err != nil {
				return nil, err
			}
			value, err := decodeOrderedJSON(decoder)
			if err != nil {
				return nil, err
			}
			o.setField(key.(string), value)
		}
		_, err := decoder.Token()
		return o, err
	}
	return token, nil
}

func (o *orderedObject) setField(key string, value any) {
	if _, known := o.values[key]; !known {
		o.keys = append(o.keys, key)
	}
	o.values[key] = value
}

// equalValues compares JSON values; numbers count by what they are, not by how they are written.
func equalValues(a, b any) bool {
	switch x := a.(type) {
	case *orderedObject:
		y, ok := b.(*orderedObject)
		return ok && len(x.keys) == len(y.keys) && !slices.ContainsFunc(x.keys, func(key string) bool {
			other, known := y.values[key]
			return !known || !equalValues(x.values[key], other)
		})
	case []any:
		y, ok := b.([]any)
		return ok && slices.EqualFunc(x, y, equalValues)
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
