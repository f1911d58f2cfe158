package servicedesk

import (
	"context"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/server/tool"
)

// tasksOf are the arguments that say what tasks belong to.
type tasksOf struct {
	RequestID   *string `json:"request_id,omitempty" description:"This, or project_id"`
	ProjectID   *string `json:"project_id,omitempty" description:"PJT-12 or id:41"`
	MilestoneID *string `json:"milestone_id,omitempty"`
}

// taskParent is a ticket or a project, which is inside the ceilings, with its tasks.
type taskParent struct {
	// label is what people call it, title its subject or title.
	label, title string
	// request is the id of the ticket, empty for a project.
	request string
	// project is nil for a ticket, milestone where none is given.
	project   *sdp.Project
	milestone *sdp.Milestone
	// tasks are those of the milestone where one is given, allTasks those that may wait for each other.
	tasks, allTasks sdp.Tasks
	dependencies    sdp.Dependencies
}

// errNoTask is said of a task that the ticket, project or milestone does not have.
var errNoTask = &tool.Error{
	Kind: tool.NotFound, Text: "no such task; list_tasks has the ids", Details: errorDetails{Kind: tool.NotFound},
}

// openTaskParent opens the connection of a call on tasks, by the toolset of what they belong to, checks the fields that the call writes, and
// reads what they belong to.
func openTaskParent(
	ctx context.Context, in target, of tasksOf, open func(context.Context, target, string) (*desk, error), fields ...string,
) (*desk, taskParent, error) {
	toolset := requestsToolset
	switch {
	case (of.RequestID == nil) == (of.ProjectID == nil):
		return nil, taskParent{}, tool.NewInvalid("exactly one of request_id and project_id is needed")
	case of.MilestoneID != nil && of.ProjectID == nil:
		return nil, taskParent{}, tool.NewInvalid("argument %q: tickets have no milestones; leave it out", "milestone_id")
	case of.ProjectID != nil:
		toolset = projectsToolset
	}
	d, err := open(ctx, in, toolset)
	if err == nil {
		err = d.checkFields(taskKind, fields...)
	}
	if err != nil {
		return nil, taskParent{}, err
	}
	parent, err := d.readTaskParent(ctx, of)
	return d, parent, err
}

func (d *desk) readTaskParent(ctx context.Context, of tasksOf) (taskParent, error) {
	if of.RequestID != nil {
		found, err := d.readTicket(ctx, *of.RequestID)
		if err != nil {
			return taskParent{}, err
		}
		requests := d.client.Requests()
		return taskParent{
			label: "request " + numberOf(&found), title: found.Subject, request: found.ID, tasks: requests.Tasks(found.ID),
			allTasks: requests.Tasks(found.ID), dependencies: requests.TaskDependencies(found.ID),
		}, nil
	}
	found, err := d.readProject(ctx, *of.ProjectID)
	if err != nil {
		return taskParent{}, err
	}
	d.tellProjects(ctx, found)
	projects := d.client.Projects()
	parent := taskParent{
		label: "project " + projectNumber(&found), title: found.Title, project: &found, tasks: projects.Tasks(found.ID),
		allTasks: projects.Tasks(found.ID), dependencies: projects.TaskDependencies(found.ID),
	}
	if of.MilestoneID != nil {
		milestones := projects.Milestones(found.ID)
		milestone, err := d.readMilestone(ctx, milestones, *of.MilestoneID, found.ID)
		if err != nil {
			return taskParent{}, err
		}
		parent.tasks, parent.milestone = milestones.Tasks(milestone.ID), &milestone
	}
	return parent, nil
}

// scope is the OAuth scope that reading its tasks needs.
func (p *taskParent) scope() string {
	if p.project == nil {
		return requestsScope
	}
	return projectsScope
}

// read returns a task, or errNoTask.
func (p *taskParent) read(ctx context.Context, id string) (sdp.Task, error) {
	if !isDigits(id) || len(id) > 32 {
		return sdp.Task{}, errNoTask
	}
	found, err := p.tasks.Get(ctx, id)
	if err != nil {
		return sdp.Task{}, p.sayNoTask(err)
	}
	if !p.hasTask(&found) {
		return sdp.Task{}, errNoTask // a site that finds tasks by their ids alone
	}
	return found, nil
}

// hasTask reports whether a task is of the ticket or the project, as far as it says.
func (p *taskParent) hasTask(t *sdp.Task) bool {
	if p.project != nil {
		return (t.Project.ID == "" || t.Project.ID == p.project.ID) && t.Request.ID == ""
	}
	return (t.Request.ID == "" || t.Request.ID == p.request) && t.Project.ID == ""
}

// sayNoTask has what SDP does not know below the parent be no task.
func (p *taskParent) sayNoTask(err error) error {
	if sdp.KindOf(err) == sdp.KindNotFound || isUnknownValue(err) {
		return errNoTask
	}
	return needScope(p.scope(), err)
}
