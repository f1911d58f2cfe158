package servicedesk

import (
	"slices"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/server/tool"
)

// conditionFields are the fields of tickets that criteria may name, by the names of our arguments, as conditions of SDP have them.
var conditionFields = map[string]string{
	"subject": "subject", "description": "description", "status": "status.name", "priority": "priority.name", "urgency": "urgency.name",
	"impact": "impact.name", "category": "category.name", "subcategory": "subcategory.name", "item": "item.name", "group": "group.name",
	"site": "site.name", "level": "level.name", "mode": "mode.name", "technician": "technician.name", "requester": "requester.name",
	"technician_email": "technician.email_id", "requester_email": "requester.email_id", "request_type": "request_type.name",
	"created": "created_time", "updated": "last_updated_time", "due": "due_by_time", "number": "display_id",
}

// timeFields are those whose values are times.
var timeFields = []string{"created", "updated", "due"}

// udfObject is the field of tickets that has a site's own fields, of which the names begin with udf_.
const udfObject = "udf_fields"

// requestCondition is one of a caller's own conditions.
type requestCondition struct {
	Field     string  `json:"field" description:"subject, status, group, technician_email, created, udf_…"`
	Condition string  `json:"condition" enum:"is,is not,contains,not contains,starts with,ends with,greater than,lesser than,is empty,is not empty"`
	Value     *string `json:"value,omitempty" bounds:"..250"`
}

// filter returns what a caller's condition selects: as SDP is asked, and as rows are checked.
func (c *requestCondition) filter(zone *time.Location) (filter, error) {
	path, known := conditionFields[c.Field]
	if !known && strings.HasPrefix(c.Field, "udf_") {
		path, known = udfObject+"."+c.Field, true
	}
	if !known {
		return filter{}, tool.NewInvalid("argument %q: there is no field %q; there are udf_… and %s", "criteria", oneLine(c.Field), strings.Join(sortedKeys(conditionFields), ", "))
	}
	isTime, isEmptiness := slices.Contains(timeFields, c.Field), c.Condition == "is empty" || c.Condition == "is not empty"
	switch {
	case isEmptiness:
		return selectEmpty(path, c.Condition == "is empty", isTime), nil
	case c.Value == nil:
		return filter{}, tool.NewInvalid("argument %q: the condition on %s needs a value", "criteria", c.Field)
	case isTime:
		return c.timeFilter(path, zone)
	}
	value := *c.Value
	if number, is := sdp.ParseDisplayID(value); is && c.Field == "number" {
		value = number
	}
	operator := sdp.Operator(c.Condition)
	return filter{
		criteria: sdp.Where(path, operator, value), fields: []string{fieldOf(path)},
		holds: func(r *sdp.Request) bool {
			has, known := rowValue(r, path)
			return !known || compareText(has, operator, value)
		},
	}, nil
}

// timeFilter selects by a time. Nothing happens at one millisecond: what is at a time is on its day.
func (c *requestCondition) timeFilter(path string, zone *time.Location) (filter, error) {
	at, err := parseTime("criteria", *c.Value, zone)
	if err != nil {
		return filter{}, err
	}
	var selected filter
	var matches func(time.Time) bool
	switch c.Condition {
	case "greater than":
		selected.dates, matches = sdp.Where(path, sdp.GreaterThan, at), func(t time.Time) bool { return t.After(at) }
	case "lesser than":
		selected.dates, matches = sdp.Where(path, sdp.LesserThan, at), func(t time.Time) bool { return t.Before(at) }
	case "is":
		from := startOfDay(at, zone)
		until := from.AddDate(0, 0, 1)
		selected.dates = sdp.Where(path, sdp.Between, from, until.Add(-time.Millisecond))
		matches = func(t time.Time) bool { return !t.Before(from) && t.Before(until) }
	default:
		return filter{}, tool.NewInvalid("argument %q: %s takes greater than, lesser than, is (on that day), is empty and is not empty", "criteria", c.Field)
	}
	selected.holds = func(r *sdp.Request) bool {
		has := r.Raw.Time(path)
		return !r.Raw.Has(path) || !has.IsZero() && matches(has.At)
	}
	return selected, nil
}

// selectEmpty selects tickets without a value of a field, or with one.
func selectEmpty(path string, empty, isTime bool) filter {
	field := path
	if fieldOf(path) != udfObject {
		field = fieldOf(path)
	}
	criteria := sdp.IsNotEmpty(field)
	if empty {
		criteria = sdp.IsEmpty(field)
	}
	selected := filter{criteria: criteria, fields: []string{fieldOf(path)}, holds: func(r *sdp.Request) bool {
		isEmpty, known := isRowEmpty(r, path)
		return !known || isEmpty == empty
	}}
	if isTime {
		selected.criteria, selected.dates = sdp.Criteria{}, criteria
	}
	return selected
}

// fieldOf returns the field of rows that a condition is on.
func fieldOf(path string) string {
	field, _, _ := strings.Cut(path, ".")
	return field
}

// isRowEmpty reports whether a row has no value where a condition is on; known is false where the row does not say.
func isRowEmpty(r *sdp.Request, path string) (empty, known bool) {
	if _, udf, is := strings.Cut(path, udfObject+"."); is {
		return r.UDF.Text(udf) == "" && r.UDF.Object(udf).IsZero(), r.Raw.Has(udfObject)
	}
	field := fieldOf(path)
	return r.Raw.Ref(field).IsZero() && r.Raw.Time(field).IsZero(), r.Raw.Has(field)
}

// rowValue returns what a row has where a condition is on; known is false where the row does not say.
func rowValue(r *sdp.Request, path string) (value string, known bool) {
	field, part, _ := strings.Cut(path, ".")
	switch {
	case field == udfObject:
		return r.UDF.Text(part), r.Raw.Has(udfObject) && r.UDF.Object(part).IsZero()
	case part == "email_id":
		of := r.Raw.Ref(field)
		return of.Email, r.Raw.Has(field) && (of.Email != "" || of.IsZero())
	case part == "name":
		of := r.Raw.Ref(field)
		return of.Name, r.Raw.Has(field) && (of.Name != "" || of.IsZero())
	case field == "description":
		return descriptionText(r), r.Raw.Has(field)
	}
	return r.Raw.Text(field), r.Raw.Has(field)
}

// compareText reports whether a row's value is not against a condition. Where SDP may read it otherwise than as text, it is not.
func compareText(has string, operator sdp.Operator, value string) bool {
	has, value = foldText(has), foldText(value)
	switch operator {
	case sdp.Is:
		return strings.TrimSpace(has) == strings.TrimSpace(value)
	case sdp.IsNot:
		return strings.TrimSpace(has) != strings.TrimSpace(value)
	case sdp.Contains:
		return strings.Contains(has, value)
	case sdp.NotContains:
		return !strings.Contains(has, value)
	case sdp.StartsWith:
		return strings.HasPrefix(has, value)
	case sdp.EndsWith:
		return strings.HasSuffix(has, value)
	}
	return true
}
