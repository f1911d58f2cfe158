package servicedesk

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
	"github.com/lectern-dev/lectern/server/tool"
)

type getRecordInput struct {
	target
	Module   string   `json:"module" enum:"problem,change,asset"`
	RecordID string   `json:"record_id" description:"id of search_records"`
	Include  []string `json:"include,omitempty" description:"More parts of a problem or a change: a call of ServiceDesk Plus each; notes on premises 6" enum:"notes,tasks,worklogs,approvals" bounds:"..4"`
}

// recordDetails is a record with its texts and parts.
type recordDetails struct {
	recordRow
	Module   string            `json:"module"`
	Group    string            `json:"group,omitempty"`
	Site     string            `json:"site,omitempty"`
	Fields   map[string]string `json:"fields,omitempty"`
	Included []included        `json:"included,omitempty"`
	TimeZone string            `json:"time_zone"`
	Trust    string            `json:"trust"`
}

// getRecord answers get_record: a call of SDP for the record and one for each part, and for notes on premises one for each of the five
// newest texts.
func (s *Service) getRecord(ctx context.Context, in getRecordInput) (*tool.Result[recordDetails], error) {
	m := modules[in.Module]
	d, err := s.openDesk(ctx, in.target, m.toolset)
	if err != nil {
		return nil, err
	}
	if m.parts == nil && len(in.Include) > 0 {
		return nil, tool.NewInvalid("argument %q: an %s has no parts; leave it out", "include", m.name)
	}
	found, err := d.findRecord(ctx, m, in.RecordID)
	if err != nil {
		return nil, err
	}
	details := d.newRecordDetails(m, &found)
	slices.Sort(in.Include)
	asked := slices.Compact(in.Include)
	for i, part := range asked {
		tool.ReportProgress(ctx, float64(i), float64(len(asked)), "reading "+part)
		read, err := d.readRecordPart(ctx, m.parts(d.client, found.id), part)
		if err != nil {
			return nil, err
		}
		details.Included = append(details.Included, read)
	}
	shortenParts(details.Included)
	for frameSize(details.text(), details) > frameBytes && dropLastRow(details.Included) {
		continue
	}
	said := fmt.Sprintf("The %s %s of connection %s. Times are in %s.", m.name, details.ID, d.key, details.TimeZone)
	return tool.NewResult(said+"\n"+details.text(), details), nil
}

// newRecordDetails returns what is shown of a record: each of its texts is a part with one row.
func (d *desk) newRecordDetails(m *recordModule, r *record) recordDetails {
	details := recordDetails{
		recordRow: d.newRecordRow(r), Module: m.name, Group: shortenLine(r.group.Name), Site: shortenLine(r.site.Name), Fields: map[string]string{},
		TimeZone: d.zone.String(), Trust: untrusted,
	}
	details.Title = excerpt.Truncate(oneLine(r.title), longSubject)
	for _, detail := range r.details {
		if value := shortenLine(detail.value) + formatTime(detail.at, d.zone); value != "" {
			details.Fields[detail.name] = value
		}
	}
	for _, text := range r.texts {
		if shown, _ := readHTML(text.html, fullText); shown != "" {
			details.Included = append(details.Included, included{Part: text.name, Rows: []includedItem{{Text: shown}}})
		}
	}
	return details
}

// readRecordPart returns a part of a record that is inside the ceilings.
func (d *desk) readRecordPart(ctx context.Context, of recordParts, part string) (included, error) {
	var found included
	var err error
	switch part {
	case "notes":
		found, err = d.readNotes(ctx, of.notes)
	case "tasks":
		found, err = d.readTasks(ctx, of.tasks)
	case "worklogs":
		found, err = d.readWorklogs(ctx, of.worklogs)
	case "approvals":
		found, err = d.readApprovals(ctx, of.approvals)
	}
	return finishPart(part, found, err)
}

// text returns a record for reading: all of it is a stranger's.
func (r *recordDetails) text() string {
	var b strings.Builder
	for _, line := range [][2]string{
		{"id", r.ID}, {"title", r.Title}, {"status", r.Status}, {"owner", r.Owner}, {"group", r.Group}, {"site", r.Site}, {"due", r.Due},
	} {
		if line[1] != "" {
			b.WriteString(line[0] + ": " + line[1] + "\n")
		}
	}
	for _, name := range sortedKeys(r.Fields) {
		b.WriteString(strings.ReplaceAll(name, "_", " ") + ": " + r.Fields[name] + "\n")
	}
	for i := range r.Included {
		r.Included[i].writeTo(&b)
	}
	return richtext.FrameUntrusted(strings.TrimSuffix(b.String(), "\n"))
}
