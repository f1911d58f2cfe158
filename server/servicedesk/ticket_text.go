package servicedesk

import (
	"strings"
	"time"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
)

// How many characters of texts are shown: in short, and in full.
const (
	conciseText = 1500
	fullText    = 8_000
	noteText    = 600
	longSubject = 250
	// textBytes bounds the texts of a ticket, and those of its parts, in bytes: text and structured result fit a frame of 48 KB.
	textBytes = 9 << 10
)

// readMarkdown returns what a person sees of HTML, as Markdown of at most so many characters, and whether that is all of it. What is no
// HTML that can be read is left out: it would be shown as it is written.
func readMarkdown(html string, characters int) (text string, whole bool) {
	read, err := richtext.ToMarkdown(html)
	if err != nil {
		return "(a text that cannot be read)", true
	}
	read = strings.TrimSpace(read)
	short := excerpt.Truncate(read, characters)
	return short, short == read
}

// readHTML is readMarkdown for what has to fit a frame.
func readHTML(html string, characters int) (text string, whole bool) {
	read, whole := readMarkdown(html, characters)
	short := excerpt.TruncateBytes(read, textBytes)
	return short, whole && short == read
}

// shortenParts shortens the texts of parts, the last first, so that all together are bounded.
func shortenParts(parts []included) {
	left := textBytes
	for i := range parts {
		for j := range parts[i].Rows {
			text := &parts[i].Rows[j].Text
			if *text = excerpt.TruncateBytes(*text, max(left, len("…"))); left <= 0 {
				*text = ""
			}
			left -= len(*text)
		}
	}
}

// ticketDetails is the structured result of a ticket.
type ticketDetails struct {
	requestRow
	ID          string            `json:"id"`
	Requester   string            `json:"requester,omitempty"`
	Group       string            `json:"group,omitempty"`
	Site        string            `json:"site,omitempty"`
	Category    string            `json:"category,omitempty"`
	Created     string            `json:"created,omitempty"`
	Updated     string            `json:"updated,omitempty"`
	Resolved    string            `json:"resolved,omitempty"`
	Text        string            `json:"text,omitempty"`
	TextIsWhole bool              `json:"text_is_whole"`
	URI         string            `json:"uri"`
	UDF         map[string]string `json:"udf,omitempty"`
	MoreUDF     bool              `json:"more_udf,omitempty"`
	Included    []included        `json:"included,omitempty"`
	TimeZone    string            `json:"time_zone"`
	Trust       string            `json:"trust"`
}

// included is a part of a ticket: its rows, or why they could not be read.
type included struct {
	Part  string         `json:"part"`
	Rows  []includedItem `json:"rows"`
	More  bool           `json:"more,omitempty"`
	Error string         `json:"error,omitempty"`
}

// includedItem is a note, a mail, a task or the like.
type includedItem struct {
	ID     string `json:"id,omitempty"`
	Number string `json:"number,omitempty"`
	Title  string `json:"subject,omitempty"`
	Who    string `json:"who,omitempty"`
	When   string `json:"when,omitempty"`
	State  string `json:"state,omitempty"`
	Text   string `json:"text,omitempty"`
}

// newTicketDetails returns what is shown of a ticket.
func (d *desk) newTicketDetails(r *sdp.Request, characters int, now time.Time) ticketDetails {
	details := ticketDetails{
		requestRow: d.newRow(r, now, nil), ID: "id:" + r.ID, Requester: describePerson(r.Requester), Group: shortenLine(r.Group.Name), Site: shortenLine(r.Site.Name),
		Category: joinPath(r.Category.Name, r.Subcategory.Name, r.Item.Name), Created: formatTime(r.CreatedTime, d.zone),
		Updated: formatTime(r.LastUpdatedTime, d.zone), Resolved: formatTime(r.ResolvedTime, d.zone), TimeZone: d.zone.String(), Trust: untrusted,
		URI: d.requestURI(r),
	}
	details.Subject = excerpt.Truncate(oneLine(r.Subject), longSubject)
	details.Text, details.TextIsWhole = readHTML(r.DescriptionHTML, characters)
	for _, name := range r.UDF.Names() {
		if value := oneLine(udfText(r.UDF, name, d.zone)); value != "" {
			if details.UDF == nil {
				details.UDF = map[string]string{}
			}
			details.UDF[name] = excerpt.Truncate(value, 200)
		}
	}
	return details
}

// udfText returns the value of a site's own field: a time, a reference, or a scalar.
func udfText(udf sdp.Raw, name string, zone *time.Location) string {
	if object := udf.Object(name); !object.IsZero() {
		if at := udf.Time(name); !at.IsZero() && object.Has("display_value") {
			return formatTime(at, zone)
		}
		if named := udf.Ref(name).Name; named != "" {
			return named
		}
	}
	return udf.Text(name)
}

func describePerson(of sdp.Ref) string {
	if of.Email != "" && of.Name != "" {
		return shortenLine(of.Name) + " <" + shortenLine(of.Email) + ">"
	}
	return shortenLine(of.Name + of.Email)
}

func joinPath(names ...string) string {
	var path []string
	for _, name := range names {
		if name != "" {
			path = append(path, shortenLine(name))
		}
	}
	return strings.Join(path, " / ")
}

// text returns a ticket for reading: all of it is a stranger's.
func (t *ticketDetails) text() string {
	var b strings.Builder
	for _, line := range [][2]string{
		{"number", t.Number}, {"subject", t.Subject}, {"status", t.Status}, {"priority", t.Priority}, {"technician", t.Technician}, {"group", t.Group},
		{"site", t.Site}, {"requester", t.Requester}, {"category", t.Category}, {"created", t.Created}, {"updated", t.Updated}, {"due", t.Due},
		{"sla", t.SLA}, {"resolved", t.Resolved},
	} {
		if line[1] != "" {
			b.WriteString(line[0] + ": " + line[1] + "\n")
		}
	}
	for _, name := range sortedKeys(t.UDF) {
		b.WriteString(oneLine(name) + ": " + t.UDF[name] + "\n")
	}
	if t.MoreUDF {
		b.WriteString("there are more udf fields\n")
	}
	if t.Text != "" {
		b.WriteString("\n" + t.Text + "\n")
	}
	for _, part := range t.Included {
		part.writeTo(&b)
	}
	return richtext.FrameUntrusted(strings.TrimSuffix(b.String(), "\n"))
}

func (p *included) writeTo(b *strings.Builder) {
	b.WriteString("\n## " + p.Part + "\n")
	switch {
	case p.Error != "":
		b.WriteString("not read: " + p.Error + "\n")
	case len(p.Rows) == 0:
		b.WriteString("none\n")
	}
	for _, row := range p.Rows {
		var cells []string
		for _, cell := range []string{row.ID, row.Number, row.When, row.Who, row.State, row.Title} {
			if cell != "" {
				cells = append(cells, cell)
			}
		}
		if len(cells) == 0 { // a text of a record, of which there is one
			b.WriteString(row.Text + "\n")
			continue
		}
		b.WriteString("- " + strings.Join(cells, " | ") + "\n")
		if row.Text != "" {
			b.WriteString("  " + strings.ReplaceAll(row.Text, "\n", "\n  ") + "\n")
		}
	}
	if p.More {
		b.WriteString("- there are more\n")
	}
}
