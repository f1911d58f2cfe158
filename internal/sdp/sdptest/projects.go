package sdptest

// projectEntities describes projects with what is under them.
func projectEntities() []*entity {
	return []*entity{
		{
			table: "projects", brief: []string{"id", "title"}, check: checkProject, saved: stampChange, defaults: defaultProject,
			fields: joinFields(
				displayID("display_id").readOnly(), textFields("title").atMost(250), htmlText("description"), textFields("code"),
				referenceTo("project_types", "type"), referenceTo("project_statuses", "status"), referenceTo("priorities", "priority"),
				referenceTo("users", "owner", "requester"), referenceTo("departments", "department"), referenceTo("sites", "site"),
				referenceTo("project_templates", "template"),
				dateFields("scheduled_start_time", "scheduled_end_time"), timeFields("actual_start_time", "actual_end_time", "projected_end"),
				numberFields("percentage_completion", "estimated_cost", "actual_cost", "estimated_hours", "actual_hours"), freeFields("udf_fields"),
				referenceTo("users", "created_by").readOnly(), timeFields("created_time", "last_updated_time").readOnly(),
				referencesTo("attachments", "attachments").readOnly().with(func(f *field) { f.unlisted = true }),
			),
		},
		{
			table: "members", brief: []string{"id"}, mandatory: []string{"user"}, check: checkMember,
			fields: joinFields(
				referenceTo("users", "user").createOnly(), referenceTo("project_roles", "role"), booleanFields("is_active"), parentField("project"),
			),
			defaults: func(_ *call, r *row) { r.fields["is_active"] = true },
		},
		{
			table: "milestones", brief: []string{"id", "title"}, mandatory: []string{"title"}, saved: stampChange,
			fields: joinFields(
				textFields("title").atMost(250), htmlText("description"), referenceTo("project_statuses", "status"), referenceTo("users", "owner"),
				referenceTo("priorities", "priority"), dateFields("scheduled_start_time", "scheduled_end_time"),
				timeFields("actual_start_time", "actual_end_time"), numberFields("estimated_hours", "actual_hours", "percentage_completion"),
				textFields("index").readOnly(), parentField("project"),
				referenceTo("users", "created_by").readOnly(), timeFields("created_time", "last_updated_time").readOnly(),
			),
			defaults: defaultMilestone,
		},
		{
			table: "comments", brief: []string{"id"}, mandatory: []string{"text"}, defaults: stampWriter,
			fields: joinFields(
				htmlText("text").listed(), referenceTo("comments", "parent_comment"), parentField("project"), parentField("milestone"),
				parentField("task"), referenceTo("users", "created_by").readOnly(), timeFields("created_time").readOnly(),
			),
		},
	}
}

// parentField is a reference to the record that another one is under.
func parentField(kind string) fields {
	return freeFields(kind).readOnly().with(func(f *field) {
		f.derived = func(c *call, r *row) any { return c.parentBrief(kind, r) }
	})
}

func addProjectRoutes(d *dialect) {
	project, milestone, task := "/projects/{}", "/projects/{}/milestones/{}", "/projects/{}/tasks/{}"
	d.resource(resource{path: "/projects", table: "projects", verbs: "list create get update"})
	d.routes.add("DELETE "+project, deleteProject)
	under := func(path, table string, parents ...string) {
		d.resource(resource{path: path, table: table, parents: parents, verbs: allVerbs})
	}
	under(project+"/"+d.pick("project_members", "members", "members"), "members", "projects")
	under(project+"/milestones", "milestones", "projects")
	d.resource(resource{
		path: milestone + "/tasks", table: "tasks", parents: []string{"projects", "milestones"}, verbs: allVerbs,
		within: func(_ *call, parents []*row, r *row) bool { return r.fields.refersTo("milestone") == parents[1].id },
		place: func(_ *call, parents []*row, r *row) {
			r.parent, r.fields["milestone"] = key("projects", parents[0].id), reference{"milestones", parents[1].id}
		},
	})
	d.resource(resource{path: milestone + "/tasks/{}/worklogs", table: "worklogs", parents: []string{"projects", "milestones", "tasks"}, verbs: allVerbs})
	addTaskRoutes(d, "projects")
	for _, of := range []struct {
		path, on string
		parents  []string
	}{
		{project, "project", []string{"projects"}}, {milestone, "milestone", []string{"projects", "milestones"}},
		{task, "task", []string{"projects", "tasks"}}, {milestone + "/tasks/{}", "task", []string{"projects", "milestones", "tasks"}},
	} {
		one, many := d.commentRoots(of.on)
		d.resource(resource{path: of.path + "/comments", table: "comments", parents: of.parents, verbs: allVerbs, one: one, many: many})
	}
	addAttachmentRoutes(d, project, []string{"projects"})
	addAttachmentRoutes(d, milestone, []string{"projects", "milestones"})
}

func defaultProject(c *call, r *row) {
	s := c.server
	stampWriter(c, r)
	s.ids.project++
	r.fields["display_id"], r.fields["percentage_completion"] = itoa(int(s.ids.project)), "0"
	if open := s.named("project_statuses", "Open"); open != nil {
		r.fields["status"] = reference{"project_statuses", open.id}
	}
}

func defaultMilestone(c *call, r *row) {
	stampWriter(c, r)
	r.fields["percentage_completion"] = "0"
	r.fields["index"] = itoa(len(c.server.children("milestones", r.parent)) + 1)
	if open := c.server.named("project_statuses", "Open"); open != nil {
		r.fields["status"] = reference{"project_statuses", open.id}
	}
}

// checkProject wants a title, except in the new shape with a template.
func checkProject(c *call, _, after *row, _ Record) error {
	if after.fields.text("title") == "" {
		if c.dialect.shape != shapeNew || after.fields["template"] == nil {
			return refuseMissing("title")
		}
		after.fields["title"] = c.server.follow(after.fields["template"].(reference)).fields.text("name")
	}
	return checkPercentage(c, after)
}

// deleteProject is final: there is no trash.
func deleteProject(c *call) (*answer, error) {
	parents, err := c.ancestors([]string{"projects"})
	if err != nil {
		return nil, err
	}
	c.server.table("projects").remove(parents[0].id)
	for _, name := range []string{"members", "milestones", "tasks", "comments", "task_dependencies"} {
		for _, child := range c.server.children(name, key("projects", parents[0].id)) {
			c.server.table(name).remove(child.id)
		}
	}
	return succeedWithText("Project deleted"), nil
}

// checkMember refuses a second membership, and on-premises an address instead of an id.
func checkMember(c *call, before, after *row, input Record) error {
	if before != nil {
		return nil
	}
	user, _ := input["user"].(Record)
	if !c.dialect.cloud() && user["id"] == nil {
		return refuseUnknown("user")
	}
	for _, other := range c.server.children("members", after.parent) {
		if other.fields["user"] == after.fields["user"] {
			return refuseField(codeNotUnique, "user", "Value must be unique")
		}
	}
	return nil
}
