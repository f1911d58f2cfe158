package prompt

import (
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/gowebpki/jcs"
)

// UnmarshalJSON reads a Document as it was stored. A store may keep JSON with other blanks and
// another order of names; the metadata is brought back to the form Compile gave it.
//
// What stores write is read in one pass; anything it does not expect is left to encoding/json.
func (d *Document) UnmarshalJSON(text []byte) (err error) {
	if document, ok := readStored(text); ok {
		*d = document
		return nil
	}
	*d, err = decodeDocument(text)
	return err
}

// readStored reads a Document in one pass, or reports that its JSON is not as stores write it.
func readStored(text []byte) (d Document, ok bool) {
	r := jsonReader{text: text}
	ok = utf8.Valid(text) && r.readDocument(&d) && r.atEnd()
	return d, ok
}

// decodeDocument reads any JSON of a Document.
func decodeDocument(text []byte) (Document, error) {
	type plain Document
	var p plain
	if err := json.Unmarshal(text, &p); err != nil {
		return Document{}, err
	}
	if len(p.Metadata) > 0 {
		canonical, err := jcs.Transform(p.Metadata)
		if err != nil {
			return Document{}, fmt.Errorf("metadata: %w", err)
		}
		p.Metadata = canonical
	}
	return Document(p), nil
}

// readDocument reads a Document, or reports false for whatever is not as Compile's Document is written.
func (r *jsonReader) readDocument(d *Document) bool {
	return r.readObject(func(name []byte) bool {
		switch string(name) {
		case "syntax":
			return readKnown(r, &d.Syntax, Mustache, Simple, Plain)
		case "title":
			return readInto(r, &d.Title)
		case "description":
			return readInto(r, &d.Description)
		case "category":
			return readInto(r, &d.Category)
		case "tags":
			return readList(r, &d.Tags, func(tag *string) bool { return readInto(r, tag) })
		case "metadata":
			return r.readMetadata(&d.Metadata)
		case "arguments":
			return readList(r, &d.Arguments, r.readArgument)
		case "messages":
			return readList(r, &d.Messages, r.readMessage)
		case "source":
			return readList(r, &d.Source, r.readMessage)
		}
		return false
	})
}

func (r *jsonReader) readMessage(m *Message) bool {
	return r.readObject(func(name []byte) bool {
		switch string(name) {
		case "role":
			return readKnown(r, &m.Role, User, Assistant)
		case "text":
			return readInto(r, &m.Text)
		}
		return false
	})
}

func (r *jsonReader) readArgument(a *Argument) bool {
	return r.readObject(func(name []byte) bool {
		switch string(name) {
		case "name":
			return readInto(r, &a.Name)
		case "description":
			return readInto(r, &a.Description)
		case "type":
			return readKnown(r, &a.Type, String, Integer, Number, Boolean)
		case "enum":
			return readList(r, &a.Enum, func(value *string) bool { return readInto(r, value) })
		case "default":
			a.Default = new(string)
			return readInto(r, a.Default)
		case "required":
			a.Required = r.skipWord("true")
			return a.Required || r.skipWord("false")
		}
		return false
	})
}

// metadataMember is a member of metadata as it is written.
type metadataMember struct{ name, value []byte }

// readMetadata reads an object of plain members, whose canonical form is they in order: texts of printable ASCII, whole
// numbers of few digits, true, false and null. Others are nested, or are written in more than one way.
func (r *jsonReader) readMetadata(into *json.RawMessage) bool {
	var members []metadataMember
	size := len("{}")
	plain := r.readObject(func(name []byte) bool {
		value, ok := r.readPlainValue()
		members = append(members, metadataMember{name, value})
		size += len(`"":,`) + len(name) + len(value)
		return ok
	})
	if !plain {
		return false
	}
	slices.SortFunc(members, func(a, b metadataMember) int { return slices.Compare(a.name, b.name) })
	canonical := append(make([]byte, 0, size), '{')
	for i, m := range members {
		if i > 0 {
			canonical = append(canonical, ',')
		}
		canonical = append(append(append(append(canonical, '"'), m.name...), '"', ':'), m.value...)
	}
	*into = append(canonical, '}')
	return true
}
