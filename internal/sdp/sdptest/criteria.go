package sdptest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// path is a field of a criterion or a sort, dotted through references and objects.
type path struct {
	id    bool // ends in the record's id
	field *field
	inner *path // into what the field holds
}

// parsePath reads a dotted path in the names of the dialect.
func (c *call) parsePath(e *entity, dotted string) (*path, error) {
	return c.parseSteps(e.fields, strings.Split(dotted, "."), dotted)
}

func (c *call) parseSteps(among fields, steps []string, dotted string) (*path, error) {
	if len(steps) == 1 && steps[0] == "id" {
		return &path{id: true}, nil
	}
	f := among.byWire(steps[0])
	switch {
	case f == nil:
		return nil, refuseField(codeInvalid, dotted, "Unknown field")
	case len(steps) == 1:
		return &path{field: f}, nil
	}
	inner := f.parts
	switch f.kind {
	case kindReference, kindReferences:
		inner = c.dialect.entities[f.table].fields
	case kindTime, kindDate, kindDisplayID:
		if steps[1] == "value" && len(steps) == 2 {
			return &path{field: f}, nil
		}
		return nil, refuseField(codeInvalid, dotted, "Unknown field")
	case kindFree:
		inner = textFields(steps[1])
		inner[0].wire = steps[1]
	case kindText, kindHTML, kindNumber, kindBoolean, kindObject, kindDuration, kindSize:
	}
	rest, err := c.parseSteps(inner, steps[1:], dotted)
	if err != nil {
		return nil, err
	}
	return &path{field: f, inner: rest}, nil
}

// valueOf returns what a row has at a path: nil, string, bool, time.Time, time.Duration, *row for a
// reference, or several of these.
func (c *call) valueOf(p *path, r *row) any {
	if p.id {
		return r.id
	}
	return c.step(p, c.stored(p.field, r))
}

func (c *call) step(p *path, value any) any {
	switch v := value.(type) {
	case reference:
		target := c.server.follow(v)
		if target == nil {
			return nil
		}
		if p.inner != nil {
			return c.valueOf(p.inner, target)
		}
		return target
	case []reference:
		all := make([]any, len(v))
		for i := range v {
			all[i] = c.step(p, v[i])
		}
		return all
	case Record:
		if p.inner != nil && p.inner.field != nil {
			return c.step(p.inner, v[p.inner.field.name])
		}
		return nil
	}
	return value
}

// operatorOf returns the condition that a spelling means, short forms included; nothing for an unknown one.
func operatorOf(condition string) string {
	switch condition = strings.ToLower(condition); condition {
	case "is", "eq", "=":
		return "is"
	case "is not", "neq", "!=":
		return "is not"
	case "greater than", "gt":
		return "greater than"
	case "greater or equal", "gte":
		return "greater or equal"
	case "lesser than", "lt":
		return "lesser than"
	case "lesser or equal", "lte":
		return "lesser or equal"
	case "between", "not between", "contains", "not contains", "starts with", "ends with":
		return condition
	}
	return ""
}

func (c *call) parseSearchCriteria(e *entity, info *listInfo, given any) error {
	if one, is := given.(Record); is {
		given = []any{one}
	}
	list, is := given.([]any)
	if !is {
		return refuseType("search_criteria")
	}
	match, err := c.parseGroup(e, list)
	if err != nil {
		return err
	}
	if err := c.checkMixedDates(e, list); err != nil {
		return err
	}
	if match != nil && !c.server.options.Site.IgnoreCriteria {
		info.match = append(info.match, match)
	}
	return nil
}

// parseGroup joins criteria from left to right: an element's logical_operator says how it is joined
// with all before it, and its children make one group with it.
func (c *call) parseGroup(e *entity, list []any) (func(*row) bool, error) {
	var all func(*row) bool
	for _, one := range list {
		criterion, is := one.(Record)
		if !is {
			return nil, refuseType("search_criteria")
		}
		match, err := c.parseCriterion(e, criterion)
		if err != nil {
			return nil, err
		}
		operator, is := cmp.Or(criterion["logical_operator"], any("AND")).(string)
		before := all
		switch {
		case !is:
			return nil, refuseType("logical_operator")
		case before == nil:
			all = match
		case strings.EqualFold(operator, "AND"):
			all = func(r *row) bool { return before(r) && match(r) }
		case strings.EqualFold(operator, "OR"):
			all = func(r *row) bool { return before(r) || match(r) }
		default:
			return nil, refuseField(codeInvalid, "logical_operator", "Unknown operator")
		}
	}
	return all, nil
}

func (c *call) parseCriterion(e *entity, criterion Record) (func(*row) bool, error) {
	for _, k := range slices.Sorted(maps.Keys(criterion)) {
		if !slices.Contains([]string{"field", "condition", "value", "values", "logical_operator", "children"}, k) {
			return nil, refuseExtraKey(k)
		}
	}
	name, _ := criterion["field"].(string)
	p, err := c.parsePath(e, name)
	if err != nil {
		return nil, err
	}
	condition, _ := criterion["condition"].(string)
	operator := operatorOf(condition)
	if operator == "" {
		return nil, refuseField(codeInvalid, "condition", "Unknown condition")
	}
	values, _ := criterion["values"].([]any)
	if v, given := criterion["value"]; given && v != nil {
		values = append(slices.Clone(values), v)
	}
	if err := p.checkValues(operator, values); err != nil {
		return nil, err
	}
	match := func(r *row) bool { return c.satisfies(c.valueOf(p, r), operator, values) }
	children, is := criterion["children"].([]any)
	if !is || len(children) == 0 {
		return match, nil
	}
	// The criterion is the first of its group.
	group := Record{"field": name, "condition": condition, "values": values}
	return c.parseGroup(e, slices.Concat([]any{group}, children))
}

// checkValues refuses what cannot be compared: a reference with a bare string, a range of one.
func (p *path) checkValues(operator string, values []any) error {
	last := p
	for last.inner != nil {
		last = last.inner
	}
	isReference := last.field != nil && (last.field.kind == kindReference || last.field.kind == kindReferences)
	for _, v := range values {
		if _, is := v.(Record); isReference && !is {
			return refuseType(last.field.wire)
		}
	}
	if strings.HasSuffix(operator, "between") && len(values) != 2 {
		return refuseField(codeInvalid, "values", "between takes two values")
	}
	return nil
}

// checkMixedDates is an on-premises build's refusal.
func (c *call) checkMixedDates(e *entity, list []any) error {
	if !c.server.options.Site.MixedDateCriteriaRefused || len(list) < 2 {
		return nil
	}
	dates := 0
	for _, one := range list {
		criterion, _ := one.(Record)
		name, _ := criterion["field"].(string)
		if f := e.fields.byWire(name); f != nil && f.kind == kindTime {
			dates++
		}
	}
	if dates > 0 && dates < len(list) {
		return refuseField(codeInvalid, "search_criteria", "Date criteria cannot be combined with others")
	}
	return nil
}

func (c *call) parseSearchFields(e *entity, info *listInfo, given any) error {
	object, is := given.(Record)
	if !is {
		return refuseType("search_fields")
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		p, err := c.parsePath(e, name)
		if err != nil {
			return err
		}
		operator := "contains"
		if p.field != nil && p.field.kind == kindBoolean {
			operator = "is"
		}
		if c.server.options.Site.IgnoreCriteria {
			continue
		}
		wanted := []any{object[name]}
		info.match = append(info.match, func(r *row) bool { return c.satisfies(c.valueOf(p, r), operator, wanted) })
	}
	return nil
}

// satisfies says whether a value meets a condition; of several values or records, one has to.
func (c *call) satisfies(have any, operator string, values []any) bool {
	if all, is := have.([]any); is {
		if len(all) == 0 {
			return c.satisfies(nil, operator, values)
		}
		return slices.ContainsFunc(all, func(one any) bool { return c.satisfies(one, operator, values) })
	}
	is := func(v any) bool { return c.isEqual(have, v) }
	switch operator {
	case "is":
		return len(values) == 0 && have == nil || slices.ContainsFunc(values, is)
	case "is not":
		return !c.satisfies(have, "is", values)
	case "between":
		return have != nil && compareValues(have, asComparable(have, values[0])) >= 0 && compareValues(have, asComparable(have, values[1])) <= 0
	case "not between":
		return have != nil && !c.satisfies(have, "between", values)
	case "not contains":
		return !c.satisfies(have, "contains", values)
	}
	if have == nil {
		return false
	}
	return slices.ContainsFunc(values, func(v any) bool { return c.meets(have, operator, v) })
}

func (c *call) meets(have any, operator string, want any) bool {
	order := compareValues(have, asComparable(have, want))
	text, part := c.fold(asText(have)), c.fold(asText(want))
	switch operator {
	case "greater than":
		return order > 0
	case "greater or equal":
		return order >= 0
	case "lesser than":
		return order < 0
	case "lesser or equal":
		return order <= 0
	case "contains":
		return strings.Contains(text, part)
	case "starts with":
		return strings.HasPrefix(text, part)
	case "ends with":
		return strings.HasSuffix(text, part)
	}
	return false
}

func (c *call) fold(s string) string {
	if c.server.options.Guesses.CaseSensitiveNames {
		return s
	}
	return strings.ToLower(s)
}

func (c *call) isEqual(have, want any) bool {
	target, isRow := have.(*row)
	if !isRow {
		if have == nil {
			return want == nil
		}
		return c.fold(asText(have)) == c.fold(asText(want))
	}
	object, is := want.(Record)
	if !is {
		return false
	}
	if id, given := object["id"]; given {
		return asText(id) == target.id
	}
	for k, v := range object {
		if c.fold(target.fields.text(k)) != c.fold(asText(v)) {
			return false
		}
	}
	return len(object) > 0
}

// asComparable turns a wanted value into the type of the one it is compared with.
func asComparable(have, want any) any {
	if _, is := have.(time.Time); is {
		if object, is := want.(Record); is {
			want = object["value"]
		}
		if ms, err := strconv.ParseInt(asText(want), 10, 64); err == nil {
			return time.UnixMilli(ms)
		}
		return nil
	}
	return asText(want)
}

func asText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	case time.Time:
		return strconv.FormatInt(v.UnixMilli(), 10)
	case time.Duration:
		return strconv.FormatInt(v.Milliseconds(), 10)
	case Record:
		return asText(cmp.Or(v["value"], v["name"], v["id"]))
	case *row:
		return cmp.Or(v.fields.text("name"), v.fields.text("title"), v.id)
	}
	return fmt.Sprint(v)
}

// compareValues orders two values: nothing first, times by time, numbers by number, the rest by letters.
func compareValues(a, b any) int {
	if a == nil || b == nil {
		return cmp.Compare(rankValue(a), rankValue(b))
	}
	ta, isA := a.(time.Time)
	tb, isB := b.(time.Time)
	if isA && isB {
		return ta.Compare(tb)
	}
	sa, sb := asText(a), asText(b)
	na, errA := strconv.ParseInt(sa, 10, 64)
	nb, errB := strconv.ParseInt(sb, 10, 64)
	if errA == nil && errB == nil {
		return cmp.Compare(na, nb)
	}
	return strings.Compare(strings.ToLower(sa), strings.ToLower(sb))
}

func rankValue(v any) int {
	if v == nil {
		return 0
	}
	return 1
}
