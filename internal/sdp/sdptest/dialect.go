package sdptest

// shape is how records look. On-premises answers one of two, by the Accept header.
type shape int

const (
	shapeCloud shape = iota
	shapeOld         // on-premises, without the vendor's media type
	shapeNew         // on-premises
)

// dialect is everything that differs between editions and shapes: names, roots, paths.
type dialect struct {
	shape    shape
	guesses  Guesses
	entities map[string]*entity
	routes   *routes
}

func newDialect(s *Server, of shape) *dialect {
	d := &dialect{shape: of, guesses: s.options.Guesses, entities: map[string]*entity{}, routes: &routes{}}
	for _, e := range s.entities() {
		d.entities[e.table] = e.compile(d)
	}
	s.addRoutes(d)
	return d
}

func (d *dialect) cloud() bool { return d.shape == shapeCloud }

func (d *dialect) pick(cloud, old, new string) string {
	return [...]string{cloud, old, new}[d.shape]
}

// fieldName returns what a stored field is called on the wire.
func (d *dialect) fieldName(table, name string) string {
	switch table + "." + name {
	case "projects.code":
		return d.pick(d.projectName("project_code", "code"), "project_code", "code")
	case "projects.type":
		return d.pick(d.projectName("project_type", "type"), "project_type", "type")
	case "projects.requester":
		if d.guesses.RequestedBy {
			return d.pick("requested_by", "requested_by", "requester")
		}
		return d.pick("requester", "requested_by", "requester")
	case "projects.projected_end":
		return d.pick("projected_end", "projected_on", "projected_end_time")
	case "notes.created_by", "problem_notes.created_by":
		return d.pick("created_by", "created_by", "added_by")
	case "notes.created_time", "problem_notes.created_time":
		return d.pick("created_time", "created_time", "added_time")
	case "worklogs.owner":
		return d.pick("owner", "technician", "owner")
	case "worklogs.time_spent":
		return d.pick("time_spent", "total_time_spent", "time_spent")
	case "worklogs.type":
		return d.pick("worklog_type", "worklog_type", "type")
	case "worklogs.tech_charge":
		return d.pick("tech_charge", "tech_charge", "owner_cost")
	case "worklogs.other_charge":
		return d.pick("other_charge", "other_charge", "other_cost")
	case "worklogs.total_charge":
		return d.pick("total_charge", "total_charge", "total_cost")
	case "worklogs.include_nonoperational_hours":
		return d.pick(name, "inc_nonOperationalHours", name)
	case "worklogs.add_time_to_linked":
		return d.pick("add_time_linked_requests", "add_time_linked_requests", "add_time_for_linked_requests")
	case "tasks.estimated_effort.days":
		return d.pick("estimated_effort_days", "estimated_effort_days", "days")
	case "tasks.estimated_effort.hours":
		return d.pick("estimated_effort_hours", "estimated_effort_hours", "hours")
	case "tasks.estimated_effort.minutes":
		return d.pick("estimated_effort_minutes", "estimated_effort_minutes", "minutes")
	case "tasks.created_time":
		return d.pick("created_time", "created_date", "created_time")
	case "tasks.type":
		return d.pick("type", "task_type", "type")
	case "comments.text":
		return d.pick("comment", "content", "content")
	case "attachments.name":
		return d.pick("name", "file_name", "name")
	case "users.is_vip_user":
		return d.pick("is_vip_user", "is_vipuser", "is_vipuser")
	case "topics.parent_topic":
		return d.pick("parent_topic", "parent", "parent")
	case "requests.cancellation_requested":
		return d.pick("cancellation_requested", "cancel_requested", "cancel_requested")
	case "requests.cancel_flag_comments":
		return d.pick("cancel_flag_comments", "reason_for_cancel", "reason_for_cancel")
	}
	return name
}

func (d *dialect) projectName(old, new string) string {
	if d.guesses.NewProjectNames {
		return new
	}
	return old
}

// roots returns what one record and a list of them are called.
func (d *dialect) roots(table string) (one, many string) {
	switch table {
	case "notes":
		return d.pick("request_note", "request_note", "note"), d.pick(d.guesses.NoteListKey, "notes", "notes")
	case "problem_notes":
		return "note", "notes"
	case "members":
		return d.pick("project_member", "member", "member"), d.pick("project_members", "members", "members")
	}
	return singularOf(table), table
}

// commentRoots returns the roots of comments under a project, milestone or task.
func (d *dialect) commentRoots(on string) (one, many string) {
	if !d.cloud() {
		return "comment", "comments"
	}
	one = on + "_comment"
	if d.guesses.PlainCommentLists {
		return one, "comments"
	}
	return one, one + "s"
}

// action returns the paths of an action that the reference spells for both editions.
func (d *dialect) action(name string) []string {
	if d.cloud() {
		return []string{"_" + name}
	}
	return []string{name}
}

// actionSpellings returns the paths of an action whose cloud spelling is open.
func (d *dialect) actionSpellings(name string) []string {
	switch {
	case !d.cloud() || d.guesses.Spelling == PlainSpelling:
		return []string{name}
	case d.guesses.Spelling == UnderscoreSpelling:
		return []string{"_" + name}
	}
	return []string{name, "_" + name}
}

// names returns the methods.
func (m Methods) names() []string {
	switch m {
	case PutAlone:
		return []string{"PUT"}
	case DeleteAlone:
		return []string{"DELETE"}
	case PutOrDelete:
	}
	return []string{"PUT", "DELETE"}
}

// uploads returns the last segments of an upload.
func (d *dialect) uploads() []string {
	switch {
	case !d.cloud() || d.guesses.Spelling == PlainSpelling:
		return []string{"upload"}
	case d.guesses.Spelling == UnderscoreSpelling:
		return []string{"_uploads"}
	}
	return []string{"upload", "_upload", "_uploads"}
}

func singularOf(many string) string {
	for _, ending := range [][2]string{{"ies", "y"}, {"statuses", "status"}, {"boxes", "box"}, {"s", ""}} {
		if n := len(many) - len(ending[0]); n >= 0 && many[n:] == ending[0] {
			return many[:n] + ending[1]
		}
	}
	return many
}
