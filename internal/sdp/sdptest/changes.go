package sdptest

import "slices"

// changeEntities describes changes and releases.
func changeEntities() []*entity {
	plan := func(name string) fields { return objectField(name, htmlText(name+"_description")) }
	return []*entity{
		{
			table: "changes", brief: []string{"id", "title"}, mandatory: []string{"title"},
			sortable: []string{"created_time", "completed_time", "scheduled_start_time", "scheduled_end_time", "id", "title", "priority", "status", "stage"},
			fields: joinFields(
				textFields("title").atMost(250), htmlText("description"), textFields("comment").writeOnly(), booleanFields("retrospective"),
				referenceTo("change_stages", "stage"), referenceTo("change_statuses", "status"), textFields("template"), referenceTo("workflows", "workflow"),
				referenceTo("change_types", "change_type"), referenceTo("users", "change_requester", "change_manager", "change_owner"),
				referenceTo("reasons_for_change", "reason_for_change"), referenceTo("risks", "risk"), classificationFields(),
				plan("roll_out_plan"), plan("back_out_plan"), writtenOnce(),
			),
			defaults: func(c *call, r *row) {
				stampWriter(c, r)
				r.fields["stage"] = reference{"change_stages", c.server.named("change_stages", "Submission").id}
				r.fields["status"] = reference{"change_statuses", c.server.named("change_statuses", "In Submission").id}
				r.fields["change_requester"] = reference{"users", c.user}
			},
			check: checkStage, saved: changeSaved,
		},
		{
			table: "releases", brief: []string{"id", "title"}, mandatory: []string{"title"},
			fields: joinFields(
				textFields("title").atMost(250), htmlText("description"), timeFields("next_review_on"),
				referenceTo("users", "release_requester", "release_engineer", "release_manager"), textFields("reason_for_release"),
				referenceTo("release_types", "release_type"), referenceTo("release_stages", "stage"), referenceTo("release_statuses", "status"),
				referenceTo("workflows", "workflow"), referenceTo("risks", "risk"), classificationFields(),
				plan("roll_out_plan"), plan("back_out_plan"), writtenOnce(),
			),
			defaults: func(c *call, r *row) {
				stampWriter(c, r)
				r.fields["stage"] = reference{"release_stages", c.server.named("release_stages", "Submission").id}
				r.fields["status"] = reference{"release_statuses", c.server.named("release_statuses", "Requested").id}
			},
			saved: stampChange,
		},
	}
}

func classificationFields() fields {
	return joinFields(
		referenceTo("impacts", "impact"), referenceTo("priorities", "priority"), referenceTo("urgencies", "urgency"),
		referenceTo("categories", "category"), referenceTo("subcategories", "subcategory").inside("category"),
		referenceTo("items", "item").inside("subcategory"), referenceTo("sites", "site"), referenceTo("groups", "group"),
		timeFields("scheduled_start_time", "scheduled_end_time"), freeFields("udf_fields"),
	)
}

func writtenOnce() fields {
	return joinFields(
		referenceTo("users", "created_by"), timeFields("created_time", "completed_time", "last_updated_time"),
		booleanFields("is_trashed"), textFields("approval_status"),
	).readOnly()
}

// checkStage lets a change go along its workflow: to the next stage, with a status of that stage.
func checkStage(c *call, before, after *row, input Record) error {
	if input["stage"] == nil && input["status"] == nil {
		return nil
	}
	s, from := c.server, 0
	if before != nil {
		from = stageIndex(s, before)
	}
	status := s.follow(after.fields["status"].(reference))
	to := stageIndex(s, after)
	if to > from+1 || to < from || status.fields["stage"] != after.fields["stage"] {
		return refuseField(s.options.Guesses.StageJumpCode, "stage", "Stage and status do not follow the workflow")
	}
	if before != nil && s.options.Guesses.StatusNeedsComment && after.fields["status"] != before.fields["status"] && input["comment"] == nil {
		return refuseMissing("comment")
	}
	return nil
}

func stageIndex(s *Server, change *row) int {
	stage, _ := change.fields["stage"].(reference)
	found := s.follow(stage)
	if found == nil {
		return -1
	}
	return slices.Index(changeStages(), found.fields.text("name"))
}

func changeSaved(c *call, before, after *row, input Record) {
	stampChange(c, before, after, input)
	if status := c.server.follow(after.fields["status"].(reference)); status.fields.text("name") == "Close completed" {
		after.fields["completed_time"] = c.now
	}
}

func addChangeRoutes(d *dialect) {
	for _, table := range []string{"changes", "releases"} {
		d.resource(resource{path: "/" + table, table: table, verbs: "list create get update"})
		d.resource(resource{path: "/" + table + "/{}/notes", table: "problem_notes", parents: []string{table}, verbs: allVerbs})
		d.resource(resource{path: "/" + table + "/{}/worklogs", table: "worklogs", parents: []string{table}, verbs: allVerbs})
		addTaskRoutes(d, table)
		addApprovalRoutes(d, table)
		addTrashRoutes(d, table)
		addAttachmentRoutes(d, "/"+table+"/{}", []string{table})
	}
	for _, name := range d.action("close") {
		d.routes.add("PUT /releases/{}/"+name, closeRelease)
	}
}

func closeRelease(c *call) (*answer, error) {
	parents, err := c.ancestors([]string{"releases"})
	if err != nil {
		return nil, err
	}
	parents[0].fields["status"] = reference{"release_statuses", c.server.named("release_statuses", "Closed").id}
	parents[0].fields["completed_time"] = c.now
	return succeedWithText("Release closed"), nil
}
