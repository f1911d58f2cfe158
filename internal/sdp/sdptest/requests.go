package sdptest

import (
	"maps"
	"slices"
	"strconv"
)

// requestEntities describes requests.
func requestEntities() []*entity {
	return slices.Concat([]*entity{requestEntity(), linkEntity()}, noteEntities(), []*entity{conversationEntity()})
}

func requestEntity() *entity {
	return &entity{
		table: "requests",
		brief: []string{"id", "display_id", "subject"},
		row: []string{
			"display_id", "subject", "requester", "technician", "template", "created_time", "due_by_time", "status", "group",
			"is_service_request", "cancellation_requested", "cancel_flag_comments", "has_notes", "has_draft",
		},
		sortable: []string{
			"created_time", "due_by_time", "first_response_due_by_time", "last_updated_time", "scheduled_start_time",
			"scheduled_end_time", "subject", "id", "priority", "status",
		},
		newestFirst: true,
		fields:      slices.Concat(writableRequestFields(), readOnlyRequestFields()),
		defaults:    defaultRequest, check: checkRequest, saved: requestSaved, views: requestView,
	}
}

func writableRequestFields() fields {
	return slices.Concat(
		textFields("subject", "impact_details").atMost(250),
		textFields("update_reason", "status_change_comments").atMost(250).writeOnly(),
		htmlText("description"),
		referenceTo("request_templates", "template"),
		referenceTo("statuses", "status"), referenceTo("priorities", "priority"), referenceTo("urgencies", "urgency"),
		referenceTo("impacts", "impact"), referenceTo("modes", "mode"), referenceTo("levels", "level"),
		referenceTo("sites", "site"), referenceTo("groups", "group"), referenceTo("categories", "category"),
		referenceTo("subcategories", "subcategory").inside("category"), referenceTo("items", "item").inside("subcategory"),
		referenceTo("request_types", "request_type"), referenceTo("service_categories", "service_category"),
		referenceTo("users", "requester", "on_behalf_of", "editor"), technicianFields("technician"),
		timeFields("due_by_time", "first_response_due_by_time", "scheduled_start_time", "scheduled_end_time"),
		freeFields("assets", "configuration_items", "email_ids_to_notify", "service_approvers", "resources").with(func(f *field) { f.unlisted = true }),
		freeFields("udf_fields"),
		objectField("resolution", htmlText("content"), booleanFields("add_to_linked_requests").writeOnly(),
			referenceTo("users", "submitted_by").readOnly(), timeFields("submitted_on").readOnly()),
		objectField("closure_info", booleanFields("requester_ack_resolution"), textFields("requester_ack_comments", "closure_comments").atMost(250),
			referenceTo("closure_codes", "closure_code")),
		objectField("onhold_scheduler", timeFields("scheduled_time"), referenceTo("statuses", "change_to_status"), textFields("comments"), referenceTo("users", "held_by").readOnly()),
		booleanFields("is_fcr"), booleanFields("delete_pre_template_tasks").writeOnly(),
	)
}

func readOnlyRequestFields() fields {
	return slices.Concat(
		textFields("display_id", "approval_status", "cancel_flag_comments", "notification_status", "time_elapsed", "unreplied_count"),
		timeFields("created_time", "assigned_time", "responded_time", "resolved_time", "completed_time", "deleted_time", "last_updated_time"),
		referenceTo("users", "created_by"), referenceTo("departments", "department"),
		booleanFields("is_overdue").with(func(f *field) { f.derived = func(c *call, r *row) any { return isOverdueRequest(c, r) } }),
		booleanFields("is_trashed", "is_read", "is_first_response_overdue", "is_escalated", "is_reopened", "is_service_request",
			"has_notes", "has_attachments", "has_draft", "has_linked_requests", "has_problem", "has_project",
			"has_request_initiated_change", "cancellation_requested"),
		freeFields("lifecycle", "sla", "linked_to_request").with(func(f *field) { f.unlisted = true }),
		referencesTo("attachments", "attachments").with(func(f *field) { f.unlisted = true }),
		freeFields("email_to", "email_cc", "email_bcc").with(func(f *field) { f.unlisted = true }),
		timeFields("ola_due_by_time", "onhold_time").in(shapeOld, shapeNew),
		textFields("callback_url", "short_description", "chat_type", "maintenance").in(shapeOld, shapeNew),
		freeFields("tags", "primary_asset").in(shapeOld, shapeNew),
		booleanFields("is_shared", "has_conversation", "has_dependency", "has_request_caused_by_change").in(shapeOld, shapeNew),
	).readOnly()
}

func addRequestRoutes(d *dialect) {
	d.routes.add("GET /requests/_metainfo", requestMetainfo)
	requests := resource{path: "/requests", table: "requests", verbs: "list create get update"}
	d.resource(requests)
	addRequestActions(d)
}

func defaultRequest(c *call, r *row) {
	s := c.server
	s.ids.display++
	requester := c.user
	r.fields["display_id"] = strconv.FormatInt(s.ids.display, 10)
	r.fields["created_time"], r.fields["created_by"] = c.now, reference{"users", c.user}
	r.fields["requester"] = reference{"users", requester}
	r.fields["resolution"] = Record{}
	r.fields["time_elapsed"] = "0" // of no use, as in the product
	r.fields["unreplied_count"] = "0"
	for field, name := range map[string]string{"status": "Open", "template": "Default Request", "request_type": "Incident"} {
		if found := s.named(c.dialect.entities["requests"].fields.byName(field).table, name); found != nil {
			r.fields[field] = reference{c.dialect.entities["requests"].fields.byName(field).table, found.id}
		}
	}
}

// isOngoing decides by in_progress, as names differ between sites.
func (s *Server) isOngoing(r *row) bool {
	status, is := r.fields["status"].(reference)
	if !is {
		return true
	}
	found := s.follow(status)
	return found != nil && found.fields.flag("in_progress")
}

func (s *Server) statusName(r *row) string {
	status, _ := r.fields["status"].(reference)
	if found := s.follow(status); found != nil {
		return found.fields.text("internal_name")
	}
	return ""
}

func checkRequest(c *call, before, after *row, input Record) error {
	site := c.server.options.Site
	if before != nil {
		if err := c.checkClosedEdit(before, input); err != nil {
			return err
		}
		clearForeignCategories(c, after)
	} else {
		c.fillFromTemplate(after, input)
	}
	if err := c.checkTemplate(before == nil, after, input); err != nil {
		return err
	}
	category, subcategory := after.fields["category"], after.fields["subcategory"]
	switch {
	case site.PriorityLocked && input["priority"] != nil:
		return refuseField(codeForbidden, "priority", "Cannot give value for priority")
	case site.SubcategoryWithCategory && category != nil && subcategory == nil:
		return refuseMissing("subcategory")
	case site.ItemWithSubcategory && subcategory != nil && after.fields["item"] == nil:
		return refuseMissing("item")
	}
	if err := c.checkTechnician(after, input); err != nil {
		return err
	}
	if before != nil && c.server.statusName(before) != c.server.statusName(after) {
		return c.checkStatusChange(after, input)
	}
	return nil
}

// fillFromTemplate sets what the template of a new request has and the input does not name.
func (c *call) fillFromTemplate(r *row, input Record) {
	template, _ := r.fields["template"].(reference)
	found := c.server.follow(template)
	if found == nil {
		return
	}
	values, _ := found.fields["values"].(Record)
	missing := maps.Clone(values)
	maps.DeleteFunc(missing, func(name string, _ any) bool { _, has := input[name]; return has })
	c.server.fill("requests", r, missing)
}

// checkTemplate refuses a request without what its template marks as mandatory. A default that
// the product fills in itself, the status, does not count.
func (c *call) checkTemplate(creating bool, after *row, input Record) error {
	var missing []string
	if after.fields.text("subject") == "" {
		missing = append(missing, "subject")
	}
	template, _ := after.fields["template"].(reference)
	if found := c.server.follow(template); found != nil && (creating || input["template"] != nil) {
		for _, name := range c.server.mandatoryOf(found) {
			if input[name] == nil && (creating || after.fields.get(name) == nil) {
				missing = append(missing, name)
			}
		}
	}
	if missing != nil {
		return refuseMissing(slices.Compact(missing)...)
	}
	return nil
}

// mandatoryOf returns what a template marks; the options may say more of the default one.
func (s *Server) mandatoryOf(template *row) []string {
	names, _ := template.fields["mandatory"].([]string)
	if template.fields.text("name") == "Default Request" && len(s.options.Site.MandatoryFields) > 0 {
		names = append([]string{"subject"}, s.options.Site.MandatoryFields...)
	}
	return names
}

// clearForeignCategories drops a subcategory or item that the new category does not have.
func clearForeignCategories(c *call, r *row) {
	for _, pair := range [][2]string{{"category", "subcategory"}, {"subcategory", "item"}} {
		finer, _ := r.fields[pair[1]].(reference)
		if found := c.server.follow(finer); found != nil && found.fields.refersTo(pair[0]) != r.fields.refersTo(pair[0]) {
			r.fields[pair[1]] = nil
		}
	}
}

// checkClosedEdit refuses most edits of a request that is closed.
func (c *call) checkClosedEdit(before *row, input Record) error {
	if c.server.isOngoing(before) || c.server.statusName(before) == "Resolved" {
		return nil
	}
	var refused []message
	for _, name := range slices.Sorted(mapKeys(input)) {
		switch name {
		case "status", "update_reason", "status_change_comments", "resolution", "closure_info", "udf_fields":
		default:
			refused = append(refused, message{code: c.server.options.Guesses.ClosedCode, field: name, text: "Cannot give value for " + name})
		}
	}
	if refused != nil {
		return refuse(refused...)
	}
	return nil
}

// checkTechnician refuses a technician outside the group of the request.
func (c *call) checkTechnician(r *row, input Record) error {
	if input["technician"] == nil && input["group"] == nil {
		return nil
	}
	group, _ := r.fields["group"].(reference)
	who, is := r.fields["technician"].(reference)
	found := c.server.follow(group)
	if !is || found == nil {
		return nil
	}
	if members, _ := found.fields["members"].([]reference); members != nil && !slices.Contains(members, who) {
		return refuseField(codeInvalid, "technician", "Technician does not belong to the group")
	}
	return nil
}

// checkStatusChange holds the rules of holding, cancelling and closing.
func (c *call) checkStatusChange(after *row, input Record) error {
	switch c.server.statusName(after) {
	case "Onhold":
		if !c.server.options.Guesses.HoldWithoutComments && after.fields.text("onhold_scheduler.comments") == "" {
			return refuseMissing("onhold_scheduler.comments")
		}
	case "Cancelled":
		if c.server.options.Site.CancelNeedsComments && input["status_change_comments"] == nil {
			return refuseMissing("status_change_comments")
		}
	case "Closed":
		return c.checkClosing(after)
	}
	return nil
}

// checkClosing warns of what has to be there first; the request then stays as it was.
func (c *call) checkClosing(r *row) error {
	s, site := c.server, c.server.options.Site
	var missing []string
	if site.CloseNeedsResolution && r.fields.text("resolution.content") == "" {
		missing = append(missing, "resolution")
	}
	if site.CloseNeedsAcknowledgement && !r.fields.flag("closure_info.requester_ack_resolution") {
		missing = append(missing, "requester_ack_resolution")
	}
	if site.CloseNeedsClosedTasks {
		if slices.ContainsFunc(s.children("tasks", key("requests", r.id)), s.isOngoing) {
			missing = append(missing, "tasks")
		}
	}
	if site.CloseNeedsWorklog && len(s.children("worklogs", key("requests", r.id))) == 0 {
		missing = append(missing, "worklogs")
	}
	if missing != nil {
		return warn(missing...)
	}
	return nil
}

// requestSaved keeps the fields that follow from others.
func requestSaved(c *call, before, r *row, input Record) {
	s := c.server
	if before == nil {
		if department, is := s.follow(r.fields["requester"].(reference)).fields["department"].(reference); is {
			r.fields["department"] = department
		}
	} else {
		r.fields["last_updated_time"] = c.now
	}
	if who, is := r.fields["technician"].(reference); is && (before == nil || before.fields["technician"] != who) {
		r.fields["assigned_time"] = c.now
	}
	if resolution, is := input["resolution"].(Record); is && resolution["content"] != nil {
		r.fields.set("resolution.submitted_by", reference{"users", c.user})
		r.fields.set("resolution.submitted_on", c.now)
	}
	if before != nil {
		c.followStatus(before, r)
	}
}

func (c *call) followStatus(before, r *row) {
	was, is := c.server.isOngoing(before), c.server.isOngoing(r)
	switch {
	case was && !is:
		if r.fields["resolved_time"] == nil {
			r.fields["resolved_time"] = c.now
		}
		if c.server.statusName(r) != "Resolved" {
			r.fields["completed_time"] = c.now
		}
	case !was && is:
		r.fields["is_reopened"], r.fields["completed_time"], r.fields["resolved_time"] = true, nil, nil
	case !is && c.server.statusName(r) == "Closed":
		r.fields["completed_time"] = c.now
	}
	if c.server.statusName(r) != "Onhold" {
		r.fields["onhold_scheduler"] = nil
	} else {
		r.fields.set("onhold_scheduler.held_by", reference{"users", c.user})
	}
}
