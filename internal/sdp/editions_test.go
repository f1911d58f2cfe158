package sdp

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// everyRecord is an answer in which each kind of record and list is found.
const everyRecord = `{"response_status":{"status_code":2000,"status":"success"},"record":{"id":"1","content_url":"x"}}`

// TestEditions holds what is sent for each operation, in the cloud and on premises.
func TestEditions(t *testing.T) {
	t.Parallel()
	at := At(time.UnixMilli(1760000000000))
	for name, tc := range map[string]struct {
		call              func(context.Context, *Client) error
		cloud, onPremises string
	}{
		"list": {func(ctx context.Context, c *Client) error {
			_, err := c.Requests().List(ctx, ListOptions{Rows: 2, Fields: []string{"id"}, CountAll: true, Sort: "id", View: "Open_Requests"})
			return err
		}, `GET /requests query {"list_info":{"fields_required":["id"],"filter_by":{"name":"Open_Requests"},"get_total_count":true,"row_count":2,"sort_field":"id","sort_order":"asc","start_index":1}}`,
			`GET /requests query {"fields_required":["id"],"list_info":{"filter_by":{"name":"Open_Requests"},"get_total_count":true,"row_count":2,"sort_field":"id","sort_order":"asc","start_index":1}}`},
		"list without anything": {func(ctx context.Context, c *Client) error { _, err := c.Users().List(ctx, ListOptions{}); return err }, `GET /users`, `GET /users`},
		"close": {func(ctx context.Context, c *Client) error {
			return c.Requests().Close(ctx, "7", Closure{Code: ByName("success"), Comments: "done"})
		}, `PUT /requests/7/_close form {"request":{"closure_info":{"closure_code":{"name":"success"},"closure_comments":"done","requester_ack_comments":"","requester_ack_resolution":false}}}`,
			`PUT /requests/7/close form {"request":{"closure_info":{"closure_code":{"name":"success"},"closure_comments":"done","requester_ack_comments":"","requester_ack_resolution":false}}}`},
		"assign": {func(ctx context.Context, c *Client) error {
			return c.Requests().Assign(ctx, "7", ByID("2"), ByEmail("t@example.org"))
		}, `PUT /requests/7/_assign form {"request":{"group":{"id":"2"},"technician":{"email_id":"t@example.org"}}}`,
			`PUT /requests/7/assign form {"request":{"group":{"id":"2"},"technician":{"email_id":"t@example.org"}}}`},
		"pick up": {func(ctx context.Context, c *Client) error { return c.Requests().Pickup(ctx, "7") }, `PUT /requests/7/pickup`, `PUT /requests/7/pickup`},
		"hold": {func(ctx context.Context, c *Client) error {
			_, err := c.Requests().Update(ctx, "7", HoldFields(ByName("On Hold"), at, ByName("Open"), "part"))
			return err
		}, `PUT /requests/7 form {"request":{"onhold_scheduler":{"change_to_status":{"name":"Open"},"comments":"part","scheduled_time":{"value":"1760000000000"}},"status":{"name":"On Hold"}}}`,
			`PUT /requests/7 form {"request":{"onhold_scheduler":{"change_to_status":{"name":"Open"},"comments":"part","scheduled_time":{"value":"1760000000000"}},"status":{"name":"On Hold"}}}`},
		"trash":   {func(ctx context.Context, c *Client) error { return c.Requests().Trash(ctx, "7") }, `DELETE /requests/7`, `DELETE /requests/7/move_to_trash`},
		"restore": {func(ctx context.Context, c *Client) error { return c.Requests().Restore(ctx, "7") }, `PUT /requests/7/restore_from_trash`, `PUT /requests/7/restore_from_trash`},
		"purge":   {func(ctx context.Context, c *Client) error { return c.Requests().Purge(ctx, "7") }, ``, `DELETE /requests/7`},
		"merge": {func(ctx context.Context, c *Client) error { return c.Requests().Merge(ctx, "7", "8") },
			`PUT /requests/7/merge_requests form {"merge_requests":[{"id":"8"}]}`, `PUT /requests/7/merge_requests form {"merge_requests":[{"id":"8"}]}`},
		"link": {func(ctx context.Context, c *Client) error { return c.Requests().Link(ctx, "7", []string{"8"}, "c") },
			`POST /requests/7/link_requests form {"link_requests":[{"comments":"c","linked_request":{"id":"8"}}]}`,
			`POST /requests/7/link_requests form {"link_requests":[{"comments":"c","linked_request":{"id":"8"}}]}`},
		"unlink": {func(ctx context.Context, c *Client) error { return c.Requests().Unlink(ctx, "7", []string{"8"}) },
			`DELETE /requests/7/link_requests query {"link_requests":[{"linked_request":{"id":"8"}}]}`,
			`DELETE /requests/7/link_requests form {"link_requests":[{"linked_request":{"id":"8"}}]}`},
		"associate": {func(ctx context.Context, c *Client) error {
			return c.Requests().Associate(ctx, "7", AssociatedProblem, "8")
		}, `POST /requests/7/problem form {"request_problem_association":{"problem":{"id":"8"}}}`, `POST /requests/7/problem form {"request_problem_association":{"problem":{"id":"8"}}}`},
		"dissociate": {func(ctx context.Context, c *Client) error {
			return c.Requests().Dissociate(ctx, "7", AssociatedCausedByChange, "8")
		}, `DELETE /requests/7/request_caused_by_change query {"request_caused_by_change_association":{"change":{"id":"8"}}}`,
			`DELETE /requests/7/request_caused_by_change form {"request_caused_by_change_association":{"change":{"id":"8"}}}`},
		"add a resolution": {func(ctx context.Context, c *Client) error {
			_, err := c.Requests().AddResolution(ctx, "7", "<p>x</p>", false)
			return err
		}, `POST /requests/7/resolutions form {"resolution":{"add_to_linked_requests":false,"content":"<p>x</p>"}}`,
			`POST /requests/7/resolutions form {"resolution":{"add_to_linked_requests":false,"content":"<p>x</p>"}}`},
		"note": {func(ctx context.Context, c *Client) error {
			_, err := c.Requests().Notes("7").Create(ctx, NoteInput{TextHTML: "x"}.Fields())
			return err
		}, `POST /requests/7/notes form {"request_note":{"add_to_linked_requests":false,"description":"x","mark_first_response":false,"notify_technician":false,"show_to_requester":false}}`,
			`POST /requests/7/notes form {"note":{"add_to_linked_requests":false,"description":"x","mark_first_response":false,"notify_technician":false,"show_to_requester":false}}`},
		"note of a problem": {func(ctx context.Context, c *Client) error {
			_, err := c.Problems().Notes("7").Create(ctx, Fields{"description": "x"})
			return err
		}, `POST /problems/7/notes form {"note":{"description":"x"}}`, `POST /problems/7/notes form {"note":{"description":"x"}}`},
		"worklog": {func(ctx context.Context, c *Client) error {
			_, err := c.Requests().Worklogs("7").Create(ctx, WorklogInput{Owner: ByID("5"), StartTime: at, Spent: Effort(90 * time.Minute), Type: ByName("Remote")}.Fields())
			return err
		}, `POST /requests/7/worklogs form {"worklog":{"description":"","include_nonoperational_hours":false,"owner":{"id":"5"},"start_time":{"value":"1760000000000"},"time_spent":{"hours":"1","minutes":"30"},"worklog_type":{"name":"Remote"}}}`,
			`POST /requests/7/worklogs form {"worklog":{"description":"","include_nonoperational_hours":false,"owner":{"id":"5"},"start_time":{"value":"1760000000000"},"time_spent":{"hours":"1","minutes":"30"},"type":{"name":"Remote"}}}`},
		"task": {func(ctx context.Context, c *Client) error {
			_, err := c.Requests().Tasks("7").Create(ctx, Fields{"title": "x", "estimated_effort": Effort(25 * time.Hour)})
			return err
		}, `POST /requests/7/tasks form {"task":{"estimated_effort_days":"1","estimated_effort_hours":"1","estimated_effort_minutes":"0","title":"x"}}`,
			`POST /requests/7/tasks form {"task":{"estimated_effort":{"hours":"25","minutes":"0"},"title":"x"}}`},
		"upload": {func(ctx context.Context, c *Client) error {
			_, err := c.Requests().Attachments("7").Upload(ctx, "a.txt", nil)
			return err
		}, `POST /requests/7/_uploads n bytes`, `PUT /requests/7/upload n bytes`},
		"download": {func(ctx context.Context, c *Client) error {
			_, _, err := c.Requests().Attachments("7").Download(ctx, "9")
			return err
		}, `GET /requests/7/attachments/9/_download`, `GET /requests/7/attachments/9/download`},
		"approve": {func(ctx context.Context, c *Client) error {
			return c.Requests().ApprovalLevels("7").Approvals("8").Approve(ctx, "9", "ok")
		}, `PUT /requests/7/approval_levels/8/approvals/9/_approve form {"approval":{"comments":"ok"}}`,
			`PUT /requests/7/approval_levels/8/approvals/9/approve form {"approval":{"comments":"ok"}}`},
		"ask for approval": {func(ctx context.Context, c *Client) error {
			return c.Changes().ApprovalLevels("7").Approvals("8").SendNotification(ctx, "9", "10")
		}, `PUT /changes/7/approval_levels/8/approvals/send_notification?ids=9%2C10`, `PUT /changes/7/approval_levels/8/approvals/send_notification?ids=9%2C10`},
		"project": {func(ctx context.Context, c *Client) error {
			_, err := c.Projects().Create(ctx, Fields{"title": "x", "code": "C", "type": ByName("t"), "priority": nil})
			return err
		}, `POST /projects form {"project":{"priority":null,"project_code":"C","project_type":{"name":"t"},"title":"x"}}`,
			`POST /projects form {"project":{"code":"C","priority":null,"title":"x","type":{"name":"t"}}}`},
		"projects by type": {func(ctx context.Context, c *Client) error {
			_, err := c.Projects().List(ctx, ListOptions{Where: Where("type.name", Is, "t"), Sort: "code", Descending: true, Fields: []string{"type"}})
			return err
		}, `GET /projects query {"list_info":{"fields_required":["project_type"],"search_criteria":{"field":"project_type.name","condition":"is","value":"t"},"sort_field":"project_code","sort_order":"desc"}}`,
			`GET /projects query {"fields_required":["type"],"list_info":{"search_criteria":{"field":"type.name","condition":"is","value":"t"},"sort_field":"code","sort_order":"desc"}}`},
		"member": {func(ctx context.Context, c *Client) error {
			_, err := c.Projects().Members("7").Create(ctx, MemberFields(ByID("5"), ByName("Team Member")))
			return err
		}, `POST /projects/7/project_members form {"project_member":{"role":{"name":"Team Member"},"user":{"id":"5"}}}`,
			`POST /projects/7/members form {"member":{"role":{"name":"Team Member"},"user":{"id":"5"}}}`},
		"milestone's task": {func(ctx context.Context, c *Client) error {
			_, err := c.Projects().Milestones("7").Tasks("8").Update(ctx, "9", Fields{"percentage_completion": "100"})
			return err
		}, `PUT /projects/7/milestones/8/tasks/9 form {"task":{"percentage_completion":"100"}}`, `PUT /projects/7/milestones/8/tasks/9 form {"task":{"percentage_completion":"100"}}`},
		"task's comment": {func(ctx context.Context, c *Client) error {
			_, err := c.Projects().Tasks("7").Comments("8").Create(ctx, CommentFields("x", ByID("9")))
			return err
		}, `POST /projects/7/tasks/8/comments form {"task_comment":{"comment":"x","parent_comment":{"id":"9"}}}`,
			`POST /projects/7/tasks/8/comments form {"comment":{"content":"x","parent_comment":{"id":"9"}}}`},
		"dependency": {func(ctx context.Context, c *Client) error {
			_, err := c.Projects().TaskDependencies("7").Add(ctx, "8", "9")
			return err
		}, `POST /projects/7/task_dependencies form {"task_dependency":{"child_task":{"id":"9"},"parent_task":{"id":"8"}}}`,
			`POST /projects/7/task_dependencies form {"task_dependency":{"child_task":{"id":"9"},"parent_task":{"id":"8"}}}`},
		"close a problem": {func(ctx context.Context, c *Client) error { return c.Problems().Close(ctx, "7", nil) }, `PUT /problems/7/_close`, `PUT /problems/7/close`},
		"trash a change":  {func(ctx context.Context, c *Client) error { return c.Changes().Trash(ctx, "7") }, `DELETE /changes/7`, `DELETE /changes/7/move_to_trash`},
		"delete an asset": {func(ctx context.Context, c *Client) error { return c.Assets().Delete(ctx, "7") }, `DELETE /assets/7`, `DELETE /assets/7`},
		"workstations":    {func(ctx context.Context, c *Client) error { _, err := c.Workstations().Get(ctx, "7"); return err }, `GET /asset_workstations/7`, `GET /workstations/7`},
		"metainfo":        {func(ctx context.Context, c *Client) error { _, err := c.Requests().Metainfo(ctx); return err }, `GET /requests/_metainfo`, `GET /requests/_metainfo`},
		"subcategories": {func(ctx context.Context, c *Client) error {
			_, err := c.ListChildren(ctx, Subcategories, "7", ListOptions{Rows: 1})
			return err
		}, `GET /categories/7/subcategories query {"list_info":{"row_count":1,"start_index":1}}`, `GET /categories/7/subcategories query {"list_info":{"row_count":1,"start_index":1}}`},
		"an id that is none": {func(ctx context.Context, c *Client) error { _, err := c.Requests().Get(ctx, "../users/1"); return err }, ``, ``},
	} {
		for edition, want := range map[Edition]string{Cloud: tc.cloud, OnPremises: tc.onPremises} {
			t.Run(name+"/"+string(edition), func(t *testing.T) {
				t.Parallel()
				d := answerAlways(everyRecord)
				err := tc.call(t.Context(), newClient(t, edition, d, func(c *Config) { c.Portal = "" }))
				var got string
				for _, e := range d.received {
					e.path = e.path[len("/api/v3"):]
					if e.request.Header.Get("Content-Type") != "" && e.contentType != "application/x-www-form-urlencoded" {
						e.input = "n bytes"
					}
					got = e.String()
				}
				if diff := cmp.Diff(want, got); diff != "" || len(d.received) > 1 {
					t.Error(diff)
				}
				if refused := KindOf(err) == KindUnsupported || KindOf(err) == KindInvalidInput; refused != (want == "") {
					t.Error(err)
				}
			})
		}
	}
}

func TestListTechnicians_FallsBackOnce(t *testing.T) {
	t.Parallel()
	d := &desk{answer: func(_ int, e exchange) (*http.Response, error) {
		if e.path == "/app/itdesk/api/v3/technicians" {
			return respond(401, "", failed(4002, ""))
		}
		return respond(200, "", `{"response_status":[{"status_code":2000}],"users":[{"id":"1","is_technician":true}]}`)
	}}
	c := newClient(t, Cloud, d, nil)
	for range 2 {
		page, err := c.ListTechnicians(t.Context(), ListOptions{Where: Where("name", Contains, "t")})
		if err != nil || len(page.Items) != 1 {
			t.Fatalf("%v %v", page, err)
		}
	}
	criteria := `[{"field":"name","condition":"contains","value":"t"},{"field":"is_technician","condition":"is","value":true,"logical_operator":"AND"}]`
	users := `GET /app/itdesk/api/v3/users query {"list_info":{"search_criteria":` + criteria + `}}`
	want := []string{`GET /app/itdesk/api/v3/technicians query {"list_info":{"search_criteria":{"field":"name","condition":"contains","value":"t"}}}`, users, users}
	if diff := cmp.Diff(want, d.calls()); diff != "" {
		t.Error(diff)
	}
}

// TestConversationText: SDP says where a text is, and it may say anything.
func TestConversationText(t *testing.T) {
	t.Parallel()
	d := answerAlways(`{"response_status":{"status_code":2000},"notification":{"id":"55","description":"<p>x</p>"}}`)
	requests := newClient(t, Cloud, d, nil).Requests()
	for contentURL, want := range map[string]bool{
		"/api/v3/requests/31/notifications/55": true, "/app/itdesk/api/v3/requests/31/notifications/55": true,
		"": false, "/api/v3/requests/32/notifications/55": false, "/api/v3/requests/31": false, "https://evil.example/api/v3/requests/31/notifications/55": false,
		"//evil.example/api/v3/requests/31/x/1": false, "/api/v3/requests/31/../32/notifications/55": false, "/api/v3/requests/31/notifications/55?x=1": false,
		"/api/v3/requests/31/%2e%2e/users": false, "/api/v3/requests/31//x": false, "/evil/api/v3/requests/31/notifications/55": false,
	} {
		d.received = nil
		text, err := requests.ConversationText(t.Context(), "31", Conversation{ContentURL: contentURL})
		if (err == nil) != want || (text == "<p>x</p>") != want || (len(d.received) == 1) != want {
			t.Errorf("%q: %q %v", contentURL, text, err)
		}
		if want && d.received[0].path != "/app/itdesk/api/v3/requests/31/notifications/55" {
			t.Errorf("%q leads to %s", contentURL, d.received[0].path)
		}
	}
}
