package tool

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// objectSchema returns the JSON Schema of an object with these fields. Closed, it has no others.
func objectSchema(fields []field, closed bool) json.RawMessage {
	var b strings.Builder
	b.WriteString(`{"type":"object","properties":{`)
	var required []string
	for i := range fields {
		if i > 0 {
			b.WriteByte(',')
		}
		fields[i].writeSchema(&b)
		if fields[i].required {
			required = append(required, fields[i].name)
		}
	}
	b.WriteByte('}')
	if required != nil {
		fmt.Fprintf(&b, `,"required":%s`, quoteJSON(required))
	}
	if closed {
		b.WriteString(`,"additionalProperties":false`)
	}
	b.WriteByte('}')
	return json.RawMessage(b.String())
}

// writeSchema writes the name and the schema of a field. Whole numbers are counts and versions, so never negative.
func (f *field) writeSchema(b *strings.Builder) {
	name, inside := typeSchema(f.of)
	if f.members != nil {
		inside = f.memberSchema()
	}
	isList := f.of.Kind() == reflect.Slice && f.of != rawType
	if f.enum != nil && isList {
		inside = fmt.Sprintf(`,"items":{"type":"string","enum":%s}`, quoteJSON(f.enum))
	}
	if name = quoteJSON(name); f.nullable {
		name = "[" + name + `,"null"]`
	}
	fmt.Fprintf(b, `%s:{"type":%s%s`, quoteJSON(f.name), name, inside)
	f.writeBounds(b)
	if f.description != "" {
		fmt.Fprintf(b, `,"description":%s`, quoteJSON(f.description))
	}
	if f.enum != nil && !isList {
		fmt.Fprintf(b, `,"enum":%s`, quoteJSON(f.enum))
	}
	b.WriteByte('}')
}

// memberSchema returns what the schema of an object, or of a list of objects, says of what is inside.
func (f *field) memberSchema() string {
	object := string(objectSchema(f.members, true))
	if f.of.Kind() == reflect.Slice {
		return `,"items":` + object
	}
	return strings.TrimSuffix(strings.TrimPrefix(object, `{"type":"object"`), "}")
}

func (f *field) writeBounds(b *strings.Builder) {
	switch {
	case isInteger(f.of):
		limits := f.bounds
		if limits.least == nil {
			limits.least = new(int64)
		}
		limits.writeSchema(b, "minimum", "maximum")
	case f.of.Kind() == reflect.String:
		f.bounds.writeSchema(b, "minLength", "maxLength")
	case f.of.Kind() == reflect.Slice:
		f.bounds.writeSchema(b, "minItems", "maxItems")
	}
}

// typeSchema returns JSON Schema's name of a type, and what else it says of the values inside one. What objects have
// inside is not described: models read it from the result, and descriptions cost tokens.
func typeSchema(t reflect.Type) (name, items string) {
	inside := func(keyword string) string {
		name, items := typeSchema(t.Elem())
		return fmt.Sprintf(`,%q:{"type":%q%s}`, keyword, name, items)
	}
	switch t.Kind() {
	case reflect.String:
		return "string", ""
	case reflect.Int, reflect.Int64:
		return "integer", ""
	case reflect.Float64:
		return "number", ""
	case reflect.Bool:
		return "boolean", ""
	case reflect.Map:
		if t == scalarsType {
			return "object", `,"additionalProperties":{"type":["string","number","boolean"]}`
		}
		return "object", inside("additionalProperties")
	case reflect.Struct, reflect.Interface:
		return "object", ""
	case reflect.Slice:
		if t == rawType {
			return "object", ""
		}
		return "array", inside("items")
	default:
		panic(fmt.Sprintf("%s has no schema", t))
	}
}

// rawType is an object that is kept as it was written.
var rawType = reflect.TypeFor[json.RawMessage]()

func isInteger(t reflect.Type) bool { return t.Kind() == reflect.Int || t.Kind() == reflect.Int64 }

func quoteJSON(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // texts have JSON
	}
	return string(raw)
}
