package audit

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// FieldKind is what the strings of a field are. Numbers, booleans and nulls of fields that are known are kept, whatever it is.
type FieldKind int

// The kinds. A string that is not what its kind says is a text.
const (
	TextField   FieldKind = iota // becomes its length
	IDField                      // digits, as ServiceDesk Plus makes ids
	EnumField                    // one of a few values
	LookupField                  // the name of an entry of a list; alone, or as name beside its id
	TimeField                    // a date, a time, or milliseconds
)

// Field is what may be kept of a field, wherever in a payload it is.
type Field struct {
	Kind FieldKind
	// Values are those of an EnumField.
	Values []string
}

// Fields are the fields that are known, by name. What is not among them is as secret as a text, its name too.
type Fields map[string]Field

// FieldsOfSchema returns what a JSON Schema of arguments says of its fields and of those inside them. Strings with an enum, ids and times
// by their names, and what names an entry of a list are known as such; of everything else strings are texts.
func FieldsOfSchema(schema json.RawMessage) (Fields, error) {
	fields := Fields{}
	var root schemaNode
	if err := json.Unmarshal(schema, &root); err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	fields.addSchema(&root)
	return fields, nil
}

type schemaNode struct {
	Properties map[string]*schemaNode `json:"properties"`
	Items      *schemaNode            `json:"items"`
	Enum       []any                  `json:"enum"`
}

func (f Fields) addSchema(node *schemaNode) {
	for name, inside := range node.Properties {
		if inside == nil {
			continue
		}
		f.add(name, inside.describeField(name))
		f.addSchema(inside)
	}
	if node.Items != nil {
		f.addSchema(node.Items)
	}
}

// add adds a field. Of two of one name that are not the same kind of thing neither is kept, and enums have the values of both.
func (f Fields) add(name string, field Field) {
	known, is := f[name]
	switch {
	case !is:
		f[name] = field
	case known.Kind != field.Kind:
		f[name] = Field{}
	default:
		known.Values = append(slices.Clip(known.Values), field.Values...)
		f[name] = known
	}
}

func (n *schemaNode) describeField(name string) Field {
	enum := n.Enum
	if enum == nil && n.Items != nil {
		enum = n.Items.Enum
	}
	if enum != nil {
		field := Field{Kind: EnumField}
		for _, value := range enum {
			if text, is := value.(string); is {
				field.Values = append(field.Values, text)
			}
		}
		return field
	}
	return FieldByName(name)
}

// FieldByName returns what the name of a field of ServiceDesk Plus, or of an argument of a tool, says of its strings.
func FieldByName(name string) Field {
	switch {
	case name == "id" || name == "ids" || strings.HasSuffix(name, "_id") || strings.HasSuffix(name, "_ids"):
		return Field{Kind: IDField}
	case slices.Contains(lookupNames, name):
		return Field{Kind: LookupField}
	case slices.Contains(timeNames, name), strings.HasSuffix(name, "_time"), strings.HasSuffix(name, "_date"), strings.HasSuffix(name, "_at"),
		strings.HasSuffix(name, "_after"), strings.HasSuffix(name, "_before"):
		return Field{Kind: TimeField}
	}
	return Field{}
}

var (
	// lookupNames are fields with the name of an entry of a list, and none of a person.
	lookupNames = []string{
		"asset_state", "category", "change_type", "closure_code", "department", "group", "impact", "item", "level", "mode", "owner_group", "priority", "product",
		"product_type", "project_type", "request_type", "risk", "role", "service_category", "site", "stage", "status", "subcategory", "task_type",
		"template", "type", "urgency", "worklog_type",
	}
	timeNames = []string{"due_by", "since", "until", "from", "to", "start", "end", "due", "date", "scheduled_start", "scheduled_end"}
)
