package sdp

import (
	"context"
	"net/http"
)

// Change is a planned change. Stage and status move together, along the workflow of the site.
type Change struct {
	ID, DisplayID, Title string
	DescriptionHTML      string
	Status               Status
	Stage                Ref
	Template             Ref
	Workflow             Ref
	Type                 Ref
	Reason               Ref
	Risk                 Ref
	Impact               Ref
	Priority             Ref
	Urgency              Ref
	Category             Ref
	Subcategory          Ref
	Item                 Ref
	Group                Ref
	Site                 Ref
	Requester            Ref
	Manager              Ref
	Owner                Ref
	CreatedTime          Time
	CompletedTime        Time
	ScheduledStart       Time
	ScheduledEnd         Time
	// These are untrusted HTML.
	RollOutHTML, BackOutHTML string
	UDF                      Raw
	Raw                      Raw
}

var changeRecord = &recordType[Change]{
	name: "change", root: "change", roots: []string{"change"}, lists: []string{"changes"}, decode: decodeChange,
	made: func(c Change) madeRecord {
		return madeRecord{c.ID, c.CreatedTime.At, c.Title + "\n" + c.DescriptionHTML, c.Raw.Has("description")}
	},
	madeField: "created_time", madeFields: []string{"title", "description", "created_time"},
}

func decodeChange(r Raw) Change {
	return Change{
		ID: r.Text("id"), DisplayID: r.Text("display_id"), Title: r.Text("title"), DescriptionHTML: r.Text("description"), Status: r.Status("status"),
		Stage: r.Ref("stage"), Template: r.Ref("template"), Workflow: r.Ref("workflow"), Type: r.Ref("change_type"), Reason: r.Ref("reason_for_change"),
		Risk: r.Ref("risk"), Impact: r.Ref("impact"), Priority: r.Ref("priority"), Urgency: r.Ref("urgency"), Category: r.Ref("category"),
		Subcategory: r.Ref("subcategory"), Item: r.Ref("item"), Group: r.Ref("group"), Site: r.Ref("site"), Requester: r.Ref("change_requester"),
		Manager: r.Ref("change_manager"), Owner: r.Ref("change_owner"), CreatedTime: r.Time("created_time"), CompletedTime: r.Time("completed_time"),
		ScheduledStart: r.Time("scheduled_start_time"), ScheduledEnd: r.Time("scheduled_end_time"),
		RollOutHTML: r.Object("roll_out_plan").Text("roll_out_plan_description"), BackOutHTML: r.Object("back_out_plan").Text("back_out_plan_description"),
		UDF: r.Object("udf_fields"), Raw: r,
	}
}

// Changes are changes. On premises they come oldest first.
type Changes struct{ Editor[Change] }

// Changes returns the changes.
func (c *Client) Changes() Changes {
	return Changes{newEditor(c, changeRecord, pathOf("changes"))}
}

// Trash moves a change to the trash.
func (s Changes) Trash(ctx context.Context, id string) error {
	return s.act(ctx, "trash", http.MethodDelete, s.path.withID(id).to(s.client.config.Edition.trashSegments()...), nil)
}

// Restore takes a change out of the trash.
func (s Changes) Restore(ctx context.Context, id string) error {
	return s.actByAny(ctx, "restore", http.MethodPut, s.spelled(id, "restore_from_trash")...)
}

// Notes returns the notes of a change.
func (s Changes) Notes(id string) Collection[Note] {
	return newCollection(s.client, changeNoteRecord, s.path.withID(id).to("notes"))
}

// Tasks returns the tasks of a change.
func (s Changes) Tasks(id string) Tasks { return newTasks(s.client, s.path.withID(id).to("tasks")) }

// Worklogs returns the time spent on a change.
func (s Changes) Worklogs(id string) Collection[Worklog] {
	return newCollection(s.client, worklogRecord, s.path.withID(id).to("worklogs"))
}

// ApprovalLevels returns the steps of a change's approval.
func (s Changes) ApprovalLevels(id string) ApprovalLevels {
	return ApprovalLevels{newCollection(s.client, approvalLevelRecord, s.path.withID(id).to("approval_levels"))}
}
