package servicedesk

import (
	"context"
	"fmt"

	"github.com/lectern-dev/lectern/internal/sdp"
)

// The kinds of records that spec.access.fields has, beside that of tickets.
const (
	projectKind   = "project"
	milestoneKind = "milestone"
	taskKind      = "task"
)

// projectsCreateScope is the OAuth scope that comments and worklogs of projects need.
const projectsCreateScope = "SDPOnDemand.projects.CREATE"

// findCommentParent returns the project, milestone or task that a comment is on, which is inside the ceilings: a call of SDP for the
// project, one more for a number that was not met, and one each for a milestone and a task.
func (d *desk) findCommentParent(ctx context.Context, in *addNoteInput) (noteParent, error) {
	parent, err := d.readTaskParent(ctx, tasksOf{ProjectID: in.ProjectID, MilestoneID: in.MilestoneID})
	if err != nil {
		return noteParent{}, err
	}
	projects, project := d.client.Projects(), parent.project.ID
	commented := noteParent{number: parent.label, subject: shortenLine(parent.title)}
	comments := projects.Comments(project)
	if milestone := parent.milestone; milestone != nil {
		comments = projects.Milestones(project).Comments(milestone.ID)
		commented.number, commented.subject = "milestone "+milestone.ID+" of "+parent.label, shortenLine(milestone.Title)
	}
	if in.TaskID != nil {
		task, err := parent.read(ctx, *in.TaskID)
		if err != nil {
			return noteParent{}, err
		}
		comments = projects.Tasks(project).Comments(task.ID)
		commented.number, commented.subject = "task "+task.ID+" of "+parent.label, shortenLine(task.Title)
	}
	commented.label = commented.number
	commented.described = fmt.Sprintf("%s %q of connection %s", commented.number, commented.subject, d.key)
	commented.shown = map[string]string{"name of " + commented.number: commented.subject}
	commented.step = func(html func(signature) string) writeStep { return commentStep(comments, html) }
	return commented, nil
}

// commentStep adds a comment.
func commentStep(comments sdp.Collection[sdp.Comment], html func(signature) string) writeStep {
	return writeStep{
		name: "comment", weight: 1,
		send: func(ctx context.Context, s signature) (writtenRecord, error) {
			made, err := comments.Create(ctx, sdp.Fields{"content": html(s)})
			return writtenRecord{ID: made.ID}, explainWrite(projectsCreateScope, err)
		},
		find: func(ctx context.Context, attempt *sdp.Attempt, s signature) (sdp.WriteLookup, error) {
			return comments.FindCreated(ctx, attempt, s.inText())
		},
	}
}

// findWorklogTask returns the task of a project that time was spent on, which is inside the ceilings: a call of SDP for the project, one
// more for a number that was not met, and one for the task.
func (d *desk) findWorklogTask(ctx context.Context, in *addWorklogInput) (worklogParent, error) {
	parent, err := d.readTaskParent(ctx, tasksOf{ProjectID: in.ProjectID})
	if err != nil {
		return worklogParent{}, err
	}
	task, err := parent.read(ctx, *in.TaskID)
	if err != nil {
		return worklogParent{}, err
	}
	number := "task " + task.ID + " of " + parent.label
	described := fmt.Sprintf("%s %q of connection %s", number, shortenLine(task.Title), d.key)
	return worklogParent{
		number: number, label: number, subject: shortenLine(task.Title), described: described, shown: map[string]string{"name of " + number: task.Title},
		worklogs: parent.tasks.Worklogs(task.ID),
	}, nil
}
