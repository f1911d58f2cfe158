package sdp

// Worklog is time that somebody spent on a request, problem, change or task.
type Worklog struct {
	ID, DescriptionHTML string
	Owner               Ref
	Type                Ref
	StartTime, EndTime  Time
	Spent               Effort
	OwnerCost           string
	OtherCost           string
	TotalCost           string
	RecordedTime        Time
	Raw                 Raw
}

var worklogRecord = &recordType[Worklog]{
	name: "worklog", root: "worklog", roots: []string{"worklog", "request_worklog"}, lists: []string{"worklogs", "request_worklogs"},
	decode: func(r Raw) Worklog {
		w := Worklog{
			ID: r.Text("id"), DescriptionHTML: r.Text("description"), Owner: r.Ref("owner", "technician"), Type: r.Ref("type", "worklog_type"),
			StartTime: r.Time("start_time"), EndTime: r.Time("end_time"), Spent: r.Effort("time_spent"),
			OwnerCost: r.Text("owner_cost", "tech_charge"), OtherCost: r.Text("other_cost", "other_charge"), TotalCost: r.Text("total_cost", "total_charge"),
			RecordedTime: r.Time("recorded_time", "created_time"), Raw: r,
		}
		if w.Spent == 0 {
			w.Spent = r.Effort("total_time_spent")
		}
		return w
	},
	made: func(w Worklog) madeRecord {
		return madeRecord{w.ID, w.RecordedTime.At, w.DescriptionHTML, w.Raw.Has("description")}
	},
}

// WorklogInput is time spent. Owner is mandatory in the cloud; zero values of the others are left out.
type WorklogInput struct {
	Owner              Ref
	DescriptionHTML    string
	StartTime, EndTime Time
	Spent              Effort
	Type               Ref
	// IncludeNonOperational counts hours outside the site's working time too.
	IncludeNonOperational bool
	FirstResponse         bool
}

// Fields returns the fields of a worklog. Some sites refuse more keys than these.
func (w WorklogInput) Fields() Fields {
	fields := Fields{"description": w.DescriptionHTML, "include_nonoperational_hours": w.IncludeNonOperational}
	if !w.Owner.IsZero() {
		fields["owner"] = w.Owner
	}
	if !w.StartTime.IsZero() {
		fields["start_time"] = w.StartTime
	}
	if !w.EndTime.IsZero() {
		fields["end_time"] = w.EndTime
	}
	if w.Spent > 0 {
		fields["time_spent"] = w.Spent
	}
	if !w.Type.IsZero() {
		fields["type"] = w.Type
	}
	if w.FirstResponse {
		fields["mark_first_response"] = true
	}
	return fields
}

// Worklogs returns the time spent on a request. One on-premises build refuses to make any.
func (s Requests) Worklogs(id string) Collection[Worklog] {
	return newCollection(s.client, worklogRecord, s.path.withID(id).to("worklogs"))
}
