package sdptest

// problemEntities describes problems.
func problemEntities() []*entity {
	detail := func(name string) fields {
		return objectField(name, htmlText(name+"_description"), referenceTo("users", "updated_by").readOnly(), timeFields("updated_on").readOnly())
	}
	return []*entity{{
		table: "problems", brief: []string{"id", "title"}, mandatory: []string{"title"}, newestFirst: true,
		sortable: []string{"reported_time", "due_by_time", "closed_time", "created_time", "id", "title", "priority", "status"},
		fields: joinFields(
			textFields("title").atMost(250), htmlText("description"), timeFields("reported_time", "due_by_time", "closed_time"),
			referenceTo("users", "reported_by", "requester"), technicianFields("technician"),
			referenceTo("categories", "category"), referenceTo("subcategories", "subcategory").inside("category"),
			referenceTo("items", "item").inside("subcategory"),
			referenceTo("impacts", "impact"), referenceTo("priorities", "priority"), referenceTo("urgencies", "urgency"),
			referenceTo("sites", "site"), referenceTo("groups", "group"), referenceTo("statuses", "status"), textFields("template"),
			detail("impact_details"), detail("root_cause"), detail("symptoms"), detail("resolution_details"), detail("workaround_details"),
			objectField("known_error_details", booleanFields("is_known_error"), textFields("known_error_comments")),
			objectField("close_details", referenceTo("closure_codes", "closure_code"), textFields("close_details_comments")),
			referenceTo("users", "created_by").readOnly(), timeFields("created_time", "last_updated_time").readOnly(),
			booleanFields("has_notes").readOnly(), freeFields("udf_fields"),
		),
		defaults: func(c *call, r *row) {
			stampWriter(c, r)
			r.fields["reported_time"], r.fields["reported_by"] = c.now, reference{"users", c.user}
			if open := c.server.named("statuses", "Open"); open != nil {
				r.fields["status"] = reference{"statuses", open.id}
			}
		},
		saved: problemSaved,
	}}
}

func problemSaved(c *call, before, after *row, input Record) {
	stampChange(c, before, after, input)
	switch ongoing := c.server.isOngoing(after); {
	case ongoing:
		after.fields["closed_time"] = nil
	case after.fields["closed_time"] == nil:
		after.fields["closed_time"] = c.now
	}
}

func addProblemRoutes(d *dialect) {
	d.resource(resource{path: "/problems", table: "problems", verbs: allVerbs})
	d.resource(resource{path: "/problems/{}/notes", table: "problem_notes", parents: []string{"problems"}, verbs: allVerbs})
	d.resource(resource{path: "/problems/{}/worklogs", table: "worklogs", parents: []string{"problems"}, verbs: allVerbs})
	addTaskRoutes(d, "problems")
	addApprovalRoutes(d, "problems")
	addAttachmentRoutes(d, "/problems/{}", []string{"problems"})
	for _, name := range d.action("close") {
		d.routes.add("PUT /problems/{}/"+name, closeProblem)
	}
}

func closeProblem(c *call) (*answer, error) {
	parents, err := c.ancestors([]string{"problems"})
	if err != nil {
		return nil, err
	}
	closing := Record{}
	if c.input != nil {
		if closing, err = c.root("problem"); err != nil {
			return nil, err
		}
	}
	closing["status"] = Record{"id": c.server.named("statuses", "Closed").id}
	if err := c.updateFrom(c.dialect.entities["problems"], closing, parents[0]); err != nil {
		return nil, err
	}
	return succeedWithText("Problem closed"), nil
}
