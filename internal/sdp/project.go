package sdp

// Project is a project. Titles are not unique in SDP.
type Project struct {
	// ID is internal; Number is that of DisplayID ("12" of "PJT-12").
	ID, Number, DisplayID string
	Title                 string
	DescriptionHTML       string
	Code                  string
	Status                Status
	Type                  Ref
	Priority              Ref
	Owner                 Ref
	Requester             Ref
	Department            Ref
	Site                  Ref
	Template              Ref
	ScheduledStart        Time
	ScheduledEnd          Time
	ActualStart           Time
	ActualEnd             Time
	ProjectedEnd          Time
	// Percent is the completion, 0 to 100.
	Percent         int
	CreatedBy       Ref
	CreatedTime     Time
	LastUpdatedTime Time
	UDF             Raw
	Raw             Raw
}

var projectRecord = &recordType[Project]{
	name: "project", root: "project", roots: []string{"project"}, lists: []string{"projects"}, decode: decodeProject,
	made: func(p Project) madeRecord {
		return madeRecord{p.ID, p.CreatedTime.At, p.Title + "\n" + p.DescriptionHTML, p.Raw.Has("description")}
	},
}

func decodeProject(r Raw) Project {
	p := Project{
		ID: r.Text("id"), Number: r.Text("display_id"), Title: r.Text("title"), DescriptionHTML: r.Text("description"), Code: r.Text("code", "project_code"),
		Status: r.Status("status"), Type: r.Ref("type", "project_type"), Priority: r.Ref("priority"), Owner: r.Ref("owner"), Requester: r.Ref("requester", "requested_by"),
		Department: r.Ref("department"), Site: r.Ref("site"), Template: r.Ref("template"), ScheduledStart: r.Time("scheduled_start_time"),
		ScheduledEnd: r.Time("scheduled_end_time"), ActualStart: r.Time("actual_start_time"), ActualEnd: r.Time("actual_end_time"),
		ProjectedEnd: r.Time("projected_end_time", "projected_end", "projected_on"), Percent: r.percent("percentage_completion"), CreatedBy: r.Ref("created_by"),
		CreatedTime: r.Time("created_time"), LastUpdatedTime: r.Time("last_updated_time"), UDF: r.Object("udf_fields"), Raw: r,
	}
	p.DisplayID = r.Object("display_id").Text("display_value")
	if p.DisplayID == "" {
		p.DisplayID = p.Number
	}
	return p
}

// Projects are projects. On premises deletion is for good, and in the cloud it may be.
type Projects struct{ Collection[Project] }

// Projects returns the projects. Sites whose edition has none answer 4002, 4007 or 7001.
func (c *Client) Projects() Projects {
	return Projects{newCollection(c, projectRecord, pathOf("projects"))}
}

// Member is somebody who works on a project. Owners of its tasks have to be members.
type Member struct {
	ID       string
	User     Ref
	Role     Ref
	IsActive bool
	Raw      Raw
}

var memberRecord = &recordType[Member]{
	name: "project member", root: "member", roots: []string{"project_member", "member"}, lists: []string{"project_members", "members"},
	decode: func(r Raw) Member {
		return Member{ID: r.Text("id"), User: r.Ref("user"), Role: r.Ref("role"), IsActive: r.IsTrue("is_active"), Raw: r}
	},
}

// MemberFields returns the fields of a member. On premises a user named by e-mail is not found reliably; use the id.
func MemberFields(user, role Ref) Fields {
	fields := Fields{"user": user}
	if !role.IsZero() {
		fields["role"] = role
	}
	return fields
}

// Members returns who works on a project.
func (p Projects) Members(id string) Collection[Member] {
	return newCollection(p.client, memberRecord, p.path.withID(id).to(p.client.config.Edition.membersSegment()))
}

// Milestone is a part of a project.
type Milestone struct {
	ID, Title       string
	DescriptionHTML string
	Status          Status
	Owner           Ref
	Priority        Ref
	ScheduledStart  Time
	ScheduledEnd    Time
	ActualStart     Time
	ActualEnd       Time
	// Percent is the completion, 0 to 100.
	Percent int
	Index   string
	Project Ref
	// LastUpdatedTime is zero where SDP does not say it of milestones.
	LastUpdatedTime Time
	Raw             Raw
}

var milestoneRecord = &recordType[Milestone]{
	name: "milestone", root: "milestone", roots: []string{"milestone"}, lists: []string{"milestones"},
	decode: func(r Raw) Milestone {
		return Milestone{
			ID: r.Text("id"), Title: r.Text("title"), DescriptionHTML: r.Text("description"), Status: r.Status("status"), Owner: r.Ref("owner"),
			Priority: r.Ref("priority"), ScheduledStart: r.Time("scheduled_start_time"), ScheduledEnd: r.Time("scheduled_end_time"),
			ActualStart: r.Time("actual_start_time"), ActualEnd: r.Time("actual_end_time"), Percent: r.percent("percentage_completion"),
			Index: r.Text("index"), Project: r.Ref("project"), LastUpdatedTime: r.Time("last_updated_time"), Raw: r,
		}
	},
	made: func(m Milestone) madeRecord {
		return madeRecord{m.ID, m.Raw.Time("created_time").At, m.Title + "\n" + m.DescriptionHTML, m.Raw.Has("description")}
	},
}

// Milestones are the parts of one project.
type Milestones struct{ Collection[Milestone] }

// Milestones returns the parts of a project.
func (p Projects) Milestones(id string) Milestones {
	return Milestones{newCollection(p.client, milestoneRecord, p.path.withID(id).to("milestones"))}
}

// Tasks returns the tasks of a milestone, which stay in it.
func (m Milestones) Tasks(id string) Tasks { return newTasks(m.client, m.path.withID(id).to("tasks")) }

// Comments returns the comments on a milestone.
func (m Milestones) Comments(id string) Collection[Comment] {
	return newCollection(m.client, milestoneCommentRecord, m.path.withID(id).to("comments"))
}

// Tasks returns the tasks of a project.
func (p Projects) Tasks(id string) Tasks { return newTasks(p.client, p.path.withID(id).to("tasks")) }

// Comments returns the comments on a project.
func (p Projects) Comments(id string) Collection[Comment] {
	return newCollection(p.client, projectCommentRecord, p.path.withID(id).to("comments"))
}

// TaskDependencies returns the dependencies between the tasks of a project.
func (p Projects) TaskDependencies(id string) Dependencies {
	return Dependencies{newCollection(p.client, dependencyRecord, p.path.withID(id).to("task_dependencies"))}
}

// Attachments returns the files of a project.
func (p Projects) Attachments(id string) Attachments {
	return newAttachments(p.client, p.path.withID(id))
}
