package audit

import (
	"encoding/json"
	"io"
	"sync"
)

// JSONLog is a Writer that also writes each row as a line of JSON, for a program that collects what processes print. A line that
// cannot be written is lost, and counted; rows go to the next Writer all the same.
type JSONLog struct {
	next Writer

	mu   sync.Mutex
	out  *json.Encoder
	lost int64
}

// NewJSONLog returns a Writer that writes lines to out, and has the next one keep the rows; nil has nobody.
func NewJSONLog(out io.Writer, next Writer) *JSONLog {
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	return &JSONLog{next: next, out: lines}
}

// jsonRow is a row as it is logged: which table it belongs to is in audit, which no other line of a log has.
type jsonRow struct {
	Audit string `json:"audit"`
	Row   Row    `json:"row"`
}

// Append implements Writer.
func (l *JSONLog) Append(rows ...Row) error {
	l.mu.Lock()
	for _, row := range rows {
		if l.out.Encode(jsonRow{rowTable(row).name(), row}) != nil {
			l.lost++
		}
	}
	l.mu.Unlock()
	if l.next == nil {
		return nil
	}
	return l.next.Append(rows...)
}

// Sync implements Writer.
func (l *JSONLog) Sync() error {
	if l.next == nil {
		return nil
	}
	return l.next.Sync()
}

// Lost returns how many lines could not be written.
func (l *JSONLog) Lost() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

// name is what the database calls a table.
func (t Table) name() string {
	if t == APICallTable {
		return "api_audit_log"
	}
	return "mcp_tool_usage"
}
