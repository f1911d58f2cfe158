package sdptest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func (x *caller) project() string { return "/projects/" + x.server.IDs("projects")[0] }

// TestProjects holds projects and what is under them.
func TestProjects(t *testing.T) {
	t.Parallel()
	run(t, map[string]paragraph{
		"3.2 a project as in the sample": {assert: func(x *caller) {
			got := x.get(x.project(), "").want(200, 2000)
			for path, want := range map[string]any{
				"title": "Office move", "project_code": "MOVE-25", "percentage_completion": "20", "project_type.name": "Infrastructure",
				"status.name": "Open", "status.in_progress": true, "status.color": "#0066ff", "priority.name": "Normal", "owner.email_id": "tech@example.org",
				"display_id.display_value": "PJT-1", "site": nil, "department": nil, "scheduled_start_time.display_value": "Oct 6, 2025",
			} {
				got.wantAt("project."+path, want)
			}
		}},
		"3.2 title is mandatory, not unique": {assert: func(x *caller) {
			x.post("/projects", `{"project":{"description":"x"}}`).want(400, 4012, "title")
			x.post("/projects", `{"project":{"title":"Office move"}}`).want(201, 2000).wantAt("project.display_id.value", "2").wantAt("project.status.name", "Open")
			x.list("/projects", `"search_criteria":{"field":"title","condition":"is","value":"office move"}`).wantAt("list_info.row_count", 2.0)
		}},
		"3.2 a template stands for the title, new on-premises": {options: onPremises, assert: func(x *caller) {
			x.post("/projects", `{"project":{"template":{"name":"Office project"}}}`).want(201, 2000).wantAt("project.title", "Office project")
			x.header.Set("Accept", "application/json")
			x.post("/projects", `{"project":{"template":{"name":"Office project"}}}`).want(400, 4012, "title")
		}},
		"3.2 delete is final": {assert: func(x *caller) {
			x.do("DELETE", x.project(), "").want(200, 2000)
			x.get("/projects", "").wantAt("list_info.row_count", 0.0)
		}},
		"3.2 members, cloud": {assert: func(x *caller) {
			got := x.get(x.project()+"/project_members", "").want(200, 2000).wantAt("project_members.0.user.name", "Tom Tech").wantAt("project_members.0.role.name", "Project Manager")
			got.wantAt("project_members.0.is_active", true).wantAt("project_members.0.project.title", "Office move")
			x.get(x.project()+"/members", "").want(404, 4007)
			made := x.post(x.project()+"/project_members", `{"project_member":{"user":{"email_id":"omar@example.org"},"role":{"name":"Team Member"}}}`).want(201, 2000).string("project_member.id")
			x.put(x.project()+"/project_members/"+made, `{"project_member":{"user":{"email_id":"tech@example.org"}}}`).want(400, 4009, "user")
			x.post(x.project()+"/project_members", `{"project_member":{"role":{"name":"Team Member"}}}`).want(400, 4012, "user")
		}},
		"3.2 members, on-premises": {options: onPremises, assert: func(x *caller) {
			x.get(x.project()+"/members", "").want(200, 2000).wantAt("members.0.user.name", "Tom Tech")
			x.get(x.project()+"/project_members", "").want(404, 4007)
			x.post(x.project()+"/members", `{"member":{"user":{"email_id":"omar@example.org"}}}`).want(400, 4001, "user")
			x.post(x.project()+"/members", `{"member":{"user":{"id":"`+x.server.IDOf("users", "omar@example.org")+`"}}}`).want(201, 2000)
		}},
		"3.2 milestones and their tasks": {assert: func(x *caller) {
			one := x.post(x.project()+"/milestones", `{"milestone":{"title":"Furniture","owner":{"id":"`+x.server.IDOf("users", "tech@example.org")+`"},"scheduled_end_time":{"value":"1762000000000"}}}`).want(201, 2000)
			one.wantAt("milestone.index", "2").wantAt("milestone.project.title", "Office move").wantAt("milestone.status.name", "Open")
			path := x.project() + "/milestones/" + one.string("milestone.id")
			task := x.post(path+"/tasks", `{"task":{"title":"Order desks"}}`).want(201, 2000).wantAt("task.milestone.title", "Furniture").string("task.id")
			x.get(path+"/tasks", "").wantAt("list_info.row_count", 1.0)
			x.get(x.project()+"/tasks/"+task, "").want(200, 2000)
			x.put(path+"/tasks/"+task, `{"task":{"milestone":{"id":"1"}}}`).want(400, 4009, "milestone")
			x.get(x.project()+"/milestones/"+x.server.IDOf("milestones", "Cabling")+"/tasks/"+task, "").want(404, 4007)
			x.post(path+"/tasks/"+task+"/worklogs", `{"worklog":{"owner":{"email_id":"ana@example.org"}}}`).want(201, 2000)
		}},
		"3.2 tasks of a project": {assert: func(x *caller) {
			got := x.get(x.project()+"/tasks", "").want(200, 2000)
			if diff := cmp.Diff([]string{"Lay cables", "Order the rack"}, got.rows("tasks", "title")); diff != "" {
				x.t.Error(diff)
			}
			got.wantAt("tasks.0.milestone.title", "Cabling").wantAt("tasks.0.project.title", "Office move").wantAt("tasks.0.overdue", false)
			x.post(x.project()+"/tasks", `{"task":{"title":"x","owner":{"email_id":"omar@example.org"}}}`).want(400, 4001, "owner")
			x.post(x.project()+"/tasks", `{"task":{"title":"x","owner":{"email_id":"tech@example.org"}}}`).want(201, 2000)
			x.get(x.project()+"/tasks?page=1&per_page=5", "").want(400, 4001, "page")
		}},
		"3.2 dependencies": {assert: func(x *caller) {
			x.get(x.project()+"/task_dependencies", "").want(200, 2000).wantAt("task_dependencies.0.parent_task.title", "Order the rack").wantAt("task_dependencies.0.child_task.title", "Lay cables")
		}},
		"3.2 comments, cloud": {assert: func(x *caller) {
			task, milestone := x.project()+"/tasks/"+x.server.IDOf("tasks", "Lay cables"), x.project()+"/milestones/"+x.server.IDOf("milestones", "Cabling")
			first := x.get(task+"/comments", "").want(200, 2000).wantAt("task_comments.0.comment", "<p>Cabling done</p>")
			x.post(task+"/comments", `{"task_comment":{"comment":"<p>Thanks</p>","parent_comment":{"id":"`+first.string("task_comments.0.id")+`"}}}`).want(201, 2000).wantAt("task_comment.task.title", "Lay cables")
			x.post(x.project()+"/comments", `{"project_comment":{"comment":"x"}}`).want(201, 2000)
			x.post(milestone+"/comments", `{"milestone_comment":{"comment":"x"}}`).want(201, 2000)
			x.post(milestone+"/comments", `{"milestone_comment":{"content":"x"}}`).want(400, 4001, "content")
			x.post(milestone+"/comments", `{"milestone_comment":{}}`).want(400, 4012, "comment")
			x.get(milestone+"/comments", "").wantAt("milestone_comments.0.comment", "x")
		}},
		"7.5 comments are comments": {options: Options{Guesses: Guesses{PlainCommentLists: true}}, assert: func(x *caller) {
			x.get(x.project()+"/comments", "").want(200, 2000).wantAt("comments.0.comment", "<p>Keys are at the desk</p>")
		}},
		"3.2 comments, on-premises": {options: onPremises, assert: func(x *caller) {
			x.post(x.project()+"/comments", `{"comment":{"content":"x"}}`).want(201, 2000).wantAt("comment.content", "x")
			x.get(x.project()+"/comments", "").wantAt("comments.1.content", "x")
		}},
		"7.12 new names of projects in the cloud": {options: Options{Guesses: Guesses{NewProjectNames: true}}, assert: func(x *caller) {
			x.get(x.project(), "").want(200, 2000).wantAt("project.type.name", "Infrastructure").wantAt("project.code", "MOVE-25").wantAt("project.project_type", nil)
		}},
		"7.12 requested_by in the cloud": {options: Options{Guesses: Guesses{RequestedBy: true}}, assert: func(x *caller) {
			x.put(x.project(), `{"project":{"requested_by":{"email_id":"ana@example.org"}}}`).want(200, 2000).wantAt("project.requested_by.name", "Ana Lopez")
			x.put(x.project(), `{"project":{"requester":{"email_id":"ana@example.org"}}}`).want(400, 4001, "requester")
		}},
		"3.2 attachments": {assert: func(x *caller) {
			x.upload("PUT", x.project()+"/upload", "input_file", "a", "text/plain", "a").want(200, 2000)
			x.get(x.project()+"/attachments", "").want(200, 2000).wantAt("list_info.row_count", 1.0)
		}},
	})
}

// TestModules holds problems, changes, releases, assets and solutions.
func TestModules(t *testing.T) {
	t.Parallel()
	run(t, map[string]paragraph{
		"3.3 problems": {assert: func(x *caller) {
			made := x.post("/problems", `{"problem":{"title":"Docks drop video","priority":{"name":"High"},"root_cause":{"root_cause_description":"<p>Vendor bug</p>"},"known_error_details":{"is_known_error":true}}}`).want(201, 2000)
			made.wantAt("problem.root_cause.root_cause_description", "<p>Vendor bug</p>").wantAt("problem.known_error_details.is_known_error", true).wantAt("problem.status.name", "Open").wantAt("problem.reported_by.name", "API User")
			path := "/problems/" + made.string("problem.id")
			x.post("/problems", `{"problem":{}}`).want(400, 4012, "title")
			x.post(path+"/tasks", `{"task":{"title":"x"}}`).want(201, 2000).wantAt("task.problem.title", "Docks drop video")
			x.post(path+"/worklogs", `{"worklog":{"owner":{"email_id":"tech@example.org"}}}`).want(201, 2000)
			x.put(path+"/_close", `{"problem":{"close_details":{"close_details_comments":"x"}}}`).want(200, 2000)
			x.get(path, "").wantAt("problem.status.name", "Closed").wantAt("problem.closed_time.value", "1760000000000")
			x.list("/problems", `"sort_field":"reported_time"`).want(200, 2000)
			x.list("/problems", `"sort_field":"technician"`).want(400, 4001, "sort_field")
			x.do("DELETE", path, "").want(200, 2000)
			x.get(path, "").want(404, 4007)
		}},
		"3.4 changes go along their workflow": {assert: func(x *caller) {
			made := x.post("/changes", `{"change":{"title":"Update dock firmware","change_type":{"name":"Minor"},"risk":{"name":"Low"},"scheduled_start_time":{"value":"1761000000000"},
				"roll_out_plan":{"roll_out_plan_description":"<p>Pilot then all</p>"}}}`).want(201, 2000).wantAt("change.stage.name", "Submission").wantAt("change.status.name", "In Submission")
			path := "/changes/" + made.string("change.id")
			move := func(stage, status string) *response {
				return x.put(path, `{"change":{"stage":{"name":"`+stage+`"},"status":{"name":"`+status+`"},"comment":"x"}}`)
			}
			move("Close", "Close completed").want(400, 4014, "stage")
			move("Planning", "In Submission").want(400, 4014, "stage")
			move("Planning", "In Planning").want(200, 2000).wantAt("change.stage.name", "Planning")
			move("Submission", "In Submission").want(400, 4014, "stage")
			for _, stage := range []string{"Approval", "Implementation", "UAT", "Release", "Review"} {
				move(stage, "In "+stage).want(200, 2000)
			}
			move("Close", "Close completed").want(200, 2000).wantAt("change.completed_time.value", "1760000000000")
		}},
		"3.4 a change's status needs a comment": {options: Options{Guesses: Guesses{StatusNeedsComment: true}}, assert: func(x *caller) {
			path := "/changes/" + x.server.IDs("changes")[0]
			x.put(path, `{"change":{"status":{"name":"Submission completed"}}}`).want(400, 4012, "comment")
			x.put(path, `{"change":{"status":{"name":"Submission completed"},"comment":"x"}}`).want(200, 2000)
		}},
		"3.4 changes in the trash, oldest first": {options: onPremises, assert: func(x *caller) {
			first := x.server.IDs("changes")[0]
			x.post("/changes", `{"change":{"title":"second"}}`).want(201, 2000)
			x.get("/changes", "").wantAt("changes.0.id", first)
			x.do("DELETE", "/changes/"+first+"/move_to_trash", "").want(200, 2000)
			x.get("/changes", "").wantAt("list_info.row_count", 1.0)
			x.put("/changes/"+first+"/restore_from_trash", "").want(200, 2000)
			x.get("/changes", "").wantAt("list_info.row_count", 2.0)
		}},
		"3.5 releases": {assert: func(x *caller) {
			made := x.post("/releases", `{"release":{"title":"Dock firmware 4.3","release_type":{"name":"Minor"},"release_manager":{"email_id":"tech@example.org"}}}`).want(201, 2000)
			x.put("/releases/"+made.string("release.id")+"/_close", "").want(200, 2000)
			x.get("/releases/"+made.string("release.id"), "").wantAt("release.status.name", "Closed")
		}},
		"3.6 assets": {assert: func(x *caller) {
			got := x.list("/assets", `"search_criteria":{"field":"asset_tag","condition":"is","value":"A-0142"}`).want(200, 2000)
			got.wantAt("assets.0.product.name", "Laptop 14").wantAt("assets.0.asset_state.name", "In Use").wantAt("assets.0.user.name", "Ana Lopez").wantAt("assets.0.serial_number", "SN-EXAMPLE")
			x.get("/asset_computers", "").want(200, 2000).wantAt("list_info.row_count", 1.0).wantAt("asset_computers.0.name", "LT-0142")
			x.get("/workstations", "").want(404, 4007)
			made := x.post("/assets", `{"asset":{"name":"LT-1","product":{"name":"Laptop 14"}}}`).want(201, 2000).wantAt("asset.asset_state.name", "In Store").wantAt("asset.product_type.name", "Computer")
			x.do("DELETE", "/assets/"+made.string("asset.id"), "").want(200, 2000)
		}},
		"3.6 assets, on-premises": {options: onPremises, assert: func(x *caller) {
			x.get("/workstations", "").want(200, 2000).wantAt("workstations.0.name", "LT-0142")
			x.get("/asset_computers", "").want(404, 4007)
			x.post("/assets", `{"asset":{"name":"LT-1","product":{"name":"Laptop 14"}}}`).want(400, 4012, "product")
			x.post("/assets", `{"asset":{"name":"LT-1","product":{"id":"`+x.server.IDOf("products", "Laptop 14")+`"}}}`).want(201, 2000)
		}},
		"3.7 solutions": {assert: func(x *caller) {
			made := x.post("/solutions", `{"solution":{"title":"Dock","description":"<p>Update</p>","topic":{"name":"Hardware"},"keywords":"dock, display","is_public":true}}`).want(201, 2000)
			made.wantAt("solution.approval_status.name", "UnApproved").wantAt("solution.topic.name", "Hardware")
			path := "/solutions/" + made.string("solution.id")
			x.post("/solutions", `{"solution":{"title":"x"}}`).want(400, 4012, "description", "topic")
			for _, step := range [][2]string{{"_submit_for_approval", "Approval Pending"}, {"_reject", "Rejected"}, {"_approve", "Approved"}} {
				x.put(path+"/"+step[0], "").want(200, 2000)
				x.get(path, "").wantAt("solution.approval_status.name", step[1])
			}
			for _, action := range []string{"_publish", "_like", "_dislike"} {
				x.put(path+"/"+action, "").want(200, 2000)
			}
			x.do("DELETE", path, "").want(400, 4017)
			x.do("DELETE", path+"/_move_to_trash", "").want(200, 2000)
			x.do("DELETE", path, "").want(200, 2000)
		}},
		"3.7 views and search of solutions": {assert: func(x *caller) {
			x.post("/solutions", `{"solution":{"title":"Draft","description":"x","topic":{"name":"Hardware"}}}`).want(201, 2000)
			x.list("/solutions", `"filter_by":{"name":"AllSolutions"}`).wantAt("list_info.row_count", 3.0)
			got := x.list("/solutions", `"filter_by":{"name":"ApprovedSolutions"},"search_criteria":{"field":"keywords","condition":"contains","value":"vpn"},"fields_required":["title","description"]`)
			got.wantAt("list_info.row_count", 1.0).wantAt("solutions.0.title", "VPN drops behind hotel Wi-Fi")
			x.get("/topics", "").want(200, 2000).wantAt("topics.0.name", "Hardware")
		}},
		"3.7 solutions, on-premises": {options: onPremises, assert: func(x *caller) {
			path := "/solutions/" + x.server.IDs("solutions")[0]
			x.put(path+"/_approve", "").want(404, 4007)
			x.put(path, `{"solution":{"approval_status":{"name":"Rejected"}}}`).want(200, 2000).wantAt("solution.approval_status.name", "Rejected")
			x.post("/topics", `{"topic":{"name":"Docks","parent":{"name":"Hardware"}}}`).want(201, 2000).wantAt("topic.parent.name", "Hardware")
		}},
	})
}
