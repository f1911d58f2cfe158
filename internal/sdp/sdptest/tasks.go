package sdptest

// taskEntities describes tasks, which belong to a request, a project, a problem, a change or to nothing,
// and what one waits for.
func taskEntities() []*entity {
	effort := objectField("estimated_effort", numberFields("days", "hours", "minutes")).in(shapeNew)
	return []*entity{
		{
			table: "tasks", brief: []string{"id", "title"}, mandatory: []string{"title"},
			fields: joinFields(
				textFields("title").atMost(250), htmlText("description"),
				referenceTo("task_statuses", "status"), referenceTo("priorities", "priority"),
				referenceTo("users", "owner", "marked_technician"), referenceTo("groups", "group", "marked_group"),
				referenceTo("task_types", "type"), referenceTo("task_templates", "template").createOnly(),
				referenceTo("milestones", "milestone").readOnly(),
				timeFields("scheduled_start_time", "scheduled_end_time", "actual_start_time", "actual_end_time"),
				numberFields("percentage_completion", "email_before", "additional_cost"), effort,
				numberFields("estimated_effort.days", "estimated_effort.hours", "estimated_effort.minutes").in(shapeCloud, shapeOld),
				textFields("comment").writeOnly().in(shapeOld), referenceTo("change_stages", "stage"),
				referenceTo("users", "created_by").readOnly(), timeFields("created_time", "last_updated_time").readOnly(),
				booleanFields("overdue").readOnly().with(func(f *field) { f.derived = isOverdueTask }),
				textFields("index").readOnly(), freeFields("request", "project", "problem", "change", "release").readOnly().with(func(f *field) {
					name := f.name
					f.derived = func(c *call, r *row) any { return c.parentBrief(name, r) }
				}),
				timeFields("due_by_time").readOnly().in(shapeNew).with(func(f *field) {
					f.derived = func(_ *call, r *row) any { return r.fields["scheduled_end_time"] }
				}),
				referencesTo("attachments", "attachments").readOnly().in(shapeNew),
			),
			defaults: defaultTask, check: checkTask, saved: stampChange,
		},
		{
			table: "task_dependencies", brief: []string{"id"}, mandatory: []string{"parent_task", "child_task"},
			fields: referenceTo("tasks", "parent_task", "child_task"), check: checkDependency,
		},
	}
}

func defaultTask(c *call, r *row) {
	stampWriter(c, r)
	s := c.server
	for field, name := range map[string]string{"task_statuses": "Open", "task_templates": "Default Task"} {
		if found := s.named(field, name); found != nil {
			r.fields[map[string]string{"task_statuses": "status", "task_templates": "template"}[field]] = reference{field, found.id}
		}
	}
	r.fields["percentage_completion"], r.fields["email_before"], r.fields["additional_cost"] = "0", "0", "0.00"
	r.fields["index"] = itoa(len(s.children("tasks", r.parent)) + 1)
	r.fields["estimated_effort"] = Record{"days": "0", "hours": "0", "minutes": "0"}
}

func isOverdueTask(c *call, r *row) any {
	end, is := asMoment(r.fields["scheduled_end_time"])
	return is && c.server.isOngoing(r) && end.Before(c.now)
}

// parentBrief returns a reference to the record a task belongs to, when it is of a kind.
func (c *call) parentBrief(kind string, r *row) any {
	table := kind + "s"
	parent := c.server.rowOfKey(r.parent)
	if parent == nil || r.parent != key(table, parent.id) {
		return nil
	}
	return c.renderReference(reference{table, parent.id})
}

// checkTask wants the owner of a project's task among the project's members.
func checkTask(c *call, _, after *row, input Record) error {
	parent := c.server.rowOfKey(after.parent)
	owner, is := after.fields["owner"].(reference)
	if input["owner"] == nil || !is || parent == nil || after.parent != key("projects", parent.id) {
		return checkPercentage(c, after)
	}
	for _, member := range c.server.children("members", after.parent) {
		if member.fields["user"] == owner {
			return checkPercentage(c, after)
		}
	}
	return refuseField(codeInvalid, "owner", "Owner is not a member of the project")
}

func checkPercentage(_ *call, r *row) error {
	given := r.fields.text("percentage_completion")
	if n, err := atoi(given); given != "" && (err != nil || n < 0 || n > 100) {
		return refuseField(codeValidation, "percentage_completion", "percentage_completion must be between 0 and 100")
	}
	return nil
}

func checkDependency(c *call, _, after *row, _ Record) error {
	for _, end := range []string{"parent_task", "child_task"} {
		task := c.server.table("tasks").byID[after.fields.refersTo(end)]
		if task == nil || task.parent != after.parent {
			return refuseUnknown(end)
		}
	}
	if after.fields["parent_task"] == after.fields["child_task"] {
		return refuseUnknown("child_task")
	}
	return nil
}

// stampChange notes when a record was changed.
func stampChange(c *call, before, after *row, _ Record) {
	if before != nil {
		after.fields["last_updated_time"] = c.now
	}
}

// addTaskRoutes registers tasks under a kind of record, with what is under them.
func addTaskRoutes(d *dialect, parent string) {
	path := "/" + parent + "/{}"
	d.resource(resource{path: path + "/tasks", table: "tasks", parents: []string{parent}, verbs: allVerbs})
	d.resource(resource{path: path + "/tasks/{}/worklogs", table: "worklogs", parents: []string{parent, "tasks"}, verbs: allVerbs})
	d.resource(resource{path: path + "/task_dependencies", table: "task_dependencies", parents: []string{parent}, verbs: allVerbs})
	addAttachmentRoutes(d, path+"/tasks/{}", []string{parent, "tasks"})
}
