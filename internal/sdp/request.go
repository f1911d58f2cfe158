package sdp

// Request is a ticket. In rows of lists most fields are absent; Raw.Has tells absent from null.
type Request struct {
	// ID is internal; DisplayID is the number that people quote, without a prefix.
	ID, DisplayID, Subject string
	// DescriptionHTML is untrusted HTML.
	DescriptionHTML string
	Status          Status
	Requester       Ref
	Technician      Ref
	CreatedBy       Ref
	Group           Ref
	Site            Ref
	Priority        Ref
	Urgency         Ref
	Impact          Ref
	Level           Ref
	Mode            Ref
	RequestType     Ref
	Template        Ref
	Category        Ref
	Subcategory     Ref
	Item            Ref
	CreatedTime     Time
	LastUpdatedTime Time
	DueByTime       Time
	FirstResponseBy Time
	AssignedTime    Time
	RespondedTime   Time
	ResolvedTime    Time
	CompletedTime   Time
	ScheduledStart  Time
	ScheduledEnd    Time
	// IsOverdue and IsTrashed are nil where SDP does not say.
	IsOverdue, IsTrashed *bool
	IsServiceRequest     bool
	HasNotes             bool
	HasAttachments       bool
	// ResolutionHTML is untrusted HTML.
	ResolutionHTML string
	Attachments    []Attachment
	// UDF has the site's own fields.
	UDF Raw
	Raw Raw
}

var requestRecord = &recordType[Request]{
	name: "request", root: "request", roots: []string{"request"}, lists: []string{"requests"}, decode: decodeRequest,
	made: func(r Request) madeRecord {
		return madeRecord{r.ID, r.CreatedTime.At, r.Subject + "\n" + r.DescriptionHTML, r.Raw.Has("description")}
	},
	madeField: "created_time", madeFields: []string{"subject", "description", "created_time"},
}

func decodeRequest(r Raw) Request {
	request := Request{
		ID: r.Text("id"), DisplayID: r.Text("display_id"), Subject: r.Text("subject"), DescriptionHTML: r.Text("description"), Status: r.Status("status"),
		Requester: r.Ref("requester"), Technician: r.Ref("technician"), CreatedBy: r.Ref("created_by"), Group: r.Ref("group"), Site: r.Ref("site"),
		Priority: r.Ref("priority"), Urgency: r.Ref("urgency"), Impact: r.Ref("impact"), Level: r.Ref("level"), Mode: r.Ref("mode"),
		RequestType: r.Ref("request_type"), Template: r.Ref("template"), Category: r.Ref("category"), Subcategory: r.Ref("subcategory"), Item: r.Ref("item"),
		CreatedTime: r.Time("created_time"), LastUpdatedTime: r.Time("last_updated_time"), DueByTime: r.Time("due_by_time"),
		FirstResponseBy: r.Time("first_response_due_by_time"), AssignedTime: r.Time("assigned_time"), RespondedTime: r.Time("responded_time"),
		ResolvedTime: r.Time("resolved_time"), CompletedTime: r.Time("completed_time"),
		ScheduledStart: r.Time("scheduled_start_time"), ScheduledEnd: r.Time("scheduled_end_time"),
		IsOverdue: r.Bool("is_overdue"), IsTrashed: r.Bool("is_trashed"), IsServiceRequest: r.IsTrue("is_service_request"),
		HasNotes: r.IsTrue("has_notes"), HasAttachments: r.IsTrue("has_attachments"), UDF: r.Object("udf_fields"), Raw: r,
	}
	request.ResolutionHTML = r.Object("resolution").Text("content")
	for _, attachment := range r.Objects("attachments") {
		request.Attachments = append(request.Attachments, decodeAttachment(attachment))
	}
	return request
}

// RequestLink is a request that is linked with another.
type RequestLink struct {
	Request  Ref
	Comments string
	Raw      Raw
}

var requestLinkRecord = &recordType[RequestLink]{
	name: "request link", root: "link_requests", roots: []string{"link_requests", "link_request"}, lists: []string{"link_requests", "linked_requests"},
	decode: func(r Raw) RequestLink {
		linked := r.Object("linked_request", "request")
		return RequestLink{Request: Ref{ID: linked.Text("id"), Name: linked.Text("subject", "name")}, Comments: r.Text("comments"), Raw: r}
	},
}

// Resolution is how a request was solved.
type Resolution struct {
	// ContentHTML is untrusted HTML.
	ContentHTML string
	SubmittedBy Ref
	SubmittedOn Time
	Raw         Raw
}

var resolutionRecord = &recordType[Resolution]{
	name: "resolution", root: "resolution", roots: []string{"resolution"}, lists: []string{"resolutions", "resolution"},
	decode: func(r Raw) Resolution {
		return Resolution{ContentHTML: r.Text("content"), SubmittedBy: r.Ref("submitted_by"), SubmittedOn: r.Time("submitted_on"), Raw: r}
	},
}
