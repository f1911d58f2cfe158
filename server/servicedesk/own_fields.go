package servicedesk

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

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

// ownFieldsTime is how long they are waited for when nobody who asked is left.
const ownFieldsTime = time.Minute

// ownFields are those of a connection, as they were read once. Those who miss them at once ask once, each for as long as they have.
type ownFields struct {
	reads  singleflight.Group
	mu     sync.Mutex
	fields []ownField
	from   store.Address
	readAt time.Time
}

// readOwnFields returns the site's own fields of tickets: a call of SDP where they were not read for as long as lists may be old.
func (d *desk) readOwnFields(ctx context.Context) ([]ownField, error) {
	return d.ownFields.read(ctx, d.Address(), d.LookupInterval, d.fetchOwnFields)
}

// read returns the fields of an address, as they were fetched within lifetime.
func (kept *ownFields) read(
	ctx context.Context, from store.Address, lifetime time.Duration, fetch func(context.Context) ([]ownField, error),
) ([]ownField, error) {
	if fields, isNew := kept.find(from, lifetime); isNew {
		return fields, nil
	}
	reading := kept.reads.DoChan(fmt.Sprintf("%q", from), func() (any, error) {
		shared, cancel := context.WithTimeout(context.WithoutCancel(ctx), ownFieldsTime)
		defer cancel()
		fields, err := fetch(shared)
		if err == nil {
			kept.keep(from, fields)
		}
		return fields, err
	})
	select {
	case done := <-reading:
		fields, _ := done.Val.([]ownField)
		return fields, done.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// find returns the fields of an address, if they were read within lifetime.
func (kept *ownFields) find(from store.Address, lifetime time.Duration) (fields []ownField, isNew bool) {
	kept.mu.Lock()
	defer kept.mu.Unlock()
	return kept.fields, kept.from == from && time.Since(kept.readAt) < lifetime
}

func (kept *ownFields) keep(from store.Address, fields []ownField) {
	kept.mu.Lock()
	defer kept.mu.Unlock()
	kept.fields, kept.from, kept.readAt = fields, from, time.Now()
}

// fetchOwnFields asks SDP for them.
func (d *desk) fetchOwnFields(ctx context.Context) ([]ownField, error) {
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
		if slices.ContainsFunc(change, func(other fieldChange) bool { return other.path == one.path }) {
			return nil, tool.NewInvalid("argument %q: %s is given twice, by its key and by its label", "udf", field.key)
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
