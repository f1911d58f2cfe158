package servicedesk

import (
	"context"
	"strconv"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/server/tool"
)

type listTasksInput struct {
	target
	tasksOf
	Status *string `json:"status,omitempty" description:"open when absent" enum:"open,closed,all"`
	Owner  *string `json:"owner,omitempty" description:"E-mail address, name, or me"`
	paging
}

// listTasks answers list_tasks: a call of SDP for the ticket or project, one more for a number that was not met before, and one for the tasks.
func (s *Service) listTasks(ctx context.Context, in listTasksInput) (*tool.Result[taskList], error) {
	d, parent, err := openTaskParent(ctx, in.target, in.tasksOf, s.openDesk)
	if err != nil {
		return nil, err
	}
	asked := in
	asked.paging = paging{}
	fingerprint := tool.Fingerprint("list_tasks", d.uid, asked)
	start, err := s.openPlace(fingerprint, in.Cursor)
	if err != nil {
		return nil, err
	}
	states, err := d.readProgress(ctx, sdp.TaskStatuses)
	if err != nil {
		return nil, err
	}
	o := sdp.ListOptions{Start: start, Rows: in.rows(), Fields: taskFields, CountAll: true}
	holds, err := d.selectTasks(&in, states, &o)
	if err != nil {
		return nil, err
	}
	page, err := parent.tasks.List(ctx, o)
	if err != nil {
		return nil, parent.sayNoTask(err)
	}
	if parent.project != nil {
		d.tellTasks(ctx, parent.project.ID, "", page.Items...)
	}
	shown := newRowPage(page, start, false, holds)
	return d.taskResult(&parent, &shown, states, fingerprint)
}

// selectTasks sets the conditions of the arguments, and returns what rows are checked by again.
func (d *desk) selectTasks(in *listTasksInput, states *progressStates, o *sdp.ListOptions) (holds func(*sdp.Task) bool, err error) {
	status := valueOr(in.Status, "open")
	var byStatus, byOwner sdp.Criteria
	isOwner := func(sdp.Ref) bool { return true }
	if status != "all" {
		byStatus = states.criteria(status == "open")
	}
	if in.Owner != nil {
		if byOwner, isOwner, err = d.personCondition("owner", *in.Owner); err != nil {
			return nil, err
		}
	}
	o.Where = sdp.All(byStatus, byOwner)
	return func(t *sdp.Task) bool {
		return isOwner(t.Owner) && (status == "all" || states.isOpen(t.Status) == (status == "open"))
	}, nil
}

func (d *desk) taskResult(parent *taskParent, page *rowPage[sdp.Task], states *progressStates, fingerprint string) (*tool.Result[taskList], error) {
	result := taskList{
		Of: parent.label, Subject: shortenLine(parent.title), Tasks: []taskRow{}, Total: knownTotal(page.total), TimeZone: d.zone.String(), Trust: untrusted,
	}
	shown := newTable("id", "subject", "owner", "status", "percent", "end", "overdue", "milestone")
	now := time.Now()
	for i := range page.rows {
		row := d.newTaskRow(&page.rows[i], states, now)
		if !shown.append(row.cells()) {
			break
		}
		result.Tasks = append(result.Tasks, row)
	}
	var err error
	if result.NextCursor, err = d.service.sealPlace(fingerprint, page.placeAfter(len(result.Tasks))); err != nil {
		return nil, err
	}
	said := d.describeShown(len(result.Tasks), page.total, "tasks of "+parent.label) + sayCursor(result.NextCursor)
	return tool.NewResult(said+"\n"+shown.text(), result), nil
}

func (r *taskRow) cells() []string {
	overdue := ""
	if r.IsOverdue {
		overdue = "overdue"
	}
	return []string{r.ID, r.Title, r.Owner, r.Status, strconv.Itoa(r.Percent) + "%", r.End, overdue, r.Milestone}
}
