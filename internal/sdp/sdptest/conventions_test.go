package sdptest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

var onPremises = Options{Edition: OnPremises}

// to sends a request whose address, body and headers the case writes itself.
func (x *caller) to(method, address, body string, header map[string]string) *response {
	x.t.Helper()
	r, err := http.NewRequestWithContext(x.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		x.t.Fatal(err)
	}
	r.Header = x.header.Clone()
	for name, value := range header {
		r.Header.Set(name, value)
		if value == "" {
			r.Header.Del(name)
		}
	}
	return x.send(r)
}

func (x *caller) request1() string { return x.server.IDs("requests")[0] }

// TestAuthentication holds scopes, and how tokens and API keys are sent.
func TestAuthentication(t *testing.T) {
	t.Parallel()
	run(t, map[string]paragraph{
		"1.9 the documented scheme, and Bearer": {assert: func(x *caller) {
			x.get("/requests", "").want(200, 2000)
			x.header.Set("Authorization", strings.Replace(x.header.Get("Authorization"), "Zoho-oauthtoken", "Bearer", 1))
			x.get("/requests", "").want(200, 2000)
			x.header.Set("Authorization", strings.Replace(x.header.Get("Authorization"), "Bearer", "Basic", 1))
			x.get("/requests", "").want(401, 4022)
		}},
		"1.8 a scope covers its module and operation": {assert: func(x *caller) {
			x.header.Set("Authorization", "Zoho-oauthtoken "+x.server.AccessToken("SDPOnDemand.requests.READ"))
			x.get("/requests", "").want(200, 2000)
			x.get("/requests/"+x.request1()+"/notes", "").want(200, 2000)
			x.post("/requests", `{"request":{"subject":"x"}}`).want(401, 4002)
			x.get("/priorities", "").want(401, 4002)
			x.get("/users", "").want(401, 4002)
		}},
		"1.8 requests.ALL covers what is under a request": {assert: func(x *caller) {
			x.header.Set("Authorization", "Zoho-oauthtoken "+x.server.AccessToken("SDPOnDemand.requests.ALL"))
			x.post("/requests/"+x.request1()+"/notes", `{"request_note":{"description":"x"}}`).want(201, 2000)
		}},
		"1.8 a missing scope with 403": {options: Options{Guesses: Guesses{ScopeStatus: 403}}, assert: func(x *caller) {
			x.header.Set("Authorization", "Zoho-oauthtoken "+x.server.AccessToken("SDPOnDemand.requests.READ"))
			x.get("/priorities", "").want(403, 4002)
		}},
		"1.8 people by setup": {options: Options{Guesses: Guesses{UsersScope: "setup"}}, assert: func(x *caller) {
			x.header.Set("Authorization", "Zoho-oauthtoken "+x.server.AccessToken("SDPOnDemand.setup.READ"))
			x.get("/users", "").want(200, 2000)
			x.header.Set("Authorization", "Zoho-oauthtoken "+x.server.AccessToken("SDPOnDemand.users.READ"))
			x.get("/users", "").want(401, 4002)
		}},
		"1.10 authtoken or TECHNICIAN_KEY": {options: onPremises, assert: func(x *caller) {
			apiKey := x.header.Get("authtoken")
			x.get("/requests", "").want(200, 2000)
			x.header.Del("authtoken")
			x.get("/requests", "").want(401, 4022)
			x.header.Set("TECHNICIAN_KEY", apiKey)
			x.get("/requests", "").want(200, 2000)
			x.header.Set("TECHNICIAN_KEY", "wrong")
			x.get("/requests", "").want(401, 4022)
		}},
		"1.10 a key may expire, and acts as its owner": {options: onPremises, assert: func(x *caller) {
			x.server.AddAPIKey("KEY-OF-TOM", "tech@example.org", morning.Add(time.Hour))
			x.header.Set("authtoken", "KEY-OF-TOM")
			x.post("/requests", `{"request":{"subject":"x"}}`).want(201, 2000).wantAt("request.created_by.name", "Tom Tech")
			x.clock.Advance(time.Hour)
			x.get("/requests", "").want(401, 4022)
		}},
		"1.10 instances, by path or header": {options: Options{Edition: OnPremises, Portal: "hr"}, assert: func(x *caller) {
			x.get("/requests", "").want(200, 2000)
			x.header.Set("PORTALID", "hr")
			x.get("/requests", "").want(200, 2000)
			x.header.Set("PORTALID", "legal")
			x.get("/requests", "").wantHTML(200)
			x.header.Del("PORTALID")
			x.prefix = "/app/hr/api/v3"
			x.get("/requests", "").want(200, 2000)
		}},
		"2.8 unknown keys block after a while": {options: Options{Edition: OnPremises, Limits: Limits{AuthFailuresPerMinute: 15}}, assert: func(x *caller) {
			good := x.header.Get("authtoken")
			x.header.Set("authtoken", "wrong")
			for range 15 {
				x.get("/requests", "").want(401, 4022)
			}
			x.header.Set("authtoken", good)
			x.get("/requests", "").want(429, 4015)
			x.clock.Advance(time.Minute)
			x.get("/requests", "").want(200, 2000)
		}},
	})
}

// TestURLs holds paths, portals and trailing slashes.
func TestURLs(t *testing.T) {
	t.Parallel()
	run(t, map[string]paragraph{
		"2.1 with and without portal": {assert: func(x *caller) {
			x.get("/requests", "").want(200, 2000)
			x.prefix = "/api/v3"
			x.get("/requests", "").want(200, 2000)
		}},
		"2.1 another portal is a login page": {assert: func(x *caller) {
			x.prefix = "/app/hr/api/v3"
			x.get("/requests", "").wantHTML(200)
		}},
		"2.1 another portal is not found": {options: Options{Guesses: Guesses{WrongPortal: PortalNotFound}}, assert: func(x *caller) {
			x.prefix = "/app/hr/api/v3"
			x.get("/requests", "").want(404, 4007)
		}},
		"2.7 another portal is forbidden": {options: Options{Guesses: Guesses{WrongPortal: PortalForbidden}}, assert: func(x *caller) {
			x.prefix = "/app/hr/api/v3"
			x.get("/requests", "").want(401, 4002)
		}},
		"2.1 actions have an underscore in the cloud": {assert: func(x *caller) {
			x.put("/requests/"+x.request1()+"/close", `{"request":{}}`).want(404, 4007)
			x.put("/requests/"+x.request1()+"/_close", `{"request":{}}`).want(200, 2000)
			x.put("/requests/"+x.request1()+"/assign", `{"request":{}}`).want(404, 4007)
		}},
		"2.1 actions have none on-premises": {options: onPremises, assert: func(x *caller) {
			x.put("/requests/"+x.request1()+"/_close", `{"request":{}}`).want(404, 4007)
			x.put("/requests/"+x.request1()+"/close", `{"request":{}}`).want(200, 2000)
			x.put("/requests/"+x.request1()+"/_assign", `{"request":{}}`).want(404, 4007)
		}},
		"2.1 delete is the trash in the cloud": {assert: func(x *caller) {
			x.do("DELETE", "/requests/"+x.request1(), "").want(200, 2000)
			x.get("/requests/"+x.request1(), "").want(200, 2000).wantAt("request.is_trashed", true)
		}},
		"2.1 delete needs the trash on-premises": {options: onPremises, assert: func(x *caller) {
			x.do("DELETE", "/requests/"+x.request1(), "").want(400, 4017)
			x.do("DELETE", "/requests/"+x.request1()+"/move_to_trash", "").want(200, 2000)
			x.do("DELETE", "/requests/"+x.request1(), "").want(200, 2000)
		}},
		"2.1 no trailing slash": {assert: func(x *caller) { x.get("/requests/", "").wantHTML(404) }},
		"2.6 no API, no SDP body": {assert: func(x *caller) {
			x.to("GET", x.server.URL()+"/elsewhere", "", nil).wantHTML(404)
		}},
	})
}

// TestInput holds how input is sent.
func TestInput(t *testing.T) {
	t.Parallel()
	asForm := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	two := url.Values{"input_data": {`{"list_info":{"row_count":2}}`}}.Encode()
	subject := url.Values{"input_data": {`{"request":{"subject":"x"}}`}}.Encode()
	run(t, map[string]paragraph{
		"2.2 query or form, for every verb": {assert: func(x *caller) {
			api := x.server.URL() + x.prefix
			x.to("GET", api+"/requests?"+two, "", nil).want(200, 2000).wantAt("list_info.row_count", 2.0)
			x.to("GET", api+"/requests", two, asForm).want(200, 2000).wantAt("list_info.row_count", 2.0)
			x.to("POST", api+"/requests", subject, asForm).want(201, 2000)
			x.to("POST", api+"/requests?"+subject, "", nil).want(201, 2000)
			x.to("PUT", api+"/requests/"+x.request1()+"?"+subject, "", nil).want(200, 2000)
		}},
		"2.2 raw brackets are the container's": {assert: func(x *caller) {
			x.to("GET", x.server.URL()+x.prefix+`/requests?input_data={"list_info":{"row_count":2}}`, "", nil).wantHTML(400)
		}},
		"2.2 raw brackets are taken": {options: Options{Guesses: Guesses{RawBracketsTaken: true}}, assert: func(x *caller) {
			x.to("GET", x.server.URL()+x.prefix+`/requests?input_data={"list_info":{"row_count":2}}`, "", nil).want(200, 2000)
		}},
		"2.2 unknown parameters are refused in the cloud": {assert: func(x *caller) {
			x.get("/requests?per_page=5", "").want(400, 4001, "per_page").wantAt("response_status.messages.0.message", "EXTRA_PARAM_FOUND")
			x.get("/requests/"+x.request1()+"?x=1", "").want(400, 4001, "x")
			x.to("POST", x.server.URL()+x.prefix+"/requests?x=1", subject, asForm).want(400, 4001, "x")
		}},
		"2.2 unknown keys are refused": {assert: func(x *caller) {
			for _, input := range []string{`{"request":{"subject":"x","colour":"red"}}`, `{"request":{"subject":"x"},"colour":1}`, `{"request":{"subject":"x","priority":{"colour":"red"}}}`} {
				x.post("/requests", input).want(400, 4001, "colour").wantAt("response_status.messages.0.message", "EXTRA_KEY_FOUND_IN_JSON")
			}
			x.get("/requests", `{"list_info":{"colour":1}}`).want(400, 4001, "colour")
			x.get("/requests", `{"list_info":{"search_criteria":{"field":"subject","condition":"is","colour":1}}}`).want(400, 4001, "colour")
		}},
		"2.2 keys are lower case": {assert: func(x *caller) {
			x.post("/requests", `{"request":{"Subject":"x"}}`).want(400, 4001, "Subject")
		}},
		"2.2 bad JSON": {assert: func(x *caller) {
			for _, input := range []string{`{"request":`, `[]`, `{} {}`} {
				if got := x.post("/requests", input).want(400, 4000); got.string("response_status.messages.0.message") == "" {
					x.t.Errorf("no message: %s", got.text)
				}
			}
		}},
		"6.4 no input": {assert: func(x *caller) {
			x.post("/requests", "").want(400, 4012, "request")
			x.post("/requests", "{}").want(400, 4012, "request")
		}},
		"6.4 no input, the other code": {options: Options{Guesses: Guesses{MissingInputCode: 4000}}, assert: func(x *caller) {
			x.post("/requests", "").want(400, 4000)
		}},
		"2.2 actions without body": {options: onPremises, assert: func(x *caller) {
			x.do("DELETE", "/requests/"+x.request1()+"/move_to_trash", "").want(200, 2000)
			x.put("/requests/"+x.request1()+"/restore_from_trash", `{"request":{}}`).want(400, 4001).wantAt("response_status.messages.0.message", "Extra parameter(s) not allowed")
			x.put("/requests/"+x.request1()+"/restore_from_trash", "").want(200, 2000)
			x.put("/requests/"+x.request1()+"/pickup", `{"request":{}}`).want(400, 4001)
		}},
		"2.2 a DELETE with input": {assert: func(x *caller) {
			other := x.server.IDs("requests")[1]
			path, input := "/requests/"+x.request1()+"/link_requests", `{"link_requests":[{"linked_request":{"id":"`+other+`"}}]}`
			x.post(path, input).want(200, 2000)
			x.do("DELETE", path, "").want(400, 4012)
			x.do("DELETE", path, input).want(200, 2000)
			x.get(path, "").want(200, 2000).wantAt("list_info.row_count", 0.0)
		}},
		"2.2 null clears": {assert: func(x *caller) {
			x.put("/requests/"+x.request1(), `{"request":{"technician":null}}`).want(200, 2000).wantAt("request.technician", nil)
			x.put("/requests/"+x.request1(), `{"request":{"subject":null}}`).want(400, 4012, "subject")
		}},
		"2.2 null is refused": {options: Options{Guesses: Guesses{NullRefused: true}}, assert: func(x *caller) {
			x.put("/requests/"+x.request1(), `{"request":{"technician":null}}`).want(400, 4021, "technician")
		}},
	})
}

// TestValues holds how values are written and read.
func TestValues(t *testing.T) {
	t.Parallel()
	change := func(x *caller, fields string) *response {
		x.t.Helper()
		return x.put("/requests/"+x.request1(), `{"request":{`+fields+`}}`)
	}
	run(t, map[string]paragraph{
		"2.3 ids are strings of 18 digits": {assert: func(x *caller) {
			if id := x.get("/requests", "").string("requests.0.id"); len(id) != 18 {
				x.t.Errorf("id %q", id)
			}
			change(x, `"priority":{"id":1}`).want(400, 4021, "priority")
			change(x, `"priority":{"id":"high"}`).want(400, 4001, "priority").wantAt("response_status.messages.0.message", "Unable to parse the given data for id")
			change(x, `"priority":{"id":"1"}`).want(400, 4001, "priority")
		}},
		"2.3 ids are small on-premises": {options: onPremises, assert: func(x *caller) {
			if id := x.get("/requests", "").string("requests.0.id"); len(id) == 0 || len(id) > 6 {
				x.t.Errorf("id %q", id)
			}
		}},
		"2.3 booleans": {assert: func(x *caller) {
			change(x, `"is_fcr":true`).want(200, 2000).wantAt("request.is_fcr", true)
			change(x, `"is_fcr":"false"`).want(200, 2000).wantAt("request.is_fcr", false)
			change(x, `"is_fcr":1`).want(400, 4021, "is_fcr")
		}},
		"2.3 scalars are strings, counters numbers": {assert: func(x *caller) {
			got := x.get("/requests/"+x.request1(), "")
			got.wantAt("request.display_id", "1").wantAt("request.time_elapsed", "0")
			x.get("/requests", `{"list_info":{"get_total_count":true}}`).wantAt("list_info.total_count", 10.0).wantAt("list_info.start_index", 1.0)
			change(x, `"subject":5`).want(400, 4021, "subject")
		}},
		"2.3 datetimes": {options: Options{Zone: time.FixedZone("UTC+2", 7200)}, assert: func(x *caller) {
			want := map[string]any{"value": "1760086400000", "display_value": "Oct 10, 2025 10:53 AM"}
			change(x, `"due_by_time":{"value":1760086400000}`).want(200, 2000).wantAt("request.due_by_time", want)
			change(x, `"due_by_time":{"value":"1760086400000","display_value":"soon"}`).want(200, 2000).wantAt("request.due_by_time", want)
			change(x, `"due_by_time":"2025-10-10T08:53:20Z"`).want(400, 4021, "due_by_time")
			change(x, `"due_by_time":{"value":"2025-10-10T08:53:20Z"}`).want(400, 4021, "due_by_time")
			change(x, `"due_by_time":1760086400000`).want(400, 4021, "due_by_time")
		}},
		"2.3 references by id, name and address": {assert: func(x *caller) {
			high, low := x.server.IDOf("priorities", "High"), x.server.IDOf("priorities", "Low")
			change(x, `"priority":{"name":"High"}`).want(200, 2000).wantAt("request.priority", map[string]any{"id": high, "name": "High", "color": "#ff0000"})
			change(x, `"priority":{"id":"`+low+`","name":"High"}`).want(200, 2000).wantAt("request.priority.name", "Low")
			change(x, `"requester":{"email_id":"ben@example.org"}`).want(200, 2000).wantAt("request.requester.name", "Ben Okafor")
			change(x, `"priority":"High"`).want(400, 4021, "priority")
			change(x, `"priority":{"name":"Highest"}`).want(400, 4001, "priority")
			change(x, `"requester":{"email_id":"nobody@example.org"}`).want(400, 4001, "requester")
		}},
		"2.3 HTML goes in and out": {assert: func(x *caller) {
			change(x, `"description":"<p>a &amp; b</p>"`).want(200, 2000).wantAt("request.description", "<p>a &amp; b</p>")
		}},
		"2.3 CDATA leaks": {options: Options{Site: Site{CDATA: true}}, assert: func(x *caller) {
			change(x, `"description":"<p>a</p>"`).want(200, 2000).wantAt("request.description", "<![CDATA[<p>a</p>]]>")
		}},
		"2.3 colours": {assert: func(x *caller) {
			x.get("/priorities", "").wantAt("priorities.0.color", "#808080")
		}},
		"2.3 user-defined fields": {assert: func(x *caller) {
			change(x, `"udf_fields":{"udf_sline_101":"B-204","udf_date_103":{"value":1760086400000}}`).want(200, 2000)
			x.get("/requests/"+x.request1(), "").wantAt("request.udf_fields", map[string]any{"udf_sline_101": "B-204", "udf_date_103": map[string]any{"value": "1760086400000"}})
			x.get("/requests/_metainfo", "").want(200, 2000).wantAt("metainfo.fields.udf_fields.fields.udf_sline_101.display_name", "Room")
			x.get("/requests/_metainfo", "").wantAt("metainfo.fields.priority.lookup_entity", "priorities")
		}},
	})
}
