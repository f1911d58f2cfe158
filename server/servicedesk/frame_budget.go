package servicedesk

import (
	"encoding/json"

	"github.com/lectern-dev/lectern/internal/excerpt"
)

const (
	// frameBytes is how long a ticket may be in an answer, text and structured result together: lines of pipes end at 48 KB, and there is
	// more around it.
	frameBytes = 44 << 10
	// keptUDF is how many of a site's own fields are shown of a ticket that is too long with all.
	keptUDF = 20
)

// fitFrame leaves out what is last of the longest parts, and of the site's own fields, until a ticket fits an answer. It says so of both.
func (t *ticketDetails) fitFrame() {
	for frameSize(t.text(), t) > frameBytes {
		switch {
		case len(t.UDF) > keptUDF:
			for _, name := range sortedKeys(t.UDF)[keptUDF:] {
				delete(t.UDF, name)
			}
			t.MoreUDF = true
		case !dropLastRow(t.Included):
			t.shorten()
			return
		}
	}
}

// dropLastRow leaves out the last row of the longest part, which says that there are more; not of parts that have one row alone.
func dropLastRow(parts []included) (dropped bool) {
	longest, rows := -1, 1
	for i := range parts {
		if len(parts[i].Rows) > rows {
			longest, rows = i, len(parts[i].Rows)
		}
	}
	if longest >= 0 {
		parts[longest].Rows, parts[longest].More = parts[longest].Rows[:rows-1], true
	}
	return longest >= 0
}

// shorten cuts what is left of a ticket that has nothing to leave out.
func (t *ticketDetails) shorten() {
	t.Text = excerpt.TruncateBytes(t.Text, textBytes/2)
	t.TextIsWhole = false
	for i := range t.Included {
		for j := range t.Included[i].Rows {
			row := &t.Included[i].Rows[j]
			row.Text = excerpt.TruncateBytes(row.Text, noteText)
		}
	}
}

// frameSize returns how long a result is in an answer, in bytes: its text is a string there.
func frameSize(text string, structured any) int {
	size := 0
	for _, part := range []any{text, structured} {
		raw, err := json.Marshal(part)
		if err != nil {
			panic(err) // both are texts and numbers
		}
		size += len(raw)
	}
	return size
}
