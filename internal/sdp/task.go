package sdp

import "context"

// Task is a piece of work of a request, project, milestone, problem or change.
type Task struct {
	ID, Title       string
	DescriptionHTML string
	Status          Status
	Priority        Ref
	Owner           Ref
	Group           Ref
	Type            Ref
	Template        Ref
	// Percent is the completion, 0 to 100.
	Percent         int
	Estimate        Effort
	ScheduledStart  Time
	ScheduledEnd    Time
	ActualStart     Time
	ActualEnd       Time
	CreatedBy       Ref
	CreatedTime     Time
	IsOverdue       bool
	Index           string
	Request         Ref
	Project         Ref
	Milestone       Ref
	LastUpdatedTime Time
	Raw             Raw
}

var taskRecord = &recordType[Task]{
	name: "task", root: "task", roots: []string{"task"}, lists: []string{"tasks"}, decode: decodeTask,
	made: func(t Task) madeRecord {
		return madeRecord{t.ID, t.CreatedTime.At, t.Title + "\n" + t.DescriptionHTML, t.Raw.Has("description")}
	},
}

func decodeTask(r Raw) Task {
	return Task{
		ID: r.Text("id"), Title: r.Text("title"), DescriptionHTML: r.Text("description"), Status: r.Status("status"), Priority: r.Ref("priority"),
		Owner: r.Ref("owner"), Group: r.Ref("group"), Type: r.Ref("type", "task_type"), Template: r.Ref("template"), Percent: r.percent("percentage_completion"),
		Estimate: r.Effort("estimated_effort"), ScheduledStart: r.Time("scheduled_start_time"), ScheduledEnd: r.Time("scheduled_end_time", "due_by_time"),
		ActualStart: r.Time("actual_start_time"), ActualEnd: r.Time("actual_end_time"), CreatedBy: r.Ref("created_by"),
		CreatedTime: r.Time("created_time", "created_date"), IsOverdue: r.IsTrue("overdue"), Index: r.Text("index"), Request: r.Ref("request"),
		Project: r.Ref("project"), Milestone: r.Ref("milestone"), LastUpdatedTime: r.Time("last_updated_time"), Raw: r,
	}
}

// percent returns a completion between 0 and 100.
func (r Raw) percent(name string) int {
	n, _ := r.Int(name)
	return int(min(max(n, 0), 100))
}

// Tasks are the tasks of one parent.
type Tasks struct{ Collection[Task] }

func newTasks(c *Client, at path) Tasks { return Tasks{newCollection(c, taskRecord, at)} }

// Tasks returns the general tasks, which belong to nothing.
func (c *Client) Tasks() Tasks { return newTasks(c, pathOf("tasks")) }

// Tasks returns the tasks of a request.
func (s Requests) Tasks(id string) Tasks { return newTasks(s.client, s.path.withID(id).to("tasks")) }

// Worklogs returns the time spent on a task.
func (t Tasks) Worklogs(id string) Collection[Worklog] {
	return newCollection(t.client, worklogRecord, t.path.withID(id).to("worklogs"))
}

// Comments returns the comments on a task of a project.
func (t Tasks) Comments(id string) Collection[Comment] {
	return newCollection(t.client, taskCommentRecord, t.path.withID(id).to("comments"))
}

// Dependency says that a task begins after another.
type Dependency struct {
	ID            string
	Parent, Child Ref
	Raw           Raw
}

var dependencyRecord = &recordType[Dependency]{
	name: "task dependency", root: "task_dependency", roots: []string{"task_dependency"}, lists: []string{"task_dependencies"},
	decode: func(r Raw) Dependency {
		return Dependency{ID: r.Text("id"), Parent: r.Ref("parent_task"), Child: r.Ref("child_task"), Raw: r}
	},
}

// Dependencies are those between the tasks of one request or project.
type Dependencies struct{ Collection[Dependency] }

// Add makes child begin after parent; both are ids of tasks.
func (d Dependencies) Add(ctx context.Context, parent, child string) (Dependency, error) {
	return d.Create(ctx, Fields{"parent_task": ByID(parent), "child_task": ByID(child)})
}

// TaskDependencies returns the dependencies between the tasks of a request.
func (s Requests) TaskDependencies(id string) Dependencies {
	return Dependencies{newCollection(s.client, dependencyRecord, s.path.withID(id).to("task_dependencies"))}
}
