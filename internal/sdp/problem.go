package sdp

import (
	"context"
	"net/http"
)

// Problem is the cause of requests.
type Problem struct {
	ID, DisplayID, Title string
	DescriptionHTML      string
	Status               Status
	Priority             Ref
	Urgency              Ref
	Impact               Ref
	Category             Ref
	Subcategory          Ref
	Item                 Ref
	Group                Ref
	Site                 Ref
	Technician           Ref
	Requester            Ref
	ReportedBy           Ref
	ReportedTime         Time
	DueByTime            Time
	ClosedTime           Time
	LastUpdatedTime      Time
	// These are untrusted HTML.
	RootCauseHTML, SymptomsHTML, WorkaroundHTML, ResolutionHTML, ImpactHTML string
	IsKnownError                                                            bool
	UDF                                                                     Raw
	Raw                                                                     Raw
}

var problemRecord = &recordType[Problem]{
	name: "problem", root: "problem", roots: []string{"problem"}, lists: []string{"problems"}, decode: decodeProblem,
	made: func(p Problem) madeRecord {
		return madeRecord{p.ID, p.Raw.Time("created_time", "reported_time").At, p.Title + "\n" + p.DescriptionHTML, p.Raw.Has("description")}
	},
	madeField: "created_time", madeFields: []string{"title", "description", "created_time"},
}

func decodeProblem(r Raw) Problem {
	return Problem{
		ID: r.Text("id"), DisplayID: r.Text("display_id"), Title: r.Text("title"), DescriptionHTML: r.Text("description"), Status: r.Status("status"),
		Priority: r.Ref("priority"), Urgency: r.Ref("urgency"), Impact: r.Ref("impact"), Category: r.Ref("category"), Subcategory: r.Ref("subcategory"),
		Item: r.Ref("item"), Group: r.Ref("group"), Site: r.Ref("site"), Technician: r.Ref("technician"), Requester: r.Ref("requester"),
		ReportedBy: r.Ref("reported_by"), ReportedTime: r.Time("reported_time", "created_time"), DueByTime: r.Time("due_by_time"),
		ClosedTime: r.Time("closed_time"), LastUpdatedTime: r.Time("last_updated_time", "updated_time"),
		RootCauseHTML: r.Object("root_cause").Text("root_cause_description"), SymptomsHTML: r.Object("symptoms").Text("symptoms_description"),
		WorkaroundHTML: r.Object("workaround_details").Text("workaround_details_description"),
		ResolutionHTML: r.Object("resolution_details").Text("resolution_details_description"),
		ImpactHTML:     r.Object("impact_details").Text("impact_details_description"),
		IsKnownError:   r.Object("known_error_details").IsTrue("is_known_error"), UDF: r.Object("udf_fields"), Raw: r,
	}
}

// Problems are problems. On premises deletion is for good.
type Problems struct{ Collection[Problem] }

// Problems returns the problems.
func (c *Client) Problems() Problems {
	return Problems{newCollection(c, problemRecord, pathOf("problems"))}
}

// Close closes a problem.
func (p Problems) Close(ctx context.Context, id string, fields Fields) error {
	at := p.path.withID(id).to(p.client.config.Edition.actionName("close"))
	if len(fields) == 0 {
		return p.act(ctx, "close", http.MethodPut, at, nil)
	}
	return p.act(ctx, "close", http.MethodPut, at, p.envelope(nil, fields))
}

// Notes returns the notes of a problem; no requester sees them, and a key that says so is refused.
func (p Problems) Notes(id string) Collection[Note] {
	return newCollection(p.client, problemNoteRecord, p.path.withID(id).to("notes"))
}

// Tasks returns the tasks of a problem.
func (p Problems) Tasks(id string) Tasks { return newTasks(p.client, p.path.withID(id).to("tasks")) }

// Worklogs returns the time spent on a problem.
func (p Problems) Worklogs(id string) Collection[Worklog] {
	return newCollection(p.client, worklogRecord, p.path.withID(id).to("worklogs"))
}

// ApprovalLevels returns the steps of a problem's approval.
func (p Problems) ApprovalLevels(id string) ApprovalLevels {
	return ApprovalLevels{newCollection(p.client, approvalLevelRecord, p.path.withID(id).to("approval_levels"))}
}
