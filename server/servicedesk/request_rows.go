package servicedesk

import (
	"strconv"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/server/tool"
)

// untrusted is said of results with texts that people wrote in ServiceDesk Plus.
const untrusted = "untrusted"

// requestRow is a ticket in a list.
type requestRow struct {
	Number      string            `json:"number"`
	Subject     string            `json:"subject"`
	Status      string            `json:"status,omitempty"`
	Priority    string            `json:"priority,omitempty"`
	Technician  string            `json:"technician,omitempty"`
	Due         string            `json:"due,omitempty"`
	SLA         string            `json:"sla,omitempty"`
	MinutesLeft *int64            `json:"minutes_left,omitempty"`
	Score       *float64          `json:"score,omitempty"`
	Fields      map[string]string `json:"fields,omitempty"`
}

// requestList is the structured result of a list of tickets.
type requestList struct {
	Requests   []requestRow `json:"requests"`
	Total      *int         `json:"total,omitempty"`
	NextCursor string       `json:"next_cursor,omitempty"`
	More       bool         `json:"more,omitempty"`
	TimeZone   string       `json:"time_zone"`
	Trust      string       `json:"trust"`
}

// newRow returns a ticket as lists show it.
func (d *desk) newRow(r *sdp.Request, now time.Time, fields []string) requestRow {
	row := requestRow{
		Number: r.DisplayID, Subject: shortenLine(r.Subject), Status: shortenLine(r.Status.Name), Priority: shortenLine(r.Priority.Name),
		Technician: shortenLine(r.Technician.Name), Due: formatTime(r.DueByTime, d.zone), SLA: describeSLA(r, now),
	}
	if row.Number == "" {
		row.Number = "id:" + r.ID
	}
	for _, name := range fields {
		if value := d.extraField(r, name); value != "" {
			if row.Fields == nil {
				row.Fields = map[string]string{}
			}
			row.Fields[name] = value
		}
	}
	return row
}

// describeSLA says how late a ticket is, or how long it has; nothing of one that is done or has no time.
func describeSLA(r *sdp.Request, now time.Time) string {
	terminal, _ := r.Status.IsTerminal()
	switch left := r.DueByTime.At.Sub(now); {
	case r.DueByTime.IsZero() || terminal:
		return ""
	case left < 0:
		return "overdue " + shortSpan(left)
	default:
		return "in " + shortSpan(left)
	}
}

// extraFields are the references among the columns that callers may ask for, by the fields of SDP.
var extraFields = map[string]string{
	"requester": "requester", "group": "group", "site": "site", "category": "category", "subcategory": "subcategory", "urgency": "urgency",
	"impact": "impact", "mode": "mode", "request_type": "request_type",
}

// askedFields returns the fields of SDP for the columns of a caller, beyond those that are asked for always.
func askedFields(columns []string) []string {
	var asked []string
	for _, column := range columns {
		switch column {
		case "subcategory", "urgency", "impact", "mode", "request_type":
			asked = append(asked, extraFields[column])
		}
	}
	return asked
}

func (d *desk) extraField(r *sdp.Request, column string) string {
	switch column {
	case "created":
		return formatTime(r.CreatedTime, d.zone)
	case "updated":
		return formatTime(r.LastUpdatedTime, d.zone)
	case "id":
		return "id:" + r.ID
	}
	return shortenLine(r.Raw.Ref(extraFields[column]).Name)
}

// requestTable writes rows as a table that suffices alone. It returns how many rows had room.
type requestTable struct {
	*table
	columns []string
	score   bool
}

func newRequestTable(columns []string, withScore bool) *requestTable {
	header := append([]string{"number", "subject", "status", "priority", "technician", "due", "sla"}, columns...)
	if withScore {
		header = append(header, "score")
	}
	return &requestTable{newTable(header...), columns, withScore}
}

func (t *requestTable) appendRow(row *requestRow) (fits bool) {
	cells := []string{row.Number, row.Subject, row.Status, row.Priority, row.Technician, row.Due, row.SLA}
	for _, column := range t.columns {
		cells = append(cells, row.Fields[column])
	}
	if t.score && row.Score != nil {
		cells = append(cells, strconv.FormatFloat(*row.Score, 'f', 2, 64))
	}
	return t.append(cells)
}

// requestResult makes the result of a list of rows, of which the last may have no room: next returns the cursor of what follows after
// so many rows, empty for nothing. Whether there are more than the rows is said where no cursor says it.
func (d *desk) requestResult(rows []requestRow, total int, more bool, shown *requestTable, next func(shown int) string) *tool.Result[requestList] {
	result := requestList{Requests: []requestRow{}, Total: knownTotal(total), TimeZone: d.zone.String(), Trust: untrusted}
	for i := range rows {
		if !shown.appendRow(&rows[i]) {
			break
		}
		result.Requests = append(result.Requests, rows[i])
	}
	said := d.describeShown(len(result.Requests), total, "requests of connection "+d.key.String())
	if result.NextCursor = next(len(result.Requests)); result.NextCursor != "" {
		said += sayCursor(result.NextCursor)
	} else if result.More = more || len(result.Requests) < len(rows); result.More {
		said += " There are more; ask for less of them."
	}
	return tool.NewResult(said+"\n"+shown.text(), result)
}
