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
	for t.frameSize() > frameBytes {
		longest, rows := -1, 1
		for i := range t.Included {
			if len(t.Included[i].Rows) > rows {
				longest, rows = i, len(t.Included[i].Rows)
			}
		}
		switch {
		case len(t.UDF) > keptUDF:
			for _, name := range sortedKeys(t.UDF)[keptUDF:] {
				delete(t.UDF, name)
			}
			t.MoreUDF = true
		case longest >= 0:
			part := &t.Included[longest]
			part.Rows, part.More = part.Rows[:rows-1], true
		default:
			t.shorten()
			return
		}
	}
}

// shortenLine cuts what is left of a ticket that has nothing to leave out.
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

// frameSize returns how long a ticket is in an answer, in bytes: its text is a string there.
func (t *ticketDetails) frameSize() int {
	size := 0
	for _, part := range []any{t.text(), t} {
		raw, err := json.Marshal(part)
		if err != nil {
			panic(err) // both are texts and numbers
		}
		size += len(raw)
	}
	return size
}
