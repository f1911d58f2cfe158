package sdp

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// WriteTrace is where a write of unknown outcome is looked up, and what is there if it was done, for who has nothing else of it. It has
// ids and digests, and no text of anybody.
type WriteTrace struct {
	// Record is the kind of what was written, such as "request note".
	Record string `json:"record"`
	// Look is how it is looked up; empty where nobody can.
	Look writeLook `json:"look,omitempty"`
	// Path is that of a list or a record, below the API's root.
	Path string `json:"path,omitempty"`
	// Wanted are digests of values by the names of fields, for each row that is looked for; Marked are fields that bear the mark.
	Wanted []map[string]string `json:"wanted,omitempty"`
	Marked []string            `json:"marked,omitempty"`
	// Seen is when the record had been updated last, in milliseconds, 0 for never; nil where that is not known.
	Seen *int64 `json:"seen,omitempty"`
}

// writeLook is a way to look up a write.
type writeLook string

const (
	// lookMade: a record of the list bears the mark.
	lookMade writeLook = "made"
	// lookChanged: the record has the wanted values.
	lookChanged writeLook = "changed"
	// lookListed: the list has a row for each of what is wanted.
	lookListed writeLook = "listed"
	// lookClosed, lookTrashed, lookRestored: the record is so.
	lookClosed   writeLook = "closed"
	lookTrashed  writeLook = "trashed"
	lookRestored writeLook = "restored"
)

// traceOf returns how a call that writes is looked up.
func (g *WriteGuard) traceOf(spec *call) WriteTrace {
	trace := traceOf(spec, g.Mark)
	if g.Seen != nil {
		seen := g.Seen.milliseconds()
		trace.Seen = &seen
	}
	return trace
}

// milliseconds returns the time as SDP has it, 0 for none.
func (t Time) milliseconds() int64 {
	if t.IsZero() {
		return 0
	}
	return t.At.UnixMilli()
}

// isUpdatedSince reports whether a record was updated since it was seen: by the write, or by somebody else, and nobody can tell whom.
func (t *WriteTrace) isUpdatedSince(record Raw) bool {
	return t.Seen != nil && record.Time("last_updated_time", "updated_time").milliseconds() != *t.Seen
}

// traceOf returns how a call that writes is looked up, by its texts that bear a mark and by what it sets.
func traceOf(spec *call, mark string) WriteTrace {
	trace := WriteTrace{Record: spec.record, Path: spec.path.text}
	parent, action := spec.path.text, ""
	if at := strings.LastIndexByte(spec.path.text, '/'); at > 0 {
		parent, action = spec.path.text[:at], strings.TrimPrefix(spec.path.text[at+1:], "_")
	}
	switch {
	case spec.method == http.MethodPost && spec.isMarked && !idText.MatchString(action):
		trace.Look = lookMade
	case spec.record == resolutionRecord.name:
		trace.Look, trace.Marked = lookChanged, []string{"content"}
	case spec.record == requestLinkRecord.name && spec.method == http.MethodPost, spec.record == memberRecord.name && spec.method == http.MethodPost,
		spec.record == dependencyRecord.name && spec.method == http.MethodPost:
		trace.Look, trace.Wanted = lookListed, wantedRows(spec.input)
	case action == "close":
		trace.Look, trace.Path = lookClosed, parent
	case action == "move_to_trash", spec.method == http.MethodDelete && idText.MatchString(action) && spec.record == requestRecord.name:
		trace.Look, trace.Path = lookTrashed, strings.TrimSuffix(spec.path.text, "/move_to_trash")
	case action == "restore_from_trash":
		trace.Look, trace.Path = lookRestored, parent
	case action == "assign":
		trace.Path = parent
		trace.setWanted(spec.input, mark)
	case spec.method == http.MethodPut && idText.MatchString(action):
		trace.setWanted(spec.input, mark)
	}
	if trace.Look == "" {
		trace.Path = ""
	}
	return trace
}

// setWanted has a record be looked up by the values that were sent in an envelope.
func (t *WriteTrace) setWanted(input any, mark string) {
	envelope := asSent(input)
	names := envelope.Names()
	if len(names) != 1 {
		return
	}
	wanted := map[string]string{}
	for field, value := range flattenFields("", envelope.Object(names[0])) {
		if text := textOf(value); mark != "" && strings.Contains(text, mark) {
			t.Marked = append(t.Marked, field)
			continue
		}
		wanted[field] = digestOf(spellingsOf(value)[0])
	}
	slices.Sort(t.Marked)
	t.Look, t.Wanted = lookChanged, []map[string]string{wanted}
}

// wantedRows returns what rows of a list have that were made of an envelope, by the references in it: ids alone.
func wantedRows(input any) (rows []map[string]string) {
	envelope := asSent(input)
	for _, name := range envelope.Names() {
		for _, object := range envelope.Objects(name) {
			row := map[string]string{}
			for _, field := range object.Names() {
				if value := object.Field(field); len(value) > 0 && value[0] == '{' {
					row[field] = digestOf(spellingsOf(value)[0])
				}
			}
			if len(row) > 0 {
				rows = append(rows, row)
			}
		}
	}
	return rows
}

// asSent returns an input as SDP gets it; nothing for none.
func asSent(input any) Raw {
	encoded, err := encodeInput(input)
	if err != nil {
		return Raw{}
	}
	object, _ := ParseRaw(encoded) // what is no object has no fields
	return object
}

// flattenFields returns the fields of an object by their names, those of the site under udf_fields.NAME.
func flattenFields(prefix string, object Raw) map[string]json.RawMessage {
	flat := map[string]json.RawMessage{}
	for _, name := range object.Names() {
		if name == "udf_fields" && prefix == "" {
			maps.Copy(flat, flattenFields("udf_fields.", object.Object(name)))
			continue
		}
		value := object.Field(name)
		if value == nil {
			value = json.RawMessage("null")
		}
		flat[prefix+name] = value
	}
	return flat
}

// fieldOf returns the JSON of a field as flattenFields names it; has is false where the record does not say it.
func fieldOf(record Raw, name string) (value json.RawMessage, has bool) {
	if outer, inner, isInner := strings.Cut(name, "."); isInner {
		record, name = record.Object(outer), inner
	}
	if !record.Has(name) {
		return nil, false
	}
	if value = record.Field(name); value == nil {
		value = json.RawMessage("null")
	}
	return value, true
}

// spellingsOf returns what a value may be called, the surest first: a reference is read with more than it was written with.
func spellingsOf(value json.RawMessage) []string {
	if len(value) == 0 || string(value) == "null" {
		return []string{"none"}
	}
	object, err := ParseRaw(value)
	if err != nil {
		text := textOf(value)
		return []string{"text " + text, "name " + strings.ToLower(text), "value " + text}
	}
	var spellings []string
	for _, part := range []struct{ label, name string }{{"id", "id"}, {"email", "email_id"}, {"name", "name"}, {"value", "value"}} {
		if text := object.Text(part.name); text != "" {
			if part.label != "id" {
				text = strings.ToLower(text)
			}
			spellings = append(spellings, part.label+" "+text)
		}
	}
	if len(spellings) == 0 {
		spellings = append(spellings, "json "+string(value))
	}
	return spellings
}

func digestOf(text string) string {
	sum := sha256.Sum256([]byte("lectern write " + text))
	return hex.EncodeToString(sum[:16])
}

// isAsWanted compares a record with what is wanted of it. Nothing is known of fields that it does not say.
func (t *WriteTrace) isAsWanted(record Raw, wanted map[string]string, mark string) (same, other int) {
	count := func(is bool) {
		if is {
			same++
		} else {
			other++
		}
	}
	for name, digest := range wanted {
		if value, has := fieldOf(record, name); has {
			count(slices.ContainsFunc(spellingsOf(value), func(spelling string) bool { return digestOf(spelling) == digest }))
		}
	}
	for _, name := range t.Marked {
		if value, has := fieldOf(record, name); has {
			count(strings.Contains(textOf(value), mark))
		}
	}
	return same, other
}
