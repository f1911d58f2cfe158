package servicedesk

import (
	"context"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/server/tool"
)

type searchRecordsInput struct {
	target
	Module string  `json:"module" enum:"problem,change,asset"`
	Query  *string `json:"query,omitempty" description:"Words that all occur" bounds:"1..200"`
	Status *string `json:"status,omitempty" bounds:"..250"`
	Owner  *string `json:"owner,omitempty" description:"E-mail address, name or me; of an asset its user" bounds:"..250"`
	paging
}

// recordRow is a record in a list. Of an asset, due is the end of its warranty.
type recordRow struct {
	ID     string `json:"id"`
	Title  string `json:"subject"`
	Status string `json:"status,omitempty"`
	Owner  string `json:"owner,omitempty"`
	Due    string `json:"due,omitempty"`
}

type recordList struct {
	Module     string      `json:"module"`
	Records    []recordRow `json:"records"`
	Total      *int        `json:"total,omitempty"`
	NextCursor string      `json:"next_cursor,omitempty"`
	TimeZone   string      `json:"time_zone"`
	Trust      string      `json:"trust"`
}

// searchRecords answers search_records with one call of SDP.
func (s *Service) searchRecords(ctx context.Context, in searchRecordsInput) (*tool.Result[recordList], error) {
	m := modules[in.Module]
	d, err := s.openDesk(ctx, in.target, m.toolset)
	if err != nil {
		return nil, err
	}
	asked := in
	asked.paging = paging{}
	fingerprint := tool.Fingerprint("search_records", d.uid, asked)
	o := sdp.ListOptions{Rows: in.rows(), Sort: m.newestFirst, Descending: m.newestFirst != "", CountAll: true}
	if o.Start, err = s.openPlace(fingerprint, in.Cursor); err != nil {
		return nil, err
	}
	selected, err := d.selectRecords(ctx, m, &in)
	if err != nil {
		return nil, err
	}
	page, err := d.listRecordPage(ctx, m, selected, o)
	if err != nil {
		return nil, err
	}
	return d.recordResult(m, &page, fingerprint)
}

func (d *desk) newRecordRow(r *record) recordRow {
	return recordRow{
		ID: r.id, Title: shortenLine(r.title), Status: shortenLine(r.status.Name), Owner: describePerson(r.owner), Due: formatTime(r.due, d.zone),
	}
}

// recordResult makes the result of a page, of which the last rows may have no room.
func (d *desk) recordResult(m *recordModule, page *recordPage, fingerprint string) (*tool.Result[recordList], error) {
	result := recordList{Module: m.name, Records: []recordRow{}, Total: knownTotal(page.total), TimeZone: d.zone.String(), Trust: untrusted}
	shown := newTable("id", "title", "status", "owner", "due")
	for i := range page.rows {
		row := d.newRecordRow(&page.rows[i])
		if !shown.append([]string{row.ID, row.Title, row.Status, row.Owner, row.Due}) {
			break
		}
		result.Records = append(result.Records, row)
	}
	var err error
	if result.NextCursor, err = d.service.sealPlace(fingerprint, page.placeAfter(len(result.Records))); err != nil {
		return nil, err
	}
	said := d.describeShown(len(result.Records), page.total, m.name+"s of connection "+d.key.String()) + sayCursor(result.NextCursor)
	return tool.NewResult(said+"\n"+shown.text(), result), nil
}
