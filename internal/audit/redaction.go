package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"unicode/utf8"
)

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
		fmt.Fprintf(&r.out, `,"%d more"`, left)
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
