package servicedesk

import (
	"context"
	"fmt"
	"strings"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
	"github.com/lectern-dev/lectern/server/tool"
)

type addNoteInput struct {
	target
	RequestID          *string `json:"request_id,omitempty" description:"Ticket number"`
	ProjectID          *string `json:"project_id,omitempty" description:"This, or request_id"`
	MilestoneID        *string `json:"milestone_id,omitempty" description:"of the project"`
	TaskID             *string `json:"task_id,omitempty" description:"of the project or milestone"`
	Text               string  `json:"text" description:"Markdown" bounds:"1..20000"`
	VisibleToRequester *bool   `json:"visible_to_requester,omitempty" description:"No mail is sent"`
	FirstResponse      *bool   `json:"first_response,omitempty" description:"Counts as the first response"`
	dryRun
	idempotencyKey
	planned
}

// writtenNote is the structured result of add_note.
type writtenNote struct {
	writeOutcome
	NoteID  string `json:"note_id,omitempty"`
	Number  string `json:"number"`
	Subject string `json:"subject"`
	State   string `json:"state"`
	Trust   string `json:"trust"`
}

// noteParent is what a note or a comment is about.
type noteParent struct {
	// number, label and subject are of the record as results have them, described is what a person is asked about, and shown what it is like.
	number, label, subject, described string
	shown                             map[string]string
	step                              func(html func(signature) string) writeStep
}

// addNote answers add_note: a call of SDP to read the ticket, one more for a number that was not met, and one to write.
func (s *Service) addNote(ctx context.Context, in addNoteInput) (*tool.Result[writtenNote], error) {
	d, err := s.openDeskToWrite(ctx, in.target, in.toolset())
	if err != nil {
		return nil, err
	}
	isVisible := valueOr(in.VisibleToRequester, false)
	if err := d.checkNote(&in, isVisible); err != nil {
		return nil, err
	}
	parent, err := d.findNoteParent(ctx, &in)
	if err != nil {
		return nil, err
	}
	asked := in
	asked.dryRun, asked.idempotencyKey, asked.planned = dryRun{}, idempotencyKey{}, planned{}
	r := writeRequest{
		tool: "add_note", arguments: asked, dryRun: in.DryRun, key: in.IdempotencyKey, plan: in.Plan, mergesRepeats: true,
		question: tool.Question{Message: in.ask(parent.described)}, shown: parent.shown,
	}
	result := writtenNote{Number: parent.number, Subject: parent.subject, State: "private", Trust: untrusted}
	what := "Note"
	if in.RequestID == nil {
		what, result.State = "Comment", "read by all who see it"
	}
	if isVisible {
		r.risk, result.State = destructive, "shown to the requester"
	}
	w, err := d.startWrite(ctx, r)
	if err != nil {
		return nil, err
	}
	said := fmt.Sprintf("%sA %s would be added, %s.", w.said(), strings.ToLower(what), result.State)
	if !w.isDry {
		written, err := w.send(ctx, parent.step(func(s signature) string { return richtext.FromMarkdown(s.of(in.Text)) }))
		if err != nil {
			return nil, d.explainRefusal(ctx, nil, err)
		}
		result.NoteID = written.ID
		said = fmt.Sprintf("%s%s %s is added, %s.", w.said(), what, written.ID, result.State)
	}
	result.writeOutcome = outcomeOf(w)
	return tool.NewResult(fmt.Sprintf("%s It is on %s of connection %s.\n%s%s", said, parent.label, d.key,
		richtext.FrameUntrusted("subject: "+parent.subject), w.saidLast()), result), nil
}

// ask returns what a person confirms.
func (in *addNoteInput) ask(described string) string {
	what := "a note"
	if valueOr(in.VisibleToRequester, false) {
		what = "a note that the requester sees"
	}
	asked := "Add " + what + " to " + described + "?\n" + askText("text", in.Text)
	if valueOr(in.FirstResponse, false) {
		asked += "\nIt counts as the first response."
	}
	return asked
}

// toolset returns the one that a note belongs to.
func (in *addNoteInput) toolset() string {
	if in.RequestID == nil && in.ProjectID != nil {
		return projectsToolset
	}
	return requestsToolset
}

// checkNote refuses what a connection does not let be written, and arguments that do not go together.
func (d *desk) checkNote(in *addNoteInput, isVisible bool) error {
	switch isOfRequest := in.RequestID != nil; {
	case isOfRequest == (in.ProjectID != nil):
		return tool.NewInvalid("give exactly one of request_id and project_id")
	case isOfRequest && (in.MilestoneID != nil || in.TaskID != nil):
		return tool.NewInvalid("arguments %q and %q go with %q", "milestone_id", "task_id", "project_id")
	case !isOfRequest && (isVisible || valueOr(in.FirstResponse, false)):
		return tool.NewInvalid("arguments %q and %q go with %q", "visible_to_requester", "first_response", "request_id")
	}
	if err := d.checkFields(in.kind(), "note"); err != nil {
		return err
	}
	if isVisible && d.Access.RequesterVisible != visibleAllowed {
		return tool.NewForbidden("connection %s lets agents write no note that the requester sees (spec.access.requesterVisible); leave out visible_to_requester", d.key)
	}
	return nil
}

// kind is the kind of record that a note changes, as spec.access.fields calls it.
func (in *addNoteInput) kind() string {
	switch {
	case in.RequestID != nil:
		return requestKind
	case in.TaskID != nil:
		return taskKind
	case in.MilestoneID != nil:
		return milestoneKind
	}
	return projectKind
}

// findNoteParent returns what a note is about, where the caller may see it.
func (d *desk) findNoteParent(ctx context.Context, in *addNoteInput) (noteParent, error) {
	if in.RequestID == nil {
		return d.findCommentParent(ctx, in)
	}
	found, err := d.readTicket(ctx, *in.RequestID)
	if err != nil {
		return noteParent{}, err
	}
	return noteParent{
		number: numberOf(&found), label: "request " + numberOf(&found), subject: shortenLine(found.Subject), described: d.describeTicket(&found), shown: d.shownOfTicket(&found),
		step: func(html func(signature) string) writeStep {
			return d.noteStep("note", 1, &found, html, valueOr(in.VisibleToRequester, false), valueOr(in.FirstResponse, false))
		},
	}, nil
}

// noteStep adds a note to a ticket.
func (d *desk) noteStep(name string, weight int, to *sdp.Request, html func(signature) string, isVisible, isFirst bool) writeStep {
	notes := d.client.Requests().Notes(to.ID)
	return writeStep{
		name: name, weight: weight,
		send: func(ctx context.Context, s signature) (writtenRecord, error) {
			made, err := notes.Create(ctx, sdp.Fields{
				"description": html(s), "show_to_requester": isVisible, "mark_first_response": isFirst, "notify_technician": false, "add_to_linked_requests": false,
			})
			return writtenRecord{ID: made.ID, Number: to.DisplayID}, explainWrite(createScope, err)
		},
		find: func(ctx context.Context, attempt *sdp.Attempt, s signature) (sdp.WriteLookup, error) {
			return notes.FindCreated(ctx, attempt, s.inText())
		},
	}
}
