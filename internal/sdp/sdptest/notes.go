package sdptest

// noteEntities describes notes of requests, and those of problems and changes, which no requester sees.
func noteEntities() []*entity {
	return []*entity{
		{
			table: "notes", mandatory: []string{"description"},
			fields: joinFields(
				htmlText("description").listed().in(shapeCloud, shapeOld), htmlText("description").in(shapeNew),
				booleanFields("show_to_requester"), booleanFields("notify_technician", "mark_first_response", "add_to_linked_requests").writeOnly(),
				writtenFields(),
			),
			defaults: stampWriter, saved: noteSaved,
		},
		{
			table: "problem_notes", mandatory: []string{"description"},
			fields:   joinFields(htmlText("description").listed(), booleanFields("notify_technician").writeOnly(), writtenFields()),
			defaults: stampWriter, saved: stampUpdate,
		},
	}
}

// writtenFields say who wrote a text when.
func writtenFields() fields {
	return joinFields(
		referenceTo("users", "created_by").readOnly(), timeFields("created_time").readOnly(),
		referenceTo("users", "last_updated_by").readOnly().in(shapeNew), timeFields("last_updated_time").readOnly().in(shapeNew),
		freeFields("request").readOnly().in(shapeNew).with(func(f *field) { f.unlisted = true }),
	)
}

func addNoteRoutes(d *dialect) {
	d.resource(resource{path: "/requests/{}/notes", table: "notes", parents: []string{"requests"}, verbs: allVerbs})
}

// stampWriter attributes a new record to the owner of the credentials.
func stampWriter(c *call, r *row) {
	r.fields["created_by"], r.fields["created_time"] = reference{"users", c.user}, c.now
}

func stampUpdate(c *call, before, after *row, _ Record) {
	if before != nil {
		after.fields["last_updated_by"], after.fields["last_updated_time"] = reference{"users", c.user}, c.now
	}
}

func noteSaved(c *call, before, after *row, input Record) {
	stampUpdate(c, before, after, input)
	request := c.server.rowOfKey(after.parent)
	if request == nil {
		return
	}
	after.fields["request"] = Record{"id": request.id}
	request.fields["has_notes"] = true
	request.fields["last_updated_time"] = c.now
	// Showing a note to the requester and marking a first response are two things.
	if first, _ := parseBoolean(&field{}, input["mark_first_response"]); first == true && request.fields["responded_time"] == nil {
		request.fields["responded_time"] = c.now
	}
	if linked, _ := parseBoolean(&field{}, input["add_to_linked_requests"]); before == nil && linked == true {
		c.copyToLinked("notes", request, after)
	}
	if before == nil && after.fields.flag("show_to_requester") && c.server.options.Site.PublicNotesAreMailed {
		c.addConversation(request, after.fields.text("description"))
	}
}

// copyToLinked adds a copy of a record to every request linked with the one it belongs to.
func (c *call) copyToLinked(table string, request, of *row) {
	for _, link := range c.server.children("links", key("requests", request.id)) {
		made := of.copy()
		made.id, made.parent = c.server.nextID(), key("requests", link.fields.refersTo("linked_request"))
		c.server.table(table).add(made)
	}
}
