package sdptest

// solutionEntities describes the knowledge base.
func solutionEntities() []*entity {
	return []*entity{
		{
			table: "solutions", mandatory: []string{"title", "description", "topic"}, newestFirst: true,
			brief: []string{"id", "title"},
			fields: joinFields(
				textFields("title").atMost(250), htmlText("description"), referenceTo("topics", "topic"), textFields("keywords"), booleanFields("is_public"),
				timeFields("review_date", "expiry_date"), referenceTo("users", "owner"),
				objectField("approval_status", textFields("name")),
				textFields("no_of_hits", "view_type").readOnly(), referenceTo("users", "created_by").readOnly(),
				timeFields("created_time", "last_updated_time").readOnly(), booleanFields("is_trashed").readOnly(),
			),
			defaults: func(c *call, r *row) {
				stampWriter(c, r)
				r.fields["approval_status"], r.fields["no_of_hits"] = Record{"name": "UnApproved"}, "0"
			},
			check: checkSolution,
			saved: func(c *call, before, after *row, _ Record) {
				if before != nil {
					after.fields["last_updated_time"] = c.now
				}
			},
			views: solutionView,
		},
		{table: "topics", mandatory: []string{"name"}, unique: "name", fields: joinFields(textFields("name", "description"), referenceTo("topics", "parent_topic"))},
	}
}

// solutionView returns the views of articles.
func solutionView(name string) func(*call, *row) bool {
	switch name {
	case "AllSolutions":
		return func(*call, *row) bool { return true }
	case "ApprovedSolutions":
		return func(_ *call, r *row) bool { return r.fields.text("approval_status.name") == "Approved" }
	}
	return nil
}

func checkSolution(c *call, before, after *row, input Record) error {
	if input["approval_status"] == nil {
		return nil
	}
	switch after.fields.text("approval_status.name") {
	case "Approved", "Approval Pending", "UnApproved", "Rejected":
	default:
		return refuseUnknown("approval_status")
	}
	if before != nil && c.dialect.cloud() {
		return refuseField(codeNotEditable, "approval_status", "Field is not editable")
	}
	return nil
}

func addSolutionRoutes(d *dialect) {
	d.resource(resource{path: "/topics", table: "topics", verbs: allVerbs})
	d.resource(resource{path: "/solutions", table: "solutions", verbs: "list create get update"})
	one := "/solutions/{}"
	if d.cloud() {
		for action, status := range map[string]string{"approve": "Approved", "reject": "Rejected", "submit_for_approval": "Approval Pending"} {
			d.routes.add("PUT "+one+"/_"+action, func(c *call) (*answer, error) {
				return c.changeSolution(func(r *row) { r.fields["approval_status"] = Record{"name": status} })
			})
		}
		d.routes.add("PUT "+one+"/_publish", func(c *call) (*answer, error) {
			return c.changeSolution(func(r *row) { r.fields["is_public"] = true })
		})
		for _, action := range []string{"_like", "_dislike"} {
			d.routes.add("PUT "+one+"/"+action, func(c *call) (*answer, error) { return c.changeSolution(func(*row) {}) })
		}
	}
	for _, method := range d.guesses.SolutionTrash.names() {
		d.routes.add(method+" "+one+"/_move_to_trash", func(c *call) (*answer, error) {
			return c.changeSolution(func(r *row) { r.trashed, r.fields["is_trashed"] = true, true })
		})
	}
	d.routes.add("DELETE "+one, func(c *call) (*answer, error) {
		r := c.server.table("solutions").byID[c.ids[0]]
		switch {
		case r == nil:
			return nil, refuseNotFound()
		case !r.trashed:
			return nil, refuse(message{code: codeNotInTrash, text: "Not in trash"})
		}
		c.server.table("solutions").remove(r.id)
		return succeedWithText("Solution deleted"), nil
	})
}

func (c *call) changeSolution(change func(*row)) (*answer, error) {
	r := c.server.table("solutions").byID[c.ids[0]]
	if r == nil || r.trashed {
		return nil, refuseNotFound()
	}
	change(r)
	r.fields["last_updated_time"] = c.now
	return succeedWithText("Solution updated"), nil
}
