package servicedesk

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/tool"
)

// udfArgument is an object of a site's own fields, of which null clears one.
type udfArgument = json.RawMessage

// ownField is one of a site's own fields of tickets.
type ownField struct{ key, label, kind string }

// ownFields are those of a connection, as they were read once.
type ownFields struct {
	mu     sync.Mutex
	fields []ownField
	from   store.Address
	readAt time.Time
}

// readOwnFields returns the site's own fields of tickets: a call of SDP where they were not read for as long as lists may be old.
func (d *desk) readOwnFields(ctx context.Context) ([]ownField, error) {
	kept := &d.ownFields
	kept.mu.Lock()
	defer kept.mu.Unlock()
	if kept.from == d.Address() && time.Since(kept.readAt) < d.LookupInterval {
		return kept.fields, nil
	}
	info, err := d.client.Requests().Metainfo(ctx)
	if err != nil {
		return nil, needScope(requestsScope, err)
	}
	var fields []ownField
	described := info.Object("fields").Object(udfObject).Object("fields")
	for _, key := range described.Names() {
		field := described.Object(key)
		fields = append(fields, ownField{key, field.Text("display_name", "label", "name"), field.Text("type")})
	}
	kept.fields, kept.from, kept.readAt = fields, d.Address(), time.Now()
	return fields, nil
}

// planUDF makes the changes of a site's own fields, which are named by their keys or labels.
func (d *desk) planUDF(ctx context.Context, given udfArgument) (requestChange, error) {
	if given == nil {
		return nil, nil
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal(given, &values); err != nil {
		return nil, tool.NewInvalid("argument %q: is not an object", "udf")
	}
	fields, err := d.readOwnFields(ctx)
	if err != nil {
		return nil, err
	}
	var change requestChange
	for _, name := range sortedKeys(values) {
		field, err := findOwnField(fields, name)
		if err != nil {
			return nil, err
		}
		one, err := d.changeOwnField(field, name, values[name])
		if err != nil {
			return nil, err
		}
		change = append(change, one)
	}
	return change, nil
}

// findOwnField returns the field with a key or, in any case, a label.
func findOwnField(fields []ownField, name string) (ownField, error) {
	var found []ownField
	for _, field := range fields {
		if field.key == name {
			return field, nil
		}
		if strings.EqualFold(field.label, strings.TrimSpace(name)) {
			found = append(found, field)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	var known []string
	for _, field := range fields[:min(len(fields), shownNames)] {
		known = append(known, oneLine(field.key+" ("+field.label+")"))
	}
	refused := tool.NewInvalid("argument %q: %q names %d fields; there are %s", "udf", excerpt.Truncate(oneLine(name), 80), len(found), strings.Join(known, ", "))
	refused.Details = errorDetails{Kind: refused.Kind, Fields: []string{"udf"}, Allowed: known}
	return ownField{}, refused
}

// changeOwnField makes the change of one field: a time of a field that has times, or a scalar.
func (d *desk) changeOwnField(field ownField, name string, raw json.RawMessage) (fieldChange, error) {
	change := fieldChange{name: "udf." + field.key, path: udfObject + "." + field.key}
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		return change, tool.NewInvalid("argument %q: the value of %s is no JSON", "udf", name)
	}
	switch value := value.(type) {
	case nil:
		return change, nil
	case string:
		value = richtext.Clean(value)
		change.value, change.after = value, excerpt.Truncate(oneLine(value), shownText)
		if strings.HasPrefix(field.kind, "date") || strings.Contains(field.key, "_date_") {
			at, err := parseTime("udf", value, d.zone)
			if err != nil {
				return change, err
			}
			change.value, change.after = sdp.At(at), formatTime(sdp.At(at), d.zone)
		}
	case bool, float64:
		change.value, change.after = json.RawMessage(raw), string(raw)
	default:
		return change, tool.NewInvalid("argument %q: the value of %s is a text, a number, true, false or null", "udf", name)
	}
	return change, nil
}
