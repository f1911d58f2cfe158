package sdptest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// apply writes the input into a row, strictly: unknown keys, wrong types, read-only fields and names
// that do not exist are refused, all of them in one answer.
func (c *call) apply(e *entity, r *row, input Record, creating bool) error {
	var refused []message
	for _, wire := range slices.Sorted(mapKeys(input)) {
		f := e.fields.byWire(wire)
		switch {
		case f == nil && wire == "id", f != nil && f.access == readOnly:
			refused = append(refused, message{code: c.server.options.Guesses.ReadOnlyCode, field: wire, text: "Field is not editable"})
		case f == nil:
			refused = append(refused, refuseExtraKey(wire).messages...)
		case f.access == createOnly && !creating:
			refused = append(refused, message{code: codeNotEditable, field: wire, text: "Field is not editable"})
		}
	}
	// In the order of the description, so that a category is known before its subcategory.
	for i := range e.fields {
		f := &e.fields[i]
		given, is := input[f.wire]
		if !is || f.access == readOnly || f.access == createOnly && !creating {
			continue
		}
		value, err := c.parse(f, given, r)
		if refusal, is := errors.AsType[*failure](err); is {
			refused = append(refused, refusal.messages...)
		} else if err != nil {
			return err
		} else {
			r.fields.set(f.name, value)
		}
	}
	if len(refused) > 0 {
		return refuse(refused...)
	}
	return nil
}

// parse turns a written value into a stored one.
func (c *call) parse(f *field, given any, r *row) (any, error) {
	if given == nil {
		if c.server.options.Guesses.NullRefused {
			return nil, refuseType(f.wire)
		}
		return nil, nil //nolint:nilnil // null clears the field
	}
	switch f.kind {
	case kindText, kindHTML, kindDisplayID:
		s, is := given.(string)
		if !is {
			return nil, refuseType(f.wire)
		}
		if f.limit > 0 && utf8.RuneCountInString(s) > f.limit {
			return nil, refuseField(codeValidation, f.wire, fmt.Sprintf("%s has more than %d characters", f.wire, f.limit))
		}
		return s, nil
	case kindNumber, kindSize:
		return parseNumber(f, given)
	case kindBoolean:
		return parseBoolean(f, given)
	case kindTime, kindDate:
		return c.parseTime(f, given)
	case kindReference:
		return c.resolve(f, given, r)
	case kindReferences:
		return c.resolveAll(f, given, r)
	case kindObject:
		return c.parseObject(f, given, r)
	case kindDuration:
		return parseDuration(f, given)
	case kindFree:
	}
	return spellNumbers(given), nil
}

func parseNumber(f *field, given any) (any, error) {
	s := ""
	switch v := given.(type) {
	case string:
		s = v
	case json.Number:
		s = v.String()
	}
	if _, err := strconv.ParseFloat(s, 64); err != nil {
		return nil, refuseType(f.wire)
	}
	return s, nil
}

func parseBoolean(f *field, given any) (any, error) {
	switch given {
	case true, "true":
		return true, nil
	case false, "false":
		return false, nil
	}
	return nil, refuseType(f.wire)
}

// parseTime takes {"value": ms}; a string of its own, ISO or not, is refused.
func (c *call) parseTime(f *field, given any) (any, error) {
	object, is := given.(Record)
	if !is {
		return nil, refuseType(f.wire)
	}
	for k := range object {
		if k != "value" && k != "display_value" {
			return nil, refuseExtraKey(k)
		}
	}
	ms, err := strconv.ParseInt(fmt.Sprint(object["value"]), 10, 64)
	if err != nil {
		return nil, refuseType(f.wire)
	}
	at := time.UnixMilli(ms)
	if f.kind == kindDate { // what counts is the day in the user's zone
		local := at.In(c.server.options.Zone)
		if local.Hour() != 23 || local.Minute() != 59 { // an end of day is kept as it was sent
			at = time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, local.Location())
		}
	}
	return at, nil
}

func (c *call) parseObject(f *field, given any, r *row) (any, error) {
	object, is := given.(Record)
	if !is {
		return nil, refuseType(f.wire)
	}
	stored, _ := r.fields.get(f.name).(Record)
	stored = copyRecord(stored)
	if stored == nil {
		stored = Record{}
	}
	for _, wire := range slices.Sorted(mapKeys(object)) {
		p := f.parts.byWire(wire)
		if p == nil {
			return nil, refuseExtraKey(wire)
		}
		if p.access == readOnly {
			return nil, refuseField(c.server.options.Guesses.ReadOnlyCode, wire, "Field is not editable")
		}
		value, err := c.parse(p, object[wire], r)
		if err != nil {
			return nil, err
		}
		stored[p.name] = value
	}
	return stored, nil
}

func parseDuration(f *field, given any) (any, error) {
	object, is := given.(Record)
	if !is {
		return nil, refuseType(f.wire)
	}
	var sum time.Duration
	for k, v := range object {
		unit := map[string]time.Duration{"hours": time.Hour, "minutes": time.Minute, "value": time.Millisecond}[k]
		if unit == 0 {
			return nil, refuseExtraKey(k)
		}
		n, err := strconv.ParseInt(fmt.Sprint(v), 10, 64)
		if err != nil || n < 0 || n > math.MaxInt64/int64(time.Hour) {
			return nil, refuseType(f.wire)
		}
		sum += time.Duration(n) * unit
	}
	return sum, nil
}

func (c *call) resolveAll(f *field, given any, r *row) (any, error) {
	list, is := given.([]any)
	if !is {
		return nil, refuseType(f.wire)
	}
	refs := make([]reference, len(list))
	for i, one := range list {
		ref, err := c.resolve(f, one, r)
		if err != nil {
			return nil, err
		}
		refs[i] = ref.(reference)
	}
	return refs, nil
}

// resolve finds the record that {"id"}, {"name"} or, for people, {"email_id"} means. The id wins; a
// bare string is refused.
func (c *call) resolve(f *field, given any, r *row) (any, error) {
	object, is := given.(Record)
	if !is {
		return nil, refuseType(f.wire)
	}
	target := c.dialect.entities[f.table]
	for k := range object {
		if !slices.Contains(target.wireNames(target.brief), k) {
			return nil, refuseExtraKey(k)
		}
	}
	found, err := c.find(f, object)
	if err != nil {
		return nil, err
	}
	for _, candidate := range found {
		if c.isUsable(f, candidate, r) {
			return reference{f.table, candidate.id}, nil
		}
	}
	return nil, refuseUnknown(f.wire)
}

// find returns the rows that a reference may mean; names of subcategories occur more than once.
func (c *call) find(f *field, object Record) ([]*row, error) {
	if id, given := object["id"]; given {
		s, is := id.(string)
		if !is {
			return nil, refuseType(f.wire)
		}
		if _, err := strconv.ParseInt(s, 10, 64); err != nil {
			return nil, refuseField(codeInvalid, f.wire, "Unable to parse the given data for id")
		}
		if r := c.server.table(f.table).byID[s]; r != nil {
			return []*row{r}, nil
		}
		return nil, nil
	}
	by := "name"
	switch {
	case f.table == "users" && object["email_id"] != nil:
		by = "email_id"
	case f.table == "projects", f.table == "tasks", f.table == "milestones":
		by = "title"
	}
	want, is := object[by].(string)
	if !is {
		return nil, refuseType(f.wire)
	}
	var found []*row
	for _, r := range c.server.table(f.table).rows {
		have := r.fields.text(by)
		if have == want || by == "email_id" && strings.EqualFold(have, want) {
			found = append(found, r)
		}
	}
	return found, nil
}

// isUsable says whether a record may be referred to: not deleted, a technician where one is asked for,
// and of the same category.
func (c *call) isUsable(f *field, candidate, r *row) bool {
	switch {
	case candidate.trashed || candidate.fields.flag("deleted") || candidate.fields.flag("inactive"):
		return false
	case f.technicians && !candidate.fields.flag("is_technician"):
		return false
	case f.within != "":
		return r.fields.refersTo(f.within) != "" && candidate.fields.refersTo(f.within) == r.fields.refersTo(f.within)
	}
	return true
}
