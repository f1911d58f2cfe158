package sdptest

// linkEntity describes the links between requests.
func linkEntity() *entity {
	return &entity{
		table: "links", one: "link_request", many: "link_requests",
		fields: joinFields(referenceTo("requests", "linked_request"), textFields("comments")),
	}
}

func addLinkRoutes(d *dialect) {
	path := "/requests/{}/link_requests"
	d.resource(resource{path: path, table: "links", parents: []string{"requests"}, verbs: "list"})
	d.routes.add("POST "+path, linkRequests)
	d.routes.add("DELETE "+path, unlinkRequests)
}

// requestsToLink returns the request of the path, and those of the input that links are to.
func (c *call) requestsToLink() (of *row, others []*row, err error) {
	if of, err = c.requestOfPath(); err == nil {
		others, err = c.referencesIn("link_requests", func(one Record) any { return one["linked_request"] })
	}
	return of, others, err
}

func linkRequests(c *call) (*answer, error) {
	r, others, err := c.requestsToLink()
	if err != nil {
		return nil, err
	}
	for i, other := range others {
		if other.id == r.id {
			return nil, refuseUnknown("linked_request")
		}
		written, _ := c.input["link_requests"].([]any)[i].(Record)
		c.link(r, other, written["comments"])
		c.link(other, r, written["comments"])
	}
	return succeedWithText("Request(s) linked"), nil
}

// link makes one direction of a link that does not exist yet.
func (c *call) link(from, to *row, comments any) {
	target := reference{"requests", to.id}
	from.fields["has_linked_requests"] = true
	for _, have := range c.server.children("links", key("requests", from.id)) {
		if have.fields["linked_request"] == target {
			return
		}
	}
	made := &row{id: c.server.nextID(), parent: key("requests", from.id), fields: Record{"linked_request": target, "comments": comments}}
	c.server.table("links").add(made)
}

// unlinkRequests is a DELETE that needs input_data.
func unlinkRequests(c *call) (*answer, error) {
	r, others, err := c.requestsToLink()
	if err != nil {
		return nil, err
	}
	for _, other := range others {
		c.unlink(r, other)
		c.unlink(other, r)
	}
	return succeedWithText("Request(s) unlinked"), nil
}

func (c *call) unlink(from, to *row) {
	links := c.server.children("links", key("requests", from.id))
	for _, link := range links {
		if link.fields.refersTo("linked_request") == to.id {
			c.server.table("links").remove(link.id)
		}
	}
	from.fields["has_linked_requests"] = len(c.server.children("links", key("requests", from.id))) > 0
}
