package sdptest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// lacking lists what a fixture has and an answer has not, or has of another JSON type; null goes with anything.
func lacking(at string, fixture, answer any) []string {
	var all []string
	switch want := fixture.(type) {
	case nil:
	case map[string]any:
		have, is := answer.(map[string]any)
		if !is {
			return []string{fmt.Sprintf("%s: %T instead of an object", at, answer)}
		}
		for k, v := range want {
			value, there := have[k]
			if !there {
				all = append(all, at+"."+k+" is missing")
				continue
			}
			all = append(all, lacking(at+"."+k, v, value)...)
		}
	case []any:
		have, is := answer.([]any)
		if !is || len(have) < len(want) {
			return []string{fmt.Sprintf("%s: %v instead of a list of %d", at, answer, len(want))}
		}
		for i := range want {
			all = append(all, lacking(fmt.Sprintf("%s[%d]", at, i), want[i], have[i])...)
		}
	default:
		if answer != nil && fmt.Sprintf("%T", answer) != fmt.Sprintf("%T", fixture) {
			return []string{fmt.Sprintf("%s: %T instead of %T", at, answer, fixture)}
		}
	}
	return all
}

// TestFixtures holds appendix A: every key of a fixture is there, in its type.
func TestFixtures(t *testing.T) {
	t.Parallel()
	const tech = `{"email_id":"tech@example.org"}`
	request := func(x *caller) string { return "/requests/" + x.request1() }
	for name, tc := range map[string]struct {
		options Options
		answer  func(x *caller) *response
		at      string // of the answer; all of it when empty
		fixture string
	}{
		"A1 a row of requests": {
			answer: func(x *caller) *response { return x.get("/requests", "") }, at: "requests.0",
			fixture: `{"id":"100000000000031001","display_id":"31","subject":"Laptop will not dock","status":{"id":"100000000000006657","name":"Open","internal_name":"Open","color":"#0066ff","in_progress":true,"stop_timer":false},
				"requester":{"id":"100000000000090001","name":"Ana Lopez","email_id":"ana@example.org","is_vip_user":false},"technician":null,"group":null,
				"template":{"id":"100000000000006655","name":"Default Request"},"created_time":{"value":"1760000000000","display_value":"Oct 9, 2025 08:53 AM"},
				"due_by_time":null,"is_service_request":false,"cancellation_requested":false,"cancel_flag_comments":null,"has_notes":false,"has_draft":false}`,
		},
		"A2 notes, cloud": {
			answer: func(x *caller) *response { return x.get(request(x)+"/notes", "") },
			fixture: `{"response_status":[{"status_code":2000,"status":"success"}],"list_info":{"has_more_rows":false,"start_index":1,"row_count":1},
				"notes":[{"id":"100000000000032001","description":"<p>Rang the user</p>","show_to_requester":false,"created_by":{"id":"100000000000090020","name":"Tom Tech"},"created_time":{"value":"1760003600000","display_value":"Oct 9, 2025 09:53 AM"}}]}`,
		},
		"A2 notes, on-premises": {
			options: onPremises, answer: func(x *caller) *response { return x.get(request(x)+"/notes", "") },
			fixture: `{"response_status":[{"status_code":2000,"status":"success"}],"list_info":{"has_more_rows":false,"start_index":1,"row_count":1},
				"notes":[{"id":"41","show_to_requester":false,"added_by":{"id":"5","name":"Tom Tech"},"added_time":{"value":"1760003600000","display_value":"Oct 9, 2025 09:53 AM"},"last_updated_time":null}]}`,
		},
		"A2 a note, on-premises": {
			options: onPremises, answer: func(x *caller) *response { return x.post(request(x)+"/notes", `{"note":{"description":"x"}}`) },
			fixture: `{"response_status":{"status_code":2000,"status":"success"},"note":{"id":"41","description":"<p>Rang the user</p>","show_to_requester":false,"request":{"id":"31"},"added_by":{"id":"5","name":"Tom Tech"}}}`,
		},
		"A3 a worklog, cloud": {
			answer: func(x *caller) *response {
				return x.post(request(x)+"/worklogs", `{"worklog":{"owner":`+tech+`,"worklog_type":{"name":"Remote"},"start_time":{"value":"1760000000000"},"end_time":{"value":"1760001800000"}}}`)
			},
			fixture: `{"worklog":{"id":"100000000000033001","description":"Remote session","owner":{"id":"100000000000090020","name":"Tom Tech","email_id":"tech@example.org"},"start_time":{"value":"1760000000000","display_value":"Oct 9, 2025 08:53 AM"},
				"end_time":{"value":"1760001800000","display_value":"Oct 9, 2025 09:23 AM"},"time_spent":{"value":"1800000","hours":"0","minutes":"30"},"worklog_type":{"id":"100000000000033900","name":"Remote"},"include_nonoperational_hours":true,"tech_charge":"0.00","other_charge":"0.00","total_charge":"0.00",
				"recorded_time":{"value":"1760001900000","display_value":"Oct 9, 2025 09:25 AM"}},"response_status":{"status_code":2000,"status":"success"}}`,
		},
		"A3 a worklog, on-premises": {
			options: onPremises, answer: func(x *caller) *response {
				return x.post(request(x)+"/worklogs", `{"worklog":{"owner":`+tech+`,"type":{"name":"Remote"}}}`)
			},
			fixture: `{"worklog":{"id":"12","description":"Remote session","owner":{"id":"5","name":"Tom Tech"},"time_spent":{"hours":"0","minutes":"30"},"type":{"id":"1","name":"Remote"},"owner_cost":"0.00","other_cost":"0.00","total_cost":"0.00"},"response_status":{"status_code":2000,"status":"success"}}`,
		},
		"A4 a task": {
			answer: func(x *caller) *response {
				return x.post(x.project()+"/tasks", `{"task":{"title":"Replace dock","owner":`+tech+`,"scheduled_end_time":{"value":"1760086400000"}}}`)
			},
			fixture: `{"task":{"id":"100000000000034001","title":"Replace dock","description":null,"status":{"id":"100000000000006657","name":"Open"},"priority":null,"owner":{"id":"100000000000090020","name":"Tom Tech","email_id":"tech@example.org"},"group":null,
				"percentage_completion":"0","estimated_effort_days":"0","estimated_effort_hours":"1","estimated_effort_minutes":"0","scheduled_start_time":null,"scheduled_end_time":{"value":"1760086400000","display_value":"Oct 10, 2025 08:53 AM"},"actual_start_time":null,"actual_end_time":null,
				"created_by":{"id":"100000000000090009","name":"API User"},"created_time":{"value":"1760000000000","display_value":"Oct 9, 2025 08:53 AM"},"template":{"name":"Default Task"},"project":{"id":"100000000000401001","title":"Office move"},"milestone":null,"overdue":false,"index":"1","email_before":"0","additional_cost":"0.00"},
				"response_status":{"status_code":2000,"status":"success"}}`,
		},
		"A5 an approval level": {
			answer:  func(x *caller) *response { return x.post(request(x)+"/approval_levels", `{"approval_level":{}}`) },
			fixture: `{"approval_level":{"id":"100000000000035001","level":"1","status":{"name":"Pending Approval"}},"response_status":{"status_code":2000,"status":"success"}}`,
		},
		"A5 an approval": {
			answer: func(x *caller) *response {
				level := x.post(request(x)+"/approval_levels", `{"approval_level":{}}`).string("approval_level.id")
				return x.post(request(x)+"/approval_levels/"+level+"/approvals", `{"approval":{"approver":{"email_id":"mia@example.org"}}}`)
			},
			fixture: `{"approval":{"id":"100000000000035101","approver":{"id":"100000000000090030","name":"Mia Boss","email_id":"mia@example.org"},"status":{"name":"Pending Approval"},"comments":null,"sent_on":null,"approved_time":null},"response_status":{"status_code":2000,"status":"success"}}`,
		},
		"A6 project members": {
			answer: func(x *caller) *response { return x.get(x.project()+"/project_members", "") },
			fixture: `{"response_status":[{"status_code":2000,"status":"success"}],"list_info":{"has_more_rows":false,"start_index":1,"row_count":1},
				"project_members":[{"id":"100000000000402001","user":{"id":"100000000000090020","name":"Tom Tech"},"role":{"id":"100000000000402900","name":"Team Member"},"is_active":true,"project":{"id":"100000000000401001","title":"Office move"}}]}`,
		},
		"A6 a task's comment": {
			answer: func(x *caller) *response {
				return x.post(x.project()+"/tasks/"+x.server.IDOf("tasks", "Lay cables")+"/comments", `{"task_comment":{"comment":"<p>Cabling done</p>"}}`)
			},
			fixture: `{"task_comment":{"id":"100000000000455001","comment":"<p>Cabling done</p>","parent_comment":null,"task":{"id":"100000000000034001","title":"Replace dock"},"created_by":{"id":"100000000000090020","name":"Tom Tech"},"created_time":{"value":"1760003600000","display_value":"Oct 9, 2025 09:53 AM"}},"response_status":{"status_code":2000,"status":"success"}}`,
		},
		"A7 a status": {
			answer: func(x *caller) *response { return x.get("/statuses", "") }, at: "statuses.1",
			fixture: `{"id":"100000000000006660","name":"On Hold","internal_name":"Onhold","color":"#ff9900","in_progress":true,"stop_timer":true,"description":"","deleted":false}`,
		},
		"A7 a subcategory": {
			answer: func(x *caller) *response { return x.get("/subcategories", "") }, at: "subcategories.1",
			fixture: `{"id":"100000000000006712","name":"Docking station","category":{"id":"100000000000006689","name":"Hardware"},"description":"","deleted":false}`,
		},
		"A7 a template": {
			answer: func(x *caller) *response { return x.get("/request_templates", "") }, at: "request_templates.0",
			fixture: `{"id":"100000000000006655","name":"Default Request","is_service_template":false,"service_category":null,"inactive":false}`,
		},
		"A7 a group": {
			answer: func(x *caller) *response { return x.get("/groups", "") }, at: "groups.0",
			fixture: `{"id":"100000000000006683","name":"Service desk","description":"","site":null,"deleted":false}`,
		},
		"A7 a department": {
			answer: func(x *caller) *response { return x.get("/departments", "") }, at: "departments.0",
			fixture: `{"id":"100000000000090500","name":"IT","site":{"id":"100000000000090510","name":"Main office"},"description":""}`,
		},
		"A7 a project status": {
			answer: func(x *caller) *response { return x.get("/project_statuses", "") }, at: "project_statuses.1",
			fixture: `{"id":"100000000000401801","name":"Onhold","internal_name":"Onhold","color":"#ff9900","in_progress":true,"index":"2","deleted":false}`,
		},
		"A8 an unknown token": {
			answer:  func(x *caller) *response { x.server.KillAccessTokens(); return x.get("/requests", "") },
			fixture: `{"response_status":{"status_code":4000,"status":"failed","messages":[{"status_code":4022,"type":"failed","message":"Invalid token"}]}}`,
		},
		"A8 an unknown key": {
			answer:  func(x *caller) *response { return x.post("/requests", `{"request":{"subject":"x","colour":1}}`) },
			fixture: `{"response_status":{"status_code":4000,"status":"failed","messages":[{"status_code":4001,"type":"failed","field":"colour","message":"EXTRA_KEY_FOUND_IN_JSON"}]}}`,
		},
		"A8 what is missing": {
			answer:  func(x *caller) *response { return x.post("/requests", `{"request":{}}`) },
			fixture: `{"response_status":{"status_code":4000,"status":"failed","messages":[{"status_code":4012,"type":"failed","fields":["subject"]}]}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := start(t, tc.options)
			got := tc.answer(x)
			var fixture, answer any = nil, got.body
			if err := json.Unmarshal([]byte(tc.fixture), &fixture); err != nil {
				t.Fatal(err)
			}
			if tc.at != "" {
				answer = got.at(tc.at)
			}
			if missing := lacking("answer", fixture, answer); missing != nil {
				t.Errorf("%s\n%s", strings.Join(missing, "\n"), got.text)
			}
		})
	}
}
