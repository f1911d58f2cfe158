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
	// enum are the strings there may be, in a list each; any when nil.
	enum []string
	// bounds are those of the value.
	bounds bounds
	// isOptional says that the value is an Optional.
	isOptional bool
	// members are those of an object, or of each object of a list; nil where nobody reads them.
	members []field
}

// Optional is an argument, or a field of a result, that may be absent, null, or a value, where each means something else. Others
// that may be absent are pointers, slices or maps, which are nil then.
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
// omitzero it is required. A pointer that is required may be null. The tags description, enum (comma-separated) and bounds ("1..100") are for
// the schema, and for what is read.
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
			required: !strings.Contains(options, "omit"), bounds: parseBounds(member.Tag.Get("bounds")),
		}
		if enum := member.Tag.Get("enum"); enum != "" {
			f.enum = strings.Split(enum, ",")
		}
		switch {
		case f.of.Implements(optionalType):
			f.nullable, f.isOptional, f.of = true, true, f.of.Field(1).Type.Elem()
		case f.of.Kind() == reflect.Pointer:
			f.nullable, f.of = f.required, f.of.Elem()
		}
		fields = append(fields, f)
	}
	return fields
}

// withMembers gives arguments that are objects, or lists of them, the fields of what is inside.
func withMembers(takes []field) []field {
	for i := range takes {
		if object := objectType(takes[i].of); object != nil {
			takes[i].members = withMembers(fieldsOf(object))
		}
	}
	return takes
}

// objectType returns the struct that a type is, or is a list of; nil for others.
func objectType(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() == reflect.Struct {
		return t
	}
	return nil
}
