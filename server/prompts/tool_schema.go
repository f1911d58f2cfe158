package prompts

import (
	"encoding/json"
	"fmt"
	"strings"
)

// shape is the type of a value of a tool, in or out.
type shape int

const (
	ofText shape = iota
	// ofWhole is a number from 0 without a fraction. As an argument, 0 is as if it were absent.
	ofWhole
	// ofWholeOrNull is one that may be null.
	ofWholeOrNull
	ofNumber
	ofFlag
	ofTexts
	ofObject
	// ofValues is an object of strings.
	ofValues
	// ofCounts is an object of whole numbers, ofRows an array of objects.
	ofCounts
	ofRows
)

// schemas are JSON Schema's words for the shapes.
var schemas = map[shape]string{
	ofText:        `"type":"string"`,
	ofWhole:       `"type":"integer","minimum":0`,
	ofWholeOrNull: `"type":["integer","null"],"minimum":0`,
	ofNumber:      `"type":"number"`,
	ofFlag:        `"type":"boolean"`,
	ofTexts:       `"type":"array","items":{"type":"string"}`,
	ofObject:      `"type":"object"`,
	ofValues:      `"type":"object","additionalProperties":{"type":"string"}`,
	ofCounts:      `"type":"object","additionalProperties":{"type":"integer"}`,
	ofRows:        `"type":"array","items":{"type":"object"}`,
}

// member is an argument of a tool, or a field of its result.
type member struct {
	name        string
	shape       shape
	required    bool
	description string
	// oneOf are the texts there may be; any when nil.
	oneOf []string
}

// schema is that of an object with these members. Closed, it has no others.
func schema(members []member, closed bool) json.RawMessage {
	var b strings.Builder
	b.WriteString(`{"type":"object","properties":{`)
	var required []string
	for i, m := range members {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `%s:{%s`, quoted(m.name), schemas[m.shape])
		if m.description != "" {
			fmt.Fprintf(&b, `,"description":%s`, quoted(m.description))
		}
		if m.oneOf != nil {
			fmt.Fprintf(&b, `,"enum":%s`, quoted(m.oneOf))
		}
		b.WriteByte('}')
		if m.required {
			required = append(required, m.name)
		}
	}
	b.WriteByte('}')
	if required != nil {
		fmt.Fprintf(&b, `,"required":%s`, quoted(required))
	}
	if closed {
		b.WriteString(`,"additionalProperties":false`)
	}
	b.WriteByte('}')
	return json.RawMessage(b.String())
}

func quoted(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // texts have JSON
	}
	return string(raw)
}
