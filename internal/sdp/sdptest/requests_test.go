package sdptest

import (
	"testing"
	"time"
)

// TestRequests holds requests, besides the traps.
func TestRequests(t *testing.T) {
	t.Parallel()
	run(t, map[string]paragraph{
		"3.1 a request as in the sample": {options: empty, assert: func(x *caller) {
			got := x.post("/requests", `{"request":{"subject":"Laptop will not dock","description":"<p>No picture on the external screen</p>",
				"requester":{"email_id":"ana@example.org"},"template":{"name":"Default Request"},"request_type":{"name":"Incident"},
				"priority":{"name":"Normal"},"urgency":{"name":"Normal"},"impact":{"name":"Affects User"},"level":{"name":"Tier 1"},"mode":{"name":"Web Form"},
				"category":{"name":"Hardware"},"subcategory":{"name":"Docking station"},"group":{"name":"Service desk"},
				"due_by_time":{"value":"1760086400000"},"udf_fields":{"udf_sline_101":"B-204"}}}`).want(201, 2000)
			for path, want := range map[string]any{
				"display_id": "1", "subject": "Laptop will not dock", "description": "<p>No picture on the external screen</p>",
				"status":       map[string]any{"id": x.server.IDOf("statuses", "Open"), "name": "Open", "internal_name": "Open", "color": "#0066ff", "in_progress": true, "stop_timer": false},
				"priority":     map[string]any{"id": x.server.IDOf("priorities", "Normal"), "name": "Normal", "color": "#00aa00"},
				"request_type": map[string]any{"id": x.server.IDOf("request_types", "Incident"), "name": "Incident"},
				"technician":   nil, "item": nil, "approval_status": nil, "last_updated_time": nil, "assigned_time": nil, "resolved_time": nil,
				"group":        map[string]any{"id": x.server.IDOf("groups", "Service desk"), "name": "Service desk", "site": nil, "deleted": false},
				"category":     map[string]any{"id": x.server.IDOf("categories", "Hardware"), "name": "Hardware"},
				"template":     map[string]any{"id": x.server.IDOf("request_templates", "Default Request"), "name": "Default Request"},
				"created_time": map[string]any{"value": "1760000000000", "display_value": "Oct 9, 2025 08:53 AM"},
				"due_by_time":  map[string]any{"value": "1760086400000", "display_value": "Oct 10, 2025 08:53 AM"},
				"is_overdue":   false, "is_trashed": false, "has_notes": false, "has_attachments": false, "attachments": []any{},
				"onhold_scheduler": nil, "udf_fields": map[string]any{"udf_sline_101": "B-204"}, "time_elapsed": "0", "first_response_due_by_time": nil,
				"requester.email_id": "ana@example.org", "requester.is_technician": false, "created_by.name": "API User", "resolution.content": nil, "department.name": "Finance",
			} {
				got.wantAt("request."+path, want)
			}
		}},
		"3.1 partial update": {assert: func(x *caller) {
			got := x.put("/requests/"+x.request1(), `{"request":{"impact_details":"two people","update_reason":"asked"}}`).want(200, 2000)
			got.wantAt("request.impact_details", "two people").wantAt("request.subject", "Laptop will not dock").wantAt("request.update_reason", nil)
			got.wantAt("request.last_updated_time.value", "1760000000000")
		}},
		"3.1 internal id, not the number": {assert: func(x *caller) { x.get("/requests/1", "").want(404, 4007) }},
		"3.1 trash and restore, both spellings": {assert: func(x *caller) {
			path := "/requests/" + x.request1()
			for _, spelling := range []string{"/restore_from_trash", "/_restore_from_trash"} {
				x.do("DELETE", path, "").want(200, 2000)
				x.list("/requests", `"get_total_count":true`).wantAt("list_info.total_count", 9.0)
				x.put(path, `{"request":{"subject":"x"}}`).want(404, 4007)
				x.put(path+spelling, "").want(200, 2000)
				x.get(path, "").wantAt("request.is_trashed", false)
			}
		}},
		"7.3 plain spelling": {options: Options{Guesses: Guesses{Spelling: PlainSpelling}}, assert: func(x *caller) {
			x.put("/requests/"+x.request1()+"/_pickup", "").want(404, 4007)
			x.put("/requests/"+x.request1()+"/pickup", "").want(200, 2000)
			x.upload("PUT", "/requests/"+x.request1()+"/_uploads", "filename", "a", "text/plain", "a").want(404, 4007)
			x.upload("PUT", "/requests/"+x.request1()+"/upload", "filename", "a", "text/plain", "a").want(200, 2000)
		}},
		"7.3 underscores": {options: Options{Guesses: Guesses{Spelling: UnderscoreSpelling}}, assert: func(x *caller) {
			x.put("/requests/"+x.request1()+"/pickup", "").want(404, 4007)
			x.put("/requests/"+x.request1()+"/_pickup", "").want(200, 2000)
			x.upload("PUT", "/requests/"+x.request1()+"/upload", "filename", "a", "text/plain", "a").want(404, 4007)
		}},
		"3.1 close, with everything": {assert: func(x *caller) {
			x.put("/requests/"+x.request1()+"/_close", `{"request":{"closure_info":{"requester_ack_resolution":true,"requester_ack_comments":"","closure_comments":"Dock firmware updated","closure_code":{"name":"success"}}}}`).want(200, 2000)
			got := x.get("/requests/"+x.request1(), "")
			got.wantAt("request.status.name", "Closed").wantAt("request.closure_info.closure_code.name", "success").wantAt("request.completed_time.value", "1760000000000")
		}},
		"3.1 close by status": {assert: func(x *caller) {
			x.put("/requests/"+x.request1(), `{"request":{"status":{"name":"Closed"},"closure_info":{"closure_comments":"x"}}}`).want(200, 2000).wantAt("request.status.name", "Closed")
		}},
		"3.1 POST closes nothing": {assert: func(x *caller) {
			x.do("POST", "/requests/"+x.request1()+"/_close", `{"request":{}}`).want(400, 4021)
			x.do("POST", "/requests/"+x.request1()+"/close", `{"request":{}}`).want(404, 4007)
		}},
		"3.1 assign": {assert: func(x *caller) {
			got := x.put("/requests/"+x.request1()+"/_assign", `{"request":{"group":{"name":"Network"},"technician":{"email_id":"omar@example.org"}}}`)
			got.want(200, 2000)
			x.get("/requests/"+x.request1(), "").wantAt("request.technician.name", "Omar Ops").wantAt("request.group.name", "Network")
			x.put("/requests/"+x.request1()+"/_assign", `{"request":{"technician":{"email_id":"tech@example.org"}}}`).want(400, 4001, "technician")
			x.put("/requests/"+x.request1()+"/_assign", `{"request":{"technician":{"email_id":"ana@example.org"}}}`).want(400, 4001, "technician")
		}},
		"3.1 assign needs a category": {options: Options{Site: Site{AssignNeedsCategory: true}}, assert: func(x *caller) {
			id := x.server.Add("requests", Record{"subject": "x"})
			x.put("/requests/"+id+"/_assign", `{"request":{"technician":{"email_id":"tech@example.org"}}}`).want(400, 4012, "category")
		}},
		"3.1 hold and resume": {assert: func(x *caller) {
			held := x.put("/requests/"+x.request1(), `{"request":{"status":{"name":"On Hold"},"onhold_scheduler":{"scheduled_time":{"value":"1760086400000"},"change_to_status":{"name":"Open"},"comments":"waiting for part"}}}`)
			held.want(200, 2000).wantAt("request.status.internal_name", "Onhold").wantAt("request.onhold_scheduler.comments", "waiting for part").wantAt("request.onhold_scheduler.change_to_status.name", "Open")
			x.put("/requests/"+x.request1(), `{"request":{"status":{"name":"Open"}}}`).want(200, 2000).wantAt("request.onhold_scheduler", nil)
		}},
		"3.1 reopen": {assert: func(x *caller) {
			x.put("/requests/"+x.request1()+"/_close", `{"request":{}}`).want(200, 2000)
			x.put("/requests/"+x.request1(), `{"request":{"status":{"name":"Open"}}}`).want(200, 2000).wantAt("request.is_reopened", true).wantAt("request.completed_time", nil)
		}},
		"3.1 merge is for good": {assert: func(x *caller) {
			ids := x.server.IDs("requests")
			x.put("/requests/"+ids[1]+"/merge_requests", `{"merge_requests":[{"id":"`+ids[0]+`"}]}`).want(200, 2000)
			x.get("/requests/"+ids[0], "").want(404, 4007)
			x.get("/requests/"+ids[1]+"/notes", "").want(200, 2000).wantAt("list_info.row_count", 1.0)
			x.put("/requests/"+ids[1]+"/merge_requests", `{"merge_requests":[{"id":"`+ids[1]+`"}]}`).want(400, 4001)
		}},
		"3.1 links go both ways": {assert: func(x *caller) {
			ids := x.server.IDs("requests")
			x.post("/requests/"+ids[0]+"/link_requests", `{"link_requests":[{"linked_request":{"id":"`+ids[1]+`"},"comments":"same dock"}]}`).want(200, 2000)
			got := x.get("/requests/"+ids[1]+"/link_requests", "").want(200, 2000)
			got.wantAt("link_requests.0.linked_request.id", ids[0]).wantAt("link_requests.0.comments", "same dock")
			x.get("/requests/"+ids[0], "").wantAt("request.has_linked_requests", true)
			x.post("/requests/"+ids[0]+"/link_requests", `{"link_requests":[{"linked_request":{"id":"1"}}]}`).want(400, 4001)
		}},
		"3.1 summary": {assert: func(x *caller) {
			x.get("/requests/"+x.request1()+"/summary", "").want(200, 2000).wantAt("summary.note_count", "1")
		}},
		"3.1 no history": {assert: func(x *caller) { x.get("/requests/"+x.request1()+"/_history", "").want(404, 4007) }},
		"3.1 history": {options: Options{Guesses: Guesses{History: true}}, assert: func(x *caller) {
			x.get("/requests/"+x.request1()+"/_history", "").want(200, 2000)
			x.get("/requests/"+x.request1()+"/history", "").want(200, 2000)
		}},
		"3.1 resolution of its own": {assert: func(x *caller) {
			path := "/requests/" + x.request1() + "/resolutions"
			x.post(path, `{"resolution":{"content":"<p>Updated firmware</p>","add_to_linked_requests":false}}`).want(201, 2000).wantAt("resolution.content", "<p>Updated firmware</p>")
			got := x.get(path, "").want(200, 2000).wantAt("resolution.submitted_by.name", "API User").wantAt("resolution.submitted_on.value", "1760000000000")
			got.wantAt("resolution.resolution_attachments", []any{})
			x.put(path, `{"resolution":{"content":"<p>Other</p>"}}`).want(200, 2000)
			x.get("/requests/"+x.request1(), "").wantAt("request.resolution.content", "<p>Other</p>")
			x.put("/requests/"+x.request1(), `{"request":{"resolution":{"content":"<p>Third</p>"}}}`).want(200, 2000).wantAt("request.resolution.content", "<p>Third</p>")
		}},
		"3.1 overdue by the clock": {assert: func(x *caller) {
			x.get("/requests/"+x.request1(), "").wantAt("request.is_overdue", false)
			x.clock.Advance(20 * time.Hour)
			x.header.Set("Authorization", "Zoho-oauthtoken "+x.server.AccessToken())
			x.get("/requests/"+x.request1(), "").wantAt("request.is_overdue", true)
			x.list("/requests", `"search_criteria":{"field":"is_overdue","condition":"is","value":true},"sort_field":"id"`).wantAt("requests.0.subject", "Laptop will not dock")
		}},
		"3.1 keys of on-premises": {options: onPremises, assert: func(x *caller) {
			got := x.get("/requests/"+x.request1(), "").want(200, 2000)
			got.wantAt("request.is_shared", false).wantAt("request.cancel_requested", false).wantAt("request.cancellation_requested", nil)
		}},
	})
}

// TestUnderRequests holds what is under a request: notes, worklogs, tasks and the like.
func TestUnderRequests(t *testing.T) {
	t.Parallel()
	under := func(x *caller) string { return "/requests/" + x.request1() }
	run(t, map[string]paragraph{
		"3.1 notes, cloud": {assert: func(x *caller) {
			made := x.post(under(x)+"/notes", `{"request_note":{"description":"<p>Rang</p>","show_to_requester":false,"notify_technician":false,"mark_first_response":false,"add_to_linked_requests":false}}`).want(201, 2000)
			made.wantAt("request_note.created_by.name", "API User").wantAt("request_note.notify_technician", nil)
			x.get(under(x)+"/notes", "").want(200, 2000).wantAt("notes.1.description", "<p>Rang</p>")
			note := under(x) + "/notes/" + made.string("request_note.id")
			x.put(note, `{"request_note":{"description":"<p>Rang twice</p>"}}`).want(200, 2000)
			x.get(note, "").want(200, 2000).wantAt("request_note.description", "<p>Rang twice</p>")
			x.do("DELETE", note, "").want(200, 2000)
			x.get(note, "").want(404, 4007)
			x.post(under(x)+"/notes", `{"request_note":{}}`).want(400, 4012, "description")
			x.post(under(x)+"/notes", `{"note":{"description":"x"}}`).want(400, 4001, "note")
		}},
		"7.5 notes are request_notes": {options: Options{Guesses: Guesses{NoteListKey: "request_notes"}}, assert: func(x *caller) {
			x.get(under(x)+"/notes", "").want(200, 2000).wantAt("notes", nil).wantAt("request_notes.0.created_by.name", "Tom Tech")
		}},
		"3.1 notes, on-premises": {options: onPremises, assert: func(x *caller) {
			made := x.post(under(x)+"/notes", `{"note":{"description":"<p>Rang</p>"}}`).want(201, 2000)
			list := x.get(under(x)+"/notes", "").want(200, 2000)
			list.wantAt("notes.1.description", nil).wantAt("notes.1.added_by.name", "API User").wantAt("notes.1.last_updated_time", nil)
			one := x.get(under(x)+"/notes/"+made.string("note.id"), "").want(200, 2000)
			one.wantAt("note.description", "<p>Rang</p>").wantAt("note.request", map[string]any{"id": x.request1()})
		}},
		"3.1 notes for linked requests": {assert: func(x *caller) {
			other := x.server.IDs("requests")[1]
			x.post(under(x)+"/link_requests", `{"link_requests":[{"linked_request":{"id":"`+other+`"}}]}`).want(200, 2000)
			x.post(under(x)+"/notes", `{"request_note":{"description":"both","add_to_linked_requests":true}}`).want(201, 2000)
			x.get("/requests/"+other+"/notes", "").wantAt("notes.0.description", "both")
		}},
		"3.1 conversations and their text": {assert: func(x *caller) {
			got := x.get(under(x)+"/conversations", "").want(200, 2000).wantAt("conversations.0.type", "REQREPLY").wantAt("conversations.0.from.email_id", "ana@example.org").wantAt("conversations.0.content", nil)
			x.prefix = ""
			x.get(got.string("conversations.0.content_url"), "").want(200, 2000).wantAt("notification.description", "<p>It still shows no picture.</p>")
		}},
		"3.1 no conversations": {options: Options{Site: Site{Absent: []string{"GET /requests/*/conversations"}}}, assert: func(x *caller) {
			x.get(under(x)+"/conversations", "").want(404, 4007)
		}},
		"3.1 worklogs, cloud": {assert: func(x *caller) {
			got := x.post(under(x)+"/worklogs", `{"worklog":{"owner":{"email_id":"tech@example.org"},"description":"Remote session","start_time":{"value":"1760000000000"},"end_time":{"value":"1760001800000"},
				"time_spent":{"hours":"0","minutes":"30"},"include_nonoperational_hours":true,"worklog_type":{"name":"Remote"},"other_charge":"0","mark_first_response":false}}`).want(201, 2000)
			got.wantAt("worklog.worklog_type.name", "Remote").wantAt("worklog.time_spent.minutes", "30").wantAt("worklog.recorded_time.value", "1760000000000").wantAt("worklog.tech_charge", "0.00")
			x.post(under(x)+"/worklogs", `{"worklog":{"description":"x"}}`).want(400, 4012, "owner")
			x.post(under(x)+"/worklogs", `{"worklog":{"owner":{"email_id":"tech@example.org"},"is_billable":true}}`).want(400, 4001, "is_billable")
			x.post(under(x)+"/worklogs", `{"worklog":{"owner":{"email_id":"tech@example.org"},"start_time":{"value":2},"end_time":{"value":1}}}`).want(400, 4016, "end_time")
		}},
		"3.1 worklogs of sites that take more keys": {options: Options{Site: Site{WorklogExtrasAccepted: true}}, assert: func(x *caller) {
			x.post(under(x)+"/worklogs", `{"worklog":{"owner":{"email_id":"tech@example.org"},"is_billable":true}}`).want(201, 2000)
		}},
		"2.2 worklogs in the query lose what is nested": {options: Options{Site: Site{WorklogsMisparsedInQuery: true}}, assert: func(x *caller) {
			input := `{"worklog":{"owner":{"email_id":"tech@example.org"},"time_spent":{"hours":"1","minutes":"0"}}}`
			x.post(under(x)+"/worklogs", input).want(201, 2000).wantAt("worklog.time_spent.hours", "1")
			get := x.request("GET", under(x)+"/worklogs", input)
			get.Method = "POST"
			x.send(get).want(201, 2000).wantAt("worklog.time_spent.hours", "0")
		}},
		"3.1 tasks with worklogs, dependencies": {assert: func(x *caller) {
			first := x.post(under(x)+"/tasks", `{"task":{"title":"Replace dock","owner":{"email_id":"tech@example.org"},"status":{"name":"Open"},"percentage_completion":"0","scheduled_end_time":{"value":"1760086400000"}}}`).want(201, 2000)
			first.wantAt("task.request.id", x.request1()).wantAt("task.index", "1").wantAt("task.overdue", false).wantAt("task.email_before", "0").wantAt("task.template.name", "Default Task")
			second := x.post(under(x)+"/tasks", `{"task":{"title":"Test dock"}}`).want(201, 2000).string("task.id")
			id := first.string("task.id")
			x.post(under(x)+"/tasks/"+id+"/worklogs", `{"worklog":{"owner":{"email_id":"tech@example.org"}}}`).want(201, 2000)
			x.post(under(x)+"/task_dependencies", `{"task_dependency":{"parent_task":{"id":"`+id+`"},"child_task":{"id":"`+second+`"}}}`).want(201, 2000).wantAt("task_dependency.child_task.title", "Test dock")
			x.post(under(x)+"/task_dependencies", `{"task_dependency":{"parent_task":{"id":"`+id+`"},"child_task":{"id":"`+id+`"}}}`).want(400, 4001)
			x.post(under(x)+"/tasks", `{"task":{"description":"x"}}`).want(400, 4012, "title")
			x.put(under(x)+"/tasks/"+id, `{"task":{"status":{"name":"Completed"},"percentage_completion":"100","actual_end_time":{"value":"1760000000000"}}}`).want(200, 2000).wantAt("task.status.in_progress", false)
			x.put(under(x)+"/tasks/"+id, `{"task":{"template":{"name":"Default Task"}}}`).want(400, 4009, "template")
			x.put(under(x)+"/tasks/"+id, `{"task":{"percentage_completion":"101"}}`).want(400, 4014, "percentage_completion")
		}},
		"3.1 general tasks": {assert: func(x *caller) {
			x.post("/tasks", `{"task":{"title":"x"}}`).want(201, 2000).wantAt("task.request", nil)
			x.get("/tasks", "").want(200, 2000).wantAt("list_info.row_count", 1.0)
		}},
		"3.1 attachments, cloud": {assert: func(x *caller) {
			for _, way := range [][2]string{{"POST", "/_uploads"}, {"PUT", "/upload"}, {"PUT", "/_upload"}} {
				x.upload(way[0], under(x)+way[1]+"?addtoattachment=true", "filename", "shot.png", "image/png", "picture").want(200, 2000)
			}
			list := x.get(under(x)+"/attachments", "").want(200, 2000).wantAt("list_info.row_count", 3.0).wantAt("attachments.0.content_type", "image/png").wantAt("attachments.0.size", "7")
			file := under(x) + "/attachments/" + list.string("attachments.0.id")
			if got := x.get(file+"/_download", ""); got.status != 200 || got.text != "picture" {
				x.t.Errorf("downloaded %d %q", got.status, got.text)
			}
			x.get(file+"/download", "").want(404, 4007)
			prefix := x.prefix
			x.prefix = ""
			if got := x.get(list.string("attachments.0.content_url"), ""); got.text != "picture" {
				x.t.Errorf("content_url %q", got.text)
			}
			x.prefix = prefix
			x.get(under(x), "").wantAt("request.has_attachments", true).wantAt("request.attachments.0.name", "shot.png")
			x.do("DELETE", file, "").want(200, 2000)
		}},
		"3.1 attachments, on-premises": {options: onPremises, assert: func(x *caller) {
			x.upload("PUT", under(x)+"/_uploads", "input_file", "a", "text/plain", "a").want(404, 4007)
			x.upload("PUT", under(x)+"/upload", "filename", "a", "text/plain", "a").want(400, 4012)
			made := x.upload("PUT", under(x)+"/upload?description=x", "input_file", "a", "text/plain", "a").want(200, 2000)
			if got := x.get(under(x)+"/attachments/"+made.string("attachment.id")+"/download", ""); got.text != "a" {
				x.t.Errorf("downloaded %q", got.text)
			}
		}},
		"3.1 approvals": {assert: func(x *caller) {
			level := x.post(under(x)+"/approval_levels", `{"approval_level":{}}`).want(201, 2000)
			level.wantAt("approval_level.level", "1").wantAt("approval_level.status.name", "Pending Approval")
			path := under(x) + "/approval_levels/" + level.string("approval_level.id") + "/approvals"
			id := x.post(path, `{"approval":{"approver":{"email_id":"mia@example.org"}}}`).want(201, 2000).wantAt("approval.sent_on", nil).string("approval.id")
			x.put(path+"/"+id+"/_approve", `{"approval":{"comments":"ok"}}`).want(400, 4009)
			x.get(path+"/get_notification_content", "").want(200, 2000)
			x.put(path+"/send_notification?ids="+id, "").want(200, 2000)
			x.put(path+"/"+id+"/approve", `{"approval":{"comments":"ok"}}`).want(404, 4007)
			x.put(path+"/"+id+"/_approve", `{"approval":{"comments":"ok"}}`).want(200, 2000)
			x.get(path, "").wantAt("approvals.0.status.name", "Approved").wantAt("approvals.0.comments", "ok").wantAt("approvals.0.approver.name", "Mia Boss")
			x.put(path+"/"+id+"/_reject", `{"approval":{}}`).want(400, 4009)
			x.list("/requests", `"filter_by":{"name":"Requests_Pending_Approval"}`).wantSubjects("Laptop will not dock")
		}},
		"3.1 approvals, on-premises": {options: onPremises, assert: func(x *caller) {
			x.post(under(x)+"/approval_levels", `{"approval_level":{}}`).want(400, 4012, "approvals")
			level := x.post(under(x)+"/approval_levels", `{"approval_level":{"approvals":[{"approver":{"email_id":"mia@example.org"}}]}}`).want(201, 2000).string("approval_level.id")
			path := under(x) + "/approval_levels/" + level + "/approvals"
			id := x.get(path, "").string("approvals.0.id")
			x.put(path+"/send_notification?ids="+id, "").want(200, 2000)
			x.put(path+"/"+id+"/reject", `{"approval":{}}`).want(200, 2000)
		}},
		"3.1 associations": {assert: func(x *caller) {
			problem := x.server.IDs("problems")[0]
			input := `{"request_problem_association":{"problem":{"id":"` + problem + `"}}}`
			x.post(under(x)+"/problem", input).want(200, 2000)
			x.get(under(x), "").wantAt("request.has_problem", true)
			x.get(under(x)+"/problem", "").wantAt("problem.id", problem)
			x.do("DELETE", under(x)+"/problem", "").want(400, 4012)
			x.do("DELETE", under(x)+"/problem", input).want(200, 2000)
			x.get(under(x), "").wantAt("request.has_problem", false)
			x.post(under(x)+"/request_initiated_change", `{"request_initiated_change_association":{"change":{"id":"`+x.server.IDs("changes")[0]+`"}}}`).want(200, 2000)
			x.post(under(x)+"/project", `{"request_project_association":{"project":{"id":"`+x.server.IDs("projects")[0]+`"}}}`).want(200, 2000)
		}},
	})
}
