package servicedesk

import (
	"context"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/server/tool"
)

// projectsScope is the OAuth scope that reading projects needs.
const projectsScope = "SDPOnDemand.projects.READ"

// projectFields are what rows of projects are asked for always.
var projectFields = []string{
	"id", "display_id", "title", "status", "percentage_completion", "owner", "priority", "scheduled_start_time", "scheduled_end_time", "created_time",
}

// errNoProject is said of a project that does not exist, or is outside of the ceilings.
var errNoProject = &tool.Error{
	Kind: tool.NotFound, Text: "no such project; give its number, such as PJT-12, as lists show it", Details: errorDetails{Kind: tool.NotFound},
}

// readProject returns a project that is inside the ceilings, or errNoProject: one call of SDP, and one more for a number of which the
// id is not known. A project outside costs what an unknown one costs.
func (d *desk) readProject(ctx context.Context, text string) (sdp.Project, error) {
	number, id, ok := parseRequestID(text)
	if !ok || d.projectCeiling.isClosed() {
		return sdp.Project{}, errNoProject
	}
	if number == "" {
		return d.readProjectByID(ctx, id)
	}
	if known, is := d.projectNumbers.find(number); is {
		found, err := d.readProjectByID(ctx, known)
		if err == nil && found.Number == number {
			return found, nil
		}
		if err != nil && err != errNoProject { //nolint:errorlint // it is never wrapped
			return sdp.Project{}, err
		}
		d.projectNumbers.remove(number)
		if err != nil { // it is gone or outside, and not another one
			return sdp.Project{}, errNoProject
		}
	}
	page, err := d.client.Projects().List(ctx, sdp.ListOptions{
		Rows: 2, Where: sdp.All(d.projectCeiling.criteria(), sdp.Where("display_id", sdp.Is, number)), Fields: projectFields,
	})
	if err != nil {
		return sdp.Project{}, sayNoProject(err)
	}
	for i := range page.Items {
		if row := &page.Items[i]; row.Number == number && d.projectCeiling.admits(row) {
			return d.readProjectByID(ctx, row.ID)
		}
	}
	return sdp.Project{}, errNoProject
}

func (d *desk) readProjectByID(ctx context.Context, id string) (sdp.Project, error) {
	found, err := d.client.Projects().Get(ctx, id)
	if err != nil {
		return sdp.Project{}, sayNoProject(err)
	}
	if !d.projectCeiling.admits(&found) {
		return sdp.Project{}, errNoProject
	}
	d.projectNumbers.add(found.Number, found.ID)
	return found, nil
}

// sayNoProject has what SDP does not know be no project.
func sayNoProject(err error) error {
	if sdp.KindOf(err) == sdp.KindNotFound || isUnknownValue(err) {
		return errNoProject
	}
	return needScope(projectsScope, err)
}

// projectNumber returns what people call a project.
func projectNumber(p *sdp.Project) string {
	if p.DisplayID == "" {
		return "id:" + p.ID
	}
	if isDigits(p.DisplayID) {
		return "PJT-" + p.DisplayID
	}
	return oneLine(p.DisplayID)
}
