package sdp

import (
	"context"
	"errors"
)

// MaxRows is how many rows a page has at most; SDP refuses or cuts more.
const MaxRows = 100

// ListOptions say which records, in which order, and what of them. The zero value asks for the first 10 in SDP's own order.
type ListOptions struct {
	// Start is the first row, counted from 1; 0 is 1.
	Start int
	// Rows is how many rows a page has, 1 to MaxRows; 0 is SDP's 10.
	Rows int
	// Sort is the field to sort by.
	Sort       string
	Descending bool
	Where      Criteria
	// View is a saved filter by its name, such as Open_Requests. Some lists refuse it beside Where.
	View string
	// Fields are asked for beyond, or instead of, what rows have by themselves.
	Fields []string
	// CountAll has SDP count all that match, which costs it time.
	CountAll bool
}

// Page is a part of a list.
type Page[T any] struct {
	Items []T
	// Next is the Start of the page after, 0 when this is the last. Lists move while they are read.
	Next int
	// Total is how many there are, -1 unless CountAll was set and answered.
	Total int
	// ListInfo is what SDP says of the page.
	ListInfo Raw
}

// encode returns the input of a list call, with fields under the names that rename gives them.
func (o ListOptions) encode(edition Edition, rename func(field string) string) (Fields, error) {
	switch {
	case o.Rows < 0 || o.Rows > MaxRows:
		return nil, errors.New("a page has 1 to 100 rows")
	case o.Start < 0:
		return nil, errors.New("rows are counted from 1")
	case o.Sort != "" && !criteriaField.MatchString(o.Sort):
		return nil, errors.New("a field to sort by is a name")
	}
	info := Fields{}
	if o.Rows > 0 {
		info["row_count"] = o.Rows
	}
	if o.Start > 1 || o.Rows > 0 {
		info["start_index"] = max(o.Start, 1)
	}
	if o.Sort != "" {
		info["sort_field"], info["sort_order"] = rename(o.Sort), "asc"
		if o.Descending {
			info["sort_order"] = "desc"
		}
	}
	if o.CountAll {
		info["get_total_count"] = true
	}
	if o.View != "" {
		info["filter_by"] = Fields{"name": o.View}
	}
	criteria, err := o.Where.encode(rename)
	if err != nil {
		return nil, err
	}
	if criteria != nil {
		info["search_criteria"] = criteria
	}
	input := Fields{"list_info": info}
	if len(o.Fields) > 0 {
		required := make([]string, len(o.Fields))
		for i, field := range o.Fields {
			if !criteriaField.MatchString(field) {
				return nil, errors.New("a field to ask for is a name")
			}
			required[i] = rename(field)
		}
		if edition.requiresFieldsBesideListInfo() {
			input["fields_required"] = required
		} else {
			info["fields_required"] = required
		}
	}
	if len(info) == 0 && len(input) == 1 {
		return nil, nil // a list that nothing is said of is asked for without input
	}
	return input, nil
}

// readPage decodes the answer of a list call. The next page begins after the rows that came, whatever was asked for; a page
// without rows is the last one, whatever it says.
func readPage[T any](a answer, start int, lists []string, decode func(Raw) T) Page[T] {
	info := a.body.Object("list_info")
	page := Page[T]{Total: -1, ListInfo: info}
	rows := a.body.Objects(listName(a.body, lists))
	for _, row := range rows {
		page.Items = append(page.Items, decode(row))
	}
	if len(rows) > 0 && info.IsTrue("has_more_rows") {
		page.Next = max(start, 1) + len(rows)
	}
	if total, ok := info.Int("total_count"); ok && total >= 0 {
		page.Total = int(total)
	}
	return page
}

// listName returns the name of the rows: the first known one, or else the only array.
func listName(body Raw, lists []string) string {
	for _, name := range lists {
		if body.Has(name) {
			return name
		}
	}
	return onlyField(body, '[')
}

// rootName returns the name of a single record: the first known one, or else the only object.
func rootName(body Raw, roots []string) string {
	for _, name := range roots {
		if len(body.Field(name)) > 0 && body.Field(name)[0] == '{' {
			return name
		}
	}
	return onlyField(body, '{')
}

// onlyField returns the name of the one field of a kind, beside what every answer has, or "".
func onlyField(body Raw, begins byte) string {
	var found []string
	for _, name := range body.Names() {
		if value := body.Field(name); name != "response_status" && name != "list_info" && len(value) > 0 && value[0] == begins {
			found = append(found, name)
		}
	}
	if len(found) != 1 {
		return ""
	}
	return found[0]
}

// Collect reads pages until maxRows rows are read or the list ends; complete is false when there may be more. What was read
// before a failure is returned with the error.
func Collect[T any](ctx context.Context, list func(context.Context, ListOptions) (Page[T], error), o ListOptions, maxRows int) (items []T, complete bool, err error) {
	if o.Rows == 0 {
		o.Rows = MaxRows
	}
	for len(items) < maxRows {
		page, err := list(ctx, o)
		if err != nil {
			return items, false, err
		}
		items = append(items, page.Items...)
		if page.Next == 0 {
			return items[:min(len(items), maxRows)], len(items) <= maxRows, nil
		}
		o.Start = page.Next
	}
	return items[:maxRows], false, nil
}
