package tool

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// field is an argument of a tool, or a member of its structured result.
type field struct {
	name, description string
	// of is the type of its value, without what says that it is optional or may be null.
	of       reflect.Type
	index    []int
	required bool
	nullable bool
	// enum are the strings there may be; any when nil.
	enum []string
}

// Optional is a field of a result that may be absent, null, or a value, where each means something else. Others that may be
// absent are pointers, slices or maps, which are nil then.
type Optional[T any] struct {
	// Given says that it was there; Value is nil for null.
	Given bool
	Value *T
}

// IsZero has omitzero leave the field out.
func (o Optional[T]) IsZero() bool { return !o.Given }

// MarshalJSON writes the value or null.
func (o Optional[T]) MarshalJSON() ([]byte, error) { return json.Marshal(o.Value) }

func (Optional[T]) isOptional() {}

var optionalType = reflect.TypeFor[interface{ isOptional() }]()

// fieldsOf reads a struct, in order, with the fields of what it embeds. The tag json names a field; without omitempty or
// omitzero it is required. A pointer that is required may be null. The tags description and enum (comma-separated) are for
// the schema.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for _, member := range reflect.VisibleFields(t) {
		tag := member.Tag.Get("json")
		if member.Anonymous && tag == "" {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		if name == "" {
			panic(fmt.Sprintf("%s.%s has no name for JSON", t, member.Name))
		}
		f := field{
			name: name, description: member.Tag.Get("description"), of: member.Type, index: member.Index,
			required: !strings.Contains(options, "omit"),
		}
		if enum := member.Tag.Get("enum"); enum != "" {
			f.enum = strings.Split(enum, ",")
		}
		switch {
		case f.of.Implements(optionalType):
			f.nullable, f.of = true, f.of.Field(1).Type.Elem()
		case f.of.Kind() == reflect.Pointer:
			f.nullable, f.of = f.required, f.of.Elem()
		}
		fields = append(fields, f)
	}
	return fields
}
