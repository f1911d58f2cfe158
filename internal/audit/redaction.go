package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
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

// KnowsName reports whether a list of ServiceDesk Plus has an entry of a name, for a LookupField. What no list has a person may have
// written.
type KnowsName func(field, name string) bool

const (
	maxRedactedDepth = 16
	maxRedactedItems = 100
)

var (
	idPattern   = regexp.MustCompile(`^#?[0-9]{1,20}$`)
	timePattern = regexp.MustCompile(`^(-?[0-9]{1,14}|[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?)$`)
)

// Redact returns what of a JSON value is no text: field names, ids, enums, names of lists, numbers and times. It is pure. Whatever is
// no JSON becomes its length. With knows nil no name of a list is kept.
func Redact(value json.RawMessage, fields Fields, knows KnowsName) json.RawMessage {
	r := redaction{fields: fields, knows: knows, decoder: json.NewDecoder(bytes.NewReader(value))}
	r.decoder.UseNumber()
	err := r.addValue("", Field{}, 0)
	if err != nil || r.decoder.More() {
		return json.RawMessage(`"` + lengthOf("JSON", len(value)) + `"`)
	}
	return r.out.Bytes()
}

type redaction struct {
	fields  Fields
	knows   KnowsName
	decoder *json.Decoder
	out     bytes.Buffer
}

func lengthOf(what string, n int) string {
	unit := "characters"
	if n == 1 {
		unit = "character"
	}
	return fmt.Sprintf("%s of %d %s", what, n, unit)
}

func (r *redaction) addString(s string) { r.out.WriteString(`"` + s + `"`) }

func (r *redaction) addLength(what string, n int) { r.addString(lengthOf(what, n)) }

// addValue adds the next value, of a field.
func (r *redaction) addValue(name string, field Field, depth int) error {
	token, err := r.decoder.Token()
	if err != nil {
		return err
	}
	switch token := token.(type) {
	case json.Delim:
		if depth == maxRedactedDepth {
			return errTooDeep
		}
		if token == '[' {
			return r.addArray(name, field, depth+1)
		}
		return r.addObject(name, field, depth+1)
	case string:
		r.addText(name, field, token)
	case json.Number:
		if len(token) > 40 {
			r.addLength("number", len(token))
			return nil
		}
		r.out.WriteString(token.String())
	case bool:
		fmt.Fprint(&r.out, token)
	case nil:
		r.out.WriteString("null")
	}
	return nil
}

var errTooDeep = fmt.Errorf("it has more than %d levels", maxRedactedDepth)

func (r *redaction) addText(name string, field Field, text string) {
	isKept := false
	switch field.Kind {
	case IDField:
		isKept = idPattern.MatchString(text)
	case EnumField:
		isKept = slices.Contains(field.Values, text)
	case TimeField:
		isKept = timePattern.MatchString(text)
	case LookupField:
		isKept = r.knows != nil && r.knows(name, text)
	}
	if !isKept {
		r.addLength("text", utf8.RuneCountInString(text))
		return
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		r.addLength("text", len(text))
		return
	}
	r.out.Write(quoted)
}

func (r *redaction) addArray(name string, field Field, depth int) error {
	r.out.WriteByte('[')
	left := 0
	for i := 0; r.decoder.More(); i++ {
		if i >= maxRedactedItems {
			var skipped json.RawMessage
			if err := r.decoder.Decode(&skipped); err != nil {
				return err
			}
			left++
			continue
		}
		if i > 0 {
			r.out.WriteByte(',')
		}
		if err := r.addValue(name, field, depth); err != nil {
			return err
		}
	}
	if left > 0 {
		r.out.WriteString(fmt.Sprintf(`,"%d more"`, left))
	}
	r.out.WriteByte(']')
	_, err := r.decoder.Token()
	return err
}

func (r *redaction) addObject(name string, field Field, depth int) error {
	r.out.WriteByte('{')
	for i := 0; r.decoder.More(); i++ {
		if i > 0 {
			r.out.WriteByte(',')
		}
		token, err := r.decoder.Token()
		if err != nil {
			return err
		}
		key, _ := token.(string) // of an object it is one
		member, known := r.fields[key]
		of := key
		if field.Kind == LookupField && (key == "name" || key == "id") {
			of, member, known = name, map[string]Field{"name": field, "id": {Kind: IDField}}[key], true
		}
		if !known {
			if err := r.addUnknown(key); err != nil {
				return err
			}
			continue
		}
		r.addString(key)
		r.out.WriteByte(':')
		if err := r.addValue(of, member, depth); err != nil {
			return err
		}
	}
	r.out.WriteByte('}')
	_, err := r.decoder.Token()
	return err
}

// addUnknown adds a member that is not known, as the lengths of what may be in its name and in its value.
func (r *redaction) addUnknown(key string) error {
	var value json.RawMessage
	if err := r.decoder.Decode(&value); err != nil {
		return err
	}
	r.addLength("name", utf8.RuneCountInString(key))
	r.out.WriteByte(':')
	length := len(value)
	if value[0] == '"' {
		var text string
		if err := json.Unmarshal(value, &text); err != nil {
			return err
		}
		length = utf8.RuneCountInString(text)
	}
	r.addLength("value", length)
	return nil
}

// RedactPromptArguments returns the names of arguments that a prompt declares and a call gives, and how many others it gives. Values are
// never kept.
func RedactPromptArguments(declared []string, given map[string]string) json.RawMessage {
	names, others := []string{}, 0
	for name := range given {
		if slices.Contains(declared, name) {
			names = append(names, name)
		} else {
			others++
		}
	}
	slices.Sort(names)
	said, err := json.Marshal(struct {
		Arguments []string `json:"arguments"`
		Others    int      `json:"others,omitempty"`
	}{names, others})
	if err != nil {
		return nil // names are text
	}
	return said
}

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
