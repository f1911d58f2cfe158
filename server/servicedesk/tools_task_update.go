package servicedesk

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/server/tool"
)

type updateTaskInput struct {
	target
	tasksOf
	TaskID      string                `json:"task_id"`
	Title       *string               `json:"title,omitempty" bounds:"1..250"`
	Description tool.Optional[string] `json:"description,omitzero" description:"Markdown" bounds:"..20000"`
	Owner       tool.Optional[string] `json:"owner,omitzero" description:"E-mail, name, id or me" bounds:"..250"`
	Status      *string               `json:"status,omitempty" bounds:"..250"`
	Percent     *int64                `json:"percent,omitempty" bounds:"0..100"`
	Start       tool.Optional[string] `json:"start,omitzero" description:"Date or RFC 3339"`
	End         tool.Optional[string] `json:"end,omitzero" description:"Date or RFC 3339"`
	Complete    *bool                 `json:"complete,omitempty" description:"Sets status, percent and end"`
	DependsOn   []string              `json:"depends_on,omitempty" description:"Ids of tasks to wait for, added to those it has" bounds:"..10"`
	dryRun
}

// updateTask answers update_task: a call of SDP for the ticket or project, one more for a number that was not met before, one each to
// read and write the task, one for the owner, and for dependencies one and one each.
func (s *Service) updateTask(ctx context.Context, in updateTaskInput) (*tool.Result[recordUpdate], error) {
	d, parent, err := openTaskParent(ctx, in.target, in.tasksOf, s.openDeskToWrite, in.fields()...)
	if err != nil {
		return nil, err
	}
	before, err := parent.read(ctx, in.TaskID)
	if err != nil {
		return nil, err
	}
	changes, err := d.taskChanges(ctx, &in, &parent, &before)
	if err != nil {
		return nil, err
	}
	missing, err := d.missingDependencies(ctx, &in, &parent)
	if err != nil {
		return nil, err
	}
	if len(changes) == 0 && len(in.DependsOn) == 0 {
		return nil, errNothingToChange("task")
	}
	changes = changes.differing(before)
	update := d.newRecordUpdate(before.ID, parent.label, before.Title)
	update.Changed = changes.compareWith(before)
	arguments := in
	arguments.dryRun = dryRun{}
	w, err := d.startWrite(ctx, writeRequest{
		tool: "update_task", arguments: arguments, dryRun: in.DryRun,
		question: tool.Question{Message: fmt.Sprintf("Change task %s %q of %s of connection %s?\n%s", before.ID, update.Subject, parent.label, d.key,
			strings.Join(append(changes.ask(before), askEach("waits for", missing)...), "\n"))},
		shown: update.shown("task " + before.ID),
	})
	if err != nil {
		return nil, err
	}
	if w.isDry {
		update.Added = missing
		return update.result(w, fmt.Sprintf("Task %s of %s would be changed.", before.ID, parent.label)), nil
	}
	if err := d.carryOutTaskUpdate(ctx, w, &parent, &before, changes); err != nil {
		return nil, err
	}
	for _, other := range missing {
		if err := parent.sendDependency(ctx, w, other, before.ID, time.Now()); err != nil {
			update.Failed = append(update.Failed, "it does not wait for "+other+": "+s.describeFailure(ctx, "update_task", err))
			continue
		}
		update.Added = append(update.Added, other)
	}
	return update.result(w, fmt.Sprintf("Task %s of %s is changed.", before.ID, parent.label)), nil
}

// fields returns the names of the fields that are given, or that completing a task sets.
func (in *updateTaskInput) fields() []string {
	complete := valueOr(in.Complete, false)
	given := givenNames(map[string]bool{
		"title": in.Title != nil, "description": in.Description.Given, "owner": in.Owner.Given, "status": in.Status != nil || complete,
		"percent": in.Percent != nil || complete, "start": in.Start.Given, "end": in.End.Given, "depends_on": len(in.DependsOn) > 0,
	})
	if complete {
		given = append(given, "complete") // named last: what it sets says more
	}
	return given
}

// carryOutTaskUpdate sends changes, and tells what became of the task.
func (d *desk) carryOutTaskUpdate(ctx context.Context, w *write, parent *taskParent, before *sdp.Task, changes recordChanges[sdp.Task]) error {
	if len(changes) == 0 {
		return nil
	}
	after, err := sendUpdate(ctx, w, "task", before.ID, before.LastUpdatedTime, parent.tasks.Editor, changes)
	if err != nil {
		return explainOwner(err)
	}
	if parent.project != nil {
		d.tellTasks(ctx, parent.project.ID, "", *before)
		if after != nil {
			d.tellTasks(ctx, parent.project.ID, d.actor(), *after)
		}
	}
	return nil
}

// missingDependencies returns the tasks that a task is to wait for and does not.
func (d *desk) missingDependencies(ctx context.Context, in *updateTaskInput, parent *taskParent) ([]string, error) {
	if len(in.DependsOn) == 0 {
		return nil, nil
	}
	there, err := parent.readDependencies(ctx)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{in.TaskID: true}
	for _, dependency := range there {
		if dependency.Child.ID == in.TaskID {
			known[dependency.Parent.ID] = true
		}
	}
	var missing []string
	for _, text := range in.DependsOn {
		other, _, err := parseDependency("depends_on", text, 0)
		if err != nil {
			return nil, err
		}
		if other == in.TaskID {
			return nil, tool.NewInvalid("argument %q: a task does not wait for itself", "depends_on")
		}
		if !known[other] {
			known[other] = true
			missing = append(missing, other)
		}
	}
	return missing, parent.checkDependencies(ctx, "depends_on", missing)
}

// taskChanges returns the changes that a caller asks for, in the order of the arguments.
func (d *desk) taskChanges(ctx context.Context, in *updateTaskInput, parent *taskParent, before *sdp.Task) (recordChanges[sdp.Task], error) {
	var changes recordChanges[sdp.Task]
	if in.Title != nil {
		title, err := trimTitle("title", *in.Title, "task")
		if err != nil {
			return nil, err
		}
		changes = append(changes, changeText("title", "title", title, func(t sdp.Task) string { return t.Title }))
	}
	if in.Description.Given {
		changes = append(changes, changeMarkdown("description", "description", in.Description.Value, func(t sdp.Task) string { return t.DescriptionHTML }))
	}
	if in.Owner.Given {
		owner, err := d.taskOwner(ctx, in.Owner.Value, parent)
		if err != nil {
			return nil, err
		}
		changes = append(changes, changeRef("owner", "owner", owner, func(t sdp.Task) sdp.Ref { return t.Owner }))
	}
	progress, err := d.taskProgress(ctx, in, before)
	if err != nil {
		return nil, err
	}
	changes = append(changes, progress...)
	span, err := spanChanges(d, in.Start, in.End, func(t sdp.Task) sdp.Time { return t.ScheduledStart }, func(t sdp.Task) sdp.Time { return t.ScheduledEnd })
	if err != nil {
		return nil, err
	}
	changes = append(changes, span...)
	return changes, nil
}

// taskOwner returns whom a task is given to; nobody for null.
func (d *desk) taskOwner(ctx context.Context, text *string, parent *taskParent) (sdp.Ref, error) {
	if text == nil {
		return sdp.Ref{}, nil
	}
	var members []sdp.Member
	if parent.project != nil {
		var err error
		if members, err = d.readMembers(ctx, parent.project.ID); err != nil {
			return sdp.Ref{}, err
		}
	}
	return d.findTaskOwner(ctx, "owner", *text, parent, members)
}

// taskProgress returns the changes of how far a task is. One that is completed has a status that ends work, all of it done, and an end.
func (d *desk) taskProgress(ctx context.Context, in *updateTaskInput, before *sdp.Task) (recordChanges[sdp.Task], error) {
	complete := valueOr(in.Complete, false)
	states, err := d.readProgress(ctx, sdp.TaskStatuses)
	if err != nil {
		return nil, err
	}
	var status sdp.Ref
	switch {
	case in.Status != nil:
		chosen, err := d.resolveEntry(ctx, "status", sdp.TaskStatuses, *in.Status, "")
		if err != nil {
			return nil, err
		}
		status = chosen.ref()
		if terminal, known := states.isTerminal(status); complete && known && !terminal {
			return nil, tool.NewInvalid("argument %q: work goes on at %q, so it does not fit complete; leave one of both out", "status", *in.Status)
		}
	case complete && !states.isOpen(before.Status) && !before.Status.IsZero():
		status = before.Status.Ref // it is done already
	case complete:
		if status, err = states.done(); err != nil {
			return nil, err
		}
	}
	var changes recordChanges[sdp.Task]
	if !status.IsZero() {
		changes = append(changes, changeRef("status", "status", status, func(t sdp.Task) sdp.Ref { return t.Status.Ref }))
	}
	percent := in.Percent
	if complete {
		if percent != nil && *percent != 100 {
			return nil, tool.NewInvalid("argument %q: what is complete is done to 100; leave one of both out", "percent")
		}
		all := int64(100)
		percent = &all
	}
	if percent != nil {
		changes = append(changes, changePercent(*percent, func(t sdp.Task) int { return t.Percent }))
	}
	if complete {
		changes = append(changes, d.actualEnd(time.Now()))
	}
	return changes, nil
}

// actualEnd notes when a task ended, where it has no such time yet.
func (d *desk) actualEnd(now time.Time) recordChange[sdp.Task] {
	change := changeTime("complete", "actual_end_time", now, d.zone, func(t sdp.Task) sdp.Time { return t.ActualEnd })
	change.asked = "complete: it ends now"
	change.key, change.keyOf = "set", func(t sdp.Task) string {
		if t.ActualEnd.IsZero() {
			return ""
		}
		return "set"
	}
	return change
}

// spanChanges returns the changes of when something begins and ends; null clears either.
func spanChanges[T any](d *desk, start, end tool.Optional[string], startOf, endOf func(T) sdp.Time) (recordChanges[T], error) {
	var changes recordChanges[T]
	var from, until time.Time
	var err error
	if start.Given {
		if start.Value != nil {
			if from, err = parseTime("start", *start.Value, d.zone); err != nil {
				return nil, err
			}
		}
		changes = append(changes, changeTime("start", "scheduled_start_time", from, d.zone, startOf))
	}
	if end.Given {
		if end.Value != nil {
			if until, err = parseEndTime("end", *end.Value, d.zone); err != nil {
				return nil, err
			}
		}
		changes = append(changes, changeTime("end", "scheduled_end_time", until, d.zone, endOf))
	}
	if !from.IsZero() && !until.IsZero() && until.Before(from) {
		return nil, tool.NewInvalid("argument %q is before start", "end")
	}
	return changes, nil
}
