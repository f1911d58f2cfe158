package sdptest

import (
	"io"
	"strings"
	"testing"
	"time"
)

// success is response_status of one record.
func success() map[string]any { return map[string]any{"status_code": 2000.0, "status": "success"} }

// TestResponseStatus holds what response_status is: an object or an array, with the worst of its messages.
func TestResponseStatus(t *testing.T) {
	t.Parallel()
	run(t, map[string]paragraph{
		"2.6 one record": {assert: func(x *caller) {
			x.post("/requests", `{"request":{"subject":"x"}}`).want(201, 2000).wantAt("response_status", success())
		}},
		"2.6 an action has messages": {assert: func(x *caller) {
			x.put("/requests/"+x.request1()+"/_close", `{"request":{}}`).want(200, 2000).wantAt("response_status", map[string]any{
				"status_code": 2000.0, "status": "success",
				"messages": []any{map[string]any{"status_code": 2000.0, "type": "success", "message": "Request(s) closed"}},
			})
		}},
		"2.6 a failure names fields": {options: Options{Site: Site{MandatoryFields: []string{"category", "subcategory"}}}, assert: func(x *caller) {
			x.post("/requests", `{"request":{"subject":"x"}}`).want(400, 4012).wantAt("response_status", map[string]any{
				"status_code": 4000.0, "status": "failed",
				"messages": []any{map[string]any{"status_code": 4012.0, "type": "failed", "fields": []any{"category", "subcategory"}, "message": "Mandatory fields are missing"}},
			})
		}},
		"2.6 a failure names a field": {assert: func(x *caller) {
			x.post("/requests", `{"request":{"subject":"x","priority":{"name":"y"}}}`).want(400, 4001).wantAt("response_status", map[string]any{
				"status_code": 4000.0, "status": "failed",
				"messages": []any{map[string]any{"status_code": 4001.0, "type": "failed", "field": "priority", "message": "Given value does not exist for priority"}},
			})
		}},
		"2.6 a warning is HTTP 200 and not done": {options: Options{Site: Site{CloseNeedsResolution: true}}, assert: func(x *caller) {
			x.put("/requests/"+x.request1()+"/_close", `{"request":{}}`).want(200, 3000).wantAt("response_status", map[string]any{
				"status_code": 3000.0, "status": "warning",
				"messages": []any{map[string]any{"status_code": 3000.0, "type": "warning", "fields": []any{"resolution"}}},
			})
			x.get("/requests/"+x.request1(), "").wantAt("request.status.name", "Open")
		}},
		"2.6 failures with HTTP 200": {options: Options{Guesses: Guesses{FailWithOK: []int{4001}}}, assert: func(x *caller) {
			x.post("/requests", `{"request":{"subject":"x","priority":{"name":"y"}}}`).want(200, 4001).wantAt("response_status.status_code", 4000.0)
			x.post("/requests", `{"request":{}}`).want(400, 4012)
		}},
		"2.6 bodies in HTML": {assert: func(x *caller) {
			x.server.Fail(HTML(400), HTML(401), HTML(404), LoginPage())
			for _, status := range []int{400, 401, 404, 200} {
				x.get("/requests", "").wantHTML(status)
			}
			x.get("/requests", "").want(200, 2000)
		}},
	})
}

// TestCodes holds what each code is answered for.
func TestCodes(t *testing.T) {
	t.Parallel()
	run(t, map[string]paragraph{
		"2.7 2000": {assert: func(x *caller) { x.get("/requests", "").want(200, 2000) }},
		"2.7 3000": {options: Options{Site: Site{CloseNeedsResolution: true}}, assert: func(x *caller) {
			x.put("/requests/"+x.request1(), `{"request":{"status":{"name":"Closed"}}}`).want(200, 3000, "resolution")
		}},
		"2.7 4001": {assert: func(x *caller) {
			x.put("/requests/"+x.request1(), `{"request":{"priority":{"name":"y"}}}`).want(400, 4001, "priority")
			x.put("/requests/"+x.request1(), `{"request":{"colour":"y"}}`).want(400, 4001, "colour")
			x.put("/requests/"+x.request1(), `{"request":{"priority":{"id":"y"}}}`).want(400, 4001, "priority")
		}},
		"2.7 4002": {options: Options{Site: Site{PriorityLocked: true}}, assert: func(x *caller) {
			x.put("/requests/"+x.request1(), `{"request":{"priority":{"name":"High"}}}`).want(403, 4002, "priority").wantAt("response_status.messages.0.message", "Cannot give value for priority")
		}},
		"2.7 4004": {assert: func(x *caller) {
			x.server.Fail(ServerError(500))
			x.get("/requests", "").want(500, 4004)
		}},
		"2.7 4005": {assert: func(x *caller) {
			used := x.server.IDOf("priorities", "Low")
			x.do("DELETE", "/priorities/"+used, "").want(400, 4005)
			unused := x.post("/priorities", `{"priority":{"name":"None"}}`).want(201, 2000).string("priority.id")
			x.do("DELETE", "/priorities/"+unused, "").want(200, 2000)
		}},
		"2.7 4007": {assert: func(x *caller) {
			x.get("/requests/1", "").want(404, 4007)
			x.get("/nothing", "").want(404, 4007)
			x.get("/requests/abc", "").want(404, 4007)
		}},
		"2.7 4008": {assert: func(x *caller) {
			x.post("/priorities", `{"priority":{"name":"low"}}`).want(400, 4008, "name")
		}},
		"2.7 4009": {assert: func(x *caller) {
			x.put("/requests/"+x.request1(), `{"request":{"created_time":{"value":1}}}`).want(400, 4009, "created_time")
			x.put("/requests/"+x.request1(), `{"request":{"id":"1"}}`).want(400, 4009, "id")
		}},
		"2.7 4014 for read-only fields": {options: Options{Guesses: Guesses{ReadOnlyCode: 4014}}, assert: func(x *caller) {
			x.put("/requests/"+x.request1(), `{"request":{"created_time":{"value":1}}}`).want(400, 4014, "created_time")
		}},
		"2.7 4012": {assert: func(x *caller) { x.post("/requests", `{"request":{}}`).want(400, 4012, "subject") }},
		"2.7 4014": {assert: func(x *caller) {
			x.post("/requests", `{"request":{"subject":"`+strings.Repeat("é", 251)+`"}}`).want(400, 4014, "subject")
			x.post("/requests", `{"request":{"subject":"`+strings.Repeat("é", 250)+`"}}`).want(201, 2000)
		}},
		"2.7 4015": {assert: func(x *caller) {
			x.server.Fail(Throttled(429), Throttled(400))
			x.get("/requests", "").want(429, 4015)
			x.get("/requests", "").want(400, 4015)
		}},
		"2.7 4016": {assert: func(x *caller) {
			x.put("/requests/"+x.request1(), `{"request":{"scheduled_start_time":{"value":2},"scheduled_end_time":{"value":1}}}`).want(400, 4016, "scheduled_end_time")
		}},
		"2.7 4017": {options: onPremises, assert: func(x *caller) {
			x.do("DELETE", "/requests/"+x.request1(), "").want(400, 4017)
			x.put("/requests/"+x.request1()+"/restore_from_trash", "").want(400, 4017)
		}},
		"2.7 4021": {assert: func(x *caller) {
			x.put("/requests/"+x.request1(), `{"request":{"subject":1}}`).want(400, 4021, "subject")
			x.put("/requests", `{"request":{}}`).want(400, 4021).wantAt("response_status.messages.0.message", "Invalid HTTP method")
		}},
		"2.7 4022": {assert: func(x *caller) {
			x.server.KillAccessTokens()
			x.get("/requests", "").want(401, 4022)
		}},
		"2.7 INVALID_OAUTHTOKEN": {options: Options{Guesses: Guesses{InvalidToken: InvalidTokenOAuth}}, assert: func(x *caller) {
			x.server.KillAccessTokens()
			x.get("/requests", "").want(401, 0).wantAt("error", "INVALID_OAUTHTOKEN").wantAt("response_status", nil)
		}},
		"2.7 401 without an SDP body": {options: Options{Guesses: Guesses{InvalidToken: InvalidTokenHTML}}, assert: func(x *caller) {
			x.server.KillAccessTokens()
			x.get("/requests", "").wantHTML(401)
		}},
		"2.7 7001": {options: Options{Site: Site{Unlicensed: []string{"projects"}, UnlicensedCode: 7001}}, assert: func(x *caller) {
			x.get("/projects", "").want(400, 7001)
		}},
		"2.7 created with 201": {assert: func(x *caller) { x.post("/requests", `{"request":{"subject":"x"}}`).want(201, 2000) }},
		"2.7 created with 200": {options: Options{Edition: OnPremises, Guesses: Guesses{CreatedStatus: 200}}, assert: func(x *caller) {
			x.post("/requests", `{"request":{"subject":"x"}}`).want(200, 2000)
		}},
		"2.7 several failures at once": {assert: func(x *caller) {
			x.post("/requests", `{"request":{"subject":"x","colour":1,"priority":{"name":"y"}}}`).want(400, 4001, "colour", "priority")
		}},
	})
}

// TestRateLimits holds how too many calls are refused.
func TestRateLimits(t *testing.T) {
	t.Parallel()
	run(t, map[string]paragraph{
		"2.8 429 without Retry-After": {options: Options{Limits: Limits{RequestsPerMinute: 2}}, assert: func(x *caller) {
			x.get("/requests", "").want(200, 2000)
			x.get("/requests", "").want(200, 2000)
			if got := x.get("/requests", "").want(429, 4015); got.header.Get("Retry-After") != "" {
				x.t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
			}
			x.clock.Advance(time.Minute)
			x.get("/requests", "").want(200, 2000)
		}},
		"2.8 429 with Retry-After": {options: Options{Limits: Limits{RequestsPerMinute: 1, RetryAfter: 1500 * time.Millisecond}}, assert: func(x *caller) {
			x.get("/requests", "").want(200, 2000)
			if got := x.get("/requests", "").want(429, 4015); got.header.Get("Retry-After") != "2" {
				x.t.Errorf("Retry-After %q", got.header.Get("Retry-After"))
			}
		}},
		"2.8 400 with 4015": {options: Options{Limits: Limits{RequestsPerMinute: 1}, Guesses: Guesses{RateLimitStatus: 400}}, assert: func(x *caller) {
			x.get("/requests", "").want(200, 2000)
			x.get("/requests", "").want(400, 4015)
		}},
		"2.8 a blocked URL": {options: Options{Edition: OnPremises, Limits: Limits{RequestsPerMinute: 1}}, assert: func(x *caller) {
			x.get("/requests", "").want(200, 2000)
			x.get("/requests", "").want(429, 4015).wantAt("response_status.messages.0.message", "URL blocked as maximum access limit exceeded. Please try again after sometime")
		}},
	})
}

// TestShapes holds every name that differs, in the cloud, in the old and in the new shape on-premises.
func TestShapes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		options Options
		accept  string
		keys    map[string][]string // keys of a root that are there, or not ("-key")
	}{
		"cloud": {keys: map[string][]string{
			"project":      {"project_code", "project_type", "requester", "projected_end", "-code", "-type", "-requested_by"},
			"request_note": {"created_by", "created_time", "-added_by"},
			"attachment":   {"name", "size", "content_type", "-file_name"},
			"worklog":      {"owner", "time_spent", "worklog_type", "tech_charge", "other_charge", "total_charge", "include_nonoperational_hours", "-technician", "-type"},
			"task":         {"estimated_effort_days", "estimated_effort_hours", "estimated_effort_minutes", "created_time", "type", "template", "index", "-estimated_effort"},
		}},
		"on-premises, new": {options: onPremises, keys: map[string][]string{
			"project":    {"code", "type", "requester", "projected_end_time", "-project_code"},
			"note":       {"added_by", "added_time", "last_updated_by", "last_updated_time", "-created_by"},
			"attachment": {"name", "size", "content_type", "module"},
			"worklog":    {"owner", "time_spent", "type", "owner_cost", "other_cost", "total_cost", "include_nonoperational_hours", "-worklog_type", "-tech_charge"},
			"task":       {"estimated_effort", "created_time", "type", "index", "due_by_time", "template", "attachments", "-estimated_effort_days", "-comment"},
		}},
		"on-premises, old": {options: onPremises, accept: "application/json", keys: map[string][]string{
			"project":      {"project_code", "project_type", "requested_by", "projected_on", "-code"},
			"request_note": {"created_by", "created_time", "-added_by"},
			"attachment":   {"file_name", "size", "-content_type"},
			"worklog":      {"technician", "total_time_spent", "worklog_type", "tech_charge", "other_charge", "total_charge", "inc_nonOperationalHours", "-owner"},
			"task":         {"estimated_effort_days", "created_date", "task_type", "-created_time", "-type"},
		}},
	} {
		t.Run("2.9 "+name, func(t *testing.T) {
			t.Parallel()
			x := start(t, tc.options)
			if tc.accept != "" {
				x.header.Set("Accept", tc.accept)
			}
			got := shapesOf(x)
			for root, keys := range tc.keys {
				record, is := got[root]
				if !is {
					t.Errorf("no answer has the root %s", root)
				}
				for _, k := range keys {
					_, has := record[strings.TrimPrefix(k, "-")]
					if has == strings.HasPrefix(k, "-") {
						t.Errorf("%s: %s is there: %t", root, k, has)
					}
				}
			}
		})
	}
}

// shapesOf makes one record of each kind and returns them by root.
func shapesOf(x *caller) map[string]map[string]any {
	x.t.Helper()
	request, project := "/requests/"+x.request1(), "/projects/"+x.server.IDs("projects")[0]
	owner := "owner"
	if !strings.Contains(x.header.Get("Accept"), "vnd") {
		owner = "technician"
	}
	note := "request_note"
	if x.server.Options().Edition == OnPremises && owner == "owner" {
		note = "note"
	}
	all := map[string]map[string]any{}
	for _, r := range []*response{
		x.post(request+"/notes", `{"`+note+`":{"description":"x"}}`),
		x.post(request+"/worklogs", `{"worklog":{"`+owner+`":{"email_id":"tech@example.org"}}}`),
		x.post(request+"/tasks", `{"task":{"title":"x"}}`),
		x.get(project, ""),
		x.upload("PUT", request+"/upload", "input_file", "shot.png", "image/png", strings.Repeat("x", 2048)),
	} {
		if r.status/100 != 2 {
			x.t.Fatalf("HTTP %d: %s", r.status, r.text)
		}
		for root, record := range r.body {
			if root != "response_status" {
				all[root], _ = record.(map[string]any)
			}
		}
	}
	return all
}

// upload sends a file in a multipart body.
func (x *caller) upload(method, path, name, file, kind, content string) *response {
	x.t.Helper()
	const boundary = "boundary"
	r := x.request(method, path, "")
	body := "--" + boundary + "\r\nContent-Disposition: form-data; name=\"" + name + "\"; filename=\"" + file + "\"\r\nContent-Type: " + kind +
		"\r\n\r\n" + content + "\r\n--" + boundary + "--\r\n"
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Type", "multipart/form-data; boundary="+boundary)
	return x.send(r)
}

// TestShapes_Values holds what values look like in each shape.
func TestShapes_Values(t *testing.T) {
	t.Parallel()
	spent := func(x *caller, root string) *response {
		return x.post("/requests/"+x.request1()+"/worklogs", `{"worklog":{"`+root+`":{"hours":"1","minutes":"30"},"`+map[string]string{"time_spent": "owner", "total_time_spent": "technician"}[root]+`":{"email_id":"tech@example.org"}}}`).want(201, 2000)
	}
	run(t, map[string]paragraph{
		"2.3 duration, cloud": {assert: func(x *caller) {
			spent(x, "time_spent").wantAt("worklog.time_spent", map[string]any{"value": "5400000", "hours": "1", "minutes": "30"})
		}},
		"2.3 duration, cloud, value alone": {options: Options{Guesses: Guesses{DurationValueOnly: true}}, assert: func(x *caller) {
			spent(x, "time_spent").wantAt("worklog.time_spent", map[string]any{"value": "5400000"})
		}},
		"2.3 duration, on-premises": {options: onPremises, assert: func(x *caller) {
			spent(x, "time_spent").wantAt("worklog.time_spent", map[string]any{"hours": "1", "minutes": "30"})
		}},
		"2.9 size, cloud": {assert: func(x *caller) {
			x.upload("PUT", "/requests/"+x.request1()+"/upload", "input_file", "a.txt", "text/plain", "abc").wantAt("attachment.size", "3")
		}},
		"2.9 size, cloud, an object": {options: Options{Guesses: Guesses{SizeObject: true}}, assert: func(x *caller) {
			x.upload("POST", "/requests/"+x.request1()+"/_uploads", "filename", "a.txt", "text/plain", "abc").wantAt("attachment.size.value", "3")
		}},
		"2.9 size, old": {options: onPremises, assert: func(x *caller) {
			x.header.Set("Accept", "application/json")
			x.upload("PUT", "/requests/"+x.request1()+"/upload", "input_file", "a.txt", "text/plain", strings.Repeat("x", 2048)).wantAt("attachment.size", "2.00KB")
		}},
		"2.3 project numbers": {assert: func(x *caller) {
			x.get("/projects/"+x.server.IDs("projects")[0], "").wantAt("project.display_id", map[string]any{"display_value": "PJT-1", "value": "1"})
			x.list("/projects", `"search_criteria":{"field":"display_id.value","condition":"is","value":"1"}`).wantAt("list_info.row_count", 1.0)
		}},
		"2.3 days are local": {options: Options{Zone: time.FixedZone("UTC+2", 7200)}, assert: func(x *caller) {
			project := "/projects/" + x.server.IDs("projects")[0]
			// 2025-10-09T00:00:00Z is the ninth at 02:00 there, so its day begins at 22:00Z of the eighth.
			x.put(project, `{"project":{"scheduled_start_time":{"value":"1759968000000"}}}`).want(200, 2000).
				wantAt("project.scheduled_start_time", map[string]any{"value": "1759960800000", "display_value": "Oct 9, 2025"})
		}},
	})
}
