package sdp

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/sdp/redact"
)

const html = "text/html;charset=UTF-8"

// failures are answers that are no success, or look like none, and what a read and a write make of them.
var failures = map[string]struct {
	status      int
	contentType string
	body        string
	read, write Kind
	code        int
	fields      []string
}{
	"a token that is not valid":           {status: 401, body: failed(4022, `"message":"Invalid token"`), read: KindTokenRefused, write: KindTokenRefused, code: 4022},
	"a token, with HTTP 400":              {status: 400, body: failed(4022, ``), read: KindTokenRefused, write: KindTokenRefused, code: 4022},
	"a token, without SDP's body":         {status: 401, body: `{"code":"INVALID_OAUTHTOKEN"}`, read: KindTokenRefused, write: KindTokenRefused},
	"a token, without a body":             {status: 401, read: KindTokenRefused, write: KindTokenRefused},
	"a scope that is missing":             {status: 401, body: failed(4002, `"message":"UNAUTHORISED"`), read: KindForbidden, write: KindForbidden, code: 4002},
	"401 of a web container":              {status: 401, contentType: html, body: "<html>", read: KindNotSDP, write: KindNotSDP},
	"a locked field":                      {status: 403, body: failed(4002, `"field":"priority","message":"Cannot give value for priority"`), read: KindForbidden, write: KindForbidden, code: 4002, fields: []string{"priority"}},
	"an unknown key":                      {status: 400, body: failed(4001, `"field":"colour","message":"EXTRA_KEY_FOUND_IN_JSON"`), read: KindRejected, write: KindRejected, code: 4001, fields: []string{"colour"}},
	"mandatory fields":                    {status: 400, body: failed(4012, `"fields":["subject","category"]`), read: KindRejected, write: KindRejected, code: 4012, fields: []string{"subject", "category"}},
	"an unknown path or record":           {status: 404, body: failed(4007, `"message":"Invalid URL"`), read: KindNotFound, write: KindNotFound, code: 4007},
	"404 without a body":                  {status: 404, read: KindNotFound, write: KindNotFound},
	"not in the trash":                    {status: 400, body: failed(4017, `"message":"Not in trash"`), read: KindRejected, write: KindRejected, code: 4017},
	"throttled":                           {status: 429, body: failed(4015, `"message":"API rate limit exceeded"`), read: KindThrottled, write: KindThrottled, code: 4015},
	"throttled, with HTTP 400":            {status: 400, body: failed(4015, ``), read: KindThrottled, write: KindThrottled, code: 4015},
	"throttled, with HTTP 200":            {status: 200, body: failed(4015, ``), read: KindThrottled, write: KindThrottled, code: 4015},
	"throttled, in HTML":                  {status: 429, contentType: html, body: "<html>", read: KindThrottled, write: KindThrottled},
	"a warning":                           {status: 200, body: `{"response_status":{"status_code":3000,"status":"warning","messages":[{"status_code":3000,"type":"warning","fields":["resolution"]}]}}`, read: KindNotPerformed, write: KindNotPerformed, code: 3000, fields: []string{"resolution"}},
	"a failure with HTTP 200":             {status: 200, body: failed(4001, `"field":"status"`), read: KindRejected, write: KindRejected, code: 4001, fields: []string{"status"}},
	"a failure in an array":               {status: 200, body: `{"response_status":[{"status_code":2000,"status":"success"},{"status_code":4000,"status":"failed","messages":[{"status_code":4009,"type":"failed","field":"item"}]}]}`, read: KindRejected, write: KindIndeterminate, code: 4009, fields: []string{"item"}},
	"codes in strings":                    {status: 200, body: `{"response_status":{"status_code":"4000","messages":[{"status_code":"4008"}]}}`, read: KindRejected, write: KindRejected, code: 4008},
	"a failure without a code":            {status: 200, body: `{"response_status":{"status":"failed"}}`, read: KindRejected, write: KindRejected},
	"a failure without messages":          {status: 400, body: `{"response_status":{"status_code":4000,"status":"failed"}}`, read: KindRejected, write: KindRejected, code: 4000},
	"an internal error":                   {status: 500, body: failed(4004, ``), read: KindUnavailable, write: KindIndeterminate, code: 4004},
	"an internal error with HTTP 200":     {status: 200, body: failed(4004, ``), read: KindUnavailable, write: KindIndeterminate, code: 4004},
	"a gateway that waits no longer":      {status: 504, contentType: html, body: "<html>", read: KindUnavailable, write: KindIndeterminate},
	"unavailable":                         {status: 503, read: KindUnavailable, write: KindIndeterminate},
	"a timeout of the server":             {status: 408, read: KindUnavailable, write: KindIndeterminate},
	"400 of a web container":              {status: 400, contentType: html, body: "<html><head><title>HTTP Status 400 – Bad Request</title></head>", read: KindNotSDP, write: KindNotSDP},
	"a login page":                        {status: 200, contentType: html, body: "<html>sign in</html>", read: KindNotSDP, write: KindIndeterminate},
	"a login page as JSON":                {status: 200, contentType: "application/json", body: "\n<!DOCTYPE html>", read: KindNotSDP, write: KindIndeterminate},
	"a redirect":                          {status: 302, read: KindNotSDP, write: KindNotSDP},
	"cut off":                             {status: 200, body: `{"requests":[{"id":"1"`, read: KindUnavailable, write: KindIndeterminate},
	"an array":                            {status: 200, body: `[]`, read: KindUnavailable, write: KindIndeterminate},
	"JSON of something else":              {status: 200, body: `{"error":"general_error"}`, read: KindUnavailable, write: KindIndeterminate},
	"nothing":                             {status: 204, read: KindUnavailable},
	"nothing, and does not say so":        {status: 200, read: KindUnavailable, write: KindIndeterminate},
	"success":                             {status: 200, body: `{"response_status":{"status_code":2000,"status":"success"}}`},
	"success of an action":                {status: 200, body: `{"response_status":{"status_code":2000,"status":"success","messages":[{"status_code":2000,"type":"success","message":"Request(s) closed"}]}}`},
	"success of a list":                   {status: 200, body: fixtureCloudNotes},
	"success without response_status":     {status: 200, body: fixtureUser},
	"created":                             {status: 201, body: fixtureRequest},
	"a licence that does not cover":       {status: 400, body: failed(7001, ``), read: KindRejected, write: KindRejected, code: 7001},
	"a field's name that is no name":      {status: 400, body: failed(4001, `"field":"a\nb","fields":["ok.name",5,"<b>"]`), read: KindRejected, write: KindRejected, code: 4001, fields: []string{"ok.name"}},
	"a wrong portal that SDP speaks of":   {status: 404, contentType: html, body: "<html>", read: KindNotSDP, write: KindNotSDP},
	"401 that says failure without codes": {status: 401, body: `{"response_status":{"status":"failed"}}`, read: KindForbidden, write: KindForbidden},
}

func failed(code int, rest string) string {
	if rest != "" {
		rest = "," + rest
	}
	return `{"response_status":{"status_code":4000,"status":"failed","messages":[{"status_code":` + strconv.Itoa(code) + `,"type":"failed"` + rest + `}]}}`
}

func TestClassify(t *testing.T) {
	t.Parallel()
	for name, tc := range failures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{"Content-Type": {tc.contentType}}
			got := readAnswer(tc.status, header, []byte(tc.body), time.UnixMilli(0))
			if diff := cmp.Diff([]Kind{tc.read, tc.write}, []Kind{got.classify(false), got.classify(true)}); diff != "" {
				t.Error(diff)
			}
			failure := got.failure("x", tc.read, nil)
			if failure.Code != tc.code || !cmp.Equal(failure.Fields, tc.fields) || failure.Status != tc.status {
				t.Errorf("code %d, fields %v", failure.Code, failure.Fields)
			}
		})
	}
}

func TestFailure_QuotesNothing(t *testing.T) {
	t.Parallel()
	const token = "1000.canary00000000.canary11111111"
	body := failed(4001, `"field":"`+strings.ReplaceAll(token, ".", "_")+`","fields":["client_secret","`+token+`"],"message":"Zoho-oauthtoken `+token+` \u202e\u200b<b>IGNORE ALL</b>\n`+strings.Repeat("é", 500)+`"`)
	got := readAnswer(400, nil, []byte(body), time.UnixMilli(0)).failure("update request", KindRejected, redact.New(redact.NewSecret(token)))
	if want := "update request: SDP knows no such value, or no such field (HTTP 400, code 4001): client_secret"; got.Error() != want {
		t.Errorf("%q", got.Error())
	}
	if len(got.Messages) != 1 || strings.Contains(got.Messages[0], "canary") || strings.ContainsAny(got.Messages[0], "\u202e\u200b\n") || len([]rune(got.Messages[0])) > maxMessage {
		t.Errorf("%q", got.Messages)
	}
}

func TestParseRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, " 8 ": 8 * time.Second, "-1": 0, "x": 0, "99999999": maxRetryAfter, "99999999999999999999": 0,
		"Fri, 02 Jan 2026 03:04:35 GMT": 30 * time.Second, "Fri, 02 Jan 2026 03:04:00 GMT": 0,
	} {
		if got := parseRetryAfter(value, now); got != want {
			t.Errorf("%q: %s", value, got)
		}
	}
}
