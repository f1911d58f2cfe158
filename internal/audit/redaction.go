package audit

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"unicode/utf8"

	"github.com/lectern-dev/lectern/internal/excerpt"
)

// KnowsName reports whether a list of ServiceDesk Plus has an entry of a name, for a LookupField. What no list has a person may have
// written.
type KnowsName func(field, name string) bool

const (
	maxRedactedDepth = 16
	maxRedactedItems = 100
	// closingRoom is what the ends of all levels may take, with what they say of what is cut.
	closingRoom = 2 << 10
)

var (
	idPattern   = regexp.MustCompile(`^#?[0-9]{1,20}$`)
	timePattern = regexp.MustCompile(`^(-?[0-9]{1,14}|[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?)$`)
)

// Redact returns what of a JSON value is no text: field names, ids, enums, names of lists, numbers and times. It is pure. Whatever is
// no JSON becomes its length. With knows nil no name of a list is kept.
//
// What is too long for a row is redacted again without lengths of texts and of what is not known, so that ids have the room, and
// objects say how many fields they had more.
func Redact(value json.RawMessage, fields Fields, knows KnowsName) json.RawMessage {
	if len(value) <= maxRedactable {
		for _, isBrief := range []bool{false, true} {
			r := redaction{fields: fields, knows: knows, isBrief: isBrief}
			if redacted := r.convert(value); redacted != nil && len(redacted) <= maxPayload {
				return redacted
			}
		}
	}
	return quoteLength(value)
}

// cutTexts returns a JSON value with its texts cut to so many characters, and its lists and all of it as Redact does.
func cutTexts(value json.RawMessage, longest, limit int) json.RawMessage {
	r := redaction{longestText: longest, isBrief: true, limit: limit}
	return r.convert(value)
}

func quoteLength(value json.RawMessage) json.RawMessage {
	return json.RawMessage(`"` + lengthOf("JSON", len(value)) + `"`)
}

type redaction struct {
	fields Fields
	knows  KnowsName
	// longestText is how many characters of texts are kept, whatever their field is; 0 redacts.
	longestText int
	// isBrief leaves out what has only its length, and what is beyond the limit, maxPayload when 0.
	isBrief bool
	limit   int
	decoder *json.Decoder
	out     bytes.Buffer
}

// convert returns what is kept of a value; nil for what is no JSON, or too deep.
func (r *redaction) convert(value json.RawMessage) json.RawMessage {
	r.limit = cmp.Or(r.limit, maxPayload) - closingRoom
	r.decoder = json.NewDecoder(bytes.NewReader(value))
	r.decoder.UseNumber()
	if err := r.addValue("", Field{}, 0); err != nil || r.decoder.More() {
		return nil
	}
	return r.out.Bytes()
}

// isFull reports whether there is no room for more.
func (r *redaction) isFull() bool { return r.isBrief && r.out.Len() >= r.limit }

// skipValue reads the next value, and adds nothing.
func (r *redaction) skipValue() (skipped json.RawMessage, err error) {
	err = r.decoder.Decode(&skipped)
	return skipped, err
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

// isKept reports whether a text of a field is kept as it is.
func (r *redaction) isKept(name string, field Field, text string) bool {
	switch field.Kind {
	case IDField:
		return idPattern.MatchString(text)
	case EnumField:
		return slices.Contains(field.Values, text)
	case TimeField:
		return timePattern.MatchString(text)
	case LookupField:
		return r.knows != nil && r.knows(name, text)
	}
	return false
}

func (r *redaction) addText(name string, field Field, text string) {
	length := utf8.RuneCountInString(text)
	switch {
	case r.longestText > 0 && length > r.longestText:
		text = fmt.Sprintf("%s (%s)", excerpt.Truncate(text, r.longestText), lengthOf("text", length))
	case r.longestText == 0 && !r.isKept(name, field, text):
		r.addLength("text", length)
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
		if i >= maxRedactedItems || r.isFull() {
			if _, err := r.skipValue(); err != nil {
				return err
			}
			left++
			continue
		}
		r.addComma('[')
		if err := r.addValue(name, field, depth); err != nil {
			return err
		}
	}
	if left > 0 {
		r.addComma('[')
		fmt.Fprintf(&r.out, `"%d more"`, left)
	}
	r.out.WriteByte(']')
	_, err := r.decoder.Token()
	return err
}

func (r *redaction) addObject(name string, field Field, depth int) error {
	r.out.WriteByte('{')
	cut := 0
	for r.decoder.More() {
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
		before := r.out.Len()
		isAdded := false
		switch {
		case r.isFull(), !known && r.isBrief && r.longestText == 0:
			_, err = r.skipValue()
		case !known && r.longestText == 0:
			isAdded, err = true, r.addUnknown(key)
		default:
			isAdded, err = r.addMember(key, of, member, depth)
		}
		if err != nil {
			return err
		}
		if !isAdded {
			r.out.Truncate(before)
			cut++
		}
	}
	if cut > 0 {
		r.addComma('{')
		fmt.Fprintf(&r.out, `"cut":"%d more"`, cut)
	}
	r.out.WriteByte('}')
	_, err := r.decoder.Token()
	return err
}

// addComma adds one unless what was opened has nothing yet.
func (r *redaction) addComma(opened byte) {
	if written := r.out.Bytes(); written[len(written)-1] != opened {
		r.out.WriteByte(',')
	}
}

// addMember adds a member that is known. Where it is to be brief, a text that has only its length is not added.
func (r *redaction) addMember(key, of string, member Field, depth int) (isAdded bool, err error) {
	r.addComma('{')
	if err := r.addName(key); err != nil {
		return false, err
	}
	r.out.WriteByte(':')
	begin := r.out.Len()
	if err := r.addValue(of, member, depth); err != nil {
		return false, err
	}
	return !r.isBrief || r.longestText > 0 || !bytes.HasPrefix(r.out.Bytes()[begin:], []byte(`"text of `)), nil
}

// addName adds the name of a field. One that a redaction knows is plain.
func (r *redaction) addName(key string) error {
	if r.longestText == 0 {
		r.addString(key)
		return nil
	}
	quoted, err := json.Marshal(excerpt.Truncate(key, longestName))
	r.out.Write(quoted)
	return err
}

// longestName is how many characters of a field's name are kept.
const longestName = 200

// addUnknown adds a member that is not known, as the lengths of what may be in its name and in its value.
func (r *redaction) addUnknown(key string) error {
	value, err := r.skipValue()
	if err != nil {
		return err
	}
	r.addComma('{')
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
