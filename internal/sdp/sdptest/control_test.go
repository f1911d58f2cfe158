package sdptest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestControl holds what a test in another process does with a fake: by its endpoint alone, and what comes of it.
func TestControl(t *testing.T) {
	t.Parallel()
	x := start(t, Options{})
	served := httptest.NewServer(x.server.ControlHandler())
	t.Cleanup(served.Close)
	control := func(method, path, body string) *response { return x.to(method, served.URL+path, body, nil) }

	for _, tc := range []struct {
		method, path, body string
		at                 string
		want               any
	}{
		{"GET", "/healthz", "", "status", "ok"},
		{"PATCH", "/options", `{"limits":{"accessTokenLifetime":"1m","requestsPerMinute":7},"site":{"absent":["GET /groups"]},"guesses":{"scopeStatus":403}}`, "limits.RequestsPerMinute", 7.0},
		{"PATCH", "/options", `{"limits":{"requestsPerMinute":0}}`, "guesses.ScopeStatus", 403.0},
		{"PATCH", "/options", `{"guesses":{"noSuchGuess":1}}`, "error", "Guesses has no field noSuchGuess"},
		{"PATCH", "/options", `{"limits":{"accessTokenLifetime":"soon"}}`, "error", `time: invalid duration "soon"`},
		{"POST", "/faults", `[{"kind":"noSuchFault"}]`, "error", `there is no fault "noSuchFault"`},
		{"POST", "/faults", `[{"kind":"throttled","method":"GET","path":"/requests","retryAfter":"30s"},{"kind":"refused","code":4012,"fields":["x"],"method":"GET","path":"/requests"}]`, "count", 2.0},
		{"POST", "/records/requests", `{"subject":"By hand","group":"Network","due_by_time":"2025-10-10T08:00:00Z"}`, "error", nil},
		{"POST", "/records/requests", `{"no_such_field":1}`, "error", "sdptest: requests has no field no_such_field"},
		{"POST", "/records/notes?parent=requests/" + x.request1(), `{"description":"x"}`, "error", nil},
		{"GET", "/busiest?seconds=0", "", "error", "seconds is a whole number"},
	} {
		got := control(tc.method, tc.path, tc.body)
		if diff := cmp.Diff(tc.want, got.at(tc.at)); diff != "" || (got.status == http.StatusOK) != (got.at("error") == nil) {
			t.Errorf("%s %s: HTTP %d %s", tc.method, tc.path, got.status, diff)
		}
	}

	x.get("/requests", "").want(429, 4015)
	x.get("/requests", "").want(400, 4012, "x")
	x.get("/groups", "").want(404, 4007)
	x.list("/requests", `"search_criteria":{"field":"subject","condition":"is","value":"By hand"},"fields_required":["subject","due_by_time"]`).wantAt("requests.0.due_by_time.value", "1760083200000")
	control("GET", "/records/requests?name=By+hand", "").wantAt("ids.0", x.server.IDOf("requests", "By hand"))
	control("GET", "/calls?method=GET&path=/requests", "").wantAt("count", 3.0).wantAt("calls.0.Fault", "throttled")
	control("GET", "/busiest?seconds=60", "").wantAt("count", 4.0)
	control("DELETE", "/calls", "")
	control("GET", "/calls", "").wantAt("count", 0.0)

	token := control("POST", "/access-tokens", `{"scopes":["SDPOnDemand.setup.READ"]}`).string("token")
	x.header.Set("Authorization", "Zoho-oauthtoken "+token)
	x.get("/requests", "").want(403, 4002)
	x.get("/priorities", "").want(200, 2000)
	x.clock.Advance(time.Minute)
	x.get("/priorities", "").want(401, 4022)
	x.exchange(control("POST", "/grant-codes", "").string("token"), nil).wantToken()
	refreshToken := control("POST", "/refresh-tokens", "").string("token")
	x.refresh(refreshToken).wantToken()
	control("DELETE", "/refresh-tokens", "")
	x.refresh(refreshToken).wantError(200, "invalid_code")

	path := "/records/requests/" + x.request1()
	control("PATCH", path, `{"subject":"Changed"}`).wantAt("subject", "Changed")
	control("DELETE", path, "")
	if got := control("GET", path, "").text; strings.TrimSpace(got) != "null" {
		t.Errorf("what was removed is %s", got)
	}
}
