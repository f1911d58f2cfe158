package servicedesk

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
	"github.com/lectern-dev/lectern/server/tool"
)

type createProjectInput struct {
	target
	Title          string   `json:"title" bounds:"1..250"`
	Description    *string  `json:"description,omitempty" description:"Markdown"`
	Type           *string  `json:"type,omitempty"`
	Owner          *string  `json:"owner,omitempty" description:"E-mail, name, id or me"`
	Start          *string  `json:"start,omitempty" description:"Date or time"`
	End            *string  `json:"end,omitempty" description:"Date or time"`
	Priority       *string  `json:"priority,omitempty"`
	Members        []string `json:"members,omitempty" bounds:"..20"`
	Template       *string  `json:"template,omitempty"`
	AllowDuplicate *bool    `json:"allow_duplicate,omitempty"`
	dryRun
	idempotencyKey
}

// createdProject is what was made, or the projects that are alike.
type createdProject struct {
	writeOutcome
	Created bool         `json:"created"`
	ID      string       `json:"id,omitempty"`
	Number  string       `json:"number,omitempty"`
	Title   string       `json:"subject"`
	Similar []projectRow `json:"similar,omitempty"`
	Members []string     `json:"members,omitempty"`
	Failed  []string     `json:"failed,omitempty"`
	Trust   string       `json:"trust"`
}

// similarTitlesError has a project not be made, since there are others of a title that is as good as the same.
type similarTitlesError struct{ found []similarProject }

func (*similarTitlesError) Error() string { return "there are projects of a title that is alike" }

// createProject answers create_project: a call of SDP for titles, one for each person that is named, one to make the project and one for
// each member.
func (s *Service) createProject(ctx context.Context, in createProjectInput) (*tool.Result[createdProject], error) {
	d, err := s.openDeskToWrite(ctx, in.target, projectsToolset)
	if err != nil {
		return nil, err
	}
	if d.projectCeiling.isBounded {
		return nil, tool.NewForbidden("connection %s lets agents have some projects (spec.access.projects), and a new one would not be among them", d.key)
	}
	if in.Title = strings.TrimSpace(in.Title); in.Title == "" {
		return nil, tool.NewInvalid("argument %q is empty; give the project a title", "title")
	}
	fields, err := d.newProjectFields(ctx, &in)
	if err != nil {
		return nil, err
	}
	members, err := d.findPersons(ctx, "members", in.Members)
	if err != nil {
		return nil, err
	}
	arguments := in
	arguments.dryRun, arguments.idempotencyKey = dryRun{}, idempotencyKey{}
	w, err := d.startWrite(ctx, writeRequest{
		tool: "create_project", arguments: arguments, dryRun: in.DryRun, key: in.IdempotencyKey, mergesRepeats: true,
		question: tool.Question{Message: fmt.Sprintf("Make the project %q through connection %s?", in.Title, d.key)},
	})
	if err != nil {
		return nil, err
	}
	result := createdProject{writeOutcome: outcomeOf(w), Title: shortenLine(in.Title), Trust: untrusted}
	allowsDuplicate := valueOr(in.AllowDuplicate, false)
	if w.isDry {
		if !allowsDuplicate {
			found, err := d.findSimilarTitles(ctx, in.Title)
			if err != nil {
				return nil, err
			}
			result.Similar = similarRows(found)
		}
		return tool.NewResult(result.text(w), result), nil
	}
	made, err := d.sendProject(ctx, w, in.Title, allowsDuplicate, func(s signature) sdp.Fields {
		fields["description"] = richtext.FromMarkdown(s.of(valueOr(in.Description, "")))
		return fields
	})
	if alike, is := errors.AsType[*similarTitlesError](err); is {
		result.Similar = similarRows(alike.found)
		return tool.NewResult(result.text(w), result), nil
	}
	if err != nil {
		return nil, err
	}
	result.Created, result.ID, result.Number = true, "id:"+made.ID, made.Number
	result.Members, result.Failed = d.sendMembers(ctx, w, "create_project", made.ID, members)
	result.writeOutcome = outcomeOf(w)
	return tool.NewResult(result.text(w), result), nil
}

// sendProject makes a project, unless another has a title that is as good as the same. Of several calls that make one of a title at once
// one does, wherever they are, and the others find that.
func (d *desk) sendProject(ctx context.Context, w *write, title string, allowsDuplicate bool, fields func(signature) sdp.Fields) (writtenRecord, error) {
	projects := d.client.Projects()
	return w.send(ctx, writeStep{
		name: "project", weight: 1, target: "projects",
		send: func(ctx context.Context, s signature) (writtenRecord, error) {
			release := func() {}
			if !allowsDuplicate {
				var err error
				if release, err = d.claimTitle(ctx, title); err != nil {
					return writtenRecord{}, err
				}
				found, err := d.findSimilarTitles(ctx, title)
				if err == nil && len(found) > 0 {
					err = &similarTitlesError{found}
				}
				if err != nil {
					release()
					return writtenRecord{}, err
				}
			}
			made, err := projects.Create(ctx, fields(s))
			if sdp.KindOf(err) != sdp.KindIndeterminate { // else it may still be made, and the title stays claimed
				release()
			}
			if err != nil {
				return writtenRecord{}, err
			}
			d.tellProjects(ctx, made)
			d.projectNumbers.add(made.Number, made.ID)
			return writtenRecord{ID: made.ID, Number: projectNumber(&made)}, nil
		},
		find: func(ctx context.Context, attempt *sdp.Attempt, s signature) (sdp.WriteLookup, error) {
			return projects.FindCreated(ctx, attempt, s.mark)
		},
	})
}

// newProjectFields returns the fields of a project beside its description.
func (d *desk) newProjectFields(ctx context.Context, in *createProjectInput) (sdp.Fields, error) {
	given := []string{"title"}
	for name, is := range map[string]bool{
		"description": in.Description != nil, "type": in.Type != nil, "owner": in.Owner != nil, "start": in.Start != nil, "end": in.End != nil,
		"priority": in.Priority != nil, "members": len(in.Members) > 0, "template": in.Template != nil,
	} {
		if is {
			given = append(given, name)
		}
	}
	if err := d.checkFields("project", given...); err != nil {
		return nil, err
	}
	fields := sdp.Fields{"title": in.Title}
	for _, reference := range []struct {
		argument string
		of       sdp.LookupType
		name     *string
	}{{"type", sdp.ProjectTypes, in.Type}, {"priority", sdp.Priorities, in.Priority}} {
		if reference.name == nil {
			continue
		}
		found, err := d.resolveEntry(ctx, reference.argument, reference.of, *reference.name, "")
		if err != nil {
			return nil, err
		}
		fields[reference.argument] = found.ref()
	}
	if in.Owner != nil {
		owner, err := d.findPerson(ctx, "owner", *in.Owner)
		if err != nil {
			return nil, err
		}
		fields["owner"] = sdp.ByID(owner.ID)
	}
	if in.Template != nil {
		fields["template"] = sdp.ByName(strings.TrimSpace(*in.Template))
	}
	return fields, d.putSpan(fields, in.Start, in.End, func(name string) string { return name })
}

func similarRows(found []similarProject) []projectRow {
	rows := make([]projectRow, len(found))
	for i, p := range found {
		similarity := roundLikeness(p.similarity)
		rows[i] = projectRow{ID: "id:" + p.ID, Number: p.Number, Title: shortenLine(p.Title), Status: shortenLine(p.Status), Similarity: &similarity}
	}
	return rows
}

func (r *createdProject) text(w *write) string {
	var said strings.Builder
	said.WriteString(w.said())
	switch {
	case len(r.Similar) > 0:
		said.WriteString("No project is made, since there are some of a title like it: use one of them, or say allow_duplicate=true.")
	case w.isDry:
		said.WriteString("The project would be made; no other has a title like it.")
	default:
		fmt.Fprintf(&said, "Project %s (%s) is made.", r.Number, r.ID)
	}
	if len(r.Members) > 0 {
		fmt.Fprintf(&said, " Members: %d.", len(r.Members))
	}
	for _, failed := range r.Failed {
		said.WriteString("\nfailed: " + failed)
	}
	if len(r.Similar) == 0 {
		return said.String() + w.saidLast()
	}
	shown := newTable("number", "id", "subject", "status", "similarity")
	for _, p := range r.Similar {
		shown.append([]string{p.Number, p.ID, p.Title, p.Status, strconv.FormatFloat(*p.Similarity, 'f', 2, 64)})
	}
	return said.String() + "\n" + shown.text() + w.saidLast()
}

type updateProjectInput struct {
	target
	ProjectID   string                `json:"project_id" description:"PJT-12 or id:41"`
	Title       *string               `json:"title,omitempty" bounds:"1..250"`
	Description tool.Optional[string] `json:"description,omitzero" description:"Markdown"`
	Status      *string               `json:"status,omitempty"`
	Owner       tool.Optional[string] `json:"owner,omitzero" description:"E-mail, name, id or me"`
	Start       tool.Optional[string] `json:"start,omitzero" description:"Date or time"`
	End         tool.Optional[string] `json:"end,omitzero" description:"Date or time"`
	Percent     *int64                `json:"percent,omitempty" bounds:"0..100"`
	AddMembers  []string              `json:"add_members,omitempty" bounds:"..20"`
	dryRun
}

// updateProject answers update_project: a call of SDP for the project, one more for a number that was not met before, one for each
// person that is named, one to write it and one for each member.
func (s *Service) updateProject(ctx context.Context, in updateProjectInput) (*tool.Result[recordUpdate], error) {
	d, err := s.openDeskToWrite(ctx, in.target, projectsToolset)
	if err != nil {
		return nil, err
	}
	before, err := d.readProject(ctx, in.ProjectID)
	if err != nil {
		return nil, err
	}
	changes, err := d.projectChanges(ctx, &in)
	if err != nil {
		return nil, err
	}
	if len(changes) == 0 && len(in.AddMembers) == 0 {
		return nil, errNothingToChange("project")
	}
	members, err := d.findPersons(ctx, "add_members", in.AddMembers)
	if err != nil {
		return nil, err
	}
	changes = changes.differing(before)
	update := d.newRecordUpdate("id:"+before.ID, "project "+projectNumber(&before), before.Title)
	update.Changed = changes.compareWith(before)
	arguments := in
	arguments.dryRun = dryRun{}
	w, err := d.startWrite(ctx, writeRequest{
		tool: "update_project", arguments: arguments, dryRun: in.DryRun,
		question: tool.Question{Message: fmt.Sprintf("Change %s of connection %s?\n%s", update.Of, d.key, writeChanges(update.Changed))},
		shown:    update.shown(update.Of),
	})
	if err != nil {
		return nil, err
	}
	if w.isDry {
		for i := range members {
			update.Added = append(update.Added, shortenLine(members[i].Name))
		}
		return update.result(w, update.Of+" would be changed."), nil
	}
	if len(changes) > 0 {
		after, err := sendUpdate(ctx, w, "project", "projects/"+before.ID, before.ID, before.LastUpdatedTime, d.client.Projects().Editor, changes)
		if err != nil {
			return nil, err
		}
		if after != nil {
			d.tellProjects(ctx, *after)
		}
	}
	update.Added, update.Failed = d.sendMembers(ctx, w, "update_project", before.ID, members)
	return update.result(w, update.Of+" is as asked for."), nil
}

// projectChanges returns the changes that a caller asks for, in the order of the arguments.
func (d *desk) projectChanges(ctx context.Context, in *updateProjectInput) (recordChanges[sdp.Project], error) {
	var changes recordChanges[sdp.Project]
	if in.Title != nil {
		if strings.TrimSpace(*in.Title) == "" {
			return nil, tool.NewInvalid("argument %q is empty; give the project a title", "title")
		}
		changes = append(changes, changeText("title", "title", *in.Title, func(p sdp.Project) string { return p.Title }))
	}
	if in.Description.Given {
		changes = append(changes, changeMarkdown("description", "description", in.Description.Value, func(p sdp.Project) string { return p.DescriptionHTML }))
	}
	if in.Status != nil {
		status, err := d.resolveEntry(ctx, "status", sdp.ProjectStatuses, *in.Status, "")
		if err != nil {
			return nil, err
		}
		changes = append(changes, changeRef("status", "status", status.ref(), func(p sdp.Project) sdp.Ref { return p.Status.Ref }))
	}
	if in.Owner.Given {
		owner, err := d.personRef(ctx, "owner", in.Owner.Value)
		if err != nil {
			return nil, err
		}
		changes = append(changes, changeRef("owner", "owner", owner, func(p sdp.Project) sdp.Ref { return p.Owner }))
	}
	span, err := spanChanges(d, in.Start, in.End, func(p sdp.Project) sdp.Time { return p.ScheduledStart }, func(p sdp.Project) sdp.Time { return p.ScheduledEnd })
	if err != nil {
		return nil, err
	}
	changes = append(changes, span...)
	if in.Percent != nil {
		changes = append(changes, changePercent(*in.Percent, func(p sdp.Project) int { return p.Percent }))
	}
	names := changes.names()
	if len(in.AddMembers) > 0 {
		names = append(names, "members")
	}
	return changes, d.checkFields("project", names...)
}
