package servicedesk

import (
	"context"
	"fmt"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
	"github.com/lectern-dev/lectern/server/tool"
)

// longWorklog is how many minutes are taken for a slip unless the caller says that they are none.
const longWorklog = 600

type addWorklogInput struct {
	target
	RequestID   *string `json:"request_id,omitempty" description:"Ticket number"`
	ProjectID   *string `json:"project_id,omitempty" description:"Instead, with task_id"`
	TaskID      *string `json:"task_id,omitempty"`
	Minutes     int64   `json:"minutes" bounds:"1..6000"`
	Description *string `json:"description,omitempty" description:"Markdown" bounds:"..20000"`
	Technician  *string `json:"technician,omitempty" description:"E-mail address or name, you when absent" bounds:"..250"`
	StartedAt   *string `json:"started_at,omitempty" description:"Date or RFC 3339; when absent, it ended now"`
	ConfirmLong *bool   `json:"confirm_long,omitempty" description:"For more than 600 minutes"`
	dryRun
	idempotencyKey
}

// writtenWorklog is the structured result of add_worklog.
type writtenWorklog struct {
	writeOutcome
	WorklogID    string `json:"worklog_id,omitempty"`
	Number       string `json:"number"`
	Subject      string `json:"subject"`
	Minutes      int64  `json:"minutes"`
	TotalMinutes *int64 `json:"total_minutes,omitempty"`
	Technician   string `json:"technician"`
	Started      string `json:"started"`
	TimeZone     string `json:"time_zone"`
	Trust        string `json:"trust"`
}

// worklogParent is what time was spent on.
type worklogParent struct {
	number, label, subject, described string
	shown                             map[string]string
	worklogs                          sdp.Collection[sdp.Worklog]
}

// addWorklog answers add_worklog: a call of SDP to read the ticket, one more for a number that was not met and for a technician who is
// named by name, one to write, and one for the total.
func (s *Service) addWorklog(ctx context.Context, in addWorklogInput) (*tool.Result[writtenWorklog], error) {
	d, err := s.openDeskToWrite(ctx, in.target, in.toolset())
	if err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	if err := d.checkFields(in.kind(), "worklog"); err != nil {
		return nil, err
	}
	started, err := in.started(time.Now(), d.zone)
	if err != nil {
		return nil, err
	}
	parent, err := d.findWorklogParent(ctx, &in)
	if err != nil {
		return nil, err
	}
	// It is never the owner of the token that time is written for.
	owner, err := d.resolvePerson(ctx, "technician", valueOr(in.Technician, "me"), d.client.ListTechnicians)
	if err != nil {
		return nil, err
	}
	asked := in
	asked.dryRun, asked.idempotencyKey = dryRun{}, idempotencyKey{}
	w, err := d.startWrite(ctx, writeRequest{
		tool: "add_worklog", arguments: asked, dryRun: in.DryRun, key: in.IdempotencyKey, mergesRepeats: true,
		question: tool.Question{Message: in.ask(d, &owner, parent.described, started)}, shown: parent.shown,
	})
	if err != nil {
		return nil, err
	}
	result := writtenWorklog{
		Number: parent.number, Subject: parent.subject, Minutes: in.Minutes, Technician: owner.shown, Started: formatTime(sdp.At(started), d.zone),
		TimeZone: d.zone.String(), Trust: untrusted,
	}
	what := "would be added"
	if !w.isDry {
		what = "are added"
		written, err := w.send(ctx, worklogStep(parent, &in, owner.ref, started))
		if err != nil {
			return nil, d.explainRefusal(ctx, nil, err)
		}
		result.WorklogID, result.TotalMinutes = written.ID, sumMinutes(ctx, parent.worklogs)
	}
	result.writeOutcome = outcomeOf(w)
	said := fmt.Sprintf("%s%d minutes %s to %s of connection %s.", w.said(), in.Minutes, what, parent.label, d.key)
	if result.WorklogID != "" {
		said += " The worklog is " + result.WorklogID + "."
	}
	if result.TotalMinutes != nil {
		said += fmt.Sprintf(" In all it has %d minutes.", *result.TotalMinutes)
	}
	lines := "subject: " + parent.subject + "\ntechnician: " + owner.shown + "\nstarted: " + result.Started
	return tool.NewResult(said+" Times are in "+result.TimeZone+".\n"+richtext.FrameUntrusted(lines)+w.saidLast(), result), nil
}

// ask returns what a person confirms.
func (in *addWorklogInput) ask(d *desk, owner *namedPerson, described string, started time.Time) string {
	asked := fmt.Sprintf("Add %d minutes of %s to %s?\n", in.Minutes, quoteLine(namePerson(owner.ref)), described)
	if in.StartedAt == nil {
		asked += "It ended now."
	} else {
		asked += askLine("started_at", formatTime(sdp.At(started), d.zone))
	}
	if in.Description != nil {
		asked += "\n" + askText("description", *in.Description)
	}
	return asked
}

// toolset returns the one that a worklog belongs to.
func (in *addWorklogInput) toolset() string {
	if in.RequestID == nil && in.ProjectID != nil {
		return projectsToolset
	}
	return requestsToolset
}

func (in *addWorklogInput) kind() string {
	if in.RequestID != nil {
		return requestKind
	}
	return taskKind
}

// check refuses arguments that do not go together, and a time that is a slip in all likelihood.
func (in *addWorklogInput) check() error {
	switch isOfTask := in.ProjectID != nil && in.TaskID != nil; {
	case in.RequestID != nil && (in.ProjectID != nil || in.TaskID != nil), in.RequestID == nil && !isOfTask:
		return tool.NewInvalid("give request_id, or project_id and task_id")
	case in.Minutes > longWorklog && !valueOr(in.ConfirmLong, false):
		return tool.NewInvalid("argument %q: %d are more than %d, %s; give confirm_long=true if they are meant", "minutes", in.Minutes, longWorklog,
			shortSpan(time.Duration(in.Minutes)*time.Minute))
	}
	return nil
}

// started returns when the work began.
func (in *addWorklogInput) started(now time.Time, zone *time.Location) (time.Time, error) {
	if in.StartedAt == nil {
		return now.Add(-time.Duration(in.Minutes) * time.Minute).Truncate(time.Second), nil
	}
	at, err := parseTime("started_at", *in.StartedAt, zone)
	if err == nil && at.After(now) {
		err = tool.NewInvalid("argument %q: %s is in the future", "started_at", formatTime(sdp.At(at), zone))
	}
	return at, err
}

// findWorklogParent returns what time was spent on, where the caller may see it.
func (d *desk) findWorklogParent(ctx context.Context, in *addWorklogInput) (worklogParent, error) {
	if in.RequestID == nil {
		return d.findWorklogTask(ctx, in)
	}
	found, err := d.readTicket(ctx, *in.RequestID)
	if err != nil {
		return worklogParent{}, err
	}
	return worklogParent{
		number: numberOf(&found), label: "request " + numberOf(&found), subject: shortenLine(found.Subject), described: d.describeTicket(&found), shown: d.shownOfTicket(&found),
		worklogs: d.client.Requests().Worklogs(found.ID),
	}, nil
}

func worklogStep(parent worklogParent, in *addWorklogInput, owner sdp.Ref, started time.Time) writeStep {
	spent := time.Duration(in.Minutes) * time.Minute
	return writeStep{
		name: "worklog", weight: 1,
		send: func(ctx context.Context, s signature) (writtenRecord, error) {
			worklog := sdp.WorklogInput{
				Owner: owner, DescriptionHTML: richtext.FromMarkdown(s.of(valueOr(in.Description, ""))), StartTime: sdp.At(started), EndTime: sdp.At(started.Add(spent)),
				Spent: sdp.Effort(spent), IncludeNonOperational: true,
			}
			made, err := parent.worklogs.Create(ctx, worklog.Fields())
			return writtenRecord{ID: made.ID, Number: parent.number}, explainWrite(createScope, err)
		},
		find: func(ctx context.Context, attempt *sdp.Attempt, s signature) (sdp.WriteLookup, error) {
			return parent.worklogs.FindCreated(ctx, attempt, s.inText())
		},
	}
}

// sumMinutes returns the time of all worklogs, of the first hundred at most; nil where they cannot be read, or are more.
func sumMinutes(ctx context.Context, of sdp.Collection[sdp.Worklog]) *int64 {
	page, err := of.List(ctx, sdp.ListOptions{Rows: sdp.MaxRows})
	if err != nil || page.Next != 0 {
		return nil
	}
	sum := time.Duration(0)
	for _, w := range page.Items {
		sum += time.Duration(w.Spent)
	}
	return new(int64(sum / time.Minute))
}
