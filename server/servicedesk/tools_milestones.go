package servicedesk

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
	"github.com/lectern-dev/lectern/server/tool"
)

type saveMilestoneInput struct {
	target
	ProjectID   string                `json:"project_id" description:"PJT-12 or id:41"`
	MilestoneID *string               `json:"milestone_id,omitempty" description:"To change one; omit to create one"`
	Title       *string               `json:"title,omitempty" description:"Needed for a new one" bounds:"1..250"`
	Description tool.Optional[string] `json:"description,omitzero" description:"Markdown" bounds:"..20000"`
	Owner       tool.Optional[string] `json:"owner,omitzero" description:"E-mail, name, id or me" bounds:"..250"`
	Start       tool.Optional[string] `json:"start,omitzero" description:"Date or RFC 3339"`
	End         tool.Optional[string] `json:"end,omitzero" description:"Date or RFC 3339"`
	Status      *string               `json:"status,omitempty" bounds:"..250"`
	Percent     *int64                `json:"percent,omitempty" bounds:"0..100"`
	dryRun
	idempotencyKey
}

// errNoMilestone is said of a milestone that a project does not have.
var errNoMilestone = &tool.Error{
	Kind: tool.NotFound, Text: "no such milestone; get_project with include=milestones has the ids", Details: errorDetails{Kind: tool.NotFound},
}

// saveMilestone answers save_milestone: a call of SDP for the project, one more for a number that was not met before, one for the
// owner, one to read a milestone that is changed, and one to write it.
func (s *Service) saveMilestone(ctx context.Context, in saveMilestoneInput) (*tool.Result[recordUpdate], error) {
	d, err := s.openDeskToWrite(ctx, in.target, projectsToolset)
	if err != nil {
		return nil, err
	}
	if err := d.checkFields(milestoneKind, in.fields()...); err != nil {
		return nil, err
	}
	project, err := d.readProject(ctx, in.ProjectID)
	if err != nil {
		return nil, err
	}
	milestones := d.client.Projects().Milestones(project.ID)
	var before sdp.Milestone
	if in.MilestoneID != nil {
		if before, err = d.readMilestone(ctx, milestones, *in.MilestoneID, project.ID); err != nil {
			return nil, err
		}
	} else if in.Title == nil {
		return nil, tool.NewInvalid("argument %q is needed for a new milestone; give milestone_id to change one", "title")
	}
	changes, err := d.milestoneChanges(ctx, &in)
	if err != nil {
		return nil, err
	}
	if len(changes) == 0 {
		return nil, errNothingToChange("milestone")
	}
	changes = changes.differing(before)
	update := d.newRecordUpdate(before.ID, "project "+projectNumber(&project), before.Title)
	if in.MilestoneID == nil {
		update.Subject = shortenLine(*in.Title)
	}
	update.Changed = changes.compareWith(before)
	arguments := in
	arguments.dryRun, arguments.idempotencyKey = dryRun{}, idempotencyKey{}
	w, err := d.startWrite(ctx, writeRequest{
		tool: "save_milestone", arguments: arguments, dryRun: in.DryRun, key: in.IdempotencyKey, mergesRepeats: in.MilestoneID == nil,
		question: tool.Question{Message: in.ask(d, update.Of, before, changes)},
		shown:    update.shown("a milestone of " + update.Of),
	})
	if err != nil {
		return nil, err
	}
	switch {
	case w.isDry:
		return update.result(w, "A milestone of "+update.Of+" would be saved."), nil
	case in.MilestoneID != nil:
		if len(changes) > 0 {
			_, err = sendUpdate(ctx, w, "milestone", before.ID, before.LastUpdatedTime, milestones.Editor, changes)
		}
	default:
		update.ID, err = createMilestone(ctx, w, milestones, changes)
	}
	if err != nil {
		return nil, err
	}
	return update.result(w, "Milestone "+update.ID+" of "+update.Of+" is saved."), nil
}

// fields returns the names of the fields that are given.
func (in *saveMilestoneInput) fields() []string {
	return givenNames(map[string]bool{
		"title": in.Title != nil, "description": in.Description.Given, "owner": in.Owner.Given, "start": in.Start.Given, "end": in.End.Given,
		"status": in.Status != nil, "percent": in.Percent != nil,
	})
}

// ask returns what a person confirms.
func (in *saveMilestoneInput) ask(d *desk, of string, before sdp.Milestone, changes recordChanges[sdp.Milestone]) string {
	what := "Create a milestone"
	if in.MilestoneID != nil {
		what = fmt.Sprintf("Change milestone %s %q", before.ID, shortenLine(before.Title))
	}
	return fmt.Sprintf("%s of %s of connection %s?\n%s", what, of, d.key, strings.Join(changes.ask(before), "\n"))
}

func createMilestone(ctx context.Context, w *write, of sdp.Milestones, changes recordChanges[sdp.Milestone]) (id string, err error) {
	made, _, err := sendCreate(ctx, w, "milestone", time.Now(), of.Editor, func(s signature) sdp.Fields {
		fields := changes.fields(s)
		if _, has := fields["description"]; !has {
			fields["description"] = richtext.FromMarkdown(s.of(""))
		}
		return fields
	}, func(m sdp.Milestone) writtenRecord { return writtenRecord{ID: m.ID} })
	return made.ID, err
}

// readMilestone returns a milestone of a project, or errNoMilestone.
func (d *desk) readMilestone(ctx context.Context, of sdp.Milestones, id, project string) (sdp.Milestone, error) {
	if !isDigits(id) {
		return sdp.Milestone{}, errNoMilestone
	}
	found, err := of.Get(ctx, id)
	if sdp.KindOf(err) == sdp.KindNotFound || isUnknownValue(err) || err == nil && found.Project.ID != "" && found.Project.ID != project {
		return sdp.Milestone{}, errNoMilestone
	}
	return found, needScope(projectsScope, err)
}

// milestoneChanges returns the changes that a caller asks for, in the order of the arguments.
func (d *desk) milestoneChanges(ctx context.Context, in *saveMilestoneInput) (recordChanges[sdp.Milestone], error) {
	var changes recordChanges[sdp.Milestone]
	if in.Title != nil {
		title, err := trimTitle("title", *in.Title, "milestone")
		if err != nil {
			return nil, err
		}
		changes = append(changes, changeText("title", "title", title, func(m sdp.Milestone) string { return m.Title }))
	}
	if in.Description.Given {
		changes = append(changes, changeMarkdown("description", "description", in.Description.Value, func(m sdp.Milestone) string { return m.DescriptionHTML }))
	}
	if in.Owner.Given {
		owner, err := d.personRef(ctx, "owner", in.Owner.Value)
		if err != nil {
			return nil, err
		}
		changes = append(changes, changeRef("owner", "owner", owner, func(m sdp.Milestone) sdp.Ref { return m.Owner }))
	}
	span, err := spanChanges(d, in.Start, in.End, func(m sdp.Milestone) sdp.Time { return m.ScheduledStart }, func(m sdp.Milestone) sdp.Time { return m.ScheduledEnd })
	if err != nil {
		return nil, err
	}
	changes = append(changes, span...)
	if in.Status != nil {
		status, err := d.resolveEntry(ctx, "status", sdp.ProjectStatuses, *in.Status, "")
		if err != nil {
			return nil, err
		}
		changes = append(changes, changeRef("status", "status", status.ref(), func(m sdp.Milestone) sdp.Ref { return m.Status.Ref }))
	}
	if in.Percent != nil {
		changes = append(changes, changePercent(*in.Percent, func(m sdp.Milestone) int { return m.Percent }))
	}
	return changes, nil
}

// personRef returns whom a caller means as SDP is given them; nobody for null.
func (d *desk) personRef(ctx context.Context, argument string, text *string) (sdp.Ref, error) {
	if text == nil {
		return sdp.Ref{}, nil
	}
	person, err := d.findWorker(ctx, argument, *text)
	return sdp.Ref{ID: person.ID, Name: person.Name, Email: person.Email}, err
}
