package sdptest

import (
	"maps"
	"slices"
)

// addRequestActions registers what is done to a request besides editing it.
func addRequestActions(d *dialect) {
	one := "/requests/{}"
	addTrashRoutes(d, "requests")
	for _, name := range d.actionSpellings("pickup") {
		d.routes.add("PUT "+one+"/"+name, pickUpRequest)
	}
	for _, name := range d.action("close") {
		d.routes.add("PUT "+one+"/"+name, closeRequest)
	}
	for _, name := range d.action("assign") {
		d.routes.add("PUT "+one+"/"+name, assignRequest)
	}
	d.routes.add("PUT "+one+"/merge_requests", mergeRequests)
	d.routes.add("GET "+one+"/summary", summarizeRequest)
	d.routes.add("GET "+one+"/history", requestHistory)
	d.routes.add("GET "+one+"/_history", requestHistory)
	for _, verb := range []string{"GET", "POST", "PUT"} {
		d.routes.add(verb+" "+one+"/resolutions", answerResolution)
	}
	addLinkRoutes(d)
}

// requestOfPath returns the request that a path begins with, unless it is in the trash.
func (c *call) requestOfPath() (*row, error) {
	r := c.server.table("requests").byID[c.ids[0]]
	if r == nil || r.trashed {
		return nil, refuseNotFound()
	}
	return r, nil
}

// pickUpRequest assigns a request to whom the credentials belong to.
func pickUpRequest(c *call) (*answer, error) {
	r, err := c.requestOfPath()
	if err != nil {
		return nil, err
	}
	if err := c.noInput(); err != nil {
		return nil, err
	}
	if err := c.checkClosedEdit(r, Record{"technician": true}); err != nil {
		return nil, err
	}
	r.fields["technician"] = reference{"users", c.user}
	r.fields["assigned_time"], r.fields["last_updated_time"] = c.now, c.now
	return succeedWithText("Request(s) picked up"), nil
}

// closeRequest takes closure_info alone.
func closeRequest(c *call) (*answer, error) {
	r, err := c.requestOfPath()
	if err != nil {
		return nil, err
	}
	input := Record{}
	if c.input != nil {
		if input, err = c.root("request"); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(input)) {
		if name != "closure_info" {
			return nil, refuseExtraKey(name)
		}
	}
	if info, _ := input["closure_info"].(Record); info != nil && info["closure_code"] != nil && c.server.options.Site.NoClosureCodes {
		return nil, refuseUnknown("closure_code")
	}
	if !c.server.isOngoing(r) && c.server.statusName(r) != "Resolved" {
		return nil, refuseField(c.server.options.Guesses.ClosedCode, "status", "Request is closed")
	}
	closing := maps.Clone(input)
	closed := c.server.named("statuses", "Closed")
	closing["status"] = Record{"id": closed.id}
	if err := c.updateFrom(c.dialect.entities["requests"], closing, r); err != nil {
		return nil, err
	}
	return succeedWithText("Request(s) closed"), nil
}

// assignRequest takes a group and a technician.
func assignRequest(c *call) (*answer, error) {
	r, err := c.requestOfPath()
	if err != nil {
		return nil, err
	}
	input, err := c.root("request")
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(input)) {
		if name != "group" && name != "technician" && name != "site" {
			return nil, refuseExtraKey(name)
		}
	}
	if c.server.options.Site.AssignNeedsCategory && r.fields["category"] == nil {
		return nil, refuseMissing("category")
	}
	if err := c.updateFrom(c.dialect.entities["requests"], input, r); err != nil {
		return nil, err
	}
	return succeedWithText("Request(s) assigned"), nil
}

// mergeRequests moves what other requests hold into one, and removes them.
func mergeRequests(c *call) (*answer, error) {
	r, err := c.requestOfPath()
	if err != nil {
		return nil, err
	}
	others, err := c.referencesIn("merge_requests", func(one Record) any { return one })
	if err != nil {
		return nil, err
	}
	for _, other := range others {
		if other.id == r.id || other.trashed {
			return nil, refuseUnknown("merge_requests")
		}
	}
	for _, other := range others {
		for name, t := range c.server.tables {
			for _, child := range t.rows {
				if child.parent == key("requests", other.id) && name != "approval_levels" {
					child.parent = key("requests", r.id)
					r.fields["has_notes"] = r.fields.flag("has_notes") || name == "notes"
				}
			}
		}
		c.server.table("requests").remove(other.id)
	}
	r.fields["last_updated_time"] = c.now
	return succeedWithText("Request(s) merged"), nil
}

// referencesIn reads a list of references to requests under a root.
func (c *call) referencesIn(root string, at func(Record) any) ([]*row, error) {
	if c.input == nil {
		return nil, refuseMissing(root)
	}
	list, is := c.input[root].([]any)
	if !is || len(list) == 0 {
		return nil, refuseMissing(root)
	}
	wanted := field{wire: root, kind: kindReference, table: "requests"}
	var found []*row
	for _, one := range list {
		object, _ := one.(Record)
		ref, err := c.resolve(&wanted, at(object), nil)
		if err != nil {
			return nil, err
		}
		found = append(found, c.server.follow(ref.(reference)))
	}
	return found, nil
}

func summarizeRequest(c *call) (*answer, error) {
	r, err := c.requestOfPath()
	if err != nil {
		return nil, err
	}
	summary := Record{"id": r.id}
	for _, name := range []string{"notes", "tasks", "worklogs", "conversations", "attachments", "approval_levels"} {
		summary[singularOf(name)+"_count"] = itoa(len(c.server.children(name, key("requests", r.id))))
	}
	return &answer{body: Record{"summary": summary, "response_status": successStatus()}}, nil
}

// requestHistory exists where a guess says so; one client alone claims it.
func requestHistory(c *call) (*answer, error) {
	r, err := c.requestOfPath()
	if err != nil || !c.server.options.Guesses.History {
		return nil, refuseNotFound()
	}
	created := Record{"id": r.id, "operation": "CREATE", "time": c.renderTime(c.now, displayTime), "by": c.renderReference(reference{"users", c.user})}
	return &answer{body: Record{"history": []any{created}, "response_status": []any{successStatus()}}}, nil
}

// answerResolution reads or writes the resolution as a record of its own.
func answerResolution(c *call) (*answer, error) {
	r, err := c.requestOfPath()
	if err != nil {
		return nil, err
	}
	out := &answer{}
	if c.Method != "GET" {
		input, err := c.root("resolution")
		if err != nil {
			return nil, err
		}
		if err := c.updateFrom(c.dialect.entities["requests"], Record{"resolution": input}, r); err != nil {
			return nil, err
		}
		out.wrote = true
		if c.Method == "POST" {
			out.status = c.server.options.Guesses.CreatedStatus
		}
	}
	shown := Record{}
	c.renderField(shown, c.dialect.entities["requests"].fields.byName("resolution"), r)
	written, _ := shown["resolution"].(Record)
	written["resolution_attachments"] = []any{}
	out.body = Record{"resolution": written, "response_status": successStatus()}
	return out, nil
}
