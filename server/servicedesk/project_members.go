package servicedesk

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
	"github.com/lectern-dev/lectern/server/tool"
)

// maxMembers bounds how many members of a project are read.
const maxMembers = 300

// readMembers returns who works on a project.
func (d *desk) readMembers(ctx context.Context, project string) ([]sdp.Member, error) {
	members, _, err := sdp.Collect(ctx, d.client.Projects().Members(project).List, sdp.ListOptions{Rows: sdp.MaxRows}, maxMembers)
	return members, needScope(projectsScope, err)
}

// findOwner returns the member of a project whom a caller means by an e-mail address, a name, an id or me: only members may own its tasks.
func (d *desk) findOwner(argument, text, number string, members []sdp.Member) (sdp.Ref, error) {
	text = strings.TrimSpace(text)
	if strings.EqualFold(text, "me") {
		me, err := d.requirePerson()
		if err != nil {
			return sdp.Ref{}, err
		}
		text = me.Email
	}
	var found []sdp.Ref
	for _, m := range members {
		if m.User.ID == strings.TrimPrefix(text, "id:") || strings.EqualFold(m.User.Name, text) || strings.EqualFold(m.User.Email, text) {
			found = append(found, m.User)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	names, lines := make([]string, len(members)), make([]string, len(members))
	for i, m := range members {
		names[i] = shortenLine(m.User.Name)
		lines[i] = "id:" + m.User.ID + " " + describePerson(m.User)
	}
	said := fmt.Sprintf("argument %q: %q is no member of project %s, and only its members own its tasks; add them with update_project and add_members",
		argument, excerpt.Truncate(text, 80), number)
	if len(found) > 1 {
		said = fmt.Sprintf("argument %q: several members of project %s are called %q; give the id", argument, number, excerpt.Truncate(text, 80))
	}
	if len(lines) > 0 {
		said += ". Its members are\n" + richtext.FrameUntrusted(strings.Join(lines[:min(len(lines), 25)], "\n"))
	}
	return sdp.Ref{}, &tool.Error{
		Kind: tool.Validation, Text: said, Details: errorDetails{Kind: tool.Validation, Fields: []string{argument}, Allowed: names[:min(len(names), 25)]},
	}
}

// explainOwner says of a task whose owner SDP refuses what is to be done.
func explainOwner(err error) error {
	failed, is := errors.AsType[*sdp.Error](err)
	if !is || failed.Code != unknownValueCode || len(failed.Fields) != 1 || failed.Fields[0] != "owner" {
		return err
	}
	return &tool.Error{
		Kind:    rejectedKind,
		Text:    "ServiceDesk Plus refuses the owner: whoever owns a task of a project has to be one of its members; add them with update_project and add_members",
		Details: errorDetails{Kind: rejectedKind, SDPCode: failed.Code, Fields: failed.Fields},
	}
}

// findWorkers returns who is to work on a project, a call of SDP each.
func (d *desk) findWorkers(ctx context.Context, argument string, texts []string) ([]sdp.Person, error) {
	var found []sdp.Person
	known := map[string]bool{}
	for _, text := range texts {
		person, err := d.findWorker(ctx, argument, text)
		if err != nil {
			return nil, err
		}
		if !known[person.ID] {
			known[person.ID] = true
			found = append(found, person)
		}
	}
	return found, nil
}

// sendMember makes somebody a member of a project, which belongs to the write before it.
func (d *desk) sendMember(ctx context.Context, w *write, project string, person *sdp.Person) error {
	members := d.client.Projects().Members(project)
	_, err := w.send(ctx, writeStep{
		name: "member " + person.ID,
		send: func(ctx context.Context, _ signature) (writtenRecord, error) {
			made, err := members.Create(ctx, sdp.MemberFields(sdp.ByID(person.ID), sdp.Ref{}))
			return writtenRecord{ID: made.ID}, err
		},
		find: func(ctx context.Context, attempt *sdp.Attempt, _ signature) (sdp.WriteLookup, error) {
			return members.FindListed(ctx, attempt, func(m sdp.Member) string {
				if m.User.ID == person.ID {
					return m.ID
				}
				return ""
			})
		},
	})
	return err
}

// sendMembers makes people members of a project, and returns who are, and why others are not.
func (d *desk) sendMembers(ctx context.Context, w *write, toolName, project string, people []sdp.Person) (added, failed []string) {
	for i := range people {
		name := shortenLine(people[i].Name)
		err := d.sendMember(ctx, w, project, &people[i])
		if failure, is := errors.AsType[*sdp.Error](err); is && failure.Code == notUniqueCode { // of a member already
			err = nil
		}
		if err != nil {
			failed = append(failed, "member "+name+": "+d.service.describeFailure(ctx, toolName, err))
			continue
		}
		added = append(added, name)
	}
	return added, failed
}

// notUniqueCode is what SDP says of a second row where there may be one.
const notUniqueCode = 4008
