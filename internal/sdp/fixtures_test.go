package sdp

// Answers of ServiceDesk Plus, synthetic, in the shapes that its documentation and clients that run against it show.
const (
	fixtureRequestRow = `{"id":"100000000000031001","display_id":"31","subject":"Laptop will not dock","status":{"id":"100000000000006657","name":"Open","internal_name":"Open","color":"#0066ff","in_progress":true,"stop_timer":false},
 "requester":{"id":"100000000000090001","name":"Ana Lopez","email_id":"ana@example.org","is_vip_user":false},"technician":null,"group":null,
 "template":{"id":"100000000000006655","name":"Default Request"},"created_time":{"value":"1760000000000","display_value":"Oct 9, 2025 08:53 AM"},
 "due_by_time":null,"is_service_request":false,"cancellation_requested":false,"cancel_flag_comments":null,"has_notes":false,"has_draft":false}`
	fixtureRequest = `{"request":{"id":"100000000000031001","display_id":"31","subject":"Laptop will not dock","description":"<p>No picture on the external screen</p>",
 "status":{"id":"100000000000006657","name":"Open","internal_name":"Open","color":"#0066ff","in_progress":true,"stop_timer":false},
 "priority":{"id":"100000000000006803","name":"Normal","color":"#00aa00"},"request_type":{"id":"100000000000008391","name":"Incident"},
 "requester":{"id":"100000000000090001","name":"Ana Lopez","email_id":"ana@example.org","is_technician":false,"is_vip_user":false},
 "technician":null,"group":{"id":"100000000000006683","name":"Service desk","site":null,"deleted":false},
 "category":{"id":"100000000000006689","name":"Hardware"},"subcategory":{"id":"100000000000006712","name":"Docking station"},"item":null,
 "template":{"id":"100000000000006655","name":"Default Request"},"is_service_request":false,"approval_status":null,
 "created_time":{"value":"1760000000000","display_value":"Oct 9, 2025 08:53 AM"},
 "created_by":{"id":"100000000000090009","name":"API User","email_id":"api@example.org"},
 "last_updated_time":null,"assigned_time":null,"resolved_time":null,"completed_time":null,"responded_time":null,
 "due_by_time":{"value":"1760086400000","display_value":"Oct 10, 2025 08:53 AM"},"first_response_due_by_time":null,
 "is_overdue":false,"is_escalated":false,"is_reopened":false,"is_trashed":false,"has_notes":false,"has_attachments":false,
 "attachments":[],"resolution":{"content":null},"onhold_scheduler":null,"udf_fields":{"udf_sline_101":"B-204"},"time_elapsed":"0"},
 "response_status":{"status_code":2000,"status":"success"}}`
	fixtureCloudNotes = `{"response_status":[{"status_code":2000,"status":"success"}],"list_info":{"has_more_rows":false,"start_index":1,"row_count":1},
 "notes":[{"id":"100000000000032001","description":"<p>Rang the user</p>","show_to_requester":false,"created_by":{"id":"100000000000090020","name":"Tom Tech"},"created_time":{"value":"1760003600000","display_value":"Oct 9, 2025 09:53 AM"}}]}`
	fixtureOnPremisesNotes = `{"response_status":[{"status_code":2000,"status":"success"}],"list_info":{"has_more_rows":false,"start_index":1,"row_count":1},
 "notes":[{"id":"41","show_to_requester":false,"added_by":{"id":"5","name":"Tom Tech"},"added_time":{"value":"1760003600000","display_value":"Oct 9, 2025 09:53 AM"},"last_updated_time":null}]}`
	fixtureOnPremisesNote = `{"response_status":{"status_code":2000,"status":"success"},"note":{"id":"41","description":"<p>Rang the user</p>","show_to_requester":false,"request":{"id":"31"},"added_by":{"id":"5","name":"Tom Tech"}}}`
	fixtureCloudWorklog   = `{"worklog":{"id":"100000000000033001","description":"Remote session","owner":{"id":"100000000000090020","name":"Tom Tech","email_id":"tech@example.org"},"start_time":{"value":"1760000000000","display_value":"Oct 9, 2025 08:53 AM"},
 "end_time":{"value":"1760001800000","display_value":"Oct 9, 2025 09:23 AM"},"time_spent":{"value":"1800000","hours":"0","minutes":"30"},"worklog_type":{"id":"100000000000033900","name":"Remote"},"include_nonoperational_hours":true,"tech_charge":"0.00","other_charge":"0.00","total_charge":"0.00",
 "recorded_time":{"value":"1760001900000","display_value":"Oct 9, 2025 09:25 AM"}},"response_status":{"status_code":2000,"status":"success"}}`
	fixtureOnPremisesWorklog = `{"worklog":{"id":"12","description":"Remote session","owner":{"id":"5","name":"Tom Tech"},"time_spent":{"hours":"0","minutes":"30"},"type":{"id":"1","name":"Remote"},"owner_cost":"0.00","other_cost":"0.00","total_cost":"0.00"},"response_status":{"status_code":2000,"status":"success"}}`
	fixtureTask              = `{"task":{"id":"100000000000034001","title":"Replace dock","description":null,"status":{"id":"100000000000006657","name":"Open"},"priority":null,"owner":{"id":"100000000000090020","name":"Tom Tech","email_id":"tech@example.org"},"group":null,
 "percentage_completion":"0","estimated_effort_days":"0","estimated_effort_hours":"1","estimated_effort_minutes":"0","scheduled_start_time":null,"scheduled_end_time":{"value":"1760086400000","display_value":"Oct 10, 2025 08:53 AM"},"actual_start_time":null,"actual_end_time":null,
 "created_by":{"id":"100000000000090009","name":"API User"},"created_time":{"value":"1760000000000","display_value":"Oct 9, 2025 08:53 AM"},"template":{"name":"Default Task"},"project":{"id":"100000000000401001","title":"Office move"},"milestone":null,"overdue":false,"index":"1","email_before":"0","additional_cost":"0.00"},
 "response_status":{"status_code":2000,"status":"success"}}`
	fixtureApprovalLevel = `{"approval_level":{"id":"100000000000035001","level":"1","status":{"name":"Pending Approval"}},"response_status":{"status_code":2000,"status":"success"}}`
	fixtureApproval      = `{"approval":{"id":"100000000000035101","approver":{"id":"100000000000090030","name":"Mia Boss","email_id":"mia@example.org"},"status":{"name":"Pending Approval"},"comments":null,"sent_on":null,"approved_time":null},"response_status":{"status_code":2000,"status":"success"}}`
	fixtureMembers       = `{"response_status":[{"status_code":2000,"status":"success"}],"list_info":{"has_more_rows":false,"start_index":1,"row_count":1},
 "project_members":[{"id":"100000000000402001","user":{"id":"100000000000090020","name":"Tom Tech"},"role":{"id":"100000000000402900","name":"Team Member"},"is_active":true,"project":{"id":"100000000000401001","title":"Office move"}}]}`
	fixtureTaskComment = `{"task_comment":{"id":"100000000000455001","comment":"<p>Cabling done</p>","parent_comment":null,"task":{"id":"100000000000034001","title":"Replace dock"},"created_by":{"id":"100000000000090020","name":"Tom Tech"},"created_time":{"value":"1760003600000","display_value":"Oct 9, 2025 09:53 AM"}},"response_status":{"status_code":2000,"status":"success"}}`
	fixtureProject     = `{"project":{"id":"100000000000401001","display_id":{"display_value":"PJT-12","value":"12"},"title":"Office move","description":"<p>…</p>","project_code":"MOVE-25",
 "status":{"id":"100000000000401801","name":"Open","color":"#0066ff","in_progress":true},"project_type":{"id":"100000000000401701","name":"Infrastructure"},
 "priority":{"id":"100000000000006803","name":"Normal"},"owner":{"id":"100000000000090020","name":"Tom Tech","email_id":"tech@example.org"},
 "scheduled_start_time":{"value":"1760000000000","display_value":"Oct 9, 2025"},"scheduled_end_time":{"value":"1765000000000","display_value":"Dec 6, 2025"},
 "percentage_completion":"20","created_time":{"value":"1759990000000","display_value":"Oct 9, 2025 06:06 AM"},"site":null,"department":null},
 "response_status":{"status_code":2000,"status":"success"}}`
	fixtureAsset = `{"asset":{"id":"100000000000700001","name":"LT-0142","asset_tag":"A-0142","product":{"id":"100000000000710001","name":"Laptop 14"},
 "product_type":{"name":"Computer"},"asset_state":{"name":"In Use"},"user":{"id":"100000000000090001","name":"Ana Lopez"},"serial_number":"SN-EXAMPLE"}}`
	fixtureUser       = `{"user":{"id":"100000000000090020","name":"Tom Tech","email_id":"tech@example.org","is_technician":true,"department":{"id":"100000000000090500","name":"IT"},"cost_per_hour":"0.00"}}`
	fixturePriorities = `{"response_status":[{"status_code":2000,"status":"success"}],"list_info":{"has_more_rows":false,"start_index":1,"row_count":2},
 "priorities":[{"id":"100000000000006801","name":"High","color":"#ff0000","description":"","deleted":false},
               {"id":"100000000000006803","name":"Normal","color":"#00aa00","description":"","deleted":false}]}`
)

// fixtureLookupRows are rows of a status, a subcategory, a template, a group, a department and a project's status.
var fixtureLookupRows = []string{
	`{"id":"100000000000006660","name":"On Hold","internal_name":"Onhold","color":"#ff9900","in_progress":true,"stop_timer":true,"description":"","deleted":false}`,
	`{"id":"100000000000006712","name":"Docking station","category":{"id":"100000000000006689","name":"Hardware"},"description":"","deleted":false}`,
	`{"id":"100000000000006655","name":"Default Request","is_service_template":false,"service_category":null,"inactive":false}`,
	`{"id":"100000000000006683","name":"Service desk","description":"","site":null,"deleted":false}`,
	`{"id":"100000000000090500","name":"IT","site":{"id":"100000000000090510","name":"Main office"},"description":""}`,
	`{"id":"100000000000401801","name":"Onhold","internal_name":"Onhold","color":"#ff9900","in_progress":true,"index":"2","deleted":false}`,
}

// fixtures are all, as seeds.
func fixtures() []string {
	return append([]string{
		fixtureRequestRow, fixtureRequest, fixtureCloudNotes, fixtureOnPremisesNotes, fixtureOnPremisesNote, fixtureCloudWorklog, fixtureOnPremisesWorklog,
		fixtureTask, fixtureApprovalLevel, fixtureApproval, fixtureMembers, fixtureTaskComment, fixtureProject, fixtureAsset, fixtureUser, fixturePriorities,
	}, fixtureLookupRows...)
}
