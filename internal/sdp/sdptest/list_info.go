package sdptest

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

const (
	defaultRows = 10
	maximumRows = 100
)

// listInfo is what a list call asks for.
type listInfo struct {
	rows, start, page int
	pageGiven         bool
	sortField         string // as asked, for the echo
	sortOrder         string
	sortBy            []sortKey
	total             bool
	match             []func(*row) bool
	asked             []string // fields_required
}

type sortKey struct {
	path       *path
	descending bool
}

// list answers a list call over rows that are in the scope of its path.
func (c *call) list(e *entity, rows []*row) (*answer, error) {
	info, err := c.parseListInfo(e)
	if err != nil {
		return nil, err
	}
	if e.newestFirst {
		rows = slices.Clone(rows)
		slices.Reverse(rows)
	}
	var found []*row
	for _, r := range rows {
		if info.matches(r) {
			found = append(found, r)
		}
	}
	info.sort(c, found)
	page := found[min(info.start-1, len(found)):]
	page = page[:min(info.rows, len(page))]
	answered := Record{
		"has_more_rows": info.start-1+len(page) < len(found) && len(page) > 0,
		"start_index":   info.start,
		"row_count":     len(page),
	}
	if info.sortField != "" {
		answered["sort_field"], answered["sort_order"] = info.sortField, info.sortOrder
	}
	if info.pageGiven {
		answered["page"] = info.page
	}
	if info.total {
		answered["total_count"] = len(found)
	}
	records := make([]any, len(page))
	for i, r := range page {
		records[i] = c.renderRow(e, r, info.asked)
	}
	return &answer{body: Record{"response_status": []any{successStatus()}, "list_info": answered, e.many: records}}, nil
}

func (l *listInfo) matches(r *row) bool {
	for _, match := range l.match {
		if !match(r) {
			return false
		}
	}
	return true
}

func (l *listInfo) sort(c *call, rows []*row) {
	if len(l.sortBy) == 0 {
		return
	}
	slices.SortStableFunc(rows, func(a, b *row) int {
		for _, k := range l.sortBy {
			order := compareValues(c.valueOf(k.path, a), c.valueOf(k.path, b))
			if k.descending {
				order = -order
			}
			if order != 0 {
				return order
			}
		}
		return 0
	})
}

func (c *call) parseListInfo(e *entity) (*listInfo, error) {
	info := &listInfo{rows: defaultRows, start: 1}
	if err := c.checkParameters(); err != nil {
		return nil, err
	}
	for _, k := range slices.Sorted(maps.Keys(c.input)) {
		if k != "list_info" && k != "fields_required" {
			return nil, refuseExtraKey(k)
		}
	}
	if err := c.parseFieldsRequired(e, info, c.input["fields_required"]); err != nil {
		return nil, err
	}
	given, is := c.input["list_info"].(Record)
	if !is {
		if c.input["list_info"] != nil {
			return nil, refuseType("list_info")
		}
		return info, nil
	}
	for _, k := range slices.Sorted(maps.Keys(given)) {
		if err := c.parseListInfoKey(e, info, k, given[k]); err != nil {
			return nil, err
		}
	}
	if info.pageGiven && given["start_index"] == nil {
		info.start = (info.page-1)*info.rows + 1
	}
	if err := c.sortOf(e, info, given); err != nil {
		return nil, err
	}
	return info, c.checkFilters(e, given)
}

// parseListInfoKey reads one key; sort_field, sort_order and sort_fields are read together, later.
func (c *call) parseListInfoKey(e *entity, info *listInfo, name string, given any) error {
	switch name {
	case "row_count":
		return c.parseRowCount(info, given)
	case "start_index":
		return c.parseStartIndex(info, given)
	case "page":
		return parsePage(info, given)
	case "get_total_count":
		total, err := parseBoolean(&field{wire: name}, given)
		info.total = total == true
		return err
	case "search_fields":
		return c.parseSearchFields(e, info, given)
	case "search_criteria":
		return c.parseSearchCriteria(e, info, given)
	case "filter_by":
		return c.parseFilterBy(e, info, given)
	case "fields_required":
		return c.parseFieldsRequired(e, info, given)
	case "sort_field", "sort_order", "sort_fields":
		return nil
	}
	return refuseExtraKey(name)
}

func (c *call) parseRowCount(info *listInfo, given any) error {
	n, err := parseInteger("row_count", given)
	switch {
	case err != nil:
		return err
	case n > maximumRows && c.server.options.Guesses.RowCountCapped:
		n = maximumRows
	case n < 1 || n > maximumRows:
		return refuseField(codeValidation, "row_count", "row_count must be between 1 and 100")
	}
	info.rows = n
	return nil
}

func (c *call) parseStartIndex(info *listInfo, given any) error {
	n, err := parseInteger("start_index", given)
	switch {
	case err != nil:
		return err
	case n == 0 && c.server.options.Guesses.StartIndexZero == ZeroIsOne:
		n = 1
	case n < 1:
		return refuseField(codeValidation, "start_index", "start_index begins at 1")
	}
	info.start = n
	return nil
}

func parsePage(info *listInfo, given any) error {
	n, err := parseInteger("page", given)
	if err == nil && n < 1 {
		err = refuseField(codeValidation, "page", "page begins at 1")
	}
	info.page, info.pageGiven = n, true
	return err
}

// parseInteger takes a number, or a string of digits.
func parseInteger(name string, given any) (int, error) {
	s, is := given.(string)
	if n, isNumber := given.(json.Number); isNumber {
		s, is = n.String(), true
	}
	n, err := strconv.Atoi(s)
	if !is || err != nil {
		return 0, refuseType(name)
	}
	return n, nil
}

func (c *call) parseFieldsRequired(e *entity, info *listInfo, given any) error {
	if given == nil {
		return nil
	}
	names, is := given.([]any)
	if !is {
		return refuseType("fields_required")
	}
	info.asked = []string{}
	for _, one := range names {
		name, is := one.(string)
		if !is {
			return refuseType("fields_required")
		}
		if name != "id" && e.fields.byWire(name) == nil && !c.server.options.Guesses.UnknownFieldsTaken {
			return refuseField(codeInvalid, name, "Unknown field in fields_required")
		}
		info.asked = append(info.asked, name)
	}
	return nil
}

// sortOf reads sort_field with sort_order, or the array of them.
func (c *call) sortOf(e *entity, info *listInfo, given Record) error {
	asked := []any{}
	if name := given["sort_field"]; name != nil {
		asked = append(asked, Record{"field": name, "order": cmp.Or(given["sort_order"], any("asc"))})
	}
	if more := given["sort_fields"]; more != nil {
		list, is := more.([]any)
		if !is || c.server.options.Guesses.SortFieldsRefused {
			return refuseExtraKey("sort_fields")
		}
		asked = append(asked, list...)
	}
	for _, one := range asked {
		object, _ := one.(Record)
		name, isName := object["field"].(string)
		order, isOrder := cmp.Or(object["order"], any("asc")).(string)
		order = strings.ToLower(order)
		if !isName || !isOrder || order != "asc" && order != "desc" {
			return refuseType("sort_field")
		}
		first, _, _ := strings.Cut(name, ".")
		if e.sortable != nil && !slices.Contains(e.wireNames(e.sortable), first) {
			return refuseField(codeInvalid, "sort_field", "Cannot sort by "+name)
		}
		p, err := c.parsePath(e, name)
		if err != nil {
			return err
		}
		info.sortBy = append(info.sortBy, sortKey{p, order == "desc"})
		if info.sortField == "" {
			info.sortField, info.sortOrder = name, order
		}
	}
	return nil
}

// checkFilters refuses combinations that the product refuses.
func (c *call) checkFilters(e *entity, given Record) error {
	if e.table == "users" && given["filter_by"] != nil && given["search_criteria"] != nil {
		return refuseField(codeInvalid, "filter_by", "filter_by and search_criteria exclude each other")
	}
	return nil
}

func (c *call) parseFilterBy(e *entity, info *listInfo, given any) error {
	object, is := given.(Record)
	if !is {
		return refuseType("filter_by")
	}
	name, _ := object["name"].(string)
	if id, is := object["id"].(string); is {
		if view := c.server.table("list_views").byID[id]; view != nil {
			name = view.fields.text("name")
		}
	}
	var matches func(*call, *row) bool
	if e.views != nil {
		matches = e.views(name)
	}
	if matches == nil {
		return refuseField(codeInvalid, "filter_by", "Unknown view")
	}
	if !c.server.options.Site.IgnoreFilterBy {
		info.match = append(info.match, func(r *row) bool { return matches(c, r) })
	}
	return nil
}
