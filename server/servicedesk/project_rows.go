package servicedesk

import (
	"strconv"

	"github.com/lectern-dev/lectern/internal/sdp"
)

// projectRow is a project in a list.
type projectRow struct {
	ID         string   `json:"id"`
	Number     string   `json:"number"`
	Title      string   `json:"subject"`
	Status     string   `json:"status,omitempty"`
	Percent    int      `json:"percent"`
	Owner      string   `json:"owner,omitempty"`
	End        string   `json:"end,omitempty"`
	Similarity *float64 `json:"similarity,omitempty"`
}

type projectList struct {
	Projects   []projectRow `json:"projects"`
	Total      *int         `json:"total,omitempty"`
	NextCursor string       `json:"next_cursor,omitempty"`
	More       bool         `json:"more,omitempty"`
	TimeZone   string       `json:"time_zone"`
	Trust      string       `json:"trust"`
}

func (d *desk) newProjectRow(p *sdp.Project) projectRow {
	return projectRow{
		ID: "id:" + p.ID, Number: projectNumber(p), Title: shortenLine(p.Title), Status: shortenLine(p.Status.Name), Percent: p.Percent,
		Owner: shortenLine(p.Owner.Name), End: formatTime(p.ScheduledEnd, d.zone),
	}
}

func (r *projectRow) cells() []string {
	cells := []string{r.Number, r.ID, r.Title, r.Status, strconv.Itoa(r.Percent) + "%", r.Owner, r.End}
	if r.Similarity != nil {
		cells = append(cells, strconv.FormatFloat(*r.Similarity, 'f', 2, 64))
	}
	return cells
}
