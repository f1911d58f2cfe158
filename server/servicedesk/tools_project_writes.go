package servicedesk

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
	"github.com/lectern-dev/lectern/server/audit"
	"github.com/lectern-dev/lectern/server/tool"
)

type createProjectInput struct {
	target
	Title          string   `json:"title" bounds:"1..250"`
	Description    *string  `json:"description,omitempty" description:"Markdown" bounds:"..20000"`
	Type           *string  `json:"type,omitempty" bounds:"..250"`
	Owner          *string  `json:"owner,omitempty" description:"E-mail, name, id or me" bounds:"..250"`
	Start          *string  `json:"start,omitempty" description:"Date or RFC 3339"`
	End            *string  `json:"end,omitempty" description:"Date or RFC 3339"`
	Priority       *string  `json:"priority,omitempty" bounds:"..250"`
	Members        []string `json:"members,omitempty" description:"E-mail, name, id or me" bounds:"..20"`
	Template       *string  `json:"template,omitempty" bounds:"..250"`
	AllowDuplicate *bool    `json:"allow_duplicate,omitempty" description:"Create it despite similar titles"`
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
	if in.Title, err = trimTitle("title", in.Title, "project"); err != nil {
		return nil, err
	}
	fields, said, err := d.newProjectFields(ctx, &in)
	if err != nil {
		return nil, err
	}
	members, err := d.findWorkers(ctx, "members", in.Members)
	if err != nil {
		return nil, err
	}
	said = append(said, askPeople("members", members)...)
	arguments := in
	arguments.dryRun, arguments.idempotencyKey = dryRun{}, idempotencyKey{}
	w, err := d.startWrite(ctx, writeRequest{
		tool: "create_project", arguments: arguments, dryRun: in.DryRun, key: in.IdempotencyKey, mergesRepeats: true,
		question: tool.Question{Message: fmt.Sprintf("Create a project of connection %s?\n%s", d.key, strings.Join(said, "\n"))},
	})
	if err != nil {
		return nil, err
	}
	result := createdProject{writeOutcome: outcomeOf(w), Title: shortenLine(in.Title), Trust: untrusted}
	allowsDuplicate := valueOr(in.AllowDuplicate, false)
	if w.isDry {
		return d.previewProject(ctx, w, &in, said, result)
	}
	made, err := d.sendProject(ctx, w, in.Title, allowsDuplicate, func(s signature) sdp.Fields {
		fields["description"] = richtext.FromMarkdown(s.of(valueOr(in.Description, "")))
		return fields
	})
	if alike, is := errors.AsType[*similarTitlesError](err); is {
		result.Similar = similarRows(alike.found)
		return tool.NewResult(result.text(w, allowsDuplicate), result), nil
	}
	if err != nil {
		return nil, err
	}
	d.finishProject(ctx, w, &result, made, members)
	return tool.NewResult(result.text(w, allowsDuplicate), result), nil
}

// finishProject adds the members to a project that was made, and notes in the result what it is.
func (d *desk) finishProject(ctx context.Context, w *write, result *createdProject, made writtenRecord, members []sdp.Person) {
	if made.Number == "" { // its answer was lost
		if after, err := d.readProjectByID(ctx, made.ID); err == nil {
			made.Number = projectNumber(&after)
		}
	}
	result.Created, result.ID, result.Number = true, "id:"+made.ID, cmp.Or(made.Number, "id:"+made.ID)
	audit.FromContext(ctx).UseRecord(projectKind, result.Number)
	result.Members, result.Failed = d.sendMembers(ctx, w, "create_project", made.ID, members)
	result.writeOutcome = outcomeOf(w)
}

// previewProject returns what a dry run found: the projects of a similar title, or what would be created.
func (d *desk) previewProject(
	ctx context.Context, w *write, in *createProjectInput, said []string, result createdProject,
) (*tool.Result[createdProject], error) {
	allowsDuplicate := valueOr(in.AllowDuplicate, false)
	if !allowsDuplicate {
		found, err := d.findSimilarTitles(ctx, in.Title)
		if err != nil {
			return nil, err
		}
		result.Similar = similarRows(found)
	}
	text := result.text(w, allowsDuplicate)
	if len(result.Similar) == 0 && w.plan == "" {
		text += "\n" + richtext.FrameUntrusted(excerpt.TruncateBytes(strings.Join(said, "\n"), conciseText))
	}
	return tool.NewResult(text+w.saidLast(), result), nil
}

// sendProject makes a project, unless another has a title that is as good as the same. Of several calls that make one of a title at once
// one does, wherever they are, and the others find that.
func (d *desk) sendProject(ctx context.Context, w *write, title string, allowsDuplicate bool, fields func(signature) sdp.Fields) (writtenRecord, error) {
	projects := d.client.Projects()
	return w.send(ctx, writeStep{
		name: "project", weight: 1,
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
			return projects.FindCreated(ctx, attempt, s.inText())
		},
	})
}

// namesOf returns the names of people as callers are shown them.
func namesOf(people []sdp.Person) []string {
	var names []string
	for i := range people {
		names = append(names, shortenLine(people[i].Name))
	}
	return names
}

// newProjectFields returns the fields of a project beside its description, and the lines of a question for all of them.
func (d *desk) newProjectFields(ctx context.Context, in *createProjectInput) (sdp.Fields, []string, error) {
	given := givenNames(map[string]bool{
		"title": true, "description": in.Description != nil, "type": in.Type != nil, "owner": in.Owner != nil, "start": in.Start != nil, "end": in.End != nil,
		"priority": in.Priority != nil, "members": len(in.Members) > 0, "template": in.Template != nil,
	})
	if err := d.checkFields(projectKind, given...); err != nil {
		return nil, nil, err
	}
	fields, said := sdp.Fields{"title": in.Title}, []string{askLine("title", in.Title)}
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
			return nil, nil, err
		}
		fields[reference.argument], said = found.ref(), append(said, askLine(reference.argument, found.name))
	}
	if in.Owner != nil {
		owner, err := d.findWorker(ctx, "owner", *in.Owner)
		if err != nil {
			return nil, nil, err
		}
		fields["owner"], said = sdp.ByID(owner.ID), append(said, askPeople("owner", []sdp.Person{owner})...)
	}
	if in.Template != nil {
		template := joinLines(*in.Template)
		fields["template"], said = sdp.ByName(template), append(said, askLine("template", template))
	}
	if err := d.putSpan(fields, in.Start, in.End, func(name string) string { return name }); err != nil {
		return nil, nil, err
	}
	for _, name := range []string{"start", "end"} {
		if at := d.showTime(fields["scheduled_"+name+"_time"]); at != "" {
			said = append(said, askLine(name, at))
		}
	}
	if in.Description != nil {
		said = append(said, askText("description", *in.Description))
	}
	return fields, said, nil
}

func similarRows(found []similarProject) []projectRow {
	rows := make([]projectRow, len(found))
	for i, p := range found {
		similarity := roundLikeness(p.similarity)
		rows[i] = projectRow{ID: "id:" + p.ID, Number: p.Number, Title: shortenLine(p.Title), Status: shortenLine(p.Status), Similarity: &similarity}
	}
	return rows
}

// text writes a result for reading. Where duplicates are allowed nobody looked for titles that are alike. What a dry run would create, and
// how its plan is carried out, come after it.
func (r *createdProject) text(w *write, allowsDuplicate bool) string {
	var said strings.Builder
	said.WriteString(w.said())
	switch {
	case len(r.Similar) > 0:
		said.WriteString("No project is created, since some have a similar title: use one of them, or set allow_duplicate=true.")
	case w.isDry && allowsDuplicate:
		said.WriteString("The project would be created.")
	case w.isDry:
		said.WriteString("The project would be created; no other has a similar title.")
	default:
		fmt.Fprintf(&said, "Project %s (%s) is created.", r.Number, r.ID)
	}
	if len(r.Members) > 0 {
		fmt.Fprintf(&said, " Members: %d.", len(r.Members))
	}
	for _, failed := range r.Failed {
		said.WriteString("\nfailed: " + failed)
	}
	if len(r.Similar) == 0 {
		return said.String()
	}
	shown := newTable("number", "id", "subject", "status", "similarity")
	for _, p := range r.Similar {
		shown.append([]string{p.Number, p.ID, p.Title, p.Status, strconv.FormatFloat(*p.Similarity, 'f', 2, 64)})
	}
	return said.String() + "\n" + shown.text()
}

type updateProjectInput struct {
	target
	ProjectID   string                `json:"project_id" description:"PJT-12 or id:41"`
	Title       *string               `json:"title,omitempty" bounds:"1..250"`
	Description tool.Optional[string] `json:"description,omitzero" description:"Markdown" bounds:"..20000"`
	Status      *string               `json:"status,omitempty" bounds:"..250"`
	Owner       tool.Optional[string] `json:"owner,omitzero" description:"E-mail, name, id or me" bounds:"..250"`
	Start       tool.Optional[string] `json:"start,omitzero" description:"Date or RFC 3339"`
	End         tool.Optional[string] `json:"end,omitzero" description:"Date or RFC 3339"`
	Percent     *int64                `json:"percent,omitempty" bounds:"0..100"`
	AddMembers  []string              `json:"add_members,omitempty" description:"E-mail, name, id or me" bounds:"..20"`
	dryRun
}

// updateProject answers update_project: a call of SDP for the project, one more for a number that was not met before, one for each
// person that is named, one to write it and one for each member.
func (s *Service) updateProject(ctx context.Context, in updateProjectInput) (*tool.Result[recordUpdate], error) {
	d, err := s.openDeskToWrite(ctx, in.target, projectsToolset)
	if err != nil {
		return nil, err
	}
	if err := d.checkFields(projectKind, in.fields()...); err != nil {
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
	members, err := d.findWorkers(ctx, "add_members", in.AddMembers)
	if err != nil {
		return nil, err
	}
	changes = changes.differing(before)
	update := d.newRecordUpdate("id:"+before.ID, "project "+projectNumber(&before), before.Title)
	update.Changed = changes.compareWith(before)
	arguments := in
	arguments.dryRun = dryRun{}
	shown := update.shown(update.Of)
	shown["who is added to "+update.Of] = strings.Join(askPeople("members", members), "")
	w, err := d.startWrite(ctx, writeRequest{
		tool: "update_project", arguments: arguments, dryRun: in.DryRun,
		question: tool.Question{Message: fmt.Sprintf("Change %s %q of connection %s?\n%s", update.Of, update.Subject, d.key,
			strings.Join(append(changes.ask(before), askPeople("members", members)...), "\n"))},
		shown: shown,
	})
	if err != nil {
		return nil, err
	}
	if w.isDry {
		update.Added = namesOf(members)
		return update.result(w, update.Of+" would be changed."), nil
	}
	if len(changes) > 0 {
		after, err := sendUpdate(ctx, w, "project", before.ID, before.LastUpdatedTime, d.client.Projects().Editor, changes)
		if err != nil {
			return nil, err
		}
		if after != nil {
			d.tellProjects(ctx, *after)
		}
	}
	update.Added, update.Failed = d.sendMembers(ctx, w, "update_project", before.ID, members)
	return update.result(w, update.Of+" is changed."), nil
}

// fields returns the names of the fields that are given.
func (in *updateProjectInput) fields() []string {
	return givenNames(map[string]bool{
		"title": in.Title != nil, "description": in.Description.Given, "status": in.Status != nil, "owner": in.Owner.Given, "start": in.Start.Given,
		"end": in.End.Given, "percent": in.Percent != nil, "members": len(in.AddMembers) > 0,
	})
}

// projectChanges returns the changes that a caller asks for, in the order of the arguments.
func (d *desk) projectChanges(ctx context.Context, in *updateProjectInput) (recordChanges[sdp.Project], error) {
	var changes recordChanges[sdp.Project]
	if in.Title != nil {
		title, err := trimTitle("title", *in.Title, "project")
		if err != nil {
			return nil, err
		}
		changes = append(changes, changeText("title", "title", title, func(p sdp.Project) string { return p.Title }))
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
	return changes, nil
}
